"""Files are packed on the way into the store, piece by piece: as they are, gzip, or zip.

Neither the file nor its packed form is ever in memory as a whole. Packing a piece takes its time,
so it happens in a thread.
"""

from __future__ import annotations

import asyncio
import io
import zipfile
import zlib
from collections.abc import AsyncIterable, AsyncIterator

from clarion.engine.events.files.model import Compression

LEVEL = 6
_GZIP = 16 + zlib.MAX_WBITS  # zlib's way to ask for a gzip header (RFC 1952)


async def packed(
    pieces: AsyncIterable[bytes], compression: Compression | None, *, name: str
) -> AsyncIterator[bytes]:
    """`name`: of the one file inside a zip."""
    if compression is None:
        async for piece in pieces:
            yield piece
        return
    packer = _Gzip() if compression is Compression.GZIP else _Zip(name)
    async for piece in pieces:
        if chunk := await asyncio.to_thread(packer.add, piece):
            yield chunk
    yield packer.end()


class _Gzip:
    def __init__(self) -> None:
        self._zlib = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)

    def add(self, piece: bytes) -> bytes:
        return self._zlib.compress(piece)

    def end(self) -> bytes:
        return self._zlib.flush()


class _Zip:
    def __init__(self, name: str) -> None:
        self._out = _Pipe()
        self._zip = zipfile.ZipFile(self._out, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL)
        self._file = self._zip.open(name, "w", force_zip64=True)

    def add(self, piece: bytes) -> bytes:
        self._file.write(piece)
        return self._out.take()

    def end(self) -> bytes:
        self._file.close()
        self._zip.close()
        return self._out.take()


class _Pipe(io.RawIOBase):
    """What a ZipFile writes into, and from where it goes on: it cannot go back."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        size = len(self._held)
        self._held += memoryview(data)  # type: ignore[arg-type]
        return len(self._held) - size

    def take(self) -> bytes:
        taken = bytes(self._held)
        self._held.clear()
        return taken

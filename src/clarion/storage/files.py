"""Files, such as the content of attachments: in a directory, in S3, or in another object store.

    size = await files.put(key, chunks, limit=1_000_000)
    async for chunk in await files.get(key): ...

A file is there whole or not at all, and it is durable when `put` returns. Neither way is more of it
in memory than a few chunks. Keys are the caller's: words of letters, digits, `.`, `_` and `-`, with
slashes between.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from clarion.errors import ContentTooLarge, NotFound, TooManyRequests, Unavailable
from clarion.log import get_logger
from clarion.metrics import FILE_STORE_FAILURES
from clarion.settings import Files, SettingsError

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Config

CHUNK = 256 * 1024  # bytes, at least, in which a file is read
WHOLE = 1024 * 1024  # bytes up to which a file is written in one piece
PART = 5 * 1024 * 1024  # bytes of a part of what is larger; S3 takes none below
WRITERS = 32  # files being written at once, so that memory has an end: each takes two parts
WRITERS_OF_ONE = 8  # of these, one owner's
PIPE = 4  # chunks that wait for the store
PATIENCE = 10.0  # seconds in which a store puts away what was begun and is not wanted

STORE_FAILED = "files.store_failed"

_CLIENT: ClientConfig = {
    "connect_timeout": "5s",
    "read_timeout": "30s",
    "timeout": "2h",  # of a whole file, to a reader as slow as may be
}
_RETRY: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
_END = b""
_KEY = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)*", re.ASCII)

log = get_logger(__name__)

Pipe = asyncio.Queue[bytes]


class FileStore:
    """One store of files."""

    def __init__(self, settings: Files) -> None:
        """Raises SettingsError. A directory is made when it is needed first."""
        self._root = directory_of(settings.url) if settings.url.startswith("file:") else None
        self._store: ObjectStore | None = None if self._root else _remote(settings)
        self._writing: dict[asyncio.Task[None], object] = {}  # and for whom

    async def put(
        self, key: str, chunks: AsyncIterable[bytes], *, limit: int, owner: object = None
    ) -> int:
        """Store a file; its size. ContentTooLarge: it has more than `limit` bytes.
        TooManyRequests: too many are being written, of all or of this `owner`'s. Whatever stops
        it, an error of `chunks` included, leaves no part of it.

        Only errors of its source end what the store has begun; it is never cancelled, which would
        leave the parts of a large file in it.
        """
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} cannot name a file")
        self._check_room(owner)
        pipe: Pipe = asyncio.Queue(PIPE)
        kept = asyncio.Event()
        writing = asyncio.create_task(self._write(key, pipe, kept), name="file")
        self._writing[writing] = owner
        writing.add_done_callback(self._writing.pop)
        size = 0
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise ContentTooLarge(f"The content is larger than {limit} bytes.")
                if chunk:
                    await _hand_over(pipe, chunk, writing)
            kept.set()
            await _hand_over(pipe, _END, writing)
            await asyncio.shield(writing)
        except BaseException:
            kept.clear()
            await _abandon(pipe, writing)
            raise
        return size

    async def get(
        self, key: str, *, start: int = 0, end: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of a file from `start` up to, without, `end`. NotFound: there is no such file;
        once the chunks come, Unavailable is all that can go wrong."""
        wanted: GetOptions = {}
        if end is not None:
            wanted["range"] = (start, end)
        elif start > 0:
            wanted["range"] = {"offset": start}
        with _trouble():
            found = await obstore.get_async(self._opened(), key, options=wanted)
        return _chunks(found)

    async def delete(self, key: str) -> None:
        """Have no such file, nor what a broken `put` of it has left in a directory."""
        with suppress(NotFound), _trouble():
            await obstore.delete_async(self._opened(), key)
        if self._root is not None:
            await asyncio.to_thread(_sweep, self._root / key)

    async def look(self) -> None:
        """Whether the store answers; nothing is written. Unavailable, in the store's own words."""
        try:
            await obstore.get_async(self._opened(), "clarion")
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise Unavailable(_words(error)) from error

    async def close(self) -> None:
        """Let what is being written come to its end, for a moment."""
        if self._writing:
            await asyncio.wait(self._writing, timeout=PATIENCE)

    def _opened(self) -> ObjectStore:
        if self._store is None:
            assert self._root is not None
            try:
                self._root.mkdir(parents=True, mode=0o700, exist_ok=True)
            except OSError as error:
                raise _away(error) from error
            self._store = LocalStore(self._root)
        return self._store

    def _check_room(self, owner: object) -> None:
        owners = list(self._writing.values())
        if len(owners) >= WRITERS or (owner and owners.count(owner) >= WRITERS_OF_ONE):
            raise TooManyRequests("Too many files are being written at this moment.")

    async def _write(self, key: str, pipe: Pipe, kept: asyncio.Event) -> None:
        source = _from(pipe, kept)
        head, size = [], 0
        async for chunk in source:
            head.append(chunk)
            size += len(chunk)
            if size > WHOLE:
                break
        with _trouble():
            if size <= WHOLE:
                await obstore.put_async(self._opened(), key, b"".join(head))
            else:
                whole = _all(head, source)
                await obstore.put_async(
                    self._opened(), key, whole, chunk_size=PART, max_concurrency=1
                )
            if self._root is not None:
                await asyncio.to_thread(_to_disk, self._root, self._root / key)


def directory_of(url: str) -> Path:
    """The directory that a file URL means."""
    return Path(url2pathname(urlsplit(url).path))


class _Abandoned(Exception):
    """The file is not wanted any more."""


def _remote(settings: Files) -> ObjectStore:
    client = _CLIENT.copy()
    if settings.endpoint.startswith("http://"):
        client["allow_http"] = True
    config: S3Config = {}
    if settings.endpoint:
        config["endpoint"] = settings.endpoint
    if settings.region:
        config["region"] = settings.region
    if settings.access_key_id:
        config["access_key_id"] = settings.access_key_id
        config["secret_access_key"] = settings.secret_access_key
    try:
        if settings.url.startswith(("s3://", "s3a://")):
            return from_url(settings.url, config=config, client_options=client, retry_config=_RETRY)
        return from_url(settings.url, client_options=client, retry_config=_RETRY)
    except (BaseError, ValueError) as error:
        raise SettingsError(f"files.url: {_words(error)}") from error


# ---------------------------------------------------------------- writing


async def _hand_over(pipe: Pipe, chunk: bytes, writing: asyncio.Task[None]) -> None:
    """Put `chunk` into the pipe; if nobody takes it any more, raise why."""
    if not pipe.full() and not writing.done():
        pipe.put_nowait(chunk)
        return
    putting = asyncio.ensure_future(pipe.put(chunk))
    try:
        await asyncio.wait({putting, writing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        putting.cancel()
    if writing.done():
        await writing


async def _abandon(pipe: Pipe, writing: asyncio.Task[None]) -> None:
    """Have the store put away what was begun."""
    while not pipe.empty():
        pipe.get_nowait()
    pipe.put_nowait(_END)
    await asyncio.wait({writing}, timeout=PATIENCE)
    if writing.done():
        writing.exception()


async def _from(pipe: Pipe, kept: asyncio.Event) -> AsyncGenerator[bytes, None]:
    while chunk := await pipe.get():
        yield chunk
    if not kept.is_set():
        raise _Abandoned


async def _all(head: list[bytes], rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    for chunk in head:
        yield chunk
    async for chunk in rest:
        yield chunk


def _to_disk(root: Path, path: Path) -> None:
    """Wait until a file and the way to it would outlive a power cut."""
    for each in (path, *path.parents):
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if each == root:
            return


def _sweep(path: Path) -> None:
    """A file is written beside its name, with a number after it, before it takes the name."""
    for draft in path.parent.glob(f"{path.name}#*"):
        draft.unlink(missing_ok=True)


# ---------------------------------------------------------------- reading


async def _chunks(found: obstore.GetResult) -> AsyncGenerator[bytes, None]:
    with _trouble():
        async for chunk in found.stream(min_chunk_size=CHUNK):
            yield bytes(chunk)


@contextmanager
def _trouble() -> Iterator[None]:
    """The store's errors in our words."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound("There is no such content.") from error
    except (BaseError, OSError) as error:
        raise _away(error) from error


def _away(error: Exception) -> Unavailable:
    """What is wrong with the store is for the operator, not for the client."""
    FILE_STORE_FAILURES.inc()
    log.warning(STORE_FAILED, error=_words(error))
    return Unavailable("The file store does not answer; nothing was stored.")


def _words(error: Exception) -> str:
    """What happened, without the long tail of what was behind it."""
    return str(error).partition("\n")[0]

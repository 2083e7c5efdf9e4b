"""uvicorn's HTTP protocol, with one system call for each response.

It writes the head of a response and its body one after the other, and each write would be a packet
of its own. Here what is written in one turn of the event loop leaves together.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HttpProtocol(HttpToolsProtocol):
    """For uvicorn's `http` setting."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_Gathering(transport))  # type: ignore[arg-type]


class _Gathering:
    """A transport whose writes wait for the end of the turn."""

    __slots__ = ("_call_soon", "_transport", "_waiting")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._call_soon = asyncio.get_running_loop().call_soon
        self._waiting: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def write(self, octets: bytes) -> None:
        if not self._waiting:
            self._call_soon(self._flush)
        self._waiting.append(octets)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        octets = b"".join(self._waiting)
        self._waiting.clear()
        if octets and not self._transport.is_closing():
            self._transport.write(octets)

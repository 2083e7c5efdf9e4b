"""What a response's head and body do on their way out."""

from __future__ import annotations

import asyncio

from clarion.api.transport import HttpProtocol, _Gathering


class FakeTransport:
    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, octets: bytes) -> None:
        self.writes.append(octets)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> object:
        return name


def nothing_more() -> bool:
    """Of the request: an answer behind it closes the connection at once."""
    return False


async def test_what_is_written_in_one_turn_leaves_together() -> None:
    below = FakeTransport()
    transport = _Gathering(below, nothing_more)  # type: ignore[arg-type]
    transport.write(b"head ")
    transport.write(b"body")
    assert below.writes == []
    await asyncio.sleep(0)
    assert below.writes == [b"head body"]
    transport.write(b"next")
    await asyncio.sleep(0)
    assert below.writes == [b"head body", b"next"]


async def test_closing_sends_what_was_written_before() -> None:
    below = FakeTransport()
    transport = _Gathering(below, nothing_more)  # type: ignore[arg-type]
    transport.write(b"last words")
    transport.close()
    assert (below.writes, below.closed) == ([b"last words"], True)
    await asyncio.sleep(0)
    assert below.writes == [b"last words"]


async def test_nothing_is_written_on_a_connection_that_has_ended() -> None:
    below = FakeTransport()
    transport = _Gathering(below, nothing_more)  # type: ignore[arg-type]
    transport.write(b"too late")
    below.closed = True
    await asyncio.sleep(0)
    assert below.writes == []


async def test_everything_else_is_the_transports_own() -> None:
    transport = _Gathering(FakeTransport(), nothing_more)  # type: ignore[arg-type]
    assert transport.get_extra_info("peername") == "peername"
    assert issubclass(HttpProtocol, asyncio.Protocol)

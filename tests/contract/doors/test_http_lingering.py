"""Answers that come before their request is whole: clients that read nothing until they have sent
everything get them all the same, and nobody is listened to for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from attached import DOOR, made, token_for
from harness import LIVE, Client, Site, SiteMaker
from tests.waiting import PATIENCE

from clarion.api import lingering

LIMIT = 1000
SENT = 8_000_000  # more than the sockets hold
PIECE = bytes(64 * 1024)


@pytest.fixture
async def small(make_site: SiteMaker) -> Site:
    return await make_site(files={"max_bytes": LIMIT}, http={"max_body_bytes": LIMIT})


def head(path: str, client: Client, *more: str, version: str = "1.1") -> bytes:
    lines = [f"POST {path} HTTP/{version}", "Host: x", f"Authorization: Bearer {client.token}"]
    return "\r\n".join([*lines, *more, "", ""]).encode()


def pieces(way: str) -> Iterator[bytes]:
    for _ in range(SENT // len(PIECE)):
        yield b"%x\r\n%s\r\n" % (len(PIECE), PIECE) if way == "chunked" else PIECE
    yield b"0\r\n\r\n" if way == "chunked" else bytes(SENT % len(PIECE))


async def connect(site: Site) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = site.base.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def exchange(site: Site, head: bytes, way: str) -> bytes:
    """Everything is sent before anything is read; what has come when the connection ends, or by
    the end of the first answer's body."""
    reader, writer = await connect(site)
    try:
        async with asyncio.timeout(PATIENCE):
            writer.write(head)
            for piece in pieces(way):
                writer.write(piece)
                await writer.drain()
            found = await reader.readuntil(b"\r\n\r\n")
            return found + await reader.readuntil(b"}")
    finally:
        writer.close()


@pytest.mark.parametrize("target", ["an upload", "a JSON body"])
@pytest.mark.parametrize(
    ("version", "connection"), [("1.1", "keep-alive"), ("1.1", "close"), ("1.0", "close")]
)
@pytest.mark.parametrize("way", ["of known length", "chunked"])
async def test_who_reads_last_learns_that_it_was_too_much(
    small: Site, target: str, version: str, connection: str, way: str
) -> None:
    if (version, way) == ("1.0", "chunked"):
        pytest.skip("HTTP/1.0 has no chunks")
    client = await small.company()
    path = f"{LIVE}/contacts"
    if target == "an upload":
        path = f"{DOOR}/{await token_for(client, await made(client))}/content"
    length = "Transfer-Encoding: chunked" if way == "chunked" else f"Content-Length: {SENT}"
    start = head(path, client, f"Connection: {connection}", length, version=version)
    found = await exchange(small, start, way)
    status, code = (b" 400 ", b'"1019"') if target == "an upload" else (b" 413 ", b'"413"')
    assert status in found.split(b"\r\n", 1)[0]
    assert code in found


async def test_the_connection_goes_on_behind_what_was_thrown_away(small: Site) -> None:
    client = await small.company()
    reader, writer = await connect(small)
    async with asyncio.timeout(PATIENCE):
        writer.write(head(f"{LIVE}/contacts", client, f"Content-Length: {SENT}"))
        for piece in pieces("of known length"):
            writer.write(piece)
            await writer.drain()
        writer.write(head(f"{LIVE}/contacts", client, "Content-Length: 2") + b"{}")
        answers = [await reader.readuntil(b"}") for _ in range(2)]
    writer.close()
    assert b" 413 " in answers[0]
    assert b" 200 " in answers[1]


async def test_who_sends_the_next_request_slowly_is_waited_for(
    small: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has begun to come before the answer to the first was there."""
    monkeypatch.setattr(lingering, "SECONDS", 0.1)
    monkeypatch.setattr(lingering, "IDLE_SECONDS", 0.05)
    client = await small.company()
    id = await made(client)
    upload = f"{DOOR}/{await token_for(client, id)}/content"
    reader, writer = await connect(small)
    async with asyncio.timeout(PATIENCE):
        writer.write(
            head(f"{LIVE}/contacts", client, "Content-Length: 2")
            + b"{}"
            + head(upload, client, "Content-Length: 10")
        )
        assert b" 200 " in await reader.readuntil(b"}")
        for _ in range(10):
            await asyncio.sleep(0.05)
            writer.write(b"x")
        assert b" 200 " in await reader.readuntil(b"}")
    writer.close()


async def until_cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says one byte more when all seems over: to a connection that is gone it cannot be said."""
    while await reader.read(100):
        pass
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.3)


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
@pytest.mark.parametrize("pause", [0.05, 30.0])
async def test_nobody_is_listened_to_for_ever(
    small: Site, monkeypatch: pytest.MonkeyPatch, connection: str, pause: float
) -> None:
    """Neither who goes on sending nor who says nothing more."""
    monkeypatch.setattr(lingering, "SECONDS", 0.6)
    monkeypatch.setattr(lingering, "IDLE_SECONDS", 0.2)
    client = await small.company()
    reader, writer = await connect(small)

    async def send() -> None:
        while True:
            writer.write(b"x" * 100)
            await asyncio.sleep(pause)

    path = f"{LIVE}/contacts"
    writer.write(head(path, client, f"Connection: {connection}", f"Content-Length: {SENT}"))
    writer.write(bytes(2 * LIMIT))
    sending = asyncio.create_task(send())
    try:
        async with asyncio.timeout(PATIENCE):
            assert b" 413 " in await reader.readuntil(b"}")
            with pytest.raises(ConnectionError):
                await until_cut(reader, writer)
    finally:
        sending.cancel()
        writer.close()

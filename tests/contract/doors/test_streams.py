"""Bodies that are too large to hold: read and written as they come."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from harness import Client, Site, SiteMaker
from tests.waiting import PATIENCE

from clarion.api.call import Answer, Call, Door, Route, json_answer
from clarion.api.errors import problem
from clarion.api.streams import body_chunks
from clarion.api.wire import LIVE as LIVE_FORM

LIMIT = 4_000_000
PIECE = b"x" * 100_000


class Seen:
    """What a streamed handler has seen so far."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.first = asyncio.Event()
        self.closed = asyncio.Event()
        self.written = 0


Odd = Callable[[Seen], Awaitable[tuple[Site, Client]]]


@pytest.fixture
async def odd(make_site: SiteMaker) -> Odd:
    """A door that counts what it is sent and sends what is wanted."""

    async def make(seen: Seen) -> tuple[Site, Client]:
        async def take(call: Call) -> Answer:
            async for chunk in body_chunks(call, limit=LIMIT, idle=0.2):
                seen.sizes.append(len(chunk))
                seen.first.set()
            return json_answer({"size": sum(seen.sizes)})

        async def refuse(_: Call) -> Answer:
            return json_answer({"refused": True}, status=404)

        async def pieces(count: int, *, failing: bool) -> AsyncGenerator[bytes, None]:
            try:
                for number in range(count):
                    if failing and number == 3:
                        raise RuntimeError("the store is gone")
                    seen.written += len(PIECE)
                    yield PIECE
            finally:
                seen.closed.set()

        async def give(call: Call) -> Answer:
            count = int(call.query["count"])
            length = (b"content-length", b"%d" % (count * len(PIECE)))
            chunks = pieces(count, failing="failing" in call.query)
            return Answer(200, headers=(length,), chunks=chunks)

        routes = [
            Route("POST", "/take", take, streamed=True),
            Route("POST", "/refuse", refuse, streamed=True),
            Route("GET", "/give", give, streamed=True),
        ]
        site = await make_site(doors=[Door("odd", "/odd", routes, problem, LIVE_FORM)])
        return site, await site.company()

    return make


async def test_a_streamed_body_is_seen_before_its_end(odd: Odd) -> None:
    seen = Seen()
    _, client = await odd(seen)

    async def body() -> AsyncIterator[bytes]:
        yield PIECE
        await seen.first.wait()
        yield PIECE

    reply = await client.post("/odd/take", whole=True, data=body())
    assert (reply.status, reply.json) == (200, {"size": 2 * len(PIECE)})
    assert len(seen.sizes) >= 2


@pytest.mark.parametrize("length", ["named", "unknown"])
async def test_a_streamed_body_over_its_limit_is_413(odd: Odd, length: str) -> None:
    seen = Seen()
    _, client = await odd(seen)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield PIECE

    data: Any = io.BytesIO(PIECE * 50) if length == "named" else body()
    reply = await client.post("/odd/take", whole=True, data=data)
    assert (reply.status, reply.code) == (413, "413")
    assert sum(seen.sizes) <= (0 if length == "named" else LIMIT)


async def test_a_client_that_stops_in_the_middle_of_its_body_gets_408(odd: Odd) -> None:
    seen = Seen()
    site, client = await odd(seen)
    host, port = site.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /odd/take HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\n"
    writer.write(head.encode() + b"Content-Length: 100\r\n\r\nhalf")
    async with asyncio.timeout(PATIENCE):
        line = await reader.readline()
    assert b" 408 " in line
    writer.close()


async def test_a_streamed_body_may_be_refused_unread(odd: Odd) -> None:
    _, client = await odd(Seen())
    headers = {"Expect": "100-continue"}
    reply = await client.post(
        "/odd/refuse", whole=True, data=io.BytesIO(PIECE * 20), headers=headers
    )
    assert reply.status == 404
    assert (await client.post("/odd/take", whole=True, data=b"")).json == {"size": 0}


async def test_an_answer_in_chunks_arrives_whole(odd: Odd) -> None:
    seen = Seen()
    _, client = await odd(seen)
    reply = await client.get("/odd/give?count=30", whole=True)
    assert reply.raw == PIECE * 30
    assert seen.closed.is_set()


async def test_head_of_an_answer_in_chunks_reads_none_of_them(odd: Odd) -> None:
    seen = Seen()
    _, client = await odd(seen)
    reply = await client.call("HEAD", "/odd/give?count=30", whole=True)
    assert (reply.status, reply.raw) == (200, b"")
    assert reply.headers["Content-Length"] == str(30 * len(PIECE))
    assert seen.written == 0


async def test_a_stream_that_fails_ends_the_connection_before_its_length(odd: Odd) -> None:
    _, client = await odd(Seen())
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.get("/odd/give?count=30&failing=1", whole=True)


async def test_a_reader_that_goes_away_ends_the_stream(odd: Odd) -> None:
    seen = Seen()
    _, client = await odd(seen)
    url = f"{client.base}/odd/give?count=100000"
    headers = {"Authorization": f"Bearer {client.token}"}
    async with client.session.get(url, headers=headers) as answer:
        await answer.content.readexactly(len(PIECE))
    async with asyncio.timeout(PATIENCE):
        await seen.closed.wait()
    assert seen.written < 1000 * len(PIECE)  # and no more is made than is taken

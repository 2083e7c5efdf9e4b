"""Requests whose head has come before are answered as if it were parsed again; and what becomes of
connections, answers and clients on the short way."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from random import Random
from time import monotonic
from typing import Any

import pytest
from harness import Client, Site, SiteMaker, running
from socket_talk import PATIENCE, REQUESTS, again, get, order, post, talk
from tests.waiting import eventually

from clarion.api import transport
from clarion.api.call import Answer, Call, Door, Reply, Route
from clarion.api.doors import all_doors
from clarion.api.heads import Head, Heads
from clarion.api.server import create_app
from clarion.engine.accounts.tokens import revoke_all_tokens
from clarion.engine.messages import store


async def test_requests_with_one_head_are_told_apart_by_their_bodies(
    site: Site, client: Client
) -> None:
    """On one connection and on others: only the first of them is parsed."""
    first = await order(site, client, "order")
    names = [f"order {n}" for n in range(5)]
    made = []
    for name in [*names, *names]:
        found = await talk(site, post(client, again(first, name)))
        made.append(json.loads(found.partition(b"\r\n\r\n")[2])["id"])
    assert len(set(made)) == len(names)
    assert made[: len(names)] == made[len(names) :]


async def test_known_heads_may_come_in_pieces_and_together(site: Site, client: Client) -> None:
    body = await order(site, client, "e")
    whole = post(client, body)
    assert b" 200 " in await talk(site, whole)
    for parts, answers in (
        ([whole[:50], whole[50:]], 1),
        ([whole[: -len(body)], body], 1),
        ([whole + whole + whole], 3),
        ([whole + whole[:80], whole[80:] + whole], 3),
        ([whole, get(client), whole], 3),
    ):
        found = await talk(site, parts, answers=answers)
        assert re.findall(rb"HTTP/1\.1 (\d+)", found) == [b"200"] * answers


async def test_a_known_head_with_a_bad_body_is_refused_each_time(
    site: Site, client: Client
) -> None:
    body = await order(site, client, "f")
    assert b" 200 " in await talk(site, post(client, body))
    broken = b"{" * len(body)
    for _ in range(2):
        found = await talk(site, post(client, broken))
        assert b" 400 " in found
    assert b" 200 " in await talk(site, post(client, body))


async def test_a_known_head_says_who_calls_only_as_long_as_its_token_lives(
    site: Site, client: Client
) -> None:
    listing = get(client)
    assert b" 200 " in await talk(site, listing)
    await revoke_all_tokens(
        site.services.db, client.caller.company_id, client.caller.application_id
    )

    async def refused() -> bool:
        return b" 401 " in await talk(site, listing)

    await eventually(refused)


class _NoHeads(Heads):
    def keep(self, request: bytes, head: Head) -> None:
        """Nothing: every request is parsed."""


@pytest.fixture
async def both(site: Site) -> AsyncIterator[tuple[Site, Site]]:
    """The same installation behind two servers: heads are known to the first alone."""
    parsing = create_app(site.services)
    parsing.heads = _NoHeads()
    async with running(create_app(site.services)) as one, running(parsing) as two:
        yield replace(site, base=one), replace(site, base=two)


@pytest.mark.parametrize("seed", range(8))
async def test_what_a_connection_hears_does_not_depend_on_what_is_known(
    both: tuple[Site, Site], client: Client, seed: int
) -> None:
    """Good, bad and odd requests, whole, cut and in one piece."""
    random, body = Random(seed), await order(both[0], client, "q")
    await talk(both[0], post(client, body))  # what lists show is the same from now on
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    kinds = [
        post(client, body),
        post(client, body),
        post(client, b"{" * len(body)),
        get(client),
        get(client, f"{REQUESTS}/AaIDQ5whcYmu0E3YFb1dkA"),
        get(client, "/nowhere"),
        b"\r\n" + post(client, body),
        post(client, b"a\r\n\r\nb"),
        post(client, b""),
        post(client, b"", "Transfer-Encoding: chunked", length=False) + chunked,
    ]
    for _ in range(12):
        requests = random.choices(kinds, k=random.randint(1, 6))
        octets = b"".join(requests)
        cuts = sorted(random.sample(range(1, len(octets)), random.randint(0, 5)))
        parts = [octets[a:b] for a, b in zip([0, *cuts], [*cuts, len(octets)], strict=True)]
        heard = [await talk(each, parts, answers=len(requests)) for each in both]
        assert _told(heard[0]) == _told(heard[1]), parts
        assert len(_told(heard[0])) == len(requests)


def _told(heard: bytes) -> list[tuple[bytes, Any]]:
    """Status line and body of each answer."""
    found = []
    while heard:
        head, _, rest = heard.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        size = int(length[1]) if length else 0
        found.append((head.partition(b"\r\n")[0], json.loads(rest[:size] or b"null")))
        heard = rest[size:]
    return found


@pytest.mark.parametrize("ending", ["\n", "\r"])
async def test_lines_end_in_crlf_alone(site: Site, client: Client, ending: str) -> None:
    """Else two requests in one piece could be taken for one whose head has more lines."""
    octets = get(client).replace(b"\r\n", ending.encode())
    assert b" 400 " in await talk(site, octets + b"\r\n\r\n")


async def test_a_rate_limit_counts_each_request_once(make_site: SiteMaker) -> None:
    site = await make_site(http={"rate_limit": 0.001, "rate_burst": 5})
    client = await site.company()
    listing = get(client)
    found = [await talk(site, listing) for _ in range(7)]
    assert [b" 429 " in each for each in found] == [False] * 5 + [True] * 2


async def test_who_is_not_known_leaves_no_head_behind(site: Site, client: Client) -> None:
    app = create_app(site.services)
    async with running(app) as base:
        other = replace(site, base=base)
        for octets in (
            get(client).replace(client.token.encode(), b"nobody"),
            get(client, "/nowhere"),
            get(client, "/docs"),
            get(client, f"{REQUESTS}?limit=1"),
            get(client, f"{REQUESTS}/AaIDQ5whcYmu0E3YFb1dkA"),
        ):
            await talk(other, octets)
            assert app.heads.get(octets) is None
        await talk(other, get(client))
        assert app.heads.get(get(client)) is not None


# ---------------------------------------------------------------- the end of connections


async def test_a_quiet_connection_ends_and_one_in_use_does_not(site: Site, client: Client) -> None:
    octets = post(client, await order(site, client, "i"))
    async with running(create_app(site.services), keep_alive=0.5) as base:
        reader, writer = await asyncio.open_connection(*_place(base))
        begun = monotonic()
        answers = 0
        while monotonic() - begun < 1.5:  # three times as long as it may be quiet
            writer.write(octets)
            await reader.readuntil(b"}")
            answers += 1
        assert answers > 3
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
        writer.close()


async def _when_closed(base: str, held: asyncio.Event) -> None:
    """Goes on once the server takes no more connections."""

    async def closed() -> bool:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(*_place(base))
            writer.close()
            return False
        return True

    await eventually(closed)
    held.set()


def _place(base: str) -> tuple[str, int]:
    host, port = base.removeprefix("http://").split(":")
    return host, int(port)


async def test_an_answer_that_is_under_way_when_the_server_stops_is_given(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, asked = asyncio.Event(), asyncio.Event()
    accept = store.accept

    async def slowly(*args: Any, **more: Any) -> None:
        asked.set()
        await held.wait()
        await accept(*args, **more)

    body = await order(site, client, "g")
    async with running(create_app(site.services)) as base:
        other = replace(site, base=base)
        assert b" 200 " in await talk(other, post(client, body))
        monkeypatch.setattr(store, "accept", slowly)
        talking = asyncio.create_task(talk(other, post(client, again(body, "h")), answers=2))
        await asked.wait()
        ending = asyncio.create_task(_when_closed(base, held))
    found = await talking
    await ending
    assert found.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in found.lower()


async def test_a_client_that_does_not_read_is_not_written_to_without_end(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refusals are made at once, so that nothing else would slow him down."""
    seen: list[asyncio.Transport] = []
    made = transport.HttpProtocol.connection_made

    def noted(self: transport.HttpProtocol, below: asyncio.Transport) -> None:
        seen.append(below)
        made(self, below)

    await talk(site, get(client))  # he is known from now on
    monkeypatch.setattr(transport.HttpProtocol, "connection_made", noted)
    bad = post(client, b"{") * 500
    with socket.create_connection(_place(site.base)) as peer:
        peer.setblocking(False)
        sent, begun = 0, monotonic()
        with suppress(TimeoutError):
            while sent < 60_000_000 and monotonic() - begun < PATIENCE:
                async with asyncio.timeout(1):
                    await asyncio.get_running_loop().sock_sendall(peer, bad)
                sent += len(bad)
        assert seen[0].get_write_buffer_size() < 2_000_000


@pytest.mark.parametrize("path", ["/works", "/replies", "/open"])
async def test_whose_work_is_cancelled_is_told_so(site: Site, client: Client, path: str) -> None:
    """Whoever did it: no client waits for ever, and no connection stays for ever."""

    def cancelled() -> asyncio.Future[Answer]:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        future.cancel()
        return future

    async def works(_: Call) -> Answer:
        return await cancelled()

    def replies(_: Call) -> Reply:
        return Reply(cancelled(), lambda done: done.result())

    scg = next(iter(all_doors(site.services)))
    routes = [
        Route("GET", "/works", works),
        Route("GET", "/replies", replies),
        Route("GET", "/open", works, open=True),
    ]
    door = Door("test", "/test", routes, scg.problem, scg.form)
    async with running(create_app(site.services, [door])) as base:
        found = await talk(replace(site, base=base), get(client, f"/test{path}"))
    assert b" 503 " in found

"""HTTP as it arrives on the socket: short requests, all others, and both on one connection."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest
from harness import LIVE, Client, Site, running
from tests.waiting import eventually

from clarion.api.server import create_app
from clarion.engine.accounts.tokens import revoke_all_tokens
from clarion.engine.messages import store

REQUESTS = f"/{LIVE.strip('/')}/messaging/message_requests"
PATIENCE = 15.0


async def _talk(site: Site, octets: bytes | Iterable[bytes], *, answers: int = 1) -> bytes:
    """What comes back, up to so many responses or the end of the connection."""
    host, port = site.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    found = b""
    try:
        for part in [octets] if isinstance(octets, bytes) else octets:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(PATIENCE):
            while found.count(b"HTTP/1.1 ") < answers or not _is_whole(found):
                more = await reader.read(65536)
                if not more:
                    break
                found += more
    finally:
        writer.close()
    return found


def _is_whole(found: bytes) -> bool:
    """Whether the last response has all of its body."""
    head, there, body = found[found.rfind(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    return bool(there) and len(body) >= int(lengths[0].split(b":")[1] if lengths else 0)


def _post(client: Client, body: bytes, *headers: str, length: bool = True) -> bytes:
    lines = [f"POST {REQUESTS} HTTP/1.1", "Host: x", f"Authorization: Bearer {client.token}"]
    lines += ["Content-Type: application/json", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _get(client: Client, path: str = REQUESTS, *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {client.token}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


async def _order(site: Site, client: Client, name: str) -> bytes:
    sender = await site.sender(client)
    order = {"from": sender, "to": ["+4915112345678"], "body": "Hi", "external_id": name}
    return json.dumps(order).encode()


def _again(order: bytes, name: str) -> bytes:
    return json.dumps(json.loads(order) | {"external_id": name}).encode()


async def test_requests_on_one_connection_are_answered_in_order(site: Site, client: Client) -> None:
    """Sent in one piece: short ones, a chunked one and a short one again."""
    body = await _order(site, client, "a")
    chunked = _post(client, b"", "Transfer-Encoding: chunked", length=False)
    chunked += b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    unknown = _get(client, "/nowhere")
    found = await _talk(
        site, _post(client, body) + unknown + chunked + _get(client) + unknown, answers=5
    )
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", found)
    assert statuses == [b"200", b"404", b"200", b"200", b"404"]
    first, *_ = found.split(b'{"id":"')[1:]
    assert found.count(first[:22]) >= 2  # the same external_id: the same request


async def test_a_body_may_come_byte_by_byte(site: Site, client: Client) -> None:
    octets = _post(client, await _order(site, client, "b"))
    parts = [octets[n : n + 7] for n in range(0, len(octets), 7)]
    assert b" 200 " in await _talk(site, parts)


@pytest.mark.parametrize("way", ["short", "closing", "chunked"])
async def test_a_delete_has_its_body_whatever_way_it_comes(
    site: Site, client: Client, way: str
) -> None:
    id = (await client.post("/messaging/channels", {"name": "Offers"})).json["id"]
    path = f"/messaging/channels/{id}/sender_ids"
    given = {"sender_ids": [await site.sender(client)]}
    assert (await client.post(path, given)).status == 200
    body = json.dumps(given).encode()
    head = [f"DELETE /{LIVE.strip('/')}{path} HTTP/1.1", "Host: x"]
    head += [f"Authorization: Bearer {client.token}", "Content-Type: application/json"]
    if way == "chunked":
        head.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    else:
        head += [f"Content-Length: {len(body)}", *(["Connection: close"] * (way == "closing"))]
    assert b" 200 " in await _talk(site, "\r\n".join([*head, "", ""]).encode() + body)
    assert (await client.get(path)).json["total"] == 0


async def test_a_client_that_waits_for_100_gets_it(site: Site, client: Client) -> None:
    body = await _order(site, client, "c")
    octets = _post(client, body, "Expect: 100-continue")
    found = await _talk(site, octets, answers=2)
    assert found.startswith(b"HTTP/1.1 100")
    assert b"HTTP/1.1 200" in found


@pytest.mark.parametrize("more", [["Connection: close"], []])
async def test_the_connection_ends_where_the_client_wants_it(
    site: Site, client: Client, more: list[str]
) -> None:
    found = await _talk(site, _get(client, REQUESTS, *more), answers=2 if more else 1)
    assert (b"connection: close" in found) == bool(more)


async def test_http_1_0_is_answered_and_ended(site: Site, client: Client) -> None:
    octets = _get(client).replace(b"HTTP/1.1", b"HTTP/1.0")
    assert b" 200 " in await _talk(site, octets, answers=2)


@pytest.mark.parametrize(
    "octets",
    [
        b"\x16\x03\x01\x00\xa5nonsense\r\n\r\n",
        b"BREW /coffee HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    ],
)
async def test_what_is_no_http_is_told_so_in_json(site: Site, octets: bytes) -> None:
    head, _, body = (await _talk(site, octets)).partition(b"\r\n\r\n")
    assert b" 400 " in head
    assert json.loads(body)["error_code"] == "400"


async def test_a_client_that_goes_before_its_answer_disturbs_nobody(
    site: Site, client: Client
) -> None:
    host, port = site.base.removeprefix("http://").split(":")
    body = await _order(site, client, "d")
    for _ in range(5):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(_post(client, body) * 3)
        await writer.drain()
        writer.transport.abort()
    assert b" 200 " in await _talk(site, _post(client, body))


# ---------------------------------------------------------------- heads that are known


async def test_requests_with_one_head_are_told_apart_by_their_bodies(
    site: Site, client: Client
) -> None:
    """On one connection and on others: only the first of them is parsed."""
    order = await _order(site, client, "order")
    names = [f"order {n}" for n in range(5)]
    made = []
    for name in [*names, *names]:
        found = await _talk(site, _post(client, _again(order, name)))
        made.append(json.loads(found.partition(b"\r\n\r\n")[2])["id"])
    assert len(set(made)) == len(names)
    assert made[: len(names)] == made[len(names) :]


async def test_known_heads_may_come_in_pieces_and_together(site: Site, client: Client) -> None:
    body = await _order(site, client, "e")
    whole = _post(client, body)
    assert b" 200 " in await _talk(site, whole)
    for parts, answers in (
        ([whole[:50], whole[50:]], 1),
        ([whole[: -len(body)], body], 1),
        ([whole + whole + whole], 3),
        ([whole + whole[:80], whole[80:] + whole], 3),
        ([whole, _get(client), whole], 3),
    ):
        found = await _talk(site, parts, answers=answers)
        assert re.findall(rb"HTTP/1\.1 (\d+)", found) == [b"200"] * answers


async def test_a_known_head_with_a_bad_body_is_refused_each_time(
    site: Site, client: Client
) -> None:
    body = await _order(site, client, "f")
    assert b" 200 " in await _talk(site, _post(client, body))
    broken = b"{" * len(body)
    for _ in range(2):
        found = await _talk(site, _post(client, broken))
        assert b" 400 " in found
    assert b" 200 " in await _talk(site, _post(client, body))


async def test_a_known_head_says_who_calls_only_as_long_as_its_token_lives(
    site: Site, client: Client
) -> None:
    listing = _get(client)
    assert b" 200 " in await _talk(site, listing)
    await revoke_all_tokens(
        site.services.db, client.caller.company_id, client.caller.application_id
    )

    async def refused() -> bool:
        return b" 401 " in await _talk(site, listing)

    await eventually(refused)


# ---------------------------------------------------------------- the end of connections


async def test_a_quiet_connection_ends_and_one_in_use_does_not(site: Site, client: Client) -> None:
    order = _post(client, await _order(site, client, "i"))
    async with running(create_app(site.services), keep_alive=0.5) as base:
        host, port = base.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        begun = monotonic()
        answers = 0
        while monotonic() - begun < 1.5:  # three times as long as it may be quiet
            writer.write(order)
            await reader.readuntil(b"}")
            answers += 1
        assert answers > 3
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
        writer.close()


async def test_an_answer_that_is_under_way_when_the_server_stops_is_given(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, asked = asyncio.Event(), asyncio.Event()
    accept = store.accept

    async def slowly(*args: Any, **more: Any) -> None:
        asked.set()
        await held.wait()
        await accept(*args, **more)

    body = await _order(site, client, "g")
    async with running(create_app(site.services)) as base:
        other = replace(site, base=base)
        assert b" 200 " in await _talk(other, _post(client, body))
        monkeypatch.setattr(store, "accept", slowly)
        talking = asyncio.create_task(_talk(other, _post(client, _again(body, "h")), answers=2))
        await asked.wait()
        asyncio.get_running_loop().call_later(0.2, held.set)
    found = await talking
    assert found.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in found.lower()

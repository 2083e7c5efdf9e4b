"""HTTP as it arrives on the socket: short requests, all others, and both on one connection."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from harness import LIVE, Client, Site
from socket_talk import REQUESTS, get, order, post, talk


async def test_requests_on_one_connection_are_answered_in_order(site: Site, client: Client) -> None:
    """Sent in one piece: short ones, a chunked one and a short one again."""
    body = await order(site, client, "a")
    chunked = post(client, b"", "Transfer-Encoding: chunked", length=False)
    chunked += b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    unknown = get(client, "/nowhere")
    found = await talk(
        site, post(client, body) + unknown + chunked + get(client) + unknown, answers=5
    )
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", found)
    assert statuses == [b"200", b"404", b"200", b"200", b"404"]
    first, *_ = found.split(b'{"id":"')[1:]
    assert found.count(first[:22]) >= 2  # the same external_id: the same request


async def test_a_body_may_come_byte_by_byte(site: Site, client: Client) -> None:
    octets = post(client, await order(site, client, "b"))
    parts = [octets[n : n + 7] for n in range(0, len(octets), 7)]
    assert b" 200 " in await talk(site, parts)


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
    assert b" 200 " in await talk(site, "\r\n".join([*head, "", ""]).encode() + body)
    assert (await client.get(path)).json["total"] == 0


async def test_a_client_that_waits_for_100_gets_it(site: Site, client: Client) -> None:
    body = await order(site, client, "c")
    octets = post(client, body, "Expect: 100-continue")
    found = await talk(site, octets, answers=2)
    assert found.startswith(b"HTTP/1.1 100")
    assert b"HTTP/1.1 200" in found


@pytest.mark.parametrize("more", [["Connection: close"], []])
async def test_the_connection_ends_where_the_client_wants_it(
    site: Site, client: Client, more: list[str]
) -> None:
    found = await talk(site, get(client, REQUESTS, *more), answers=2 if more else 1)
    assert (b"connection: close" in found) == bool(more)


async def test_who_asks_for_another_protocol_is_answered_and_ended(
    site: Site, client: Client
) -> None:
    """What comes behind would be read as a request, and may be anything."""
    body = await order(site, client, "u")
    found = await talk(site, post(client, body, "Upgrade: h2c", "Connection: upgrade"), answers=2)
    assert found.startswith(b"HTTP/1.1 ")
    assert b"connection: close" in found.lower()


async def test_http_1_0_is_answered_and_ended(site: Site, client: Client) -> None:
    octets = get(client).replace(b"HTTP/1.1", b"HTTP/1.0")
    assert b" 200 " in await talk(site, octets, answers=2)


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
    head, _, body = (await talk(site, octets)).partition(b"\r\n\r\n")
    assert b" 400 " in head
    assert json.loads(body)["error_code"] == "400"


async def test_a_client_that_goes_before_its_answer_disturbs_nobody(
    site: Site, client: Client
) -> None:
    host, port = site.base.removeprefix("http://").split(":")
    body = await order(site, client, "d")
    for _ in range(5):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(post(client, body) * 3)
        await writer.drain()
        writer.transport.abort()
    assert b" 200 " in await talk(site, post(client, body))

"""HTTP spoken by hand, octet for octet, for what no client library would send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

from harness import LIVE, Client, Site

REQUESTS = f"/{LIVE.strip('/')}/messaging/message_requests"
PATIENCE = 15.0


async def talk(site: Site, octets: bytes | Iterable[bytes], *, answers: int = 1) -> bytes:
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


def post(client: Client, body: bytes, *headers: str, length: bool = True) -> bytes:
    lines = [f"POST {REQUESTS} HTTP/1.1", "Host: x", f"Authorization: Bearer {client.token}"]
    lines += ["Content-Type: application/json", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(client: Client, path: str = REQUESTS, *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {client.token}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


async def order(site: Site, client: Client, name: str) -> bytes:
    sender = await site.sender(client)
    order = {"from": sender, "to": ["+4915112345678"], "body": "Hi", "external_id": name}
    return json.dumps(order).encode()


def again(order: bytes, name: str) -> bytes:
    return json.dumps(json.loads(order) | {"external_id": name}).encode()

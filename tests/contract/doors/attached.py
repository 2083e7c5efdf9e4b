"""Attachments and their content, as a client makes and reaches them."""

from __future__ import annotations

from typing import Any

from harness import Client, Reply, Site

from clarion.engine.attachments.service import link_attachments
from clarion.kit import ids

ATTACHMENTS = "/messaging/attachments"
TOKENS = "/access_tokens"
DOOR = "/scg-attachment/api/v1/messaging/attachments"
BYTES = bytes(range(256)) * 8
RAW = {"Content-Type": "Application/octet-stream"}


async def made(client: Client, **more: Any) -> str:
    body = {"name": "Photo", "type": "image/jpeg", "filename": "beach.jpg"} | more
    reply = await client.post(ATTACHMENTS, body)
    assert reply.status == 200, reply.json
    return str(reply.json["id"])


async def token_for(client: Client, id: str) -> str:
    reply = await client.post(f"{ATTACHMENTS}/{id}/access_tokens")
    assert reply.status == 200, reply.json
    return str(reply.json["id"])


async def content(client: Client, method: str, token: str, **more: Any) -> Reply:
    """As a client without any other credential."""
    headers = {"Authorization": None} | more.pop("headers", {})
    path = f"{DOOR}/{token}/content"
    return await client.call(method, path, whole=True, headers=headers, **more)


async def uploaded(client: Client, data: Any = BYTES, **more: Any) -> str:
    """An attachment with content."""
    id = await made(client, **more)
    token = await token_for(client, id)
    reply = await content(client, "POST", token, data=data, headers=RAW)
    assert reply.status == 200, reply.json
    return id


async def downloaded(client: Client, id: str, **headers: str) -> Reply:
    return await content(client, "GET", await token_for(client, id), headers=headers)


async def linked(site: Site, client: Client, owner: Any, shown: list[str]) -> None:
    """The owner, a message request or an MO message, carries these."""
    wanted = [id for each in shown if (id := ids.parse(each))]
    async with site.services.db.transaction() as tx:
        await link_attachments(tx, client.caller.company_id, owner, wanted)

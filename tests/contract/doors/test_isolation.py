"""Nothing of another company can be read, changed, or told apart from what does not exist."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from attached import token_for, uploaded
from harness import Client, Reply, Site
from test_message_requests import make, messages_of

from clarion.api.doors import all_doors
from clarion.kit import ids

BODIES: tuple[dict[str, Any], ...] = (
    {},
    {"state": "CANCELED"},
    {"state": "TRANSMITTING"},
    {"state": "CONVERTED"},
    {"state": "DELETED"},
    {"name": "mine", "campaign_id": "mine", "version_number": 1},
    {"to": "15550001000", "text": "x"},
    {"sender_ids": ["x"], "name": "mine", "pattern": "mine"},
    {"value": "mine", "consent_status": "OPTOUT", "first_name": "mine", "user_data": "mine"},
)
OTHERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/messaging/channels", {"name": "theirs"}),
    ("/messaging/message_templates", {"name": "theirs", "pattern": "Hello"}),
    ("/contact_groups", {"name": "theirs", "type": "DYNAMIC", "criteria": "{}"}),
    ("/contactexport", {}),
    ("/messaging/keywords", {"value": "theirs"}),
    ("/contacts", {"external_id": "theirs", "primary_mdn": "+15550001122"}),
    ("/contacts/fast_access", {"target_attribute": "fast_access_1"}),
    (
        "/consent/contact_address_statuses",
        {"address": "+4915187654321", "from_address": "15550001000", "consent_status": "OPTIN"},
    ),
)
"""What else a company can have: how one is made."""


def _routes(services: Any) -> list[tuple[str, str]]:
    return [
        (route.method, door.prefix + route.path)
        for door in all_doors(services)
        for route in door.routes
        if "{" in route.path and not route.open
    ]


async def _everything(site: Site, owner: Client) -> list[str]:
    """One thing of each kind that the owner has."""
    sender = await site.sender(owner)
    request = await make(site, owner, external_id="mine", campaign_id="theirs")
    (message,) = await messages_of(owner, request)
    attachment = await uploaded(owner, b"theirs")
    token = await token_for(owner, attachment)
    return [sender, request, message["id"], attachment, token]


async def _others(owner: Client) -> list[str]:
    made = [await owner.post(path, body) for path, body in OTHERS]
    return [reply.json["id"] for reply in made]


def _told(reply: Reply, id: str) -> tuple[int, bytes, list[str]]:
    """All that a stranger learns, the id itself apart."""
    headers = sorted(f"{k}: {v}" for k, v in reply.headers.items() if k.lower() != "date")
    return reply.status, reply.raw.replace(id.encode(), b"ID"), headers


async def test_another_companys_ids_are_as_good_as_unknown_on_every_route(
    site: Site, client: Client
) -> None:
    owner = await site.company()
    theirs = [*await _everything(site, owner), *await _others(owner)]
    before = await _state(owner)
    routes = _routes(site.services)
    assert len(routes) > 20
    for method, path in routes:
        bodies = BODIES if method in ("POST", "PUT") else BODIES[:1]
        await asyncio.gather(
            *(_is_as_unknown(client, method, path, id, body) for id in theirs for body in bodies)
        )
    assert await _state(owner) == before


async def _is_as_unknown(
    client: Client, method: str, path: str, id: str, body: dict[str, Any]
) -> None:
    more = {"json": body} if method in ("POST", "PUT") else {}
    told = []
    for each in (id, ids.show(ids.new_request_id())):
        reply = await client.call(method, _filled(path, each), whole=True, **more)
        told.append(_told(reply, each))
    assert told[0] == told[1], (method, path, body)
    assert told[0][0] != 200 or path.startswith("/sandbox/"), (method, path, body)


def _filled(path: str, id: str) -> str:
    return "/".join(id if part.startswith("{") else part for part in path.split("/"))


async def _state(owner: Client) -> list[Any]:
    paths = (
        "/messaging/sender_ids",
        "/messaging/message_requests",
        "/messaging/messages",
        "/messaging/attachments",
        "/access_tokens",
        *(path for path, _ in OTHERS),
    )
    return [(await owner.get(path)).json for path in paths]


async def test_another_companys_things_are_in_no_list(site: Site, client: Client) -> None:
    owner = await site.company()
    sender, request, message, attachment, token = await _everything(site, owner)
    others = await _others(owner)
    who = owner.caller
    queries = [
        ("/messaging/sender_ids", f"id={sender}"),
        ("/messaging/sender_ids", "address=15550001000"),
        ("/messaging/sender_ids", f"application_id={who.application_id}"),
        ("/messaging/sender_ids", "state=DELETED,ACTIVE"),
        ("/messaging/message_requests", f"id={request}"),
        ("/messaging/message_requests", f"from={sender}"),
        ("/messaging/message_requests", "external_id=mine"),
        ("/messaging/message_requests", "campaign_id=theirs"),
        ("/messaging/messages", f"id={message}"),
        ("/messaging/messages", f"message_request_id={request}"),
        ("/messaging/messages", f"company_id={who.company_id}"),
        ("/messaging/messages", "to_address=%2B4915112345678"),
        ("/messaging/messages", ""),
        ("/messaging/attachments", f"id={attachment}"),
        ("/messaging/attachments", f"application_id={who.application_id}"),
        ("/messaging/attachments", "state=DELETED,UPLOADED"),
        ("/access_tokens", f"id={token}"),
        ("/access_tokens", ""),
        *((path, f"id={id}") for id, (path, _) in zip(others, OTHERS, strict=True)),
        ("/messaging/keywords", "type=COMPANY"),
        ("/contacts", "external_id=theirs"),
        ("/contacts", "primary_mdn=15550001122"),
        ("/contacts", ""),
        ("/contacts/fast_access", "target_attribute=fast_access_1"),
        ("/contacts/fast_access_jobs", ""),
        ("/consent/contact_address_statuses", ""),
        ("/consent/contact_address_history", ""),
    ]
    for path, query in queries:
        reply = await client.get(f"{path}?{query}")
        assert (reply.json["list"], reply.json["total"]) == ([], 0), (path, query)


async def test_an_external_id_is_ones_own(site: Site, client: Client) -> None:
    owner = await site.company()
    theirs = await make(site, owner, external_id="order 1", body="secret")
    mine = await make(site, client, external_id="order 1", body="other")
    assert mine != theirs


@pytest.mark.parametrize("name", ["from", "reply_to"])
async def test_another_companys_ids_in_a_body_are_as_good_as_unknown(
    site: Site, client: Client, name: str
) -> None:
    owner = await site.company()
    sender, _, message, *_ = await _everything(site, owner)
    own = await site.sender(client)
    named = {"from": sender, "reply_to": message}[name]
    told = []
    for id in (named, ids.show(ids.new_id())):
        body = {"from": own, "to": "+4915112345678", "body": "x"} | {name: id}
        reply = await client.post("/messaging/message_requests", body)
        shown = reply.json.get("error_description") if reply.status != 200 else ""
        told.append((reply.status, shown))
    assert told[0] == told[1]

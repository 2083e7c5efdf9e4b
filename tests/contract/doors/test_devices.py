"""What applications on contacts' devices do, each with its contact's access token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from harness import UNKNOWN, Client, Reply, Site
from test_contact_tokens import MAX_TOKENS, PUSH, access, add, found, issue, tokens
from test_contacts import CONTACTS, make
from test_message_requests import make as make_request
from test_message_requests import messages_of

from clarion.engine.contacts.tokens.access import forget_expired
from clarion.kit import ids

PROXY = "/scg-dra/proxy"


async def device(client: Client, bearer: str | None, what: str, **more: Any) -> Reply:
    body = {"app_id": "com.example.app", "type": "APN", "token": "a1b2"} | more
    headers = {"Authorization": f"Bearer {bearer}" if bearer else None}
    return await client.call(
        "POST", f"{PROXY}/push_tokens/{what}", whole=True, json=body, headers=headers
    )


async def test_a_device_registers_and_unregisters_itself(client: Client) -> None:
    contact = await make(client)
    token = await issue(client, contact)
    first = await device(client, token, "register")
    again = await device(client, token, "register")
    assert (first.status, first.json) == (again.status, again.json) == (200, first.json)
    (shown,) = (await client.get(tokens(contact))).json["list"]
    assert {name: shown[name] for name in PUSH} == PUSH
    assert shown["id"] == first.json["id"]
    assert shown["version_number"] == 2
    assert (await device(client, token, "unregister")).status == 200
    assert await found(client, tokens(contact)) == []
    assert (await device(client, token, "unregister")).status == 404


async def test_a_device_that_changes_hands_is_its_new_owners(client: Client) -> None:
    contact, other = await make(client), await make(client)
    await device(client, await issue(client, contact), "register")
    await device(client, await issue(client, other), "register")
    assert await found(client, tokens(contact)) == []
    assert len(await found(client, tokens(other))) == 1


async def test_of_too_many_devices_the_silent_ones_are_forgotten(client: Client) -> None:
    contact = await make(client)
    for number in range(MAX_TOKENS):
        await add(client, contact, token=f"t{number}")
    await device(client, await issue(client, contact), "register")
    assert (await client.get(f"{tokens(contact)}?limit=0")).json["total"] == MAX_TOKENS
    assert await found(client, tokens(contact), "token=t0") == []
    assert len(await found(client, tokens(contact), "token=a1b2")) == 1


async def test_a_contacts_token_opens_nothing_else_and_is_told_so(client: Client) -> None:
    contact = await make(client)
    token = await issue(client, contact)
    for bearer, words in ((token, "below /scg-dra/proxy"), (token[:-1], "unknown, expired")):
        reply = await client.get(CONTACTS, headers={"Authorization": f"Bearer {bearer}"})
        assert (reply.status, reply.code) == (401, "401")
        assert words in reply.json["error_description"]


async def test_a_device_without_a_good_token_is_refused(client: Client, site: Site) -> None:
    contact = await make(client)
    token = await issue(client, contact)
    revoked = await issue(client, contact)
    assert (await client.delete(f"{access(contact)}/{revoked}")).status == 200
    gone = await make(client)
    of_gone = await issue(client, gone)
    await client.delete(f"{CONTACTS}/{gone}")
    expired = await issue(client, contact)
    await site.services.db.execute(
        "update contact_access_token set expires_at = $2 where id = $1",
        ids.parse(expired[:22]), datetime.now(UTC) - timedelta(days=31),
    )  # fmt: skip
    bad = [None, "", "x", client.token, token[:22], token[:-1] + "!", UNKNOWN + token[22:],
           token + "x", revoked, of_gone, expired]  # fmt: skip
    for each in bad:
        reply = await device(client, each, "register")
        assert (reply.status, reply.code) == (401, "401"), each
    await forget_expired(site.services.db)
    assert await found(client, access(contact)) == [token[:22]]


@pytest.mark.parametrize(
    ("more", "field"),
    [({"type": "SMOKE"}, "type"), ({"app_id": ""}, "app_id"), ({"token": 1}, "token")],
)
async def test_a_device_says_what_it_is(client: Client, more: dict[str, Any], field: str) -> None:
    token = await issue(client, await make(client))
    reply = await device(client, token, "register", **more)
    assert (reply.status, reply.code) == (400, "400")
    assert field in reply.json["error_description"]


# ---------------------------------------------------------------- confirmations


async def pushed(
    site: Site, client: Client, *, state: str = "SENT", contact: str | None = None
) -> str:
    """A message as one is that was pushed to a device, or to all that a contact has."""
    request = await make_request(site, client)
    (message,) = await messages_of(client, request)
    await site.services.db.execute(
        "update message set medium = 'PSH', peer_address = 'apn:a1b2', state = $3::message_state, "
        "contact_id = $4 where company_id = $1 and id = $2",
        client.caller.company_id, ids.parse(message["id"]), state, ids.parse(contact or ""),
    )  # fmt: skip
    return str(message["id"])


async def confirm(client: Client, bearer: str | None, message: str, body: Any = None) -> Reply:
    more = {} if body is None else {"json": body}
    path = f"{PROXY}/messages/{message}/delivery_confirmation"
    headers = {"Authorization": f"Bearer {bearer}" if bearer else None}
    return await client.call("POST", path, whole=True, headers=headers, **more)


async def state_of(client: Client, message: str) -> str:
    return str((await client.get(f"/messaging/messages/{message}")).json["state"])


async def test_a_device_confirms_what_it_got_and_what_was_read(client: Client, site: Site) -> None:
    contact = await make(client)
    token = await issue(client, contact)
    await device(client, token, "register")
    message = await pushed(site, client)
    for body, state in (
        (None, "DELIVERED"),
        ({}, "DELIVERED"),
        ({"state": "read"}, "READ"),
        ({"state": "DELIVERED"}, "READ"),
    ):
        reply = await confirm(client, token, message, body)
        assert (reply.status, reply.json) == (200, {"id": message})
        assert await state_of(client, message) == state
    shown = (await client.get(f"/messaging/messages/{message}")).json
    assert shown["delivered_date"] >= shown["created_date"]
    by_name = await pushed(site, client, contact=contact)
    assert (await confirm(client, token, by_name)).status == 200
    to_another = await pushed(site, client, contact=await make(client))
    assert (await confirm(client, token, to_another)).status == 404


async def test_a_device_confirms_its_own_messages_and_no_others(client: Client, site: Site) -> None:
    contact, other, stranger = await make(client), await make(client), await site.company()
    theirs = await issue(stranger, await make(stranger))
    await device(client, await issue(client, contact), "register")
    message = await pushed(site, client)
    for bearer, status in ((None, 401), (client.token, 401), (theirs, 404),
                           (await issue(client, other), 404)):  # fmt: skip
        assert (await confirm(client, bearer, message)).status == status
    own = await issue(client, contact)
    for unknown in (UNKNOWN, "x"):
        assert (await confirm(client, own, unknown)).status == 404
    reply = await confirm(client, own, message, {"state": "EATEN"})
    assert (reply.status, reply.code) == (400, "400")
    assert await state_of(client, message) == "SENT"


async def test_what_has_not_left_yet_is_confirmed_later(client: Client, site: Site) -> None:
    token = await issue(client, await make(client))
    await device(client, token, "register")
    message = await pushed(site, client, state="CREATED")
    reply = await confirm(client, token, message)
    assert (reply.status, reply.code) == (409, "409")

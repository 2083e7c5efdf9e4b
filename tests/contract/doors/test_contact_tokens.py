"""Tokens of contacts, and what devices do with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from harness import REFERENCE, Client, Reply, Site
from test_contacts import CONTACTS, UNKNOWN, make
from test_message_requests import make as make_request
from test_message_requests import messages_of

from clarion.engine.contacts.tokens.access import forget_expired
from clarion.engine.contacts.tokens.model import MAX_TOKENS
from clarion.engine.contacts.tokens.service import mark_dead_token
from clarion.kit import ids

PROXY = "/scg-dra/proxy"
PUSH = {"sender_id_address": "com.example.app", "message_delivery_provider": "APN",
        "token": "a1b2"}  # fmt: skip


def tokens(contact: str) -> str:
    return f"{CONTACTS}/{contact}/application_tokens"


def access(contact: str) -> str:
    return f"{CONTACTS}/{contact}/access_tokens"


async def add(client: Client, contact: str, **more: Any) -> str:
    reply = await client.post(tokens(contact), PUSH | more)
    assert reply.status == 200, reply.raw
    return str(reply.json["id"])


async def issue(client: Client, contact: str, **body: Any) -> str:
    reply = await client.post(access(contact), body)
    assert reply.status == 200, reply.raw
    return str(reply.json["id"])


async def found(client: Client, path: str, query: str = "") -> list[str]:
    reply = await client.get(f"{path}?{query}")
    assert reply.status == 200, reply.raw
    return [each["id"] for each in reply.json["list"]]


# ---------------------------------------------------------------- application tokens


async def test_an_application_token_is_made_and_read_back(client: Client) -> None:
    contact = await make(client)
    id = await add(client, contact)
    shown = (await client.get(f"{tokens(contact)}/{id}")).json
    created = shown.pop("created_date")
    assert shown.pop("last_update_date") == created
    assert shown == PUSH | {
        "id": id,
        "state": "ACTIVE",
        "application_id": client.caller.application_id,
        "company_id": client.caller.company_id,
        "version_number": 1,
    }
    reference = (await client.in_form(REFERENCE).get(f"{tokens(contact)}/{id}")).json
    assert set(reference) == {*PUSH, "id", "application_id", "created_date", "last_update_date",
                              "version_number"}  # fmt: skip


async def test_an_application_token_is_changed_replaced_and_deleted(client: Client) -> None:
    contact = await make(client)
    id = await add(client, contact)
    path = f"{tokens(contact)}/{id}"
    assert (await client.post(path, {"token": "c3"})).json == {"id": id}
    body = PUSH | {"message_delivery_provider": "GCN", "token": "d4", "version_number": 2}
    assert (await client.call("PUT", path, data=body)).json == {"id": id}
    shown = (await client.get(path)).json
    assert (shown["message_delivery_provider"], shown["token"]) == ("GCM", "d4")
    assert shown["version_number"] == 3
    for method in ("POST", "PUT"):
        stale = await client.call(method, path, json=PUSH | {"version_number": 1})
        assert (stale.status, stale.code) == (409, "1001")
    assert (await client.call("PUT", path, json={"token": "e5"})).status == 400
    assert (await client.delete(path)).status == 200
    assert (await client.get(path)).status == 404
    assert (await client.delete(path)).status == 404


@pytest.mark.parametrize(
    ("more", "field", "code"),
    [
        ({"sender_id_address": None}, "sender_id_address", "400"),
        ({"sender_id_address": "x" * 256}, "sender_id_address", "1023"),
        ({"message_delivery_provider": "SMOKE"}, "message_delivery_provider", "400"),
        ({"token": ""}, "token", "400"),
        ({"token": "a b"}, "token", "400"),
        ({"token": "x" * 1025}, "token", "1023"),
    ],
)
async def test_what_cannot_be_a_token_is_refused(
    client: Client, more: dict[str, Any], field: str, code: str
) -> None:
    reply = await client.post(tokens(await make(client)), PUSH | more)
    assert (reply.status, reply.code) == (400, code), reply.raw
    assert field in reply.json["error_description"]


async def test_a_token_has_one_contact(client: Client) -> None:
    contact, other = await make(client), await make(client)
    await add(client, contact)
    for each in (contact, other):
        reply = await client.post(tokens(each), PUSH)
        assert (reply.status, reply.code) == (409, "1011")
    await add(client, other, message_delivery_provider="GCM")


async def test_a_contact_has_so_many_tokens_and_no_more(client: Client) -> None:
    contact = await make(client)
    for number in range(MAX_TOKENS):
        await add(client, contact, token=f"t{number}")
    reply = await client.post(tokens(contact), PUSH)
    assert (reply.status, reply.code) == (409, "409")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 2),
        ("id={id}", 1),
        ("sender_id_address=com.example.app", 1),
        ("message_delivery_provider=APN", 1),
        ("message_delivery_provider=apn,GCM", 2),
        ("token=a1b2", 1),
        ("state=INVALID", 0),
        ("application_id={application}", 2),
        ("created_date=[2020-01-01,2020-01-02]", 0),
        ("last_update_date=[2020-01-01T00:00:00.000Z,]", 2),
        ("last_updated_date=[,2020-01-01T00:00:00.000Z]", 0),
    ],
)
async def test_application_tokens_are_filtered(client: Client, query: str, count: int) -> None:
    contact = await make(client)
    id = await add(client, contact)
    more = {"sender_id_address": "com.example.two", "message_delivery_provider": "GCM"}
    await add(client, contact, token="other", **more)
    await add(client, await make(client), token="another-contacts")
    query = query.format(id=id, application=client.caller.application_id)
    assert len(await found(client, tokens(contact), query)) == count


async def test_a_token_that_its_provider_refuses_is_invalid_until_it_changes(
    client: Client, site: Site
) -> None:
    contact = await make(client)
    id = await add(client, contact)
    async with site.services.db.transaction() as tx:
        assert await mark_dead_token(tx, client.caller.company_id, "a1b2")
        assert not await mark_dead_token(tx, client.caller.company_id, "a1b2")
    path = f"{tokens(contact)}/{id}"
    assert (await client.get(path)).json["state"] == "INVALID"
    await client.post(path, {"token": "new"})
    assert (await client.get(path)).json["state"] == "ACTIVE"


# ---------------------------------------------------------------- access tokens


async def test_an_access_token_is_issued_and_its_secret_is_shown_once(client: Client) -> None:
    contact = await make(client)
    token = await issue(client, contact, duration="6000")
    (listed,) = (await client.get(access(contact))).json["list"]
    assert token.startswith(listed["id"])
    assert len(token) > len(listed["id"])
    shown = (await client.get(f"{access(contact)}/{token}")).json
    assert shown == listed | {"id": token}
    assert shown["expiry_time"] == shown["created_date"] + 6_000_000
    assert shown["duration"] == 6000
    assert shown["version_number"] == 1
    reference = await client.in_form(REFERENCE).get(f"{access(contact)}/{listed['id']}")
    assert set(reference.json) == {*("id", "expiry_time", "application_id", "created_date"),
                                   *("last_updated_date", "version_number")}  # fmt: skip
    assert await found(client, access(contact), f"id={token}") == [listed["id"]]


@pytest.mark.parametrize("body", [None, {}, {"duration": None}, {"duration": ""}])
async def test_an_access_token_lives_a_day_by_default(client: Client, body: Any) -> None:
    contact = await make(client)
    token = (await client.post(access(contact), body)).json["id"]
    shown = (await client.get(f"{access(contact)}/{token}")).json
    assert shown["duration"] == 86_400


@pytest.mark.parametrize("duration", [0, -1, "a day", 1.5, "1e9", 10**12])
async def test_a_duration_is_whole_seconds(client: Client, duration: Any) -> None:
    reply = await client.post(access(await make(client)), {"duration": duration})
    assert (reply.status, reply.code) == (400, "400")
    assert "duration" in reply.json["error_description"]


async def test_an_access_token_is_renewed(client: Client) -> None:
    contact = await make(client)
    token = await issue(client, contact, duration=60)
    path = f"{access(contact)}/{token}"
    assert (await client.call("PUT", path)).json == {"id": token}
    assert (await client.call("PUT", path, data={})).status == 200
    assert (await client.call("PUT", path, json={"duration": 600})).status == 200
    shown = (await client.get(path)).json
    assert (shown["duration"], shown["version_number"]) == (600, 4)
    assert shown["expiry_time"] >= shown["created_date"] + 600_000
    stale = await client.call("PUT", path, json={"version_number": 1})
    assert (stale.status, stale.code) == (409, "1001")
    assert (await client.call("PUT", f"{access(contact)}/{UNKNOWN}")).status == 404


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 1),
        ("id={token}", 1),
        ("id=" + UNKNOWN, 0),
        ("id=nonsense", 0),
        ("expiry_time=[2020-01-01,2020-01-02]", 0),
        ("expiry_time=[2020-01-01T00:00:00.000Z,]", 1),
        ("application_id={application}", 1),
        ("created_date=[2020-01-01T00:00:00.000Z,]", 1),
        ("last_updated_date=[,2020-01-01T00:00:00.000Z]", 0),
    ],
)
async def test_access_tokens_are_filtered(client: Client, query: str, count: int) -> None:
    contact = await make(client)
    token = await issue(client, contact)
    query = query.format(token=token, application=client.caller.application_id)
    assert len(await found(client, access(contact), query)) == count


async def test_tokens_of_a_contact_that_is_not_there_are_not_found(
    client: Client, site: Site
) -> None:
    stranger = await site.company()
    theirs = await make(stranger)
    id, token = await add(stranger, theirs), await issue(stranger, theirs)
    gone = await make(client)
    await client.delete(f"{CONTACTS}/{gone}")
    own = await make(client)
    for contact in (theirs, gone, UNKNOWN, "x"):
        for path in (tokens(contact), access(contact)):
            assert (await client.get(path)).status == 404
            assert (await client.post(path, PUSH)).status == 404
    for contact in (theirs, own):
        for path in (f"{tokens(contact)}/{id}", f"{access(contact)}/{token}"):
            for method in ("GET", "PUT", "DELETE"):
                more = {"json": PUSH} if method == "PUT" else {}
                reply = await client.call(method, path, **more)
                assert (reply.status, reply.code) == (404, "404"), (method, path)


# ---------------------------------------------------------------- devices


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

"""Tokens of contacts, and what devices do with them."""

from __future__ import annotations

from typing import Any

import pytest
from harness import REFERENCE, UNKNOWN, Client, Site
from test_contacts import CONTACTS, make

from clarion.engine.contacts.tokens.model import MAX_TOKENS
from clarion.engine.contacts.tokens.service import mark_dead_token

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

"""/messaging/attachments, their access tokens, and the messages that carry them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attached import (
    ATTACHMENTS,
    BYTES,
    RAW,
    TOKENS,
    content,
    downloaded,
    linked,
    made,
    token_for,
    uploaded,
)
from harness import LIVE, REFERENCE, Client, Site, SiteMaker
from tests.waiting import PATIENCE

from clarion.kit import ids

# ---------------------------------------------------------------- the resource


async def test_an_attachment_has_the_attributes_of_the_reference(client: Client) -> None:
    id = await made(client, designation="CONTACTS_IMPORT")
    shown = (await client.get(f"{ATTACHMENTS}/{id}")).json
    assert isinstance(shown.pop("created_date"), int)
    assert isinstance(shown.pop("last_updated_date"), int)
    assert shown == {
        "id": id,
        "name": "Photo",
        "type": "image/jpeg",
        "filename": "beach.jpg",
        "designation": "CONTACTS_IMPORT",
        "state": "CREATED",
        "application_id": client.caller.application_id,
        "company_id": client.caller.company_id,
        "version_number": 1,
    }


async def test_in_reference_form_it_has_no_more_than_the_reference_says(client: Client) -> None:
    id = await uploaded(client, designation="CONTACTS_IMPORT")
    shown = (await client.in_form(REFERENCE).get(f"{ATTACHMENTS}/{id}")).json
    assert sorted(shown) == [
        "application_id", "created_date", "filename", "id", "last_updated_date", "name", "size",
        "state", "type", "version_number",
    ]  # fmt: skip
    assert shown["created_date"].endswith("Z")
    reply = await client.in_form(REFERENCE).get(ATTACHMENTS)
    assert [each["id"] for each in reply.json] == [id]
    assert reply.headers["X-Total-Count"] == "1"


async def test_an_attachment_may_be_made_of_nothing(client: Client) -> None:
    reply = await client.post(ATTACHMENTS, {})
    assert (await client.get(f"{ATTACHMENTS}/{reply.json['id']}")).json["state"] == "CREATED"


async def test_an_update_sets_what_it_names(client: Client) -> None:
    id = await made(client)
    body = {"name": "Better", "filename": None, "version_number": 1, "id": "x", "state": "UPLOADED"}
    reply = await client.post(f"{ATTACHMENTS}/{id}", body)
    assert (reply.status, reply.json) == (200, {"id": id})
    shown = (await client.get(f"{ATTACHMENTS}/{id}")).json
    assert (shown["name"], shown["type"], shown["state"]) == ("Better", "image/jpeg", "CREATED")
    assert "filename" not in shown
    assert shown["version_number"] == 2


async def test_a_stale_version_is_1001(client: Client) -> None:
    id = await made(client)
    await client.post(f"{ATTACHMENTS}/{id}", {"name": "a"})
    reply = await client.post(f"{ATTACHMENTS}/{id}", {"name": "b", "version_number": 1})
    assert (reply.status, reply.code) == (409, "1001")


@pytest.mark.parametrize("attribute", ["name", "type", "filename", "designation"])
async def test_a_value_that_is_too_long_is_1023(client: Client, attribute: str) -> None:
    reply = await client.post(ATTACHMENTS, {attribute: "x" * 256})
    assert (reply.status, reply.code) == (400, "1023")
    assert attribute in reply.json["error_description"]


@pytest.mark.parametrize("body", [{"name": 5}, {"filename": ["a"]}, []])
async def test_a_body_that_does_not_fit_is_400(client: Client, body: Any) -> None:
    reply = await client.call("POST", ATTACHMENTS, json=body)
    assert (reply.status, reply.code) == (400, "400")


async def test_lists_filter_by_every_attribute(client: Client) -> None:
    whole = await uploaded(client, name="One", type="text/csv", filename="one.csv")
    empty = await made(client, name="Two", type="image/png", filename="two.png")
    shown = (await client.get(f"{ATTACHMENTS}/{whole}")).json
    filters = {
        "id": whole,
        "name": "One",
        "type": "text/csv",
        "size": str(len(BYTES)),
        "filename": "one.csv",
        "state": "UPLOADED",
        "version_number": "2",
    }
    for name, value in filters.items():
        found = (await client.get(ATTACHMENTS, params={name: value})).json
        assert [each["id"] for each in found["list"]] == [whole], name
    for name in ("created_date", "last_updated_date"):
        at = datetime.fromtimestamp(shown[name] / 1000, UTC).isoformat(timespec="milliseconds")
        found = (await client.get(ATTACHMENTS, params={name: f"[{at},]"})).json
        assert whole in [each["id"] for each in found["list"]], name
    both = (await client.get(ATTACHMENTS, params={"application_id": shown["application_id"]})).json
    assert [each["id"] for each in both["list"]] == [empty, whole]
    by_name = (await client.get(ATTACHMENTS, params={"sort": "name", "limit": "1"})).json
    assert ([each["id"] for each in by_name["list"]], by_name["total"]) == ([whole], 2)
    reply = await client.get(ATTACHMENTS, params={"state": "PERHAPS"})
    assert (reply.status, reply.code) == (400, "400")


async def test_what_is_deleted_is_found_only_by_that_state(client: Client) -> None:
    id = await uploaded(client)
    token = await token_for(client, id)
    reply = await client.delete(f"{ATTACHMENTS}/{id}")
    assert (reply.status, reply.raw) == (200, b"")
    for reply in (
        await client.get(f"{ATTACHMENTS}/{id}"),
        await client.post(f"{ATTACHMENTS}/{id}", {"name": "x"}),
        await client.delete(f"{ATTACHMENTS}/{id}"),
        await client.post(f"{ATTACHMENTS}/{id}/access_tokens"),
        await client.get(f"{ATTACHMENTS}/{id}/content"),
        await content(client, "GET", token),
        await content(client, "POST", token, data=BYTES),
    ):
        assert (reply.status, reply.code) == (404, "404")
    assert (await client.get(ATTACHMENTS)).json["total"] == 0
    found = (await client.get(ATTACHMENTS, params={"state": "DELETED"})).json["list"]
    assert [(each["id"], each["state"]) for each in found] == [(id, "DELETED")]


# ---------------------------------------------------------------- tokens


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"data": b"null", "headers": {"Content-Type": "Application/json"}},
        {"json": {}},
        {"json": {"anything": ["goes"]}},
        {"data": b"\xff not json"},
    ],
)
async def test_a_token_is_made_whatever_the_body_says(client: Client, more: dict[str, Any]) -> None:
    id = await uploaded(client)
    reply = await client.call("POST", f"{ATTACHMENTS}/{id}/access_tokens", **more)
    assert reply.status == 200
    assert list(reply.json) == ["id"]
    assert (await content(client, "GET", reply.json["id"])).raw == BYTES


@pytest.mark.parametrize("resource", ["ATTACHMENT", "attachment", None])
async def test_a_token_can_be_asked_for_by_resource(client: Client, resource: str | None) -> None:
    id = await uploaded(client)
    body = {"resource": resource, "resource_id": id}
    reply = await client.post(TOKENS, {k: v for k, v in body.items() if v})
    assert (await content(client, "GET", reply.json["id"])).raw == BYTES


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (None, "resource_id: it is required"),
        ({}, "resource_id: it is required"),
        ({"resource_id": ""}, "resource_id: it is required"),
        ({"resource_id": "nothing"}, "resource_id: there is no such attachment"),
        ({"resource_id": ids.show(ids.new_id())}, "resource_id: there is no such attachment"),
        ({"resource": "CONTACT", "resource_id": "x"}, "resource: it must be one of ATTACHMENT"),
    ],
)
async def test_what_a_token_cannot_open_is_400(
    client: Client, body: dict[str, Any] | None, says: str
) -> None:
    reply = await client.post(TOKENS, body)
    assert (reply.status, reply.code) == (400, "400")
    assert says in reply.json["error_description"]


@pytest.mark.parametrize("prefix", [LIVE, REFERENCE])
async def test_tokens_are_listed_read_and_deleted(client: Client, prefix: str) -> None:
    form = client.in_form(prefix)
    id = await uploaded(client)
    token = await token_for(client, id)
    shown = (await form.get(f"{TOKENS}/{token}")).json
    assert sorted(shown) == [
        "application_id", "created_date", "expiry_time", "id", "last_updated_date",
        "version_number",
    ]  # fmt: skip
    assert (shown["id"], shown["version_number"]) == (token, 1)
    listed = (await form.get(TOKENS)).json
    assert shown in (listed["list"] if prefix == LIVE else listed)
    reply = await form.delete(f"{TOKENS}/{token}")
    assert (reply.status, reply.raw) == (200, b"")
    assert (await form.get(f"{TOKENS}/{token}")).status == 404
    assert (await form.delete(f"{TOKENS}/{token}")).status == 404
    assert (await content(client, "GET", token)).status == 404


async def test_tokens_filter_by_every_attribute(client: Client) -> None:
    id = await made(client)
    first, second = await token_for(client, id), await token_for(client, id)
    soon = (datetime.now(UTC) + timedelta(minutes=50)).isoformat(timespec="milliseconds")
    queries: list[tuple[dict[str, Any], list[str]]] = [
        ({"id": first}, [first]),
        ({"id": f"{first},{second}"}, [second, first]),
        ({"application_id": str(client.caller.application_id)}, [second, first]),
        ({"application_id": "1"}, []),
        ({"expiry_time": f"[{soon},]"}, [second, first]),
        ({"expiry_time": f"[,{soon}]"}, []),
        ({"created_date": f"[,{soon}]"}, [second, first]),
        ({"last_updated_date": f"[{soon},]"}, []),
    ]
    for query, expected in queries:
        found = (await client.get(TOKENS, params=query)).json
        assert sorted(each["id"] for each in found["list"]) == sorted(expected), query


async def test_a_token_ends_when_the_settings_say(make_site: SiteMaker) -> None:
    site = await make_site(files={"token_seconds": 0.2})
    client = await site.company()
    id = await made(client)
    token = await token_for(client, id)
    assert (await content(client, "POST", token, data=BYTES, headers=RAW)).status == 200
    async with asyncio.timeout(PATIENCE):
        while (await content(client, "GET", token)).status != 404:
            pass
    reply = await content(client, "POST", token, data=BYTES, headers=RAW)
    assert (reply.status, reply.code) == (404, "404")
    assert "expired" in reply.json["error_description"]


async def test_a_token_of_the_company_opens_no_other_attachment(client: Client) -> None:
    mine, other = await made(client), await uploaded(client, b"other")
    reply = await content(client, "POST", await token_for(client, mine), data=BYTES, headers=RAW)
    assert reply.json == {"id": mine}
    assert (await downloaded(client, other)).raw == b"other"


@pytest.mark.parametrize("token", ["x", "A" * 22, "%00", "..", "-" * 22])
async def test_what_is_no_token_opens_nothing(client: Client, token: str) -> None:
    for method in ("GET", "POST"):
        reply = await content(client, method, token)
        assert (reply.status, reply.code) == (404, "404")


# ---------------------------------------------------------------- with messages


@pytest.mark.parametrize("prefix", [LIVE, REFERENCE])
async def test_messages_and_their_request_list_what_they_carry(
    site: Site, client: Client, prefix: str
) -> None:
    sender = await site.sender(client)
    body = {"from": sender, "to": ["+4915112345678", "+4915112345679"], "body": "Hi"}
    request = (await client.post("/messaging/message_requests", body)).json["id"]
    first, second = await uploaded(client, name="b"), await uploaded(client, name="a")
    unrelated = await uploaded(client)
    await linked(site, client, ids.parse(request), [second, first])

    form = client.in_form(prefix)

    async def listed(path: str, **query: str) -> list[str]:
        found = (await form.get(path, params=query)).json
        return [each["id"] for each in (found["list"] if prefix == LIVE else found)]

    below = f"/messaging/message_requests/{request}"
    assert (await form.get(below)).json["attachments"] == [second, first]
    messages = await listed(f"{below}/messages")
    assert len(messages) == 2
    for owner in (below, *(f"/messaging/messages/{message}" for message in messages)):
        assert (await form.get(owner)).json["attachments"] == [second, first]
        path = f"{owner}/attachments"
        assert sorted(await listed(path)) == sorted([first, second])
        assert await listed(path, name="a") == [second]
        assert await listed(path, sort="name") == [second, first]
        assert await listed(path, id=unrelated) == []
    await client.delete(f"{ATTACHMENTS}/{first}")
    assert (await form.get(below)).json["attachments"] == [second]
    assert (await form.get(f"{below}nothing/attachments")).status == 404


async def test_a_request_takes_attachments_with_content_and_fixes_it(
    site: Site, client: Client
) -> None:
    sender = await site.sender(client, capabilities=["SMS", "MMS"])
    whole, empty = await uploaded(client), await made(client)
    body = {"from": sender, "to": "+4915112345678", "body": "Look"}
    for id in (empty, "nothing", ids.show(ids.new_id())):
        reply = await client.post("/messaging/message_requests", body | {"attachments": [id]})
        assert (reply.status, reply.code) == (400, "400")
        assert "attachment" in reply.json["error_description"]
    reply = await client.post("/messaging/message_requests", body | {"attachments": [whole]})
    assert reply.status == 200, reply.json
    shown = (await client.get(f"/messaging/message_requests/{reply.json['id']}")).json
    assert shown["attachments"] == [whole]
    again = await content(client, "POST", await token_for(client, whole), data=b"x", headers=RAW)
    assert (again.status, again.code) == (409, "409")

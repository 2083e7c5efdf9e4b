"""/messaging/channels and the sender ids in a channel."""

from __future__ import annotations

from typing import Any

import pytest
from harness import REFERENCE, UNKNOWN, Client, Site
from resources import Records

from clarion.engine.senders.model import Ownership
from clarion.kit import ids

CHANNELS = "/messaging/channels"
RECORDS = Records(CHANNELS, {"name": "Offers"})
make, read, listed = RECORDS.make, RECORDS.read, RECORDS.listed


async def senders_in(client: Client, id: str, query: str = "") -> set[str]:
    reply = await client.get(f"{CHANNELS}/{id}/sender_ids?{query}")
    assert reply.status == 200, reply.raw
    return {each["id"] for each in reply.json["list"]}


async def some_senders(site: Site, client: Client, count: int = 2) -> list[str]:
    return [await site.sender(client, address=f"1555000100{n}") for n in range(count)]


# ---------------------------------------------------------------- the channel


async def test_a_channel_is_made_and_read_back(client: Client) -> None:
    id = await make(client, priority="high", description="Daily", version_number=7, id="x")
    shown = await RECORDS.read_new(client, id)
    assert shown == {
        "id": id,
        "name": "Offers",
        "priority": "HIGH",
        "description": "Daily",
        "ownership": "PRIVATE",
        "application_id": client.caller.application_id,
        "company_id": client.caller.company_id,
        "version_number": 1,
    }


async def test_the_reference_form_has_arrays_and_iso_dates(client: Client) -> None:
    await RECORDS.are_in_reference_form(client, await make(client))


@pytest.mark.parametrize(
    ("given", "shown"), [("HIGH", "HIGH"), ("Normal", "NORMAL"), ("low", "LOW"), (None, "NORMAL")]
)
async def test_the_priority_comes_in_any_case(client: Client, given: str, shown: str) -> None:
    assert (await read(client, await make(client, priority=given)))["priority"] == shown


@pytest.mark.parametrize(
    ("body", "code", "names"),
    [
        ({}, "400", "name"),
        ({"name": ""}, "400", "name"),
        ({"name": "x" * 256}, "1023", "name"),
        ({"name": "x", "description": "x" * 1001}, "1023", "description"),
        ({"name": "x", "priority": "URGENT"}, "400", "priority"),
        ({"name": "x", "ownership": "MINE"}, "400", "ownership"),
        ({"name": 5}, "400", "name"),
    ],
)
async def test_what_cannot_be_is_refused(
    client: Client, body: dict[str, Any], code: str, names: str
) -> None:
    await RECORDS.refuse(client, body, code, names)


async def test_filters_and_sorting(client: Client) -> None:
    high = await make(client, name="B", priority="HIGH", description="d1, d2")
    low = await make(client, name="A", priority="LOW")
    app = client.caller.application_id
    cases = {
        f"id={high}": [high],
        "name=A": [low],
        "name=A,B&sort=name": [low, high],
        "priority=high": [high],
        "priority=LOW,NORMAL": [low],
        "description=d1, d2": [high],
        "ownership=PRIVATE&sort=-name": [high, low],
        "ownership=SHARED": [],
        f"application_id={app}&sort=created_date": [high, low],
        "created_date=[2020-01-01,2020-01-02]": [],
        "last_updated_date=[2020-01-01T00:00:00.000Z,]&sort=created_date": [high, low],
        "version_number=1&limit=1": [low],
    }
    for query, expected in cases.items():
        assert await listed(client, query) == expected, query
    reply = await client.get(f"{CHANNELS}?priority=URGENT")
    assert (reply.status, reply.code) == (400, "400")


async def test_an_update_sets_what_it_names(client: Client) -> None:
    id = await make(client, description="Daily")
    reply = await client.post(f"{CHANNELS}/{id}", {"priority": "low", "version_number": 1})
    assert (reply.status, reply.json) == (200, {"id": id})
    shown = await read(client, id)
    assert (shown["priority"], shown["name"], shown["description"]) == ("LOW", "Offers", "Daily")
    assert shown["version_number"] == 2
    stale = await client.post(f"{CHANNELS}/{id}", {"name": "x", "version_number": 1})
    assert (stale.status, stale.code) == (409, "1001")
    assert (await client.post(f"{CHANNELS}/{id}", await read(client, id))).status == 200


async def test_a_replacement_sets_everything(client: Client) -> None:
    id = await make(client, description="Daily", priority="HIGH")
    reply = await client.call("PUT", f"{CHANNELS}/{id}", json={"name": "New"})
    assert reply.status == 200
    shown = await read(client, id)
    assert (shown["name"], shown["priority"]) == ("New", "NORMAL")
    assert "description" not in shown
    reply = await client.call("PUT", f"{CHANNELS}/{id}", data={"name": "F", "priority": "low"})
    assert reply.status == 200
    assert (await read(client, id))["priority"] == "LOW"
    reply = await client.call("PUT", f"{CHANNELS}/{id}", json={"priority": "LOW"})
    assert (reply.status, reply.code) == (400, "400")


async def test_a_deleted_channel_is_gone(client: Client) -> None:
    id = await make(client)
    await RECORDS.can_be_deleted(client, id)
    assert (await client.get(f"{CHANNELS}/{id}/sender_ids")).status == 404
    assert (await client.post(f"{CHANNELS}/{id}/sender_ids", {"sender_ids": [id]})).status == 404


# ---------------------------------------------------------------- its sender ids


@pytest.mark.parametrize("form", ["array", "text", "one"])
async def test_sender_ids_are_added_by_a_list(site: Site, client: Client, form: str) -> None:
    id, senders = await make(client), await some_senders(site, client)
    body = {
        "array": {"sender_ids": senders},
        "text": {"sender_ids": ", ".join(senders)},
        "one": {"sender_id": senders[0]},
    }[form]
    for _ in range(2):  # a second time changes nothing
        reply = await client.post(f"{CHANNELS}/{id}/sender_ids", body)
        assert (reply.status, reply.json) == (200, {"id": id})
    assert await senders_in(client, id) == set(senders[: 1 if form == "one" else 2])
    assert (await read(client, id))["version_number"] == 1


async def test_what_cannot_be_added_is_told_one_by_one(site: Site, client: Client) -> None:
    stranger = await site.company()
    theirs = await site.sender(stranger)
    id, (good, *_) = await make(client), await some_senders(site, client, 1)
    reply = await client.post(
        f"{CHANNELS}/{id}/sender_ids", {"sender_ids": [good, theirs, UNKNOWN, "nonsense"]}
    )
    assert reply.status == 200
    assert reply.json == {
        "id": id,
        "errors": {bad: f"Unknown document: {bad}" for bad in (theirs, UNKNOWN, "nonsense")},
    }
    assert await senders_in(client, id) == {good}


@pytest.mark.parametrize("body", [{}, {"sender_ids": []}, {"sender_ids": " , "}])
async def test_a_list_of_sender_ids_is_required(client: Client, body: dict[str, Any]) -> None:
    reply = await client.post(f"{CHANNELS}/{await make(client)}/sender_ids", body)
    assert (reply.status, reply.code) == (400, "400")
    assert "sender_ids" in reply.json["error_description"]


async def test_a_channel_has_room_for_so_many(client: Client) -> None:
    id = await make(client)
    many = [ids.show(ids.new_id()) for _ in range(1001)]
    reply = await client.post(f"{CHANNELS}/{id}/sender_ids", {"sender_ids": many})
    assert (reply.status, reply.code) == (400, "400")


async def test_the_sender_ids_of_a_channel_have_the_filters_of_sender_ids(
    site: Site, client: Client
) -> None:
    id = await make(client)
    first = await site.sender(client, address="15550001001", name="One", dr_required=True)
    second = await site.sender(
        client, address="77000", type_id="SHORTCODE", class_id="ALERTS", capabilities=["MMS"]
    )
    await site.sender(client, address="15550001003")
    await client.post(f"{CHANNELS}/{id}/sender_ids", {"sender_ids": [first, second]})
    cases = {
        f"id={second}": {second},
        "name=One": {first},
        "class_id=ALERTS": {second},
        "type_id=SHORTCODE,LONGCODE": {first, second},
        "state=ACTIVE": {first, second},
        "state=INACTIVE": set(),
        "capabilities=SMS": {first},
        "dr_required=YES": {first},
        "ownership=PRIVATE": {first, second},
        "check_white_list=true": set(),
        "limit=1&sort=address": {first},
    }
    for query, expected in cases.items():
        assert await senders_in(client, id, query) == expected, query
    reply = await client.in_form(REFERENCE).get(f"{CHANNELS}/{id}/sender_ids")
    assert reply.headers["X-Total-Count"] == "2"


async def test_sender_ids_are_removed_by_their_address(site: Site, client: Client) -> None:
    id, senders = await make(client), await some_senders(site, client)
    await client.post(f"{CHANNELS}/{id}/sender_ids", {"sender_ids": senders})
    reply = await client.delete(f"{CHANNELS}/{id}/sender_ids/{senders[0]}")
    assert (reply.status, reply.raw) == (200, b"")
    assert await senders_in(client, id) == {senders[1]}
    for gone in (senders[0], UNKNOWN, "nonsense"):
        assert (await client.delete(f"{CHANNELS}/{id}/sender_ids/{gone}")).status == 404


@pytest.mark.parametrize("form", ["body", "query", "id"])
async def test_sender_ids_are_removed_by_a_list(site: Site, client: Client, form: str) -> None:
    id, senders = await make(client), await some_senders(site, client, 3)
    path = f"{CHANNELS}/{id}/sender_ids"
    await client.post(path, {"sender_ids": senders})
    gone = senders[:2]
    reply = await {
        "body": lambda: client.delete(path, json={"sender_ids": gone}),
        "query": lambda: client.delete(f"{path}?sender_ids={','.join(gone)}"),
        "id": lambda: client.delete(f"{path}?id={gone[0]}&id={gone[1]}"),
    }[form]()
    assert (reply.status, reply.raw) == (200, b"")
    assert await senders_in(client, id) == {senders[2]}
    reply = await client.delete(path, json={"sender_ids": [senders[0], senders[2]]})
    assert (reply.status, list(reply.json["errors"])) == (200, [senders[0]])
    assert (await client.delete(path)).status == 400


async def test_a_deleted_sender_id_is_in_no_channel(site: Site, client: Client) -> None:
    id, senders = await make(client), await some_senders(site, client)
    await client.post(f"{CHANNELS}/{id}/sender_ids", {"sender_ids": senders})
    await client.delete(f"/messaging/sender_ids/{senders[0]}")
    assert await senders_in(client, id) == {senders[1]}


# ---------------------------------------------------------------- the operator's


@pytest.mark.parametrize("ownership", ["SHARED", "PUBLIC"])
async def test_the_operators_channels_are_seen_by_all_and_changed_by_none(
    fresh_site: Site, operator: Client, ownership: str
) -> None:
    offered = await make(operator, ownership=ownership)
    private = await make(operator)
    shared = await fresh_site.sender(operator, ownership=Ownership.SHARED)
    own = await fresh_site.sender(operator, address="15550001009")
    await operator.post(f"{CHANNELS}/{offered}/sender_ids", {"sender_ids": [shared, own]})
    other = await fresh_site.company()
    assert await listed(other) == [offered]
    assert (await other.get(f"{CHANNELS}/{private}")).status == 404
    assert "application_id" not in await read(other, offered)
    assert await senders_in(other, offered) == {shared}
    path = f"{CHANNELS}/{offered}"
    refused = [
        await other.post(path, {"name": "mine"}),
        await other.call("PUT", path, json={"name": "mine"}),
        await other.delete(path),
        await other.post(f"{path}/sender_ids", {"sender_ids": [own]}),
        await other.delete(f"{path}/sender_ids/{shared}"),
    ]
    assert {(reply.status, reply.code) for reply in refused} == {(403, "403")}
    assert (await other.post(f"{CHANNELS}/{private}", {"name": "mine"})).status == 404


async def test_only_the_operator_offers_channels(fresh_site: Site, operator: Client) -> None:
    other = await fresh_site.company()
    id = await make(other)
    for ownership in ("SHARED", "PUBLIC"):
        reply = await other.post(CHANNELS, {"name": "x", "ownership": ownership})
        assert (reply.status, reply.code) == (403, "403")
        reply = await other.post(f"{CHANNELS}/{id}", {"ownership": ownership})
        assert (reply.status, reply.code) == (403, "403")

"""A walk through the SCG reference: updates, replacements, deletions, and versions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scg_samples import SAMPLES
from scg_tables import (
    Collection,
)
from scg_walk import (
    DELETED,
    NUMBERS,
    REPLACED,
    UPDATED,
    fresh,
    is_reference,
    named,
    refused,
    same,
)
from scg_world import World, listed


@named(UPDATED)
async def test_updates_set_every_attribute_that_can_be_set(world: World, at: Collection) -> None:
    dynamic = at.path == "/contact_groups"
    path, id, _ = await fresh(world, at, odd=dynamic)
    before = (await world.client.get(f"{path}/{id}")).json
    n = NUMBERS["count"] + (3 if dynamic else 1)
    other = await world.body(at.path, 5 if "fast_access" in path else n)
    reference = is_reference(world)
    uses = {each.name(reference=reference) for each in at.of.used("u")} - _unsettable(at)
    change = {name: value for name, value in other.items() if name in uses}
    assert change, at.path
    reply = await world.client.post(f"{path}/{id}", change)
    assert (reply.status, reply.json) == (200, {"id": id}), (change, reply.raw)
    after = (await world.client.get(f"{path}/{id}")).json
    for name, value in change.items():
        if name not in SAMPLES[at.path].masked:
            assert same(after.get(name), value), (name, value, after.get(name))
    assert after["version_number"] == before["version_number"] + 1


async def test_message_requests_are_paused_resumed_and_canceled(world: World) -> None:
    path = "/messaging/message_requests"
    sender = (await world.body(path, 0))["from"]
    body = {"from": sender, "to": "+4915160000001", "body": "x", "pause_before_transmit": True}
    for wanted, then in (("TRANSMITTING", "TRANSMITTING"), ("CANCELED", "CANCELED")):
        id = await world.post(path, body)
        before = (await world.client.get(f"{path}/{id}")).json
        assert before["state"] == "PAUSED"
        reply = await world.client.post(f"{path}/{id}", {"state": wanted, "version_number": 1})
        assert (reply.status, reply.json) == (200, {"id": id}), reply.raw
        after = (await world.client.get(f"{path}/{id}")).json
        assert after["state"] == then
        assert after["version_number"] > 1
    refused(await world.client.post(f"{path}/{id}", {"state": "ACCEPTED"}), 400, "400")


def _unsettable(at: Collection) -> set[str]:
    return at.of.without("update")


@named(UPDATED + [each for each in REPLACED if each not in UPDATED])
async def test_a_version_that_is_not_current_is_409_1001(world: World, at: Collection) -> None:
    path, id, body = await fresh(world, at)
    stale = {"version_number": 77}
    if at.path == "/messaging/messages":
        body = await world.body(at.path, 0)
    for verb in ("POST", "PUT"):
        if verb in at.one:
            for version in (77, "77"):
                given = {**body, **stale, "version_number": version}
                reply = await world.client.call(verb, f"{path}/{id}", json=given)
                refused(reply, 409, "1001", verb)


@named(REPLACED)
@pytest.mark.parametrize("form_encoded", [False, True], ids=["json", "form"])
async def test_replacements_set_all_that_they_are_given(
    world: World, at: Collection, *, form_encoded: bool
) -> None:
    dynamic = at.path == "/contact_groups"
    path, id, _ = await fresh(world, at, odd=dynamic)
    NUMBERS["count"] += 2
    other = await world.body(at.path, NUMBERS["count"] + dynamic)
    if form_encoded:
        more: dict[str, Any] = {"data": {name: _as_field(value) for name, value in other.items()}}
    else:
        more = {"json": other}
    reply = await world.client.call("PUT", f"{path}/{id}", **more)
    assert reply.status in (200, 204), reply.raw
    after = (await world.client.get(f"{path}/{id}")).json
    for name, value in other.items():
        if name not in SAMPLES[at.path].hidden:
            assert same(after.get(name), value), (name, value, after.get(name))


DEFAULTS = ("TEMPLATE", "NORMAL", "PRIVATE", "NONE", "INSENSITIVE", "COMPANY", [])
KEPT = {
    "/contacts": {"first_acquisition_date", "last_acquisition_date"},  # opt-ins set them
    "/contact_groups": {"type", "criteria"},  # what makes the group what it is
}
REQUIRED = {
    "/messaging/message_templates": {"name", "pattern"},
    "/messaging/channels": {"name"},
    "/messaging/keywords": {"value"},
    "/contacts/{}/application_tokens": {"sender_id_address", "message_delivery_provider", "token"},
}


@named([each for each in REPLACED if each.of.used("u")])
async def test_replacements_empty_what_they_are_not_given(world: World, at: Collection) -> None:
    path, id, body = await fresh(world, at, odd=at.path == "/contact_groups")
    bare = {name: value for name, value in body.items() if name in REQUIRED.get(at.path, ())}
    reply = await world.client.call("PUT", f"{path}/{id}", json=bare)
    assert reply.status == 200, reply.raw
    after = (await world.client.get(f"{path}/{id}")).json
    for name in set(body) - set(bare) - KEPT.get(at.path, set()):
        value = after.get(name)
        assert value is None or value in DEFAULTS or value == bare.get("value"), (name, value)


def _as_field(value: Any) -> str:
    """As a form-encoded body spells it."""
    if isinstance(value, list):
        texts = all(isinstance(each, str) for each in value)
        return ",".join(value) if texts else json.dumps(value)
    return str(value)


@named(DELETED)
async def test_what_is_deleted_is_gone(world: World, at: Collection) -> None:
    path, id, _ = await fresh(world, at)
    reply = await world.client.delete(f"{path}/{id}")
    assert (reply.status, reply.raw) == (200, b"")
    refused(await world.client.get(f"{path}/{id}"), 404, "404")
    assert listed(world.client, await world.client.get(f"{path}?id={id}")) == []
    refused(await world.client.delete(f"{path}/{id}"), 404, "404")


async def test_members_are_removed_from_where_they_were_added(world: World) -> None:
    for above, below, name in (
        ("/contact_groups", "contacts", "contacts"),
        ("/messaging/channels", "sender_ids", "sender_ids"),
    ):
        group = await world.post(above, {"name": f"removal {below}"})
        path = f"{above}/{group}/{below}"
        members = await world.have("/contacts" if below == "contacts" else "/messaging/sender_ids")
        await world.post(path, {name: members})
        reply = await world.client.delete(f"{path}/{members[0]}")
        assert (reply.status, reply.raw) == (200, b"")
        rest = listed(world.client, await world.client.get(path))
        assert [row["id"] for row in rest] == members[1:]
        refused(await world.client.delete(f"{path}/{members[0]}"), 404, "404")
    reply = await world.client.call("DELETE", path, json={"sender_ids": members[1:]})
    assert (reply.status, reply.raw) == (200, b"")
    assert listed(world.client, await world.client.get(path)) == []


async def test_a_shared_sender_id_is_purchased(world: World) -> None:
    parent = world.offers[1]
    id = await world.post("/messaging/sender_ids/purchase", {"parent_id": parent})
    mine = (await world.client.get(f"/messaging/sender_ids/{id}")).json
    assert (mine["parent_id"], mine["ownership"]) == (parent, "PRIVATE")

"""/messaging/message_templates."""

from __future__ import annotations

from typing import Any

import pytest
from harness import UNKNOWN, Client, Site
from resources import Records

from clarion.engine.senders.model import Ownership

TEMPLATES = "/messaging/message_templates"
HELLO = {"name": "hello", "pattern": "Hello $contact.first_name"}
RECORDS = Records(TEMPLATES, HELLO, known_by="name")
make, read, listed = RECORDS.make, RECORDS.read, RECORDS.listed


async def test_a_template_is_made_and_read_back(client: Client) -> None:
    id = await make(client, designation="validator", version_number=7, id="x")
    shown = await RECORDS.read_new(client, id)
    assert shown == HELLO | {
        "id": id,
        "designation": "VALIDATOR",
        "ownership": "PRIVATE",
        "application_id": client.caller.application_id,
        "company_id": client.caller.company_id,
        "version_number": 1,
    }


async def test_the_reference_form_has_arrays_and_iso_dates(client: Client) -> None:
    await RECORDS.are_in_reference_form(client, await make(client))


@pytest.mark.parametrize(
    ("change", "code", "names"),
    [
        ({"name": None}, "400", "name"),
        ({"name": ""}, "400", "name"),
        ({"name": "x" * 256}, "1023", "name"),
        ({"pattern": None}, "400", "pattern"),
        ({"pattern": ""}, "400", "pattern"),
        ({"pattern": "x" * 10_001}, "1023", "pattern"),
        ({"pattern": "Hello ${name"}, "400", "line 1, column 13"),
        ({"pattern": "one\n#if($x)two"}, "400", "line 2, column 1: #if has no #end"),
        ({"pattern": "$x.format()"}, "400", "no method format()"),
        ({"pattern": "#evaluate($x)"}, "400", "#evaluate: there is no such directive"),
        ({"pattern": "#set($contact = 1)"}, "400", "cannot be set"),
        ({"pattern": "#if($x)a#end", "designation": "VALIDATOR"}, "400", "no directives"),
        ({"designation": "OTHER"}, "400", "designation"),
        ({"ownership": "OTHER"}, "400", "ownership"),
    ],
)
async def test_what_cannot_be_is_refused(
    client: Client, change: dict[str, Any], code: str, names: str
) -> None:
    await RECORDS.refuse(client, HELLO | change, code, names)


async def test_a_name_is_unique_among_those_that_are_there(site: Site, client: Client) -> None:
    id = await make(client)
    reply = await client.post(TEMPLATES, HELLO)
    assert (reply.status, reply.code) == (409, "1011")
    other = await make(client, name="other")
    reply = await client.post(f"{TEMPLATES}/{other}", {"name": "hello"})
    assert (reply.status, reply.code) == (409, "1011")
    assert (await client.delete(f"{TEMPLATES}/{id}")).status == 200
    await make(client)
    await make(await site.company())


async def test_filters_and_sorting(client: Client) -> None:
    first = await make(client, name="a", pattern="One, two")
    await make(client, name="b", pattern="Three", designation="VALIDATOR")
    app = client.caller.application_id
    cases = {
        f"id={first}": ["a"],
        "name=b": ["b"],
        "name=a,b&sort=name": ["a", "b"],
        "designation=validator": ["b"],
        "designation=TEMPLATE,VALIDATOR&sort=-name": ["b", "a"],
        "pattern=One, two": ["a"],
        "ownership=PRIVATE&sort=name": ["a", "b"],
        "ownership=PUBLIC": [],
        f"application_id={app}&sort=created_date": ["a", "b"],
        "created_date=[2020-01-01,2020-01-02]": [],
        "last_updated_date=[2020-01-01T00:00:00.000Z,]&sort=name": ["a", "b"],
        "version_number=1&sort=name&limit=1": ["a"],
    }
    for query, expected in cases.items():
        assert await listed(client, query) == expected, query
    reply = await client.get(f"{TEMPLATES}?designation=OTHER")
    assert (reply.status, reply.code) == (400, "400")


async def test_an_update_sets_what_it_names(client: Client) -> None:
    id = await make(client)
    reply = await client.post(f"{TEMPLATES}/{id}", {"pattern": "Bye $x", "version_number": 1})
    assert (reply.status, reply.json) == (200, {"id": id})
    shown = await read(client, id)
    assert (shown["name"], shown["pattern"], shown["version_number"]) == ("hello", "Bye $x", 2)
    stale = await client.post(f"{TEMPLATES}/{id}", {"name": "x", "version_number": 1})
    assert (stale.status, stale.code) == (409, "1001")
    assert (await client.post(f"{TEMPLATES}/{id}", shown)).status == 200
    for pattern in ("${x", "#if($x)", ""):
        reply = await client.post(f"{TEMPLATES}/{id}", {"pattern": pattern})
        assert (reply.status, reply.code) == (400, "400")
    assert (await read(client, id))["pattern"] == "Bye $x"


async def test_a_template_with_directives_cannot_become_a_validator(client: Client) -> None:
    id = await make(client, pattern="#if($x)a#end")
    reply = await client.post(f"{TEMPLATES}/{id}", {"designation": "VALIDATOR"})
    assert (reply.status, reply.code) == (400, "400")


async def test_a_replacement_sets_everything(client: Client) -> None:
    id = await make(client, designation="VALIDATOR")
    new = {"name": "new", "pattern": "New"}
    assert (await client.call("PUT", f"{TEMPLATES}/{id}", json=new)).status == 200
    shown = await read(client, id)
    assert (shown["name"], shown["pattern"], shown["designation"]) == ("new", "New", "TEMPLATE")
    reply = await client.call(
        "PUT", f"{TEMPLATES}/{id}", data=new | {"designation": "VALIDATOR", "pattern": "F, $x"}
    )
    assert reply.status == 200
    shown = await read(client, id)
    assert (shown["designation"], shown["pattern"]) == ("VALIDATOR", "F, $x")
    reply = await client.call("PUT", f"{TEMPLATES}/{id}", json={"name": "new"})
    assert (reply.status, reply.code) == (400, "400")


async def test_a_deleted_template_is_gone(client: Client) -> None:
    id = await make(client)
    await RECORDS.can_be_deleted(client, id)
    assert (await client.post(f"{TEMPLATES}/{id}", {"name": "x"})).status == 404
    assert (await client.get(f"{TEMPLATES}/{UNKNOWN}")).status == 404


# ---------------------------------------------------------------- the operator's


async def test_the_operators_public_templates_are_seen_by_all_and_changed_by_none(
    fresh_site: Site, operator: Client
) -> None:
    public = await make(operator, name="public", ownership="PUBLIC")
    private = await make(operator, name="private")
    other = await fresh_site.company()
    assert await listed(other) == ["public"]
    assert "application_id" not in await read(other, public)
    path = f"{TEMPLATES}/{public}"
    refused = [
        await other.post(path, {"pattern": "mine"}),
        await other.call("PUT", path, json=HELLO),
        await other.delete(path),
    ]
    assert {(reply.status, reply.code) for reply in refused} == {(403, "403")}
    assert (await other.delete(f"{TEMPLATES}/{private}")).status == 404
    assert (await operator.post(path, {"pattern": "new"})).status == 200


async def test_only_the_operator_has_public_templates(fresh_site: Site, operator: Client) -> None:
    other = await fresh_site.company()
    reply = await other.post(TEMPLATES, HELLO | {"ownership": "PUBLIC"})
    assert (reply.status, reply.code) == (403, "403")
    id = await make(other)
    reply = await other.post(f"{TEMPLATES}/{id}", {"ownership": "PUBLIC"})
    assert (reply.status, reply.code) == (403, "403")


@pytest.mark.parametrize("by", ["name", "id"])
async def test_a_validator_of_a_shared_sender_id_stays_as_it_is(
    fresh_site: Site, operator: Client, by: str
) -> None:
    offer = await fresh_site.sender(
        operator, ownership=Ownership.SHARED, type_id="SHORTCODE", address="55555"
    )
    other = await fresh_site.company()
    id = await make(other, designation="VALIDATOR")
    template = await make(other, name="free")
    named = [{"name": "hello", "id": id}[by], template]
    body = {"parent_id": offer, "message_templates": named}
    sender = (await other.post("/messaging/sender_ids", body)).json["id"]
    path = f"{TEMPLATES}/{id}"
    refused = [
        await other.post(path, {"pattern": "Anything $x"}),
        await other.post(path, {"designation": "TEMPLATE"}),
        await other.call("PUT", path, json=HELLO | {"pattern": "$x"}),
        await other.delete(path),
    ]
    assert {(reply.status, reply.code) for reply in refused} == {(403, "403")}
    assert (await other.post(path, await read(other, id))).status == 200
    assert (await other.post(f"{TEMPLATES}/{template}", {"pattern": "$y"})).status == 200
    await other.delete(f"/messaging/sender_ids/{sender}")
    assert (await other.delete(path)).status == 200

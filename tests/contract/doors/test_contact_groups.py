"""Contact groups and their members, as the SCG reference describes them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from harness import REFERENCE, UNKNOWN, Client, Site
from resources import Records, whole_list

from clarion.engine.contacts.groups.filling import GroupKeeper
from clarion.kit import ids

GROUPS = "/contact_groups"
FLORIDA = '{"primary_addr_state": "FL"}'
RECORDS = Records(GROUPS, {"name": "friends"})
make, read = RECORDS.make, RECORDS.read


async def contact(client: Client, **more: Any) -> str:
    reply = await client.post("/contacts", more)
    assert reply.status == 200, reply.raw
    return str(reply.json["id"])


async def add(client: Client, group: str, *contacts: str) -> Any:
    reply = await client.post(f"{GROUPS}/{group}/contacts", {"contacts": list(contacts)})
    assert reply.status == 200, reply.raw
    return reply.json


async def fill(site: Site) -> None:
    keeper = GroupKeeper(site.services.db, node_id=ids.new_id())
    while await keeper.step():
        pass


# ---------------------------------------------------------------- the group


async def test_a_group_is_made_and_read_back(client: Client) -> None:
    id = await make(
        client, external_id="g1", description="All of them", status="Ready", member_count=99
    )
    shown = await RECORDS.read_new(client, id)
    assert shown == {
        "id": id,
        "external_id": "g1",
        "name": "friends",
        "description": "All of them",
        "type": "STATIC",
        "status": "Ready",
        "member_count": 0,
        "application_id": client.caller.application_id,
        "company_id": client.caller.company_id,
        "version_number": 1,
    }
    other = (await client.in_form(REFERENCE).get(f"{GROUPS}/{id}")).json
    assert other["created_date"].endswith("Z")
    assert "company_id" not in other


@pytest.mark.parametrize(
    "criteria", [FLORIDA, json.loads(FLORIDA), ' { "primary_addr_state" : "FL" } ']
)
async def test_criteria_are_a_string_that_holds_json_or_the_object(
    client: Client, criteria: Any
) -> None:
    id = await make(client, type="dynamic", criteria=criteria)
    shown = (await read(client, id))["criteria"]
    assert json.loads(shown) == json.loads(FLORIDA)
    assert shown == criteria or isinstance(criteria, dict)


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"type": "DYNAMIC"}, "400", "criteria: a DYNAMIC group must have them."),
        ({"type": "DYNAMIC", "criteria": ""}, "400", "criteria: a DYNAMIC group must have them."),
        ({"type": "OTHER"}, "400", "type: it must be one of STATIC, DYNAMIC"),
        ({"criteria": "{"}, "1017", "criteria: line 1, column 2"),
        ({"type": "DYNAMIC", "criteria": {"shoe": 5}}, "1017", "criteria: at /shoe: "),
        ({"criteria": [1]}, "400", "criteria"),
        ({"name": "x" * 256}, "1023", "name"),
        ({"external_id": "x" * 256}, "1023", "external_id"),
        ({"name": 5}, "400", "name"),
    ],
)
async def test_a_group_that_cannot_be_made_is_refused(
    client: Client, body: dict[str, Any], code: str, words: str
) -> None:
    await RECORDS.refuse(client, body, code, words)


async def test_a_group_is_updated_in_parts_and_replaced_as_a_whole(client: Client) -> None:
    id = await make(client, external_id="g1", description="old", type="DYNAMIC", criteria="{}")
    reply = await client.post(f"{GROUPS}/{id}", {"name": "new", "version_number": 1})
    assert (reply.status, reply.json) == (200, {"id": id})
    shown = await read(client, id)
    assert (shown["name"], shown["external_id"], shown["version_number"]) == ("new", "g1", 2)
    form = {"name": "replaced", "criteria": FLORIDA, "type": "DYNAMIC"}
    reply = await client.call("PUT", f"{GROUPS}/{id}", data=form)
    assert reply.status == 200, reply.raw
    shown = await read(client, id)
    assert (shown["name"], shown["criteria"], shown["version_number"]) == ("replaced", FLORIDA, 3)
    assert not {"external_id", "description"} & set(shown)


async def test_what_was_read_can_be_sent_back(client: Client) -> None:
    for more in ({}, {"criteria": FLORIDA}, {"type": "DYNAMIC", "criteria": FLORIDA}):
        id = await make(client, **more)
        reply = await client.post(f"{GROUPS}/{id}", await read(client, id))
        assert reply.status == 200, reply.raw


async def test_writes_that_do_not_fit_are_conflicts(client: Client) -> None:
    id = await make(client, criteria=FLORIDA)
    for body, code in (
        ({"name": "x", "version_number": 5}, "1001"),
        ({"type": "DYNAMIC"}, "409"),
        ({"criteria": "{}"}, "409"),
    ):
        reply = await client.post(f"{GROUPS}/{id}", body)
        assert (reply.status, reply.code) == (409, code), body
    dynamic = await make(client, type="DYNAMIC", criteria=FLORIDA)
    reply = await client.post(f"{GROUPS}/{dynamic}", {"criteria": "{"})
    assert (reply.status, reply.code) == (400, "1017")


async def test_a_deleted_group_is_gone(client: Client) -> None:
    id = await make(client)
    reply = await client.delete(f"{GROUPS}/{id}")
    assert (reply.status, reply.raw) == (200, b"")
    for call in (
        client.get(f"{GROUPS}/{id}"),
        client.post(f"{GROUPS}/{id}", {"name": "x"}),
        client.call("PUT", f"{GROUPS}/{id}", json={"name": "x"}),
        client.delete(f"{GROUPS}/{id}"),
        client.get(f"{GROUPS}/{id}/contacts"),
        client.post(f"{GROUPS}/{id}/contacts", {"contacts": []}),
    ):
        assert (await call).status == 404
    assert await whole_list(client, GROUPS) == []


async def test_groups_are_filtered_and_sorted(client: Client) -> None:
    one = await make(client, name="a", external_id="x")
    two = await make(client, name="b, c", type="DYNAMIC", criteria="{}")
    three = await make(client, name="d", criteria=FLORIDA)
    for query, expected in {
        "": [three, two, one],
        f"id={one},{two}": [two, one],
        "external_id=x": [one],
        "name=a,d": [three, one],
        "name=b, c": [two],
        "type=static": [three, one],
        "type=DYNAMIC": [two],
        "status=Processing": [three],
        "status=READY": [two, one],
        f"application_id={client.caller.application_id}": [three, two, one],
        "application_id=1": [],
        "created_date=[2020-01-01,2020-01-02]": [],
        "last_updated_date=[2020-01-01,]": [three, two, one],
        "version_number=1": [three, two, one],
        "sort=name": [one, two, three],
        "sort=-created_date": [three, two, one],
        "unknown=1": [three, two, one],
    }.items():
        assert await whole_list(client, GROUPS, query) == expected, query
    assert (await client.get(f"{GROUPS}?type=OTHER")).status == 400
    assert (await client.get(f"{GROUPS}?status=Busy")).status == 400


# ---------------------------------------------------------------- members


async def test_contacts_are_added_listed_and_taken_out(client: Client) -> None:
    group = await make(client)
    ann, bob = await contact(client, first_name="Ann"), await contact(client, first_name="Bob")
    assert await add(client, group, ann, bob, ann) == {"id": group}
    members = f"{GROUPS}/{group}/contacts"
    assert await whole_list(client, members) == [bob, ann]
    assert (await read(client, group))["member_count"] == 2
    shown = (await client.get(f"{members}/{ann}")).json
    assert shown == (await client.get(f"/contacts/{ann}")).json
    reply = await client.delete(f"{members}/{ann}")
    assert (reply.status, reply.raw) == (200, b"")
    assert await whole_list(client, members) == [bob]
    assert (await read(client, group))["member_count"] == 1
    for call in (client.get(f"{members}/{ann}"), client.delete(f"{members}/{ann}")):
        assert (await call).status == 404


async def test_what_cannot_be_added_is_named_and_the_rest_is_added(
    site: Site, client: Client
) -> None:
    group, ann = await make(client), await contact(client)
    theirs = await contact(await site.company())
    reply = await add(client, group, ann, UNKNOWN, "nonsense", theirs)
    assert reply == {
        "errors": {each: f"Unknown document: {each}" for each in (UNKNOWN, "nonsense", theirs)}
    }
    assert await whole_list(client, f"{GROUPS}/{group}/contacts") == [ann]


async def test_contacts_may_be_given_as_one_text(client: Client) -> None:
    group = await make(client)
    ann, bob = await contact(client), await contact(client)
    reply = await client.post(f"{GROUPS}/{group}/contacts", {"contacts": f"{ann}, {bob}"})
    assert reply.json == {"id": group}
    assert len(await whole_list(client, f"{GROUPS}/{group}/contacts")) == 2


async def test_a_body_that_is_a_contact_makes_it_a_member(client: Client) -> None:
    group = await make(client)
    body = {"first_name": "Ann", "primary_mdn": "12125550100", "version_number": 7}
    reply = await client.post(f"{GROUPS}/{group}/contacts", body)
    assert reply.status == 200, reply.raw
    assert await whole_list(client, f"{GROUPS}/{group}/contacts") == [reply.json["id"]]
    again = await client.post(f"{GROUPS}/{group}/contacts", body)
    assert (again.status, again.code) == (409, "1011")
    dynamic = await make(client, type="DYNAMIC", criteria="{}")
    reply = await client.post(f"{GROUPS}/{dynamic}/contacts", {"first_name": "Bob"})
    assert reply.status == 409
    assert len(await whole_list(client, "/contacts")) == 1


async def test_additions_that_cannot_be_read_are_refused(client: Client) -> None:
    group = await make(client)
    for body in ({}, {"contacts": 5}, {"contacts": ["x"] * 10_001}, [UNKNOWN]):
        reply = await client.post(f"{GROUPS}/{group}/contacts", body)
        assert (reply.status, reply.code) == (400, "400"), body
    for id in (UNKNOWN, "nonsense"):
        reply = await client.post(f"{GROUPS}/{id}/contacts", {"contacts": []})
        assert reply.status == 404


async def test_members_of_a_dynamic_group_are_who_matches(client: Client) -> None:
    group = await make(client, type="DYNAMIC", criteria=FLORIDA)
    ann = await contact(client, first_name="Ann", primary_addr_state="FL")
    bob = await contact(client, first_name="Bob", primary_addr_state="GA")
    members = f"{GROUPS}/{group}/contacts"
    assert await whole_list(client, members) == [ann]
    assert (await read(client, group))["member_count"] == 1
    assert (await client.get(f"{members}/{ann}")).status == 200
    assert (await client.get(f"{members}/{bob}")).status == 404
    await client.post(f"/contacts/{bob}", {"primary_addr_state": "FL"})
    assert await whole_list(client, members, "first_name=Bob") == [bob]
    assert (await read(client, group))["member_count"] == 2
    for call in (
        client.post(f"{members}", {"contacts": [ann]}),
        client.delete(f"{members}/{ann}"),
    ):
        reply = await call
        assert (reply.status, reply.code) == (409, "409")
        assert "DYNAMIC" in reply.json["error_description"]


async def test_members_page_and_filter_like_any_list_of_contacts(client: Client) -> None:
    static, dynamic = await make(client), await make(client, type="DYNAMIC", criteria=FLORIDA)
    made = await asyncio.gather(
        *(
            contact(client, first_name=f"n{n % 2}", primary_addr_state="FL", external_id=f"x{n}")
            for n in range(6)
        )
    )
    await add(client, static, *made)
    await contact(client, first_name="n0")
    for group in (static, dynamic):
        path = f"{GROUPS}/{group}/contacts"
        assert len(await whole_list(client, path, "first_name=n0")) == 3
        page = (await client.get(f"{path}?limit=2&offset=2&sort=external_id")).json
        assert [each["external_id"] for each in page["list"]] == ["x2", "x3"]
        assert page["total"] == 6
        reply = await client.in_form(REFERENCE).get(f"{path}?limit=2")
        assert (len(reply.json), reply.headers["X-Total-Count"]) == (2, "6")


async def test_a_static_group_is_filled_by_its_criteria(site: Site, client: Client) -> None:
    ann = await contact(client, primary_addr_state="FL")
    await contact(client, primary_addr_state="GA")
    group = await make(client, criteria=FLORIDA)
    assert (await read(client, group))["status"] == "Processing"
    reply = await client.delete(f"{GROUPS}/{group}/contacts/{ann}")
    assert (reply.status, reply.code) == (409, "409")
    await fill(site)
    shown = await read(client, group)
    assert (shown["status"], shown["member_count"]) == ("Ready", 1)
    assert await whole_list(client, f"{GROUPS}/{group}/contacts") == [ann]


async def test_a_deleted_contact_is_in_no_group(client: Client) -> None:
    group, ann = await make(client), await contact(client)
    await add(client, group, ann)
    await client.delete(f"/contacts/{ann}")
    assert await whole_list(client, f"{GROUPS}/{group}/contacts") == []
    assert (await read(client, group))["member_count"] == 0
    assert "errors" in await add(client, group, ann)


async def test_criteria_that_name_what_is_gone_are_said_to(client: Client) -> None:
    rule = {"target_attribute": "fast_access_1", "target_attribute_name": "Color"}
    reply = await client.post("/contacts/fast_access", rule)
    group = await make(client, type="DYNAMIC", criteria='{"fast_access.Color": "red"}')
    assert (await read(client, group))["member_count"] == 0
    await client.delete(f"/contacts/fast_access/{reply.json['id']}")
    assert "member_count" not in await read(client, group)
    reply = await client.get(f"{GROUPS}/{group}/contacts")
    assert (reply.status, reply.code) == (400, "1017")

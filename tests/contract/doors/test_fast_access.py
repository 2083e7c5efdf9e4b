"""Fast access rules: names and derived values of contacts, and runs through those that exist."""

from __future__ import annotations

from typing import Any

import pytest
from harness import REFERENCE, UNKNOWN, Client, Site
from test_contacts import CONTACTS, listed, make, read
from tests.waiting import eventually

from clarion.engine.contacts.recompute import Recomputer
from clarion.kit import ids

RULES = "/contacts/fast_access"
JOBS = "/contacts/fast_access_jobs"
COLOR = {
    "target_attribute": "fast_access_1",
    "target_attribute_name": "Color",
    "value_derivation_script": "$..extended_attributes.Favorite_Color",
    "user_data": "of the sofa",
}
RED = '{"Favorite_Color": "red"}'


async def rule(client: Client, **more: Any) -> str:
    reply = await client.post(RULES, more)
    assert reply.status == 200, reply.raw
    return str(reply.json["id"])


async def run_jobs(site: Site, client: Client) -> dict[str, Any]:
    """The company's last run, once it is over."""
    worker = Recomputer(site.services.db, node_id=ids.new_id(), slice=2)

    async def last() -> dict[str, Any] | None:
        await worker.step()
        jobs = (await client.get(f"{JOBS}?limit=1")).json["list"]
        return jobs[0] if jobs and jobs[0]["state"] == "COMPLETED" else None

    found = await eventually(last)
    assert found is not None
    return found


# ---------------------------------------------------------------- rules


async def test_a_rule_is_made_and_read_back(client: Client) -> None:
    id = await rule(client, **COLOR)
    shown = (await client.get(f"{RULES}/{id}")).json
    created = shown.pop("created_date")
    assert shown.pop("last_updated_date") == created
    assert shown == COLOR | {
        "id": id,
        "application_id": client.caller.application_id,
        "company_id": client.caller.company_id,
        "version_number": 1,
    }
    reference = (await client.in_form(REFERENCE).get(f"{RULES}/{id}")).json
    assert set(reference) == {*COLOR, "id", "application_id", "created_date",
                              "last_updated_date", "version_number"}  # fmt: skip


async def test_a_rule_is_changed_and_deleted(client: Client) -> None:
    id = await rule(client, **COLOR)
    body = {"target_attribute_name": "Colour", "value_derivation_script": "", "user_data": None,
            "version_number": 1}  # fmt: skip
    assert (await client.post(f"{RULES}/{id}", body)).json == {"id": id}
    shown = (await client.get(f"{RULES}/{id}")).json
    assert (shown["target_attribute_name"], shown["version_number"]) == ("Colour", 2)
    assert not {"value_derivation_script", "user_data"} & set(shown)
    stale = await client.post(f"{RULES}/{id}", body)
    assert (stale.status, stale.code) == (409, "1001")
    assert (await client.delete(f"{RULES}/{id}")).status == 200
    for reply in (await client.get(f"{RULES}/{id}"), await client.delete(f"{RULES}/{id}")):
        assert (reply.status, reply.code) == (404, "404")
    assert (await client.post(f"{RULES}/{UNKNOWN}", {})).status == 404


@pytest.mark.parametrize(
    ("more", "field", "code"),
    [
        ({"target_attribute": None}, "target_attribute", "400"),
        ({"target_attribute": "fast_access_21"}, "target_attribute", "400"),
        ({"target_attribute": "fast_access_0"}, "target_attribute", "400"),
        ({"target_attribute": "first_name"}, "target_attribute", "400"),
        ({"target_attribute_name": "a,b"}, "target_attribute_name", "400"),
        ({"target_attribute_name": "fast_access_2"}, "target_attribute_name", "400"),
        ({"target_attribute_name": "x" * 101}, "target_attribute_name", "1023"),
        ({"value_derivation_script": "Favorite_Color"}, "value_derivation_script", "400"),
        ({"value_derivation_script": "$["}, "value_derivation_script", "400"),
        ({"value_derivation_script": "$[?match(@.a, '(a+)+$')]"}, "value_derivation_script", "400"),
        ({"value_derivation_script": "$" + ".a" * 300}, "value_derivation_script", "1023"),
        ({"user_data": "x" * 4001}, "user_data", "1023"),
    ],
)
async def test_what_cannot_be_a_rule_is_refused(
    client: Client, more: dict[str, Any], field: str, code: str
) -> None:
    reply = await client.post(RULES, COLOR | more)
    assert (reply.status, reply.code) == (400, code), reply.raw
    assert field in reply.json["error_description"]


async def test_an_attribute_and_a_name_have_one_rule(client: Client) -> None:
    await rule(client, **COLOR)
    other = await rule(client, target_attribute="fast_access_2")
    for more in (
        {"target_attribute_name": "Other"},
        {"target_attribute": "fast_access_3"},
    ):
        reply = await client.post(RULES, COLOR | more)
        assert (reply.status, reply.code) == (409, "1011")
    reply = await client.post(f"{RULES}/{other}", {"target_attribute_name": "Color"})
    assert (reply.status, reply.code) == (409, "1011")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 2),
        ("id={id}", 1),
        ("target_attribute=fast_access_1", 1),
        ("target_attribute=fast_access_1,fast_access_2", 2),
        ("target_attribute_name=Color", 1),
        ("application_id={application}", 2),
        ("created_date=[2020-01-01,2020-01-02]", 0),
        ("last_updated_date=[2020-01-01T00:00:00.000Z,]", 2),
    ],
)
async def test_rules_are_listed_and_filtered(client: Client, query: str, found: int) -> None:
    id = await rule(client, **COLOR)
    await rule(client, target_attribute="fast_access_2")
    query = query.format(id=id, application=client.caller.application_id)
    reply = await client.get(f"{RULES}?{query}")
    assert (len(reply.json["list"]), reply.json["total"]) == (found, found)


# ---------------------------------------------------------------- contacts


async def test_a_derived_attribute_follows_every_write(client: Client) -> None:
    await rule(client, **COLOR)
    id = await make(client, extended_attributes=RED, fast_access={"Color": "blue"})
    assert (await read(client, id))["fast_access"] == {"Color": "red"}
    await client.post(f"{CONTACTS}/{id}", {"extended_attributes": '{"Favorite_Color": 7}'})
    assert (await read(client, id))["fast_access"] == {"Color": "7"}
    await client.post(f"{CONTACTS}/{id}", {"first_name": "Ada", "fast_access_1": "blue"})
    assert (await read(client, id))["fast_access"] == {"Color": "7"}
    await client.call("PUT", f"{CONTACTS}/{id}", json={"first_name": "Ada"})
    assert "fast_access" not in await read(client, id)


async def test_a_name_that_no_rule_has_is_refused_and_nothing_is_written(client: Client) -> None:
    await rule(client, target_attribute="fast_access_2", target_attribute_name="Shoe size")
    id = await make(client, fast_access={"Shoe size": 42})
    for method, path in (
        ("POST", CONTACTS),
        ("POST", f"{CONTACTS}/{id}"),
        ("PUT", f"{CONTACTS}/{id}"),
    ):
        for value in ("x", None):
            body = {"first_name": "Ada", "fast_access": {"Shoe size": 43, "shoe size": value}}
            reply = await client.call(method, path, json=body)
            assert (reply.status, reply.code) == (400, "400")
            assert "fast_access: there is no" in reply.json["error_description"]
            assert "'shoe size'" in reply.json["error_description"]
    shown = await read(client, id)
    assert shown["fast_access"] == {"Shoe size": "42"}
    assert "first_name" not in shown


async def test_an_attribute_without_a_script_is_written_by_its_name_or_as_it_is(
    client: Client,
) -> None:
    await rule(client, target_attribute="fast_access_2", target_attribute_name="Shoe size")
    await rule(client, target_attribute="fast_access_3")
    id = await make(client, fast_access={"Shoe size": 42}, fast_access_3="a", fast_access_4="b")
    shown = await read(client, id)
    assert shown["fast_access"] == {"Shoe size": "42"}
    assert (shown["fast_access_3"], shown["fast_access_4"]) == ("a", "b")
    assert "fast_access_2" not in shown
    body = {"fast_access": '{"Shoe size": null}', "fast_access_3": None}
    assert (await client.post(f"{CONTACTS}/{id}", body)).status == 200
    shown = await read(client, id)
    assert "fast_access" not in shown
    assert "fast_access_3" not in shown
    assert shown["fast_access_4"] == "b"


async def test_contacts_are_filtered_and_sorted_by_name_and_by_column(client: Client) -> None:
    await rule(client, **COLOR)
    red = await make(client, extended_attributes=RED, fast_access_2="b")
    blue = await make(client, extended_attributes='{"Favorite_Color": "blue"}', fast_access_2="a")
    none = await make(client)
    assert await listed(client, "fast_access.Color=red") == [red]
    assert await listed(client, "fast_access.Color=red,blue") == [blue, red]
    assert await listed(client, "fast_access_1=blue") == [blue]
    assert await listed(client, "fast_access_2=b&fast_access.Color=red") == [red]
    assert await listed(client, "fast_access.Color=green") == []
    assert await listed(client, "sort=fast_access.Color") == [blue, red, none]
    assert await listed(client, "sort=-fast_access.Color,first_name") == [red, blue, none]
    assert await listed(client, "sort=fast_access_2") == [blue, red, none]


async def test_a_name_is_its_companys_own(client: Client, site: Site) -> None:
    await rule(client, **COLOR)
    stranger = await site.company()
    reply = await stranger.get(f"{CONTACTS}?fast_access.Color=red")
    assert (reply.status, reply.code) == (400, "400")
    id = await make(stranger, extended_attributes=RED)
    assert "fast_access" not in await read(stranger, id)


# ---------------------------------------------------------------- runs


async def test_contacts_that_are_there_follow_a_new_rule(client: Client, site: Site) -> None:
    made = [await make(client, extended_attributes=RED) for _ in range(3)] + [await make(client)]
    gone = await make(client, extended_attributes=RED)
    await client.delete(f"{CONTACTS}/{gone}")
    await rule(client, **COLOR)
    job = await run_jobs(site, client)
    assert (job["total_count"], job["processed_count"], job["changed_count"]) == (4, 4, 3)
    assert await listed(client, "fast_access.Color=red") == made[2::-1]
    shown = await read(client, made[0])
    assert (shown["fast_access"], shown["version_number"]) == ({"Color": "red"}, 1)


async def test_contacts_follow_a_script_that_changes(client: Client, site: Site) -> None:
    id = await rule(client, **COLOR)
    contact = await make(client, extended_attributes='{"Favorite_Color": "red", "eyes": "green"}')
    body = {"value_derivation_script": "$.extended_attributes.eyes"}
    assert (await client.post(f"{RULES}/{id}", body)).status == 200
    await run_jobs(site, client)
    assert (await read(client, contact))["fast_access"] == {"Color": "green"}
    await client.post(f"{RULES}/{id}", {"value_derivation_script": None})
    await run_jobs(site, client)
    await client.post(f"{CONTACTS}/{contact}", {"fast_access": {"Color": "brown"}})
    assert (await read(client, contact))["fast_access"] == {"Color": "brown"}


async def test_a_rule_that_moves_or_goes_takes_what_it_derived_along(
    client: Client, site: Site
) -> None:
    id = await rule(client, **COLOR)
    contact = await make(client, extended_attributes=RED, fast_access_7="mine")
    await client.post(f"{RULES}/{id}", {"target_attribute": "fast_access_5"})
    await run_jobs(site, client)
    shown = await read(client, contact)
    assert shown["fast_access"] == {"Color": "red"}
    assert "fast_access_1" not in shown
    await client.delete(f"{RULES}/{id}")
    await run_jobs(site, client)
    shown = await read(client, contact)
    assert not {"fast_access", "fast_access_1", "fast_access_5"} & set(shown)
    assert shown["fast_access_7"] == "mine"


async def test_what_clients_wrote_stays_when_its_rule_goes(client: Client, site: Site) -> None:
    id = await rule(client, target_attribute="fast_access_2", target_attribute_name="Size")
    contact = await make(client, fast_access={"Size": "42"})
    await client.delete(f"{RULES}/{id}")
    assert (await client.get(JOBS)).json["total"] == 0
    assert (await read(client, contact))["fast_access_2"] == "42"


async def test_a_run_is_asked_for_listed_and_read(client: Client, site: Site) -> None:
    await make(client)
    first = (await client.post(JOBS)).json["id"]
    second = (await client.post(JOBS, {})).json["id"]
    job = await run_jobs(site, client)
    created = job.pop("created_date")
    assert job.pop("last_updated_date") >= created
    assert job.pop("version_number") >= 2
    assert job == {
        "id": second,
        "state": "COMPLETED",
        "total_count": 1,
        "processed_count": 1,
        "changed_count": 0,
        "application_id": client.caller.application_id,
        "company_id": client.caller.company_id,
    }
    assert (await client.get(f"{JOBS}/{first}")).json["state"] == "REPLACED"
    reply = await client.get(f"{JOBS}?state=REPLACED&sort=created_date")
    assert [each["id"] for each in reply.json["list"]] == [first]
    assert (await client.get(f"{JOBS}/{UNKNOWN}")).status == 404

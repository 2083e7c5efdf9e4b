"""Sender ids, their classes and types, as the SCG reference describes them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from harness import REFERENCE, UNKNOWN, Client, Site, SiteMaker
from resources import Records
from tests.waiting import PATIENCE

from clarion.engine.senders.model import Ownership, SenderState
from clarion.engine.senders.service import provision
from clarion.kit import ids

SENDERS = "/messaging/sender_ids"
TYPES = "/messaging/sender_id_types"
CLASSES = "/messaging/sender_id_classes"

LONG = {"class_id": "COMMERCIAL", "type_id": "LONGCODE", "address": "+15550001111"}
RECORDS = Records(SENDERS, LONG)
make, read, listed = RECORDS.make, RECORDS.read, RECORDS.listed


# ---------------------------------------------------------------- classes and types


async def test_the_catalogue_ships_with_classes_and_types(client: Client) -> None:
    classes = (await client.get(CLASSES)).json["list"]
    assert {"COMMERCIAL", "NOTIFICATIONS", "ALERTS"} == {each["id"] for each in classes}
    assert all(each["country_peak_throughput"] > 0 for each in classes)
    types = {each["id"]: each for each in (await client.get(TYPES)).json["list"]}
    assert set(types) >= {
        *("SHORTCODE", "LONGCODE", "TOLLFREE", "ALPHANUMERIC", "EMAIL", "PUSH", "VOICE"),
        *("FACEBOOK", "WECHAT"),
    }
    assert types["PUSH"]["capabilities"] == ["PSH"]
    assert "credential_parameter_list" not in types["LONGCODE"]


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        (CLASSES, "id=ALERTS", {"ALERTS"}),
        (CLASSES, "name=Alerts,Commercial", {"ALERTS", "COMMERCIAL"}),
        (CLASSES, "designation=COMMERCIAL", {"COMMERCIAL"}),
        (CLASSES, "applicable_countries=DE", set()),
        (CLASSES, "applicable_countries=OTHER,DE", {"ALERTS", "COMMERCIAL", "NOTIFICATIONS"}),
        (CLASSES, "country_peak_throughput=5000", {"ALERTS"}),
        (CLASSES, "country_daily_throughput=50000000.0", {"ALERTS"}),
        (CLASSES, "created_date=[2020-01-01,2020-02-01]", set()),
        (CLASSES, "last_updated_date=[2020-01-01T00:00:00.000Z,]&id=ALERTS", {"ALERTS"}),
        (TYPES, "capabilities=PSH,WECHAT", {"PUSH", "WECHAT"}),
        (TYPES, "blocked_mime_types=application/x-sh", {"EMAIL"}),
        (TYPES, "allowed_mime_types=text/plain", set()),
        (TYPES, "credential_parameter_list=GCM:certificate", {"PUSH"}),
        (TYPES, "version_number=1&name=E-mail", {"EMAIL"}),
    ],
)
async def test_catalogue_filters(client: Client, path: str, query: str, expected: set[str]) -> None:
    reply = await client.get(f"{path}?{query}")
    assert reply.status == 200
    assert {each["id"] for each in reply.json["list"]} == expected
    assert reply.json["total"] == len(expected)


async def test_one_class_and_one_type_are_read_by_their_names(client: Client) -> None:
    one = (await client.get(f"{CLASSES}/ALERTS")).json
    assert one["designation"] == "ALERTS"
    assert isinstance(one["created_date"], int)
    assert (await client.get(f"{TYPES}/EMAIL")).json["capabilities"] == ["EMAIL"]
    assert (await client.get(f"{CLASSES}/NONE")).status == 404
    assert (await client.get(f"{TYPES}/NONE")).status == 404


@pytest.mark.parametrize("path", [CLASSES, TYPES, f"{CLASSES}/ALERTS", f"{TYPES}/EMAIL"])
async def test_the_catalogue_cannot_be_changed(client: Client, path: str) -> None:
    for method in ("POST", "PUT", "DELETE"):
        reply = await client.call(method, path, json={})
        assert (reply.status, reply.code, reply.headers["Allow"]) == (405, "405", "GET")


# ---------------------------------------------------------------- create and read


async def test_a_sender_id_is_made_and_read_back(client: Client) -> None:
    id = await make(
        client,
        name="Support",
        two_way_required="YES",
        dr_required="",
        message_templates=["t1", "t2"],
        check_whitelist=True,
        billing={"company_name": "Example"},
        capabilities="SMS",
        country="DE",
        operators=["26201"],
        application_id=7,
    )
    shown = await RECORDS.read_new(client, id)
    assert shown == {
        "id": id,
        "name": "Support",
        "ownership": "PRIVATE",
        "class_id": "COMMERCIAL",
        "type_id": "LONGCODE",
        "state": "IMPLEMENTED",
        "address": "15550001111",
        "message_templates": ["t1", "t2"],
        "two_way_required": "YES",
        "consent_managed_by": "USER",
        "capabilities": ["SMS"],
        "check_white_list": True,
        "billing": {"company_name": "Example"},
        "application_id": client.caller.application_id,
        "company_id": client.caller.company_id,
        "version_number": 1,
    }


async def test_the_reference_form_has_its_own_dates_and_no_company(client: Client) -> None:
    id = await make(client)
    shown = await read(client.in_form(REFERENCE), id)
    assert shown["created_date"].endswith("Z")
    assert "company_id" not in shown


async def test_with_automatic_provisioning_the_first_state_can_be_active(client: Client) -> None:
    assert (await read(client, await make(client)))["state"] == "IMPLEMENTED"
    id = await make(client, state="ATIVE", address="15550001112")
    assert (await read(client, id))["state"] == "ACTIVE"


async def test_without_it_a_sender_id_waits_for_the_operator(make_site: SiteMaker) -> None:
    site = await make_site(senders={"auto_provision": False})
    client = await site.company()
    id = await make(client, state="ACTIVE")
    assert (await read(client, id))["state"] == "PENDING_IMPLEMENTATION"
    reply = await client.post(f"{SENDERS}/{id}", {"state": "ACTIVE"})
    assert (reply.status, reply.code) == (409, "409")
    found = ids.parse(id)
    assert found is not None
    await provision(
        site.services.db, client.caller.company_id, found, connector="sandbox", country="DE"
    )
    assert (await client.post(f"{SENDERS}/{id}", {"state": "ACTIVE"})).status == 200
    shown = await read(client, id)
    assert (shown["state"], shown["country"]) == ("ACTIVE", "DE")


@pytest.mark.parametrize(
    ("type_id", "good", "bad"),
    [
        ("SHORTCODE", ["12345", "+12345"], ["12", "123456789", "abc", ""]),
        ("LONGCODE", ["+4915112345678", "15550002222"], ["0155500", "+49 151", "12345", "x"]),
        ("TOLLFREE", ["18005550100"], ["800"]),
        ("ALPHANUMERIC", ["Clarion", "A 1"], ["12345", "TwelveLetter", "Ünicode"]),
        ("EMAIL", ["a@example.com"], ["a@", "a b@example.com", "example.com"]),
        ("PUSH", ["my.app"], ["my app", "a@b"]),
        ("WECHAT", ["gh_123"], ["a;b"]),
    ],
)
async def test_an_address_must_correspond_to_its_type(
    client: Client, type_id: str, good: list[str], bad: list[str]
) -> None:
    for number, address in enumerate(good):
        more = {"type_id": type_id, "address": address}
        assert (await client.post(SENDERS, LONG | more)).status == (200 if number < 9 else 0)
        for id in await listed(client):
            await client.delete(f"{SENDERS}/{id}")
    for address in bad:
        reply = await client.post(SENDERS, LONG | {"type_id": type_id, "address": address})
        assert (reply.status, reply.code) == (400, "400"), address
        assert "address" in reply.json["error_description"]


@pytest.mark.parametrize(
    ("more", "status", "code", "names"),
    [
        ({"address": None}, 400, "400", "address"),
        ({"class_id": None}, 400, "400", "class_id"),
        ({"type_id": ""}, 400, "400", "type_id"),
        ({"type_id": "CARRIER PIGEON"}, 400, "400", "type_id"),
        ({"class_id": "NONE"}, 400, "400", "class_id"),
        ({"capabilities": ["EMAIL"]}, 400, "400", "capabilities"),
        ({"name": "n" * 256}, 400, "1023", "name"),
        ({"address": "1" * 256}, 400, "1023", "address"),
        ({"two_way_required": "PERHAPS"}, 400, "400", "two_way_required"),
        ({"consent_managed_by": "NOBODY"}, 400, "400", "consent_managed_by"),
        ({"state": "ASLEEP"}, 400, "400", "state"),
        ({"ownership": "PURCHASED"}, 400, "400", "ownership"),
        ({"ownership": "shared", "type_id": "EMAIL", "address": "a@b.example"}, 400, "400", "own"),
        ({"message_templates": [1]}, 400, "400", "message_templates"),
        ({"check_white_list": "maybe"}, 400, "400", "check_white_list"),
        ({"credentials": "no json"}, 400, "400", "credentials"),
        ({"credentials": "[1]"}, 400, "400", "credentials"),
        ({"parent_id": UNKNOWN}, 400, "400", "parent_id"),
        ({"parent_id": "x"}, 400, "400", "parent_id"),
        ({"name": "a\u0000b"}, 400, "400", "U+0000"),
    ],
)
async def test_what_cannot_be_made_says_why(
    client: Client, more: dict[str, Any], status: int, code: str, names: str
) -> None:
    reply = await client.post(SENDERS, LONG | more)
    assert (reply.status, reply.code) == (status, code)
    assert names in reply.json["error_description"]


async def test_an_address_is_had_once_in_a_company(site: Site, client: Client) -> None:
    id = await make(client)
    reply = await client.post(SENDERS, LONG | {"address": "15550001111"})
    assert (reply.status, reply.code) == (409, "1011")
    await make(await site.company())
    await make(client, type_id="VOICE")
    await client.delete(f"{SENDERS}/{id}")
    await make(client)


async def test_credentials_are_checked_masked_and_encrypted(site: Site, client: Client) -> None:
    wechat = {"type_id": "WECHAT", "address": "gh_1"}
    reply = await client.post(SENDERS, LONG | wechat | {"credentials": '{"app_id": "7"}'})
    assert (reply.status, reply.code) == (400, "400")
    assert reply.json["error_description"] == "credentials: app_secret is missing."
    secret = '{"app_secret": "s3cr3t-w0rd", "app_id": "7", "token": "tok"}'
    id = await make(client, **wechat, credentials=secret)
    shown = await read(client, id)
    assert shown["credentials"] == '{"app_secret":"***","app_id":"***","token":"***"}'
    mine = "select * from sender_id where company_id = $1"
    row = await site.services.db.fetchrow(mine, client.caller.company_id)
    assert row is not None
    assert b"s3cr3t" not in row["credentials"]
    back = shown["credentials"].replace('"app_id":"***"', '"app_id":"8"')
    assert (await client.post(f"{SENDERS}/{id}", {"credentials": back})).status == 200
    row = await site.services.db.fetchrow(mine, client.caller.company_id)
    assert row is not None
    owner = f"sender_id:{client.caller.company_id}:{id}"
    opened = site.services.vault.open(row["credentials"], owner=owner)
    assert opened == '{"app_secret":"s3cr3t-w0rd","app_id":"8","token":"tok"}'


# ---------------------------------------------------------------- lists


async def test_sender_ids_are_filtered_by_every_attribute_of_the_reference(
    client: Client,
) -> None:
    first = await make(
        client, name="A, B", two_way_required="YES", state="ACTIVE", check_white_list=True
    )
    second = await make(client, address="12345", type_id="SHORTCODE", class_id="ALERTS")
    cases: dict[str, list[str]] = {
        "": [second, first],
        f"id={first}": [first],
        f"id={first},{second}": [second, first],
        f"id={UNKNOWN}": [],
        "id=nonsense": [],
        f"parent_id={UNKNOWN}": [],
        "name=A%2C%20B": [first],
        "ownership=PRIVATE": [second, first],
        "ownership=shared": [],
        "class_id=ALERTS": [second],
        "type_id=LONGCODE,SHORTCODE": [second, first],
        "state=ACTIVE": [first],
        "state=active,IMPLEMENTED": [second, first],
        "country=DE": [],
        "operators=26201": [],
        "two_way_required=YES": [first],
        "two_way_required=NO": [second],
        "keep_sender_address=YES": [],
        "dr_required=YES": [],
        "consent_managed_by=USER": [second, first],
        "capabilities=VOICE": [first],
        "check_white_list=true": [first],
        "check_whitelist=true": [first],
        f"application_id={client.caller.application_id}": [second, first],
        "application_id=1": [],
        "created_date=[2020-01-01,]": [second, first],
        "created_date=[,2020-01-01]": [],
        "last_updated_date=[2020-01-01T00:00:00Z,2099-01-01T00:00:00Z]": [second, first],
        "address=+15550001111": [first],
        "address=%2B15550001111": [first],
        "sort=address": [second, first],
        "sort=-address": [first, second],
        "sort=class_id,-created_date": [second, first],
        "unknown=7": [second, first],
        "limit=1": [second],
        "limit=1&offset=1": [first],
        "offset=10": [],
    }
    for query, expected in cases.items():
        assert await listed(client, query) == expected, query


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("state=ASLEEP", "state"),
        ("application_id=x", "application_id"),
        ("check_white_list=perhaps", "check_white_list"),
        ("created_date=[x,y]", "created_date"),
        ("created_date=soon", "created_date"),
        ("sort=credentials", "sort"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("offset=99999999999999999999", "offset"),
        ("name=a%00b", "U+0000"),
        ("name=%ff", "query"),
    ],
)
async def test_a_filter_that_cannot_be_read_is_400(client: Client, query: str, names: str) -> None:
    reply = await client.get(f"{SENDERS}?{query}")
    assert (reply.status, reply.code) == (400, "400")
    assert names in reply.json["error_description"]


async def test_lists_come_in_an_envelope_or_as_an_array_with_headers(client: Client) -> None:
    made = [await make(client, address=f"1555000200{n}") for n in range(5)]
    reply = await client.get(f"{SENDERS}?limit=2&offset=2&sort=created_date")
    assert (reply.json["total"], reply.json["offset"], reply.json["limit"]) == (5, 2, 2)
    assert [each["id"] for each in reply.json["list"]] == made[2:4]
    assert (await client.get(f"{SENDERS}?limit=5000")).json["limit"] == 1000
    assert (await client.get(SENDERS)).json["limit"] == 100
    reply = await client.in_form(REFERENCE).get(f"{SENDERS}?limit=2&offset=2&state=IMPLEMENTED")
    assert isinstance(reply.json, list)
    assert reply.headers["X-Total-Count"] == "5"
    base = f"{client.base}{REFERENCE}{SENDERS}?state=IMPLEMENTED"
    assert set(_links(reply.headers["Link"])) == {
        (f"{base}&offset=0&limit=2", "first"),
        (f"{base}&offset=0&limit=2", "prev"),
        (f"{base}&offset=4&limit=2", "next"),
        (f"{base}&offset=4&limit=2", "last"),
    }


def _links(header: str) -> list[tuple[str, str]]:
    parts = (part.split("; ") for part in header.split(", "))
    return [(url.strip("<>"), rel.removeprefix('rel="').rstrip('"')) for url, rel in parts]


# ---------------------------------------------------------------- changes


async def test_an_update_sets_what_it_names_and_counts_the_version(client: Client) -> None:
    id = await make(client, name="Before")
    reply = await client.post(f"{SENDERS}/{id}", {"name": "After", "version_number": 1})
    assert (reply.status, reply.json) == (200, {"id": id})
    shown = await read(client, id)
    assert (shown["name"], shown["version_number"], shown["class_id"]) == ("After", 2, "COMMERCIAL")
    reply = await client.post(f"{SENDERS}/{id}", {"name": "Late", "version_number": "1"})
    assert (reply.status, reply.code) == (409, "1001")
    assert (await client.post(f"{SENDERS}/{id}", {"name": None})).status == 200
    assert "name" not in await read(client, id)


async def test_clients_can_send_back_all_that_they_have_read(client: Client) -> None:
    id = await make(client, name="Before", two_way_required="YES", state="ACTIVE")
    everything = await read(client, id)
    reply = await client.post(f"{SENDERS}/{id}", everything | {"name": "After", "nonsense": [1]})
    assert reply.status == 200
    after = await read(client, id)
    ignored = ("version_number", "last_updated_date", "name")
    assert {k: v for k, v in after.items() if k not in ignored} == {
        k: v for k, v in everything.items() if k not in ignored
    }


MOVES = [
    ("IMPLEMENTED", "ACTIVE", 200),
    ("IMPLEMENTED", "INACTIVE", 200),
    ("IMPLEMENTED", "PENDING_DELETE", 200),
    ("IMPLEMENTED", "PENDING_IMPLEMENTATION", 409),
    ("IMPLEMENTED", "BROKEN", 409),
    ("ACTIVE", "INACTIVE", 200),
    ("ACTIVE", "ACTIVE", 200),
    ("ACTIVE", "IMPLEMENTED", 409),
    ("INACTIVE", "ACTIVE", 200),
    ("BROKEN", "ACTIVE", 409),
    ("PENDING_DELETE", "ACTIVE", 409),
]


@pytest.mark.parametrize(("now", "then", "status"), MOVES)
async def test_moves_of_the_state(
    site: Site, client: Client, now: str, then: str, status: int
) -> None:
    id = await make(client)
    await site.services.db.execute(
        "update sender_id set state = $1 where company_id = $2", now, client.caller.company_id
    )
    reply = await client.post(f"{SENDERS}/{id}", {"state": then})
    assert reply.status == status
    assert (await read(client, id))["state"] == (then if status == 200 else now)


async def test_what_a_carrier_has_set_up_cannot_be_changed(client: Client) -> None:
    id = await make(client)
    for change in ({"address": "15559998888"}, {"type_id": "TOLLFREE"}):
        assert (await client.post(f"{SENDERS}/{id}", change)).status == 409
    assert (await client.post(f"{SENDERS}/{id}", {"class_id": "ALERTS"})).status == 200


async def test_a_deleted_sender_id_is_gone_but_for_those_who_ask(client: Client) -> None:
    id = await make(client)
    reply = await client.delete(f"{SENDERS}/{id}")
    assert reply.status in (200, 204)
    assert reply.raw == b""
    assert (await client.get(f"{SENDERS}/{id}")).status == 404
    assert (await client.delete(f"{SENDERS}/{id}")).status == 404
    assert (await client.post(f"{SENDERS}/{id}", {"name": "x"})).status == 404
    assert await listed(client) == []
    deleted = (await client.get(f"{SENDERS}?state=DELETED")).json["list"]
    assert [(each["id"], each["state"]) for each in deleted] == [(id, "DELETED")]


# ---------------------------------------------------------------- the operator's


async def _offer(site: Site, operator: Client, ownership: str, **more: Any) -> str:
    return await site.sender(
        operator,
        ownership=Ownership(ownership),
        type_id="SHORTCODE",
        **({"address": "55555", "credentials": '{"a": "b"}'} | more),
    )


@pytest.mark.parametrize("form", ["body", "query", "path"])
async def test_a_preprovisioned_sender_id_is_taken_and_given_back(
    fresh_site: Site, operator: Client, form: str
) -> None:
    offer = await _offer(fresh_site, operator, "PREPROVISIONED")
    taker, rival = await fresh_site.company(), await fresh_site.company()
    assert await listed(taker, "ownership=PREPROVISIONED") == [offer]
    seen = await read(taker, offer)
    assert "credentials" not in seen
    assert "application_id" not in seen
    reply = await {
        "body": lambda: taker.post(f"{SENDERS}/purchase", {"parent_id": offer}),
        "query": lambda: taker.post(f"{SENDERS}/purchase?parent_id={offer}"),
        "path": lambda: taker.post(f"{SENDERS}/{offer}/purchase"),
    }[form]()
    assert reply.status == 200, reply.raw
    mine = await read(taker, reply.json["id"])
    assert (mine["ownership"], mine["parent_id"], mine["address"], mine["state"]) == (
        "PRIVATE", offer, "55555", "ACTIVE",
    )  # fmt: skip
    assert mine["credentials"] == '{"a":"***"}'
    assert (await read(operator, offer))["ownership"] == "PURCHASED"
    for other in (taker, rival):
        assert (await other.get(f"{SENDERS}/{offer}")).status == 404
        assert (await other.post(f"{SENDERS}/{offer}/purchase")).status == 404
    assert (await operator.delete(f"{SENDERS}/{offer}")).status == 409
    assert (await taker.delete(f"{SENDERS}/{mine['id']}")).status == 200
    assert (await read(rival, offer))["ownership"] == "PREPROVISIONED"


async def test_a_shared_sender_id_is_used_by_many_each_through_a_child(
    fresh_site: Site, operator: Client
) -> None:
    offer = await _offer(fresh_site, operator, "SHARED")
    for name in ("One", "Two"):
        company = await fresh_site.company()
        reply = await company.post(SENDERS, {"parent_id": offer, "name": name})
        assert reply.status == 200
        child = await read(company, reply.json["id"])
        assert (child["ownership"], child["parent_id"], child["name"]) == ("PRIVATE", offer, name)
        reply = await company.post(SENDERS, {"parent_id": offer})
        assert (reply.status, reply.code) == (409, "1011")
        assert set(await listed(company)) == {offer, child["id"]}
        assert await listed(company, f"parent_id={offer}") == [child["id"]]
    assert (await read(operator, offer))["ownership"] == "SHARED"
    assert (await operator.delete(f"{SENDERS}/{offer}")).status == 409


async def test_of_many_who_take_one_sender_id_at_once_one_has_it(
    fresh_site: Site, operator: Client
) -> None:
    offer = await _offer(fresh_site, operator, "PREPROVISIONED")
    takers = [await fresh_site.company() for n in range(6)]
    replies = await asyncio.gather(*(t.post(f"{SENDERS}/{offer}/purchase") for t in takers))
    assert sorted(reply.status for reply in replies) == [200, 404, 404, 404, 404, 404]


async def test_only_the_operator_offers_sender_ids(fresh_site: Site, operator: Client) -> None:
    other = await fresh_site.company()
    for ownership in ("SHARED", "PREPROVISIONED"):
        reply = await other.post(SENDERS, LONG | {"ownership": ownership})
        assert (reply.status, reply.code) == (403, "403")
        id = await make(other, address=f"1555000{len(ownership)}999")
        reply = await other.post(f"{SENDERS}/{id}", {"ownership": ownership})
        assert (reply.status, reply.code) == (403, "403")
    assert (await operator.post(SENDERS, LONG | {"ownership": "SHARED"})).status == 200


async def test_others_cannot_change_what_the_operator_offers(
    fresh_site: Site, operator: Client
) -> None:
    offer = await _offer(fresh_site, operator, "SHARED")
    other = await fresh_site.company()
    assert (await other.post(f"{SENDERS}/{offer}", {"name": "mine"})).status == 403
    assert (await other.delete(f"{SENDERS}/{offer}")).status == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/purchase", 400),
        ("/purchase?parent_id=nonsense", 404),
        (f"/purchase?parent_id={UNKNOWN}", 404),
        (f"/{UNKNOWN}/purchase", 404),
        ("/nonsense/purchase", 404),
    ],
)
async def test_what_is_not_on_offer_cannot_be_taken(client: Client, path: str, status: int) -> None:
    assert (await client.post(SENDERS + path)).status == status


# ---------------------------------------------------------------- the directory


async def test_the_directory_finds_a_sender_id_by_each_of_its_names(
    site: Site, client: Client
) -> None:
    id = await site.sender(client)
    company = client.caller.company_id
    resolve = site.services.senders.resolve
    forms = (id, f"sender_id:{id}", f"sender_id: {id} ", f"SENDER_ID-{id}", "15550001000")
    for reference in (*forms, "+15550001000"):
        found = await resolve(company, reference)
        assert (ids.show(found.id), found.address) == (id, "15550001000")
        assert found.state is SenderState.ACTIVE
        assert found.throughput == 2000.0
    found_all = await site.services.senders.find_by_address("+15550001000")
    assert {sender.address for sender in found_all} == {"15550001000"}


async def test_the_directory_says_what_is_wrong_with_a_from(site: Site, client: Client) -> None:
    request = {"to": "+4915112345678", "body": "x"}
    await site.sender(client, address="15550001001", type_id="LONGCODE")
    await site.sender(client, address="15550001001", type_id="VOICE")
    sleeping = await site.sender(client, address="15550001002", state=SenderState.INACTIVE)
    stranger = await site.company()
    theirs = await site.sender(stranger)
    cases = {
        "": "must name",
        "channel:abc": "no such channel",
        "channel-abc": "no such channel",
        UNKNOWN: "no such sender id",
        theirs: "no such sender id",
        f"sender_id:{theirs}": "no such sender id",
        "15550001000": "no such sender id",
        "sender_id:15550001001": "no such sender id",
        "15550001001": "several sender ids",
        sleeping: "INACTIVE",
    }
    for reference, words in cases.items():
        reply = await client.post("/messaging/message_requests", request | {"from": reference})
        assert (reply.status, reply.code) == (400, "400"), reference
        assert reply.json["error_description"].startswith("from: ")
        assert words in reply.json["error_description"]


async def test_the_directory_notices_a_change(site: Site, client: Client) -> None:
    id = await site.sender(client)
    request = {"from": id, "to": "+4915112345678", "body": "x"}
    path = "/messaging/message_requests"
    assert (await client.post(path, request)).status == 200
    await client.post(f"{SENDERS}/{id}", {"state": "INACTIVE"})
    async with asyncio.timeout(PATIENCE):
        while (await client.post(path, request)).status == 200:
            pass

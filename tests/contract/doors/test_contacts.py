"""Contacts, as the SCG reference describes them, in both wire forms."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import pytest
from harness import REFERENCE, UNKNOWN, Client
from resources import Records

from clarion.kit import ids

CONTACTS = "/contacts"
_numbers = count(1000)
RECORDS = Records(CONTACTS)
make, read, listed = RECORDS.make, RECORDS.read, RECORDS.listed


def mdn() -> str:
    return f"+1555000{next(_numbers):04}"


ADDRESS = {"priority": 1, "designation": "home", "use": "billing", "city": "Tampa", "zip": "33602"}
ACCOUNT = {"type": "loyalty", "username": "ada", "domain": "example.com"}
DEVICE = {"msisdn": "+15550001111", "manufacturer": "Apple", "model": "iPhone", "os": "iOS 26"}
INTEREST = {"code": "S", "name": "Sports", "source": "web", "score": 0.5}
DEMOGRAPHIC = {"name": "age 30-39", "source": "web", "score": 1}
WHOLE = {
    "external_id": "c-1",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "birth_date": "1815-12-10",
    "first_acquisition_date": 1600000000000,
    "last_acquisition_date": 1700000000000,
    "primary_mdn": "+15550001234",
    "primary_addr_line1": "1 Main Street",
    "primary_addr_line2": "2nd floor",
    "primary_addr_city": "Tampa",
    "primary_addr_zip": "33602",
    "primary_addr_state": "FL",
    "primary_addr_country": "US",
    "primary_email_addr": "ada@example.com",
    "primary_social_handle": "fb:1@page",
    "social_handles": ["fb:1@page", "we:2@shop"],
    "address_list": [ADDRESS],
    "account_list": [ACCOUNT],
    "device_list": [DEVICE],
    "interest_list": [INTEREST],
    "demographic_list": [DEMOGRAPHIC],
    "extended_attributes": '{"Favorite_Color": "red",  "n": [1, 2.5, null]}',
    "preferred_language": "es",
    "voice_preference": "PREFER_VOICE",
}


# ---------------------------------------------------------------- create and read


async def test_every_attribute_is_kept_and_shown(client: Client) -> None:
    id = await make(client, **WHOLE)
    shown = await RECORDS.read_new(client, id)
    assert shown == WHOLE | {
        "id": id,
        "application_id": client.caller.application_id,
        "company_id": client.caller.company_id,
        "version_number": 1,
    }


async def test_the_reference_form_has_the_references_names_and_dates(client: Client) -> None:
    id = await make(client, **WHOLE)
    shown = await read(client.in_form(REFERENCE), id)
    assert shown["customer_account_list"] == [ACCOUNT]
    assert shown["customer_device_list"] == [DEVICE]
    assert shown["birth_date"] == "1815-12-10"
    assert shown["first_acquisition_date"] == "2020-09-13T12:26:40.000Z"
    assert not {"account_list", "device_list", "social_handles", "company_id"} & set(shown)


async def test_a_contact_may_have_nothing_and_shows_no_nulls(client: Client) -> None:
    id = await make(client)
    shown = await read(client, id)
    assert set(shown) == {
        *("id", "voice_preference", "application_id", "company_id"),
        *("created_date", "last_updated_date", "version_number"),
    }
    assert shown["voice_preference"] == "NONE"


async def test_lists_are_taken_as_texts_that_hold_json_and_under_both_names(
    client: Client,
) -> None:
    id = await make(
        client,
        address_list='[{"city": "Tampa"}]',
        customer_account_list='[{"username": "a"}]',
        customer_device_list=[{"msisdn": "1"}],
        interest_list="[]",
        demographic_list={"name": "one"},
        social_handles='["fb:1@x"]',
        extended_attributes={"color": "red"},
    )
    shown = await read(client, id)
    assert shown["address_list"] == [{"city": "Tampa"}]
    assert shown["account_list"] == [{"username": "a"}]
    assert shown["device_list"] == [{"msisdn": "1"}]
    assert shown["interest_list"] == []
    assert shown["demographic_list"] == [{"name": "one"}]
    assert shown["social_handles"] == ["fb:1@x"]
    assert shown["extended_attributes"] == '{"color":"red"}'


async def test_the_word_null_null_itself_and_blanks_are_nothing(client: Client) -> None:
    id = await make(
        client,
        external_id="null",
        first_name=None,
        last_name="",
        primary_mdn="null",
        birth_date="null",
        last_acquisition_date=0,
        first_acquisition_date="",
        address_list="null",
        extended_attributes="null",
        social_handles="null",
        voice_preference="null",
        fast_access=None,
    )
    assert set(await read(client, id)) & set(WHOLE) == {"voice_preference"}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"primary_mdn": "1 (555) 000-4321"}, {"primary_mdn": "+15550004321"}),
        ({"primary_mdn": 15550004322}, {"primary_mdn": "+15550004322"}),
        ({"primary_mdn": "mdn:15550004323"}, {"primary_mdn": "+15550004323"}),
        ({"primary_addr_zip": 33602}, {"primary_addr_zip": "33602"}),
        ({"primary_addr_country": "usa"}, {"primary_addr_country": "US"}),
        ({"birth_date": "1815-12-10T00:00:00.000Z"}, {"birth_date": "1815-12-10"}),
        ({"birth_date": 946684800000}, {"birth_date": "2000-01-01"}),
        ({"voice_preference": True}, {"voice_preference": "PREFER_VOICE"}),
        ({"voice_preference": False}, {"voice_preference": "NONE"}),
        ({"voice_preference": "require_voice"}, {"voice_preference": "REQUIRE_VOICE"}),
        ({"last_acquisition_date": "2023-11-14T22:13:20Z"}, {"last_acquisition_date": 17 * 10**11}),
        ({"social_handles": "fb:1@x, we:2@y"}, {"social_handles": ["fb:1@x", "we:2@y"]}),
        ({"first_name": "  Ada "}, {"first_name": "Ada"}),
        ({"first_name": "Zoë 🎉"}, {"first_name": "Zoë 🎉"}),
    ],
)
async def test_values_are_taken_in_the_spellings_that_clients_use(
    client: Client, given: dict[str, Any], shown: dict[str, Any]
) -> None:
    found = await read(client, await make(client, **given))
    assert {name: found[name] for name in shown} == shown


async def test_what_only_the_gateway_sets_is_ignored(client: Client) -> None:
    id = await make(client, id="x", application_id=1, company_id=1, version_number=9, unknown={})
    shown = await read(client, id)
    assert (shown["id"], shown["version_number"]) == (id, 1)
    assert shown["application_id"] == client.caller.application_id


NESTED: dict[str, Any] = {}
for _ in range(25):
    NESTED = {"a": NESTED}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("first_name", "x" * 256, "1023"),
        ("external_id", "x" * 256, "1023"),
        ("primary_mdn", "5" * 300, "1023"),
        ("primary_mdn", "not a number", "400"),
        ("primary_mdn", "+1", "400"),
        ("first_name", {"a": 1}, "400"),
        ("first_name", True, "400"),
        ("birth_date", "10.12.1815", "400"),
        ("birth_date", "1815-02-30", "400"),
        ("birth_date", "0001-01-01", "400"),
        ("last_acquisition_date", "yesterday", "400"),
        ("voice_preference", "MAYBE", "400"),
        ("address_list", "[", "400"),
        ("address_list", [1], "400"),
        ("address_list", "[1]", "400"),
        ("address_list", [{}] * 1001, "400"),
        ("address_list", [{"a": "x" * 70_000}], "1023"),
        ("account_list", [NESTED], "400"),
        ("account_list", [{"access_token": {"sealed": "AQ=="}}], "400"),
        ("account_list", [{"access_token": "x" * 8193}], "1023"),
        ("primary_addr_country", "Narnia", "400"),
        ("primary_addr_country", "UK", "400"),
        ("primary_addr_country", "USAX", "400"),
        ("primary_addr_country", "x" * 256, "1023"),
        ("primary_email_addr", "ada", "400"),
        ("primary_email_addr", "ada@", "400"),
        ("primary_email_addr", "ada@example.com, bob@example.com", "400"),
        ("primary_email_addr", "Ada <ada@example.com>", "400"),
        ("primary_email_addr", "a@" + "x" * 255 + ".com", "1023"),
        ("interest_list", '[{"a": "\\u0000"}]', "400"),
        ("interest_list", [{"code": "S"}, {"code": "T", "score": 1.01}], "400"),
        ("interest_list", [{"score": -0.1}], "400"),
        ("interest_list", [{"score": "0.5"}], "400"),
        ("interest_list", [{"score": True}], "400"),
        ("interest_list", [{"code": 7}], "400"),
        ("interest_list", [{"name": ["Sports"]}], "400"),
        ("interest_list", [{"source": "x" * 256}], "400"),
        ("demographic_list", [{"name": "age", "score": 2}], "400"),
        ("social_handles", [1], "400"),
        ("social_handles", ["x"] * 101, "400"),
        ("social_handles", ["x" * 256], "400"),
        ("extended_attributes", "red", "400"),
        ("extended_attributes", "[1]", "400"),
        ("extended_attributes", '{"a": 1', "400"),
        ("extended_attributes", '{"a": NaN}', "400"),
        ("extended_attributes", '{"a": 1e999}', "400"),
        ("extended_attributes", '{"a": "\\u0000"}', "400"),
        ("extended_attributes", '{"a": "\\ud800"}', "400"),
        ("extended_attributes", NESTED, "400"),
        ("extended_attributes", '{"a":' * 30_000, "1023"),
        ("extended_attributes", '{"a": "' + "x" * 65_536 + '"}', "1023"),
        ("fast_access", "red", "400"),
        ("fast_access", {"a": {}}, "400"),
        ("fast_access_1", "x" * 256, "1023"),
        ("version_number", -1, "400"),
    ],
)
async def test_what_cannot_be_taken_is_named(
    client: Client, name: str, value: Any, code: str
) -> None:
    for method, path in (("POST", CONTACTS), ("POST", f"{CONTACTS}/{await make(client)}")):
        reply = await client.call(method, path, json={name: value})
        assert (reply.status, reply.code) == (400, code), reply.raw
        assert name in reply.json["error_description"]


async def test_numbers_beyond_all_bounds_are_kept_or_refused_but_break_nothing(
    client: Client,
) -> None:
    for digits in (400, 5000):
        reply = await client.post(CONTACTS, {"extended_attributes": f'{{"n": {"9" * digits}}}'})
        assert reply.status in (200, 400), reply.raw
        if reply.status == 200:
            await read(client, reply.json["id"])


@pytest.mark.parametrize("name", ["primary_mdn", "external_id"])
async def test_numbers_and_external_ids_are_unique_within_a_company(
    client: Client, name: str
) -> None:
    value = mdn() if name == "primary_mdn" else "customer 7"
    id = await make(client, **{name: value})
    for reply in (
        await client.post(CONTACTS, {name: value}),
        await client.post(f"{CONTACTS}/{await make(client)}", {name: value}),
    ):
        assert (reply.status, reply.code) == (409, "1011")
        assert name in reply.json["error_description"]
    assert (await client.post(f"{CONTACTS}/{id}", {name: value})).status == 200
    assert (await client.delete(f"{CONTACTS}/{id}")).status == 200
    await make(client, **{name: value})


async def test_two_that_make_the_same_contact_at_once_make_one(client: Client) -> None:
    body = {"primary_mdn": mdn()}
    replies = await asyncio.gather(*(client.post(CONTACTS, body) for _ in range(8)))
    assert sorted(reply.status for reply in replies) == [200] + [409] * 7


# ---------------------------------------------------------------- change, replace, delete


async def test_an_update_sets_what_it_names_and_counts_the_version(client: Client) -> None:
    id = await make(client, **WHOLE)
    reply = await client.post(
        f"{CONTACTS}/{id}",
        {"first_name": "Augusta", "birth_date": "null", "address_list": None, "version_number": 1},
    )
    assert (reply.status, reply.json) == (200, {"id": id})
    shown = await read(client, id)
    assert shown["version_number"] == 2
    assert shown["last_updated_date"] >= shown["created_date"]
    expected = {k: v for k, v in WHOLE.items() if k not in ("birth_date", "address_list")}
    assert {k: shown[k] for k in WHOLE if k in shown} == expected | {"first_name": "Augusta"}


async def test_all_that_was_read_can_be_sent_back(client: Client) -> None:
    for form in (client, client.in_form(REFERENCE)):
        id = await make(client, **WHOLE | {"external_id": form.prefix, "primary_mdn": mdn()})
        before = await read(form, id)
        assert (await form.post(f"{CONTACTS}/{id}", before)).status == 200
        after = await read(form, id)
        assert after.pop("version_number") == 2
        assert after.pop("last_updated_date")
        assert after.items() <= before.items()


@pytest.mark.parametrize("version", [2, "2", 7])
async def test_a_stale_version_is_refused(client: Client, version: Any) -> None:
    id = await make(client)
    for method in ("POST", "PUT"):
        body = {"first_name": "x", "version_number": version}
        reply = await client.call(method, f"{CONTACTS}/{id}", json=body)
        assert (reply.status, reply.code) == (409, "1001")
    assert (await client.post(f"{CONTACTS}/{id}", {"version_number": "1"})).status == 200


async def test_a_replacement_empties_what_it_does_not_name(client: Client) -> None:
    id = await make(client, **WHOLE)
    reply = await client.call("PUT", f"{CONTACTS}/{id}", json={"last_name": "King"})
    assert (reply.status, reply.json) == (200, {"id": id})
    shown = await read(client, id)
    kept = {"first_acquisition_date", "last_acquisition_date", "voice_preference", "last_name"}
    assert set(shown) & set(WHOLE) == kept
    assert (shown["last_name"], shown["voice_preference"]) == ("King", "NONE")
    assert shown["version_number"] == 2


async def test_a_replacement_may_be_form_encoded(client: Client) -> None:
    id = await make(client, first_name="Ada")
    form = {"last_name": "King", "primary_mdn": mdn(), "customer_account_list": '[{"type":"web"}]'}
    reply = await client.call("PUT", f"{CONTACTS}/{id}", data=form)
    assert reply.status == 200, reply.raw
    shown = await read(client, id)
    assert (shown["last_name"], shown["account_list"]) == ("King", [{"type": "web"}])
    assert "first_name" not in shown


async def test_a_deleted_contact_is_gone_everywhere_and_forgotten(
    client: Client, site: Any
) -> None:
    id = await make(client, **WHOLE)
    reply = await client.delete(f"{CONTACTS}/{id}")
    assert (reply.status, reply.raw) == (200, b"")
    assert id not in await listed(client)
    for method in ("GET", "POST", "PUT", "DELETE"):
        more = {"json": {}} if method in ("POST", "PUT") else {}
        assert (await client.call(method, f"{CONTACTS}/{id}", **more)).status == 404
    row = await site.services.db.fetchrow(
        "select * from contact where company_id = $1 and id = $2",
        client.caller.company_id, ids.parse(id),
    )  # fmt: skip
    held = {name for name, value in row.items() if value not in (None, {}, "NONE")}
    assert held == {*("company_id", "id", "application_id", "updated_at", "deleted_at", "version")}


@pytest.mark.parametrize("id", [UNKNOWN, "x", "-" * 22, "null"])
async def test_an_unknown_contact_is_not_found(client: Client, id: str) -> None:
    replies = [
        await client.get(f"{CONTACTS}/{id}"),
        await client.post(f"{CONTACTS}/{id}", {}),
        await client.call("PUT", f"{CONTACTS}/{id}", json={}),
        await client.delete(f"{CONTACTS}/{id}"),
    ]
    assert [(reply.status, reply.code) for reply in replies] == [(404, "404")] * 4

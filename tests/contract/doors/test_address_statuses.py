"""/consent/contact_address_statuses and /consent/contact_address_history."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from harness import REFERENCE, Client, Site
from resources import Records

from clarion.engine.consent.addresses.carriers import Mode, load
from clarion.kit import ids

PATH = "/consent/contact_address_statuses"
read = Records(PATH).read
HISTORY = "/consent/contact_address_history"
REQUESTS = "/messaging/message_requests"
_numbers = count(4915110000000)


def a_number() -> str:
    return f"+{next(_numbers)}"


def about(sender: str, **more: Any) -> dict[str, Any]:
    body = {"address_type": "MDN", "address": a_number(), "sender_id": sender} | more
    return {name: value for name, value in body.items() if value is not None}


async def made(client: Client, sender: str, **more: Any) -> str:
    reply = await client.post(PATH, about(sender, **more))
    assert reply.status == 200, reply.json
    return str(reply.json["id"])


async def asked(client: Client) -> list[dict[str, Any]]:
    """The double opt-in messages that went out, the newest first."""
    listed = (await client.get(REQUESTS)).json["list"]
    return [each for each in listed if each.get("external_id", "").startswith("opt-in:")]


@pytest.fixture
async def sender(site: Site, client: Client) -> str:
    """A sender id whose company looks after consent."""
    return await site.sender(client)


@pytest.fixture
async def managed(site: Site, client: Client) -> str:
    """One whose subscribers do."""
    return await site.sender(client, address="15550001777", consent_managed_by="SCG")


# ---------------------------------------------------------------- creating


async def test_what_the_company_knows_is_recorded(client: Client, sender: str) -> None:
    number = a_number()
    id = await made(client, sender, address=number, consent_status="OPTIN", opt_in_type="WEB")
    shown = await read(client, id)
    assert shown.pop("created_date") <= shown.pop("last_updated_date")
    assert shown == {
        "id": id,
        "address_type": "MDN",
        "address": number,
        "sender_id": sender,
        "from_address": "15550001000",
        "consent_status": "OPTIN",
        "opt_in_type": "WEB",
        "application_id": client.caller.application_id,
        "company_id": client.caller.company_id,
        "version_number": 1,
    }
    assert await asked(client) == []


async def test_the_reference_form_shows_what_the_reference_has(client: Client, sender: str) -> None:
    id = await made(client, sender, consent_status="WHITELIST", opt_in_type="WEB")
    reference = client.in_form(REFERENCE)
    shown = (await reference.get(f"{PATH}/{id}")).json
    assert set(shown) == {
        *("id", "address_type", "address", "sender_id", "consent_status", "application_id"),
        *("created_date", "last_updated_date", "version_number"),
    }
    assert shown["created_date"].endswith("Z")
    listed = await reference.get(f"{PATH}?id={id}")
    assert [each["id"] for each in listed.json] == [id]
    history = await reference.get(f"{HISTORY}?sender_id={sender}")
    assert history.json[0]["timestamp"].endswith("Z")


async def test_a_create_without_a_status_asks_the_subscriber(client: Client, sender: str) -> None:
    number = a_number()
    id = await made(client, sender, address=number)
    assert (await read(client, id))["consent_status"] == "NONE"
    (question,) = await asked(client)
    assert (question["to"], question["from"]) == ([number], f"sender_id:{sender}")
    assert question["consent_requirement"] == "NONE"
    assert question["body"].startswith("Antworten Sie JA")  # a German number


async def test_a_companys_template_asks_in_its_own_words(client: Client, managed: str) -> None:
    for name in ("consent-ask", "consent-ask-fr"):
        reply = await client.post(
            "/messaging/message_templates", {"name": name, "pattern": f"{name}: JOIN us?"}
        )
        assert reply.status == 200
    for number in ("+12125550187", "+33612345678"):
        await made(client, managed, address=number)
    bodies = [question["body"] for question in await asked(client)]
    assert bodies == ['#parse("consent-ask-fr")', '#parse("consent-ask")']


@pytest.mark.parametrize("status", [None, "NONE", "OPTIN"])
async def test_where_subscribers_speak_for_themselves_they_are_asked(
    client: Client, managed: str, status: str | None
) -> None:
    id = await made(client, managed, address="+12125550188", consent_status=status)
    assert (await read(client, id))["consent_status"] == "NONE"
    (question,) = await asked(client)
    assert question["body"].startswith("Reply YES")


@pytest.mark.parametrize("status", ["OPTOUT", "BLACKLIST", "WHITELIST"])
async def test_a_refusal_or_a_list_is_recorded_without_a_question(
    client: Client, managed: str, status: str
) -> None:
    id = await made(client, managed, consent_status=status)
    assert (await read(client, id))["consent_status"] == status
    assert await asked(client) == []


@pytest.mark.parametrize("way", ["SINGLE", "MIGRATION"])
async def test_a_proof_of_consent_needs_no_question(client: Client, managed: str, way: str) -> None:
    for status in ("OPTIN", None):
        id = await made(client, managed, consent_status=status, opt_in_type=way)
        assert (await read(client, id))["consent_status"] == "OPTIN"
    assert await asked(client) == []


async def test_asking_again_sends_nothing_again(client: Client, managed: str) -> None:
    body = about(managed)
    first = await client.post(PATH, body)
    second = await client.post(PATH, body)
    assert (first.status, first.json) == (second.status, second.json)
    assert len(await asked(client)) == 1


async def test_a_decided_address_is_not_asked_again(client: Client, sender: str) -> None:
    body = about(sender, consent_status="OPTOUT")
    assert (await client.post(PATH, body)).status == 200
    for again in (body, body | {"consent_status": "OPTIN"}, about(sender, address=body["address"])):
        reply = await client.post(PATH, again)
        assert (reply.status, reply.code) == (409, "1011")
    assert await asked(client) == []


@pytest.mark.parametrize(
    ("kind", "address", "stored"),
    [
        ("MDN", "4915112345678", ("MDN", "+4915112345678")),
        ("mdn", "mdn:+49 151 12345678", ("MDN", "+4915112345678")),
        ("LONGCODE", "+4915112345678", ("MDN", "+4915112345678")),
        (None, "+4915112345678", ("MDN", "+4915112345678")),
        ("EMAIL", "Ann@Example.COM", ("EMAIL", "Ann@example.com")),
        (None, "ann@example.com", ("EMAIL", "ann@example.com")),
        ("SOCIAL", "fb:1234@acme", ("SOCIAL", "fb:1234@acme")),
        ("push", "apn:abcdef", ("PUSH", "apn:abcdef")),
    ],
)
async def test_addresses_are_stored_in_one_spelling(
    client: Client, sender: str, kind: str | None, address: str, stored: tuple[str, str]
) -> None:
    id = await made(client, sender, address_type=kind, address=address, consent_status="OPTIN")
    shown = await read(client, id)
    assert (shown["address_type"], shown["address"]) == stored


async def test_the_sender_can_be_named_by_its_address_or_with_a_prefix(
    client: Client, sender: str
) -> None:
    for names in ({"from_address": "15550001000"}, {"sender_id": f"sender_id:{sender}"}):
        body = about(sender, consent_status="OPTIN", sender_id=None) | names
        id = (await client.post(PATH, body)).json["id"]
        assert (await read(client, id))["sender_id"] == sender


@pytest.mark.parametrize(
    ("wrong", "status", "code", "name"),
    [
        ({"address": None}, 400, "400", "address"),
        ({"address": ""}, 400, "400", "address"),
        ({"address": "12"}, 400, "400", "address"),
        ({"address": "x" * 1001}, 400, "1023", "address"),
        ({"address_type": "EMAIL", "address": "nobody"}, 400, "400", "address"),
        ({"address_type": "what?"}, 400, "400", "address_type"),
        ({"address_type": "PUSH", "consent_status": None}, 400, "400", "consent_status"),
        ({"consent_status": "MAYBE"}, 400, "400", "consent_status"),
        ({"opt_in_type": "HEARSAY"}, 400, "400", "opt_in_type"),
        ({"sender_id": None}, 400, "400", "sender_id"),
        ({"sender_id": "nonsense"}, 400, "400", "sender_id"),
        ({"sender_id": ids.show(ids.new_id())}, 400, "400", "sender_id"),
        ({"sender_id": None, "from_address": "15559999999"}, 400, "400", "from_address"),
    ],
)
async def test_what_is_wrong_is_named(
    client: Client, sender: str, wrong: dict[str, Any], status: int, code: str, name: str
) -> None:
    reply = await client.post(PATH, about(sender, **({"consent_status": "OPTIN"} | wrong)))
    assert (reply.status, reply.code) == (status, code), reply.json
    assert reply.json["error_description"].startswith(f"{name}: ")


async def test_a_sender_id_that_cannot_send_cannot_ask(site: Site, client: Client) -> None:
    asleep = await site.sender(client, address="15550001888", state="INACTIVE")
    reply = await client.post(PATH, about(asleep))
    assert (reply.status, reply.code) == (400, "400")
    assert reply.json["error_description"].startswith("sender_id: it is INACTIVE")
    assert (await client.get(PATH)).json["total"] == 0


# ---------------------------------------------------------------- changing


async def test_the_company_changes_what_it_looks_after(client: Client, sender: str) -> None:
    id = await made(client, sender, consent_status="OPTIN")
    for version, status in enumerate(("OPTOUT", "NONE", "BLACKLIST", "WHITELIST", "OPTIN"), 2):
        reply = await client.post(f"{PATH}/{id}", {"consent_status": status})
        assert (reply.status, reply.json) == (200, {"id": id})
        shown = await read(client, id)
        assert (shown["consent_status"], shown["version_number"]) == (status, version)


async def test_what_was_read_can_be_sent_back(client: Client, sender: str) -> None:
    id = await made(client, sender, consent_status="OPTIN")
    shown = await read(client, id)
    assert (await client.post(f"{PATH}/{id}", shown)).status == 200
    assert await read(client, id) == shown


async def test_a_stale_version_is_refused(client: Client, sender: str) -> None:
    id = await made(client, sender, consent_status="OPTIN")
    body = {"consent_status": "OPTOUT", "version_number": 1}
    assert (await client.post(f"{PATH}/{id}", body)).status == 200
    reply = await client.post(f"{PATH}/{id}", body | {"consent_status": "OPTIN"})
    assert (reply.status, reply.code) == (409, "1001")


@pytest.mark.parametrize(
    ("now", "then", "allowed"),
    [
        ("OPTOUT", "OPTIN", False),
        ("OPTOUT", "NONE", False),
        ("OPTOUT", "BLACKLIST", True),
        ("BLACKLIST", "NONE", True),
        ("BLACKLIST", "OPTIN", False),
        ("WHITELIST", "NONE", True),
        ("WHITELIST", "OPTOUT", True),
        ("BLACKLIST", "WHITELIST", True),
    ],
)
async def test_where_subscribers_speak_the_company_cannot_agree_for_them(
    client: Client, managed: str, *, now: str, then: str, allowed: bool
) -> None:
    id = await made(client, managed, consent_status=now)
    reply = await client.post(f"{PATH}/{id}", {"consent_status": then})
    assert reply.status == (200 if allowed else 403), reply.json
    assert (await read(client, id))["consent_status"] == (then if allowed else now)


async def test_a_deleted_status_is_gone_and_its_history_stays(client: Client, sender: str) -> None:
    number = a_number()
    id = await made(client, sender, address=number, consent_status="OPTIN")
    reply = await client.delete(f"{PATH}/{id}")
    assert (reply.status, reply.raw) == (200, b"")
    for method in ("GET", "POST", "DELETE"):
        more = {"json": {"consent_status": "OPTIN"}} if method == "POST" else {}
        assert (await client.call(method, f"{PATH}/{id}", **more)).status == 404
    listed = (await client.get(HISTORY, params={"msisdn": number})).json["list"]
    assert [each["status"] for each in listed] == ["NONE", "OPTIN"]


async def test_a_refusal_cannot_be_forgotten_where_subscribers_speak(
    client: Client, managed: str
) -> None:
    id = await made(client, managed, consent_status="OPTOUT")
    reply = await client.delete(f"{PATH}/{id}")
    assert (reply.status, reply.code) == (403, "403")


async def test_a_number_on_a_carriers_list_is_not_the_companys_to_change(
    site: Site, client: Client, sender: str
) -> None:
    number = a_number()
    id = await made(client, sender, address=number, consent_status="OPTIN")
    await load(site.services.db, "Doors", [number], mode=Mode.ADD)
    assert (await read(client, id))["consent_status"] == "BLACKLIST"
    reply = await client.post(f"{PATH}/{id}", {"consent_status": "OPTIN"})
    assert (reply.status, reply.code) == (409, "409")
    assert (await client.delete(f"{PATH}/{id}")).status == 409
    reply = await client.post(PATH, about(sender, address=number))
    assert (reply.status, reply.code) == (409, "409")
    (entry, _) = (await client.get(HISTORY, params={"msisdn": number})).json["list"]
    assert (entry["source"], entry["status"]) == ("CARRIER", "BLACKLIST")
    await load(site.services.db, "Doors", [number], mode=Mode.REMOVE)
    assert (await read(client, id))["consent_status"] == "OPTIN"


# ---------------------------------------------------------------- many at once


async def test_many_addresses_are_opted_out_at_once(client: Client, sender: str) -> None:
    known, listed, new = a_number(), a_number(), a_number()
    first = await made(client, sender, address=known, consent_status="OPTIN")
    second = await made(client, sender, address=listed, consent_status="BLACKLIST")
    body = {"sender_id": sender, "addresses": [known, listed, new, new]}
    reply = await client.post(f"{PATH}/optout", body)
    assert (reply.status, reply.raw) == (200, b"")
    assert (await read(client, first))["consent_status"] == "OPTOUT"
    assert (await read(client, second))["consent_status"] == "BLACKLIST"
    (made_now,) = (await client.get(PATH, params={"address": new})).json["list"]
    assert made_now["consent_status"] == "OPTOUT"
    entries = (await client.get(f"{HISTORY}?status=OPTOUT")).json["list"]
    assert {each["msisdn"] for each in entries} == {known, new}
    assert (await client.post(f"{PATH}/optout", body)).status == 200
    assert (await client.get(f"{HISTORY}?status=OPTOUT")).json["total"] == 2


async def test_an_opt_out_can_say_blacklist_and_how(client: Client, sender: str) -> None:
    body = {
        "from_address": "15550001000",
        "addresses": "+4915110000001, +4915110000002",
        "consent_status": "BLACKLIST",
        "opt_out_type": "IVR",
    }
    assert (await client.post(f"{PATH}/optout", body)).status == 200
    listed = (await client.get(f"{PATH}?consent_status=BLACKLIST")).json["list"]
    assert [each["opt_out_type"] for each in listed] == ["IVR", "IVR"]


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"addresses": []}, "addresses"),
        ({"addresses": ["+4915110000001"] * 1001}, None),
        ({"addresses": [f"+49151{n:08}" for n in range(1001)]}, "addresses"),
        ({"addresses": ["12"]}, "address"),
        ({"consent_status": "OPTIN"}, "consent_status"),
        ({"consent_status": "LATER"}, "consent_status"),
        ({"opt_out_type": "HEARSAY"}, "opt_out_type"),
        ({"sender_id": "nonsense"}, "sender_id"),
    ],
)
async def test_an_opt_out_is_all_or_nothing(
    client: Client, sender: str, wrong: dict[str, Any], name: str | None
) -> None:
    body = {"sender_id": sender, "addresses": ["+4915110000009"]} | wrong
    reply = await client.post(f"{PATH}/optout", body)
    assert (reply.status, reply.code) == (400, "400")
    assert reply.json["error_description"].startswith(f"{name or 'addresses'}: ")
    assert (await client.get(PATH)).json["total"] == 0


# ---------------------------------------------------------------- lists


async def test_every_filter_of_statuses_finds_and_leaves_out(
    client: Client, sender: str, managed: str
) -> None:
    one = await read(client, await made(client, sender, consent_status="OPTIN"))
    two = await read(
        client,
        await made(
            client,
            managed,
            address_type="EMAIL",
            address="ann@example.com",
            consent_status="OPTOUT",
        ),
    )
    for name in ("id", "address_type", "address", "sender_id", "consent_status"):
        for wanted in (one, two):
            found = (await client.get(PATH, params={name: wanted[name]})).json
            assert [each["id"] for each in found["list"]] == [wanted["id"]], name
    bare = one["address"].removeprefix("+")
    for spelling in (bare, f" {bare}"):
        assert (await client.get(PATH, params={"address": spelling})).json["total"] == 1
    for query, total in {
        "consent_status=OPTIN,OPTOUT": 2,
        f"application_id={client.caller.application_id}": 2,
        "application_id=1": 0,
        f"created_date=[{one['created_date']},]": 2,
        "created_date=[,2000-01-01]": 0,
        f"last_updated_date=[{two['last_updated_date']},]": 1,
        "version_number=1": 2,
    }.items():
        assert (await client.get(f"{PATH}?{query}")).json["total"] == total, query
    ordered = (await client.get(f"{PATH}?sort=address")).json["list"]
    assert [each["id"] for each in ordered] == [one["id"], two["id"]]
    page = (await client.get(f"{PATH}?limit=1&offset=1")).json
    assert ([each["id"] for each in page["list"]], page["total"]) == ([one["id"]], 2)
    reply = await client.get(f"{PATH}?consent_status=MAYBE")
    assert (reply.status, reply.code) == (400, "400")


async def test_the_history_tells_who_said_what(client: Client, sender: str) -> None:
    number = a_number()
    id = await made(client, sender, address=number, consent_status="OPTIN")
    await client.post(f"{PATH}/{id}", {"consent_status": "OPTOUT"})
    listed = (await client.get(HISTORY)).json
    assert listed["total"] == 2
    newest = listed["list"][0]
    assert newest.pop("created_date") == newest.pop("last_updated_date")
    assert newest.pop("timestamp") > 1_700_000_000_000
    entry_id = newest.pop("id")
    assert newest == {
        "msisdn": number,
        "sender_id": sender,
        "source": "COMPANY",
        "status": "OPTOUT",
        "application_id": client.caller.application_id,
        "company_id": client.caller.company_id,
        "version_number": 1,
    }
    for query, total in {
        f"id={entry_id}": 1,
        f"msisdn={number.removeprefix('+')}": 2,
        f"sender_id={sender}": 2,
        "source=COMPANY": 2,
        "source=MESSAGE,CARRIER": 0,
        "status=OPTIN": 1,
        "keyword=STOP": 0,
        "timestamp=[2020-01-01,]": 2,
        "timestamp=[,2020-01-01]": 0,
        "created_date=[2020-01-01,]": 2,
        "last_updated_date=[,2020-01-01]": 0,
        f"application_id={client.caller.application_id}": 2,
    }.items():
        assert (await client.get(f"{HISTORY}?{query}")).json["total"] == total, query
    oldest = (await client.get(f"{HISTORY}?sort=timestamp")).json["list"][0]
    assert oldest["status"] == "OPTIN"
    assert (await client.get(f"{HISTORY}/{entry_id}")).status == 404
    assert (await client.post(HISTORY, {})).status == 405


async def test_another_companys_consent_does_not_exist(
    site: Site, client: Client, sender: str
) -> None:
    owner = await site.company()
    theirs = await site.sender(owner, address="15550001999")
    number = a_number()
    id = await made(owner, theirs, address=number, consent_status="OPTIN")
    for method in ("GET", "POST", "DELETE"):
        more = {"json": {"consent_status": "OPTOUT"}} if method == "POST" else {}
        assert (await client.call(method, f"{PATH}/{id}", **more)).status == 404
    for path in (PATH, HISTORY):
        assert (await client.get(path)).json["total"] == 0
        assert (await client.get(f"{path}?sender_id={theirs}")).json["total"] == 0
    told = []
    for named in (theirs, ids.show(ids.new_id())):
        for path, body in (
            (PATH, about(named, consent_status="OPTIN")),
            (f"{PATH}/optout", {"sender_id": named, "addresses": [number]}),
        ):
            reply = await client.post(path, body)
            told.append((reply.status, reply.json))
    assert told[:2] == told[2:]
    mine = await made(client, sender, address=number, consent_status="OPTOUT")
    assert mine != id
    assert (await read(owner, id))["consent_status"] == "OPTIN"


async def test_a_sender_id_says_who_looks_after_consent(site: Site, client: Client) -> None:
    sender = await site.sender(client)
    for given in ("SCG", "scg_unsolicited_opt_out", "SCG_UNSOLICITED_OPT-OUT", "USER"):
        reply = await client.post(f"/messaging/sender_ids/{sender}", {"consent_managed_by": given})
        assert reply.status == 200, reply.json
        shown = (await client.get(f"/messaging/sender_ids/{sender}")).json["consent_managed_by"]
        assert shown == given.upper().replace("OPT-OUT", "OPT_OUT")

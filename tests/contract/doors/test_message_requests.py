"""Message requests through the door; no connector runs, so messages stay in the queue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from harness import REFERENCE, Client, Site, SiteMaker
from tests.factories import an_expander

from clarion.kit import ids

REQUESTS, MESSAGES = "/messaging/message_requests", "/messaging/messages"
UNKNOWN = ids.show(ids.new_request_id())
TO = "+4915112345678"


async def make(site: Site, client: Client, **more: Any) -> str:
    sender = (await client.get("/messaging/sender_ids?state=ACTIVE")).json["list"]
    id = sender[0]["id"] if sender else await site.sender(client)
    body = {"from": f"sender_id:{id}", "to": [TO], "body": "Hello"} | more
    reply = await client.post(REQUESTS, body)
    assert reply.status == 200, reply.raw
    return str(reply.json["id"])


async def read(client: Client, id: str) -> dict[str, Any]:
    reply = await client.get(f"{REQUESTS}/{id}")
    assert reply.status == 200, reply.raw
    return dict(reply.json)


async def messages_of(client: Client, id: str, query: str = "") -> list[dict[str, Any]]:
    reply = await client.get(f"{REQUESTS}/{id}/messages?{query}")
    assert reply.status == 200, reply.raw
    found: list[dict[str, Any]] = reply.json["list"]
    return found


async def listed(client: Client, query: str) -> list[str]:
    reply = await client.get(f"{REQUESTS}?{query}")
    assert reply.status == 200, reply.raw
    return [each["id"] for each in reply.json["list"]]


# ---------------------------------------------------------------- create


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        (TO, [TO]),
        ([TO], [TO]),
        ("4915112345678", ["4915112345678"]),
        (4915112345678, ["4915112345678"]),
        (f"mdn:{TO}", [f"mdn:{TO}"]),
        (f"{TO}; +15550001111;", [TO, "+15550001111"]),
        ([TO, "+15550001111"], [TO, "+15550001111"]),
        ([[TO, 15550001111]], [TO, "15550001111"]),
        ([f"{TO};+15550001111"], [TO, "+15550001111"]),
    ],
)
async def test_recipients_come_in_many_forms(
    site: Site, client: Client, to: Any, expected: list[str]
) -> None:
    id = await make(site, client, to=to)
    assert (await read(client, id))["to"] == expected
    reached = {each["to_address"] for each in await messages_of(client, id)}
    assert reached == {"+" + number.removeprefix("mdn:").lstrip("+") for number in expected}


@pytest.mark.parametrize("to", [None, "", [], [""], ";", "+1", "nobody", "mdn:"])
async def test_without_a_recipient_that_can_be_there_it_is_400(
    site: Site, client: Client, to: Any
) -> None:
    sender = await site.sender(client)
    reply = await client.post(REQUESTS, {"from": sender, "to": to, "body": "x"})
    assert (reply.status, reply.code) == (400, "400")
    assert reply.json["error_description"].startswith("to: ")


@pytest.mark.parametrize("prefix", ["", "sender_id:", "sender_id: "])
async def test_from_names_a_sender_id_and_is_shown_with_its_kind(
    site: Site, client: Client, prefix: str
) -> None:
    sender = await site.sender(client)
    id = await make(site, client, **{"from": prefix + sender})
    assert (await read(client, id))["from"] == f"sender_id:{sender}"


async def test_a_request_shows_what_it_was_made_with(site: Site, client: Client) -> None:
    later = datetime.now(UTC) + timedelta(hours=2)
    text = later.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    ms = int(datetime.fromisoformat(text).timestamp() * 1000)
    (answered,) = await messages_of(client, await make(site, client))
    given = {
        "conversation_id": "talk",
        "campaign_id": "spring",
        "program_id": "p",
        "subject": "News",
        "external_id": "mine-1",
        "reply_to": answered["id"],
        "consent_requirement": "none",
        "content_type": "text/plain",
        "test_message_flag": "true",
        "pause_before_transmit": False,
        "scheduled_delivery_time": text,
        "scheduled_delivery_time_zone": "UTC",
        "expiry_time": ms + 1000,
        "price_threshold": "0.25",
        "sender_id_sort_criteria": ["PRICE"],
        "contact_delivery_address_priority": "MDN, PUSH",
        "src_language": "en",
        "translate": False,
        "state": "COMPLETED",
        "recipient_ count": 7,
        "sent_count": 3,
        "application_id": "9",
        "attachments": [],
        "criteria": "",
    }
    id = await make(site, client, **given)
    shown = await read(client, id)
    for name in ("created_date", "last_updated_date", "version_number", "from"):
        assert shown.pop(name)
    assert shown == {
        "id": id,
        "to": [TO],
        "body": "Hello",
        "state": "COMPLETED",
        "conversation_id": "talk",
        "campaign_id": "spring",
        "program_id": "p",
        "subject": "News",
        "external_id": "mine-1",
        "reply_to": answered["id"],
        "consent_requirement": "NONE",
        "content_type": "text/plain",
        "test_message_flag": True,
        "pause_before_transmit": False,
        "scheduled_delivery_time": ms,
        "scheduled_delivery_time_zone": "UTC",
        "expiry_time": ms + 1000,
        "price_threshold": 0.25,
        "sender_id_sort_criteria": ["PRICE"],
        "contact_delivery_address_priority": ["MDN", "PUSH"],
        "src_language": "en",
        "translate": False,
        "attachments": [],
        "application_id": client.caller.application_id,
        "company_id": client.caller.company_id,
        "recipient_count": 1,
        "duplicate_count": 0,
        "sent_count": 0,
        "delivered_count": 0,
        "media_requested_count": 0,
        "read_count": 0,
        "click_thru_count": 0,
        "converted_count": 0,
        "canceled_count": 0,
        "failed_count": 0,
        "translations_count": 0,
        "translations_failed_count": 0,
        "translations_performed_count": 0,
    }
    (message,) = await messages_of(client, id)
    assert message["state"] == "TEST"
    assert message["external_message_request_id"] == "mine-1"


async def test_the_reference_form_has_iso_dates_and_a_textual_application(
    site: Site, client: Client
) -> None:
    id = await make(site, client)
    shown = await read(client.in_form(REFERENCE), id)
    assert shown["created_date"].endswith("Z")
    assert shown["application_id"] == str(client.caller.application_id)
    assert "company_id" not in shown
    assert shown["recipient_count"] == 1
    assert "duplicate_count" not in shown


async def test_recipients_named_twice_are_counted(site: Site, client: Client) -> None:
    id = await make(site, client, to=[TO, TO, f"mdn:{TO}", "+15550001111"])
    (listed_one,) = (await client.get(f"{REQUESTS}?id={id}")).json["list"]
    for shown in (await read(client, id), listed_one):
        assert (shown["recipient_count"], shown["duplicate_count"]) == (2, 2)


async def test_an_external_id_is_accepted_once(site: Site, client: Client) -> None:
    first = await make(site, client, external_id="order 7")
    assert await make(site, client, external_id="order 7") == first
    sender = (await read(client, first))["from"]
    other = {"from": sender, "to": TO, "body": "Another", "external_id": "order 7"}
    reply = await client.post(REQUESTS, other)
    assert (reply.status, reply.code) == (409, "1011")


@pytest.mark.parametrize(
    ("more", "code", "names"),
    [
        ({"body": None}, "400", "body"),
        ({"body": ""}, "400", "body"),
        ({"body": 5}, "400", "body"),
        ({"subject": "s" * 256}, "1023", "subject"),
        ({"external_id": "e" * 256}, "1023", "external_id"),
        ({"conversation_id": "c" * 256}, "1023", "conversation_id"),
        ({"program_id": "p" * 256}, "1023", "program_id"),
        ({"scheduled_delivery_time": "2099-01-01"}, "400", "scheduled_delivery_time"),
        ({"scheduled_delivery_time": [1]}, "400", "scheduled_delivery_time"),
        ({"scheduled_delivery_time_zone": "MARS"}, "400", "scheduled_delivery_time_zone"),
        ({"pause_expiry_time": "2099-01-01", "pause_before_transmit": 1}, "400", "pause_exp"),
        ({"reply_to": "nonsense"}, "400", "reply_to"),
        ({"reply_to": UNKNOWN}, "400", "reply_to"),
        ({"reply_to": UNKNOWN, "to": "group:1"}, "400", "reply_to"),
        ({"media_urls": ["ftp://example.com/a.png"]}, "400", "media_urls"),
        ({"criteria": "all"}, "400", "criteria"),
        ({"price_threshold": "much"}, "400", "price_threshold"),
    ],
)
async def test_what_cannot_be_accepted_says_why(
    site: Site, client: Client, more: dict[str, Any], code: str, names: str
) -> None:
    sender = await site.sender(client)
    reply = await client.post(REQUESTS, {"from": sender, "to": TO, "body": "x"} | more)
    assert (reply.status, reply.code) == (400, code)
    assert names in reply.json["error_description"]


# ---------------------------------------------------------------- read


async def test_requests_are_filtered_by_every_attribute_of_the_reference(
    site: Site, client: Client
) -> None:
    one = await make(
        site,
        client,
        campaign_id="a",
        conversation_id="talk",
        program_id="p",
        subject="News, and more",
        external_id="x1",
        test_message_flag=True,
    )
    expiry = int((datetime.now(UTC) + timedelta(hours=1)).timestamp() * 1000)
    two = await make(
        site,
        client,
        to=["+15550001111", "4915112345678"],
        pause_before_transmit=True,
        pause_expiry_time=expiry,
        scheduled_delivery_time=expiry,
        expiry_time=expiry,
    )
    sender = (await read(client, one))["from"]
    cases: dict[str, list[str]] = {
        "": [two, one],
        f"id={one}": [one],
        f"id={one},{UNKNOWN}": [one],
        f"from={sender}": [two, one],
        f"from={sender.removeprefix('sender_id:')}": [two, one],
        f"from={UNKNOWN}": [],
        "from=15550001000": [two, one],
        "from=%2B15550001000": [two, one],
        "from=15550009999": [],
        "conversation_id=talk": [one],
        "to=%2B15550001111": [two],
        "to=+15550001111": [two],
        "to=15550001111": [two],
        "to=mdn:15550001111": [two],
        "to=0015550001111": [two],
        "to=%2B1 555-000-1111": [two],
        f"to={TO}": [two, one],
        "campaign_id=a,b": [one],
        "program_id=p": [one],
        "subject=News, and more": [one],
        f"application_id={client.caller.application_id}": [two, one],
        "application_id=1": [],
        "external_id=x1": [one],
        "state=COMPLETED": [one],
        "state=PAUSED": [two],
        "state=paused,completed": [two, one],
        f"scheduled_delivery_time={expiry}": [two],
        f"scheduled_delivery_time=[{expiry},{expiry}]": [two],
        "expiry_time=[,2020-01-01]": [],
        f"expiry_time={expiry}": [two],
        "test_message_flag=true": [one],
        "test_message_flag=false": [two],
        "pause_before_transmit=true": [two],
        f"pause_expiry_time={expiry}": [two],
        "created_date=[2020-01-01T00:00:00.000Z,2099-01-01T00:00:00.000Z]": [two, one],
        "created_date=[,2020-01-01T00:00:00.000Z]": [],
        "last_updated_date=[2020-01-01T00:00:00.000Z,]": [two, one],
        "sort=created_date": [one, two],
        "sort=-created_date": [two, one],
        "offset=0&limit=1": [two],
        "offset=2&limit=1": [],
    }
    for query, expected in cases.items():
        assert await listed(client, query) == expected, query
    for wrong in ("state=SOON", "application_id=x", "test_message_flag=x", "expiry_time=x"):
        assert (await client.get(f"{REQUESTS}?{wrong}")).status == 400, wrong


async def test_a_list_shows_the_first_thousand_recipients_and_one_request_all(
    site: Site, client: Client
) -> None:
    many = [f"+4915100{n:06}" for n in range(1200)]
    id = await make(site, client, to=many)
    assert len((await read(client, id))["to"]) == 1200
    (request,) = (await client.get(f"{REQUESTS}?id={id}")).json["list"]
    assert request["to"] == many[:1000]


async def test_the_messages_of_a_request_are_a_list_like_any_other(
    site: Site, client: Client
) -> None:
    numbers = [f"+491511234567{n}" for n in range(5)]
    id = await make(site, client, to=[*numbers, numbers[0]])
    await make(site, client)
    found = await messages_of(client, id, "sort=created_date")
    assert [each["to_address"] for each in found] == numbers
    assert {each["message_request_id"] for each in found} == {id}
    assert len(await messages_of(client, id, "limit=2&offset=4")) == 1
    assert len(await messages_of(client, id, "to_address=4915112345673")) == 1
    reply = await client.in_form(REFERENCE).get(f"{REQUESTS}/{id}/messages")
    assert reply.headers["X-Total-Count"] == "5"
    assert (await client.get(f"{REQUESTS}/{UNKNOWN}/messages")).status == 404


async def test_attachments_are_an_empty_list_where_the_request_exists(
    site: Site, client: Client
) -> None:
    id = await make(site, client)
    reply = await client.get(f"{REQUESTS}/{id}/attachments")
    assert reply.json == {"list": [], "total": 0, "offset": 0, "limit": 100}
    reply = await client.in_form(REFERENCE).get(f"{REQUESTS}/{id}/attachments")
    assert (reply.json, reply.headers["X-Total-Count"]) == ([], "0")
    assert (await client.get(f"{REQUESTS}/{UNKNOWN}/attachments")).status == 404


# ---------------------------------------------------------------- change


async def test_a_paused_request_resumes(site: Site, client: Client) -> None:
    id = await make(site, client, pause_before_transmit=True)
    assert (await read(client, id))["state"] == "PAUSED"
    assert (await messages_of(client, id))[0]["state"] == "PAUSED"
    reply = await client.post(f"{REQUESTS}/{id}", {"state": "TRANSMITTING"})
    assert (reply.status, reply.json) == (200, {"id": id})
    assert (await read(client, id))["state"] == "TRANSMITTING"
    assert (await messages_of(client, id))[0]["state"] == "CREATED"
    shown = await read(client, id)
    assert (await client.post(f"{REQUESTS}/{id}", shown)).status == 200  # all that was read
    assert (await read(client, id))["state"] == "TRANSMITTING"


async def test_a_state_and_labels_change_together(site: Site, client: Client) -> None:
    id = await make(site, client, pause_before_transmit=True)
    change = {"state": "CANCELED", "conversation_id": "zz"}
    assert (await client.post(f"{REQUESTS}/{id}", change)).status == 200
    shown = await read(client, id)
    assert (shown["state"], shown["conversation_id"]) == ("CANCELED", "zz")


@pytest.mark.parametrize("more", [{}, {"pause_before_transmit": True}])
async def test_a_request_is_canceled(site: Site, client: Client, more: dict[str, Any]) -> None:
    id = await make(site, client, to=[TO, "+15550001111"], **more)
    assert (await client.post(f"{REQUESTS}/{id}", {"state": "CANCELED"})).status == 200
    shown = await read(client, id)
    assert (shown["state"], shown["canceled_count"]) == ("CANCELED", 2)
    assert {each["state"] for each in await messages_of(client, id)} == {"CANCELED"}


@pytest.mark.parametrize("state", ["COMPLETED", "PAUSED", "SOON", "DELETED"])
async def test_other_states_cannot_be_asked_for(site: Site, client: Client, state: str) -> None:
    id = await make(site, client)
    reply = await client.post(f"{REQUESTS}/{id}", {"state": state})
    assert (reply.status, reply.code) == (400, "400")


async def test_labels_change_under_the_optimistic_lock(site: Site, client: Client) -> None:
    id = await make(site, client)
    version = (await read(client, id))["version_number"]
    change = {"campaign_id": "autumn", "body": "ignored", "version_number": version}
    assert (await client.post(f"{REQUESTS}/{id}", change)).status == 200
    shown = await read(client, id)
    assert (shown["campaign_id"], shown["body"]) == ("autumn", "Hello")
    assert shown["version_number"] == version + 1
    for stale in ({"campaign_id": "x"}, {"state": "CANCELED"}):
        reply = await client.post(f"{REQUESTS}/{id}", stale | {"version_number": str(version)})
        assert (reply.status, reply.code) == (409, "1001")
    reply = await client.post(f"{REQUESTS}/{id}", {"campaign_id": "x" * 256})
    assert (reply.status, reply.code) == (400, "1023")
    assert (await client.post(f"{REQUESTS}/{UNKNOWN}", {"campaign_id": "x"})).status == 404
    assert (await client.post(f"{REQUESTS}/{UNKNOWN}", {"state": "CANCELED"})).status == 404


async def test_a_deleted_request_is_gone_but_for_those_who_ask(site: Site, client: Client) -> None:
    id = await make(site, client)
    kept = await make(site, client)
    reply = await client.delete(f"{REQUESTS}/{id}")
    assert (reply.status, reply.raw) == (200, b"")
    for path in ("", "/messages", "/attachments"):
        assert (await client.get(f"{REQUESTS}/{id}{path}")).status == 404
    assert (await client.delete(f"{REQUESTS}/{id}")).status == 404
    assert await listed(client, "") == [kept]
    (deleted,) = (await client.get(f"{REQUESTS}?state=DELETED")).json["list"]
    assert (deleted["id"], deleted["state"]) == (id, "DELETED")
    assert await listed(client, "state=DELETED,TRANSMITTING") == [kept, id]


async def test_the_messages_of_a_deleted_request_stay_until_they_are_deleted(
    site: Site, client: Client
) -> None:
    """Canceled with it, and then on their own: by id, in the list, and each with its DELETE."""
    id = await make(site, client)
    (message,) = (await client.get(f"{REQUESTS}/{id}/messages")).json["list"]
    await client.delete(f"{REQUESTS}/{id}")
    for path in (f"{MESSAGES}/{message['id']}", f"{MESSAGES}?message_request_id={id}"):
        reply = await client.get(path)
        assert reply.status == 200
        (shown,) = reply.json.get("list", [reply.json])
        assert (shown["id"], shown["message_request_id"]) == (message["id"], id)
        assert shown["state"] == "CANCELED"
    assert (await client.delete(f"{MESSAGES}/{message['id']}")).status == 200
    assert (await client.get(f"{MESSAGES}/{message['id']}")).status == 404
    assert (await client.get(f"{MESSAGES}?message_request_id={id}")).json["list"] == []


async def test_messages_cannot_be_added_to_a_request(site: Site, client: Client) -> None:
    id = await make(site, client)
    for path in (f"{REQUESTS}/{id}/messages", f"{REQUESTS}/{id}/attachments"):
        reply = await client.post(path, {"state": "x"})
        assert (reply.status, reply.code, reply.headers["Allow"]) == (405, "405", "GET")


# ---------------------------------------------------------------- what needs steps


async def _expand(site: Site) -> None:
    """What a node with the jobs role does."""
    services = site.services
    expander = an_expander(services.db, services.settings, senders=services.senders)
    while await expander.step():
        pass


async def test_a_channel_is_shown_and_found_as_it_was_named(site: Site, client: Client) -> None:
    sender = await site.sender(client)
    channel = (await client.post("/messaging/channels", {"name": "all"})).json["id"]
    added = {"sender_ids": [sender]}
    assert (await client.post(f"/messaging/channels/{channel}/sender_ids", added)).status == 200
    id = await make(site, client, **{"from": f"channel: {channel}"})
    other = await make(site, client)
    assert (await read(client, id))["from"] == f"channel:{channel}"
    for query in (f"from=channel:{channel}", f"from={channel}", f"from=channel-{channel}"):
        assert await listed(client, query) == [id], query
    assert await listed(client, f"from=sender_id:{sender}") == [other]
    assert (await read(client, id))["state"] == "PREPARING"
    await _expand(site)
    (message,) = await messages_of(client, id)
    assert (message["customer_sender_id"], message["state"]) == (sender, "CREATED")
    assert await listed(client, "") == [other, id]


async def test_contacts_are_shown_on_their_messages(site: Site, client: Client) -> None:
    contact = (await client.post("/contacts", {"primary_mdn": TO, "first_name": "Ann"})).json["id"]
    group = (await client.post("/contact_groups", {"name": "all", "type": "STATIC"})).json["id"]
    await client.post(f"/contact_groups/{group}/contacts", {"contacts": [contact]})
    bodies: list[dict[str, Any]] = [
        {"to": f"contact:{contact}"},
        {"to": [[f"group:{group}"]]},
        {"to": None, "contact_id": contact},
        {"to": None, "contact_group_id": group},
        {"to": None, "criteria": {"primary_mdn": TO}},
        {"to": None, "criteria": {}},
        {"to": None, "criteria": f'{{"primary_mdn": "{TO}"}}'},
    ]
    for body in bodies:
        id = await make(site, client, **body, body="Dear $contact.first_name")
        await _expand(site)
        (message,) = await messages_of(client, id)
        assert (message["contact_id"], message["body"]) == (contact, "Dear Ann"), body
        assert (await read(client, id))["body"] == "Dear $contact.first_name"
    (shown,) = (await client.in_form(REFERENCE).get(f"{REQUESTS}/{id}/messages")).json
    assert shown["contact-id"] == contact
    assert len((await client.get(f"/messaging/messages?contact-id={contact}")).json["list"]) == len(
        bodies
    )
    assert (await client.get(f"/messaging/messages?contact_id={UNKNOWN}")).json["list"] == []


async def test_what_was_asked_for_is_shown(site: Site, client: Client) -> None:
    given = {
        "media_urls": ["https://example.com/a.png"],
        "options": {"push:badge": 1},
        "consent_requirement": "opt_out",
        "scheduled_delivery_time": "2026-11-30T09:00:00",
        "scheduled_delivery_time_zone": "local",
        "src_language": "en",
        "dst_language": "es",
        "translate": True,
    }
    id = await make(site, client, **given)
    shown = await read(client, id)
    for name in ("media_urls", "options", "src_language", "dst_language", "translate"):
        assert shown[name] == given[name], name
    assert (shown["consent_requirement"], shown["scheduled_delivery_time_zone"]) == (
        "OPT_OUT",
        "LOCAL",
    )
    await _expand(site)
    shown = await read(client, id)
    assert (shown["translations_count"], shown["translations_failed_count"]) == (0, 1)
    (message,) = (await client.in_form(REFERENCE).get(f"{REQUESTS}/{id}/messages")).json
    assert message["type"] == "MMS"
    assert message["failedTranslation"]


async def test_a_push_shows_its_provider(site: Site, client: Client) -> None:
    sender = await site.sender(client, type_id="PUSH", address="an.app", capabilities=["PSH"])
    id = await make(site, client, **{"from": sender}, to=f"psh:apn@{sender}@abc123")
    await _expand(site)
    (message,) = await messages_of(client, id)
    assert (message["type"], message["message_delivery_provider"]) == ("PSH", "APN")
    found = await client.get("/messaging/messages?message_delivery_provider=apn&type=PSH")
    assert [each["id"] for each in found.json["list"]] == [message["id"]]


@pytest.mark.parametrize(
    ("more", "code", "names"),
    [
        ({"to": None, "criteria": "{"}, "1017", "criteria"),
        ({"body": '#track("nonsense")'}, "1020", "body"),
        ({"to": f"group:{UNKNOWN}"}, "400", "to"),
        ({"to": f"contact:{UNKNOWN}"}, "400", "to"),
        ({"from": f"channel:{UNKNOWN}"}, "400", "from"),
        ({"attachments": [UNKNOWN]}, "400", "attachments"),
        ({"attachments": ["a"], "media_urls": ["https://a.example/b"]}, "400", "media_urls"),
        ({"failover": "FAX"}, "400", "failover"),
        ({"failover": "SMS"}, "400", "failover"),
        ({"group_mms": True}, "400", "group_mms"),
        ({"options": {str(n): n for n in range(51)}}, "400", "options"),
        ({"options": {"push:badge": 1, "push:bagde": 1}}, "400", "options"),
        ({"options": {"push:badge": {"n": 1}}}, "400", "options"),
        ({"sender_id_sort_criteria": ["LUCK"]}, "400", "sender_id_sort_criteria"),
        ({"price_threshold": -1}, "400", "price_threshold"),
        ({"consent_requirement": "MAYBE"}, "400", "consent_requirement"),
        ({"body": "x" * 2000, "consent_requirement": "OPT_IN"}, "1012", "body"),
        ({"subject": "s" * 256, "translate": True}, "1023", "subject"),
    ],
)
async def test_wishes_that_cannot_be_say_why(
    site: Site, client: Client, more: dict[str, Any], code: str, names: str
) -> None:
    sender = await site.sender(client)
    reply = await client.post(REQUESTS, {"from": sender, "to": TO, "body": "x"} | more)
    assert (reply.status, reply.code) == (400, code)
    assert names in reply.json["error_description"]


async def test_without_credit_the_answer_is_402(make_site: SiteMaker) -> None:
    site = await make_site(billing={"enabled": True})
    client = await site.company()
    sender = await site.sender(client)
    reply = await client.post(REQUESTS, {"from": sender, "to": TO, "body": "x"})
    assert (reply.status, reply.code) == (402, "402")

"""Messages through the door: what they show, how they are found, what a client can do to them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from harness import REFERENCE, UNKNOWN, Client, Site
from test_message_requests import REQUESTS, TO, make, messages_of

from clarion.engine.messages import store
from clarion.engine.messages.receipts import normal_id
from clarion.engine.messages.states import Input
from clarion.kit import ids

MESSAGES = "/messaging/messages"
AT = datetime(2026, 3, 1, 12, 0, 0, 250_000, UTC)
AT_MS = int(AT.timestamp() * 1000)


def _id(shown: str) -> UUID:
    found = ids.parse(shown)
    assert found is not None
    return found


async def outgoing(site: Site, client: Client, **more: Any) -> str:
    """A new message; answers its id."""
    request = await make(site, client, **more)
    return str((await messages_of(client, request))[0]["id"])


async def advance(site: Site, client: Client, shown: str, *inputs: Input, **more: Any) -> None:
    """What the carrier says of a message."""
    company = client.caller.company_id
    async with site.services.db.transaction() as tx:
        for input in inputs:
            await store.advance(tx, company, input, [store.Advance(_id(shown), AT, **more)], AT)


async def taken(site: Site, client: Client, shown: str, *carrier_ids: str) -> None:
    """The carrier takes all parts of a message."""
    parts = [
        store.NewFragment(_id(shown), n, len(carrier_ids), normal_id(each), each)
        for n, each in enumerate(carrier_ids, 1)
    ]
    async with site.services.db.transaction() as tx:
        await store.add_fragments(tx, client.caller.company_id, "sandbox", parts)
    await advance(site, client, shown, Input.TAKEN)


async def incoming(site: Site, client: Client, text: str, **more: Any) -> str:
    """A message from a subscriber."""
    (sender,) = (await client.get("/messaging/sender_ids")).json["list"]
    id = ids.new_id()
    values = {
        "company_id": client.caller.company_id,
        "id": id,
        "application_id": client.caller.application_id,
        "sender_id": _id(sender["id"]),
        "sender_address": sender["address"],
        "peer_address": TO,
        "country": "DE",
        "body": text,
        "conversation_id": None,
        "reply_to": None,
        "fragments": 1,
    }
    async with site.services.db.transaction() as tx:
        await store.add_inbound(tx, [store.NewInbound(**(values | more))], AT)
    return ids.show(id)


async def read(client: Client, id: str) -> dict[str, Any]:
    reply = await client.get(f"{MESSAGES}/{id}")
    assert reply.status == 200, reply.raw
    return dict(reply.json)


async def test_a_message_on_its_way_shows_what_is_known(site: Site, client: Client) -> None:
    id = await outgoing(
        site, client, body="x" * 200, external_id="e", campaign_id="c", conversation_id="t"
    )
    shown = await read(client, id)
    assert shown.pop("created_date") > AT_MS
    assert shown.pop("last_updated_date") > AT_MS
    sender = shown.pop("customer_sender_id")
    assert (await client.get(f"/messaging/sender_ids/{sender}")).status == 200
    request = shown.pop("message_request_id")
    assert (await client.get(f"{REQUESTS}/{request}")).status == 200
    assert shown == {
        "id": id,
        "external_message_request_id": "e",
        "campaign_id": "c",
        "conversation_id": "t",
        "direction": "MT",
        "from_address": "15550001000",
        "to_address": TO,
        "state": "CREATED",
        "body": "x" * 200,
        "attachments": [],
        "type": "SMS",
        "destination_country": "DEU",
        "consent_requirement": "NONE",
        "fragments_info": [
            {"fragment_id": f"{id}-1", "fragment_state": "CREATED"},
            {"fragment_id": f"{id}-2", "fragment_state": "CREATED"},
        ],
        "application_id": client.caller.application_id,
        "company_id": client.caller.company_id,
        "version_number": 1,
    }  # fmt: skip


async def test_a_delivered_message_shows_dates_and_the_carriers_ids(
    site: Site, client: Client
) -> None:
    id = await outgoing(site, client, body="x" * 200)
    await taken(site, client, id, "AB01", "AB02")
    await advance(site, client, id, Input.DELIVERED)
    shown = await read(client, id)
    assert (shown["state"], shown["sent_date"], shown["delivered_date"]) == (
        "DELIVERED", AT_MS, AT_MS,
    )  # fmt: skip
    assert shown["external_transaction_ids"] == "AB01,AB02"
    parts = [(f["external_id"], f["fragment_state"]) for f in shown["fragments_info"]]
    assert parts == [("AB01", "DELIVERED"), ("AB02", "DELIVERED")]
    reference = await read(client.in_form(REFERENCE), id)
    assert reference["sent_date"] == "2026-03-01T12:00:00.250Z"
    assert "fragments_info" not in reference


async def test_a_failed_message_says_why_in_the_words_of_the_form(
    site: Site, client: Client
) -> None:
    id = await outgoing(site, client)
    await advance(site, client, id, Input.REFUSED, code="1009", details="The carrier said no.")
    shown = await read(client, id)
    assert (shown["state"], shown["failure_code"]) == ("FAILED", "1009")
    assert shown["failure_details"] == "The carrier said no."
    assert shown["fragments_info"][0]["failure_code"] == 1009
    reference = client.in_form(REFERENCE)
    assert (await read(reference, id))["failure_code"] == "OTHER"
    for query in ("failure_code=1009", "failure_code=OTHER", "failure_code=1002,1009"):
        assert (await client.get(f"{MESSAGES}?{query}")).json["total"] == 1
        assert len((await reference.get(f"{MESSAGES}?{query}")).json) == 1
    assert (await client.get(f"{MESSAGES}?failure_code=INVALID_RECIPIENT")).json["total"] == 0


async def test_an_inbound_message_has_its_addresses_the_other_way_round(
    site: Site, client: Client
) -> None:
    first = await outgoing(site, client)
    id = await incoming(site, client, "Yes", reply_to=_id(first), conversation_id="talk")
    shown = await read(client, id)
    assert (shown["direction"], shown["state"], shown["body"]) == ("MO", "RECEIVED", "Yes")
    assert (shown["from_address"], shown["to_address"]) == (TO.lstrip("+"), "15550001000")
    assert (shown["reply_to"], shown["conversation_id"]) == (first, "talk")
    assert "message_request_id" not in shown
    assert "fragments_info" not in shown


async def test_messages_are_filtered_by_every_attribute_of_the_reference(
    site: Site, client: Client
) -> None:
    later = int(datetime.now(UTC).timestamp() * 1000) + 3_600_000
    mt = await outgoing(
        site,
        client,
        body="Question",
        subject="S",
        external_id="e",
        campaign_id="c",
        conversation_id="t",
        scheduled_delivery_time=later,
        expiry_time=later + 1000,
    )
    await site.services.db.execute(
        "update message set reply_to = $1 where company_id = $2 and id = $3",
        _id(UNKNOWN),
        client.caller.company_id,
        _id(mt),
    )
    await taken(site, client, mt, "00Ab7")
    await advance(site, client, mt, Input.DELIVERED)
    mo = await incoming(site, client, "Answer")
    shown = await read(client, mt)
    day = "[2026-03-01T00:00:00.000Z,2026-03-01T23:59:59.999Z]"
    cases: dict[str, list[str]] = {
        "": [mo, mt],
        f"id={mt}": [mt],
        f"message_request_id={shown['message_request_id']}": [mt],
        "external_transaction_ids=00Ab7": [mt],
        "external_transaction_ids=00Ab7,zz": [mt],
        "external_transaction_ids=ab7": [],
        "external_message_request_id=e": [mt],
        "conversation_id=t": [mt],
        "campaign_id=c": [mt],
        "direction=MO": [mo],
        "direction=mt,mo": [mo, mt],
        f"customer_sender_id={shown['customer_sender_id']}": [mo, mt],
        "from_address=15550001000": [mt],
        "from_address=+15550001000": [mt],
        f"from_address={TO}": [mo],
        f"to_address={TO}": [mt],
        f"to_address={TO.lstrip('+')}": [mt],
        "to_address=15550001000": [mo],
        f"to_address=mdn:{TO}": [mt],
        f"to_address=00{TO.lstrip('+')}": [mt],
        f"to=%20{TO.lstrip('+')}": [mt],
        "from=mdn:15550001000": [mt],
        f"from=mdn:{TO}": [mo],
        "state=DELIVERED": [mt],
        "state=RECEIVED,DELIVERED": [mo, mt],
        "failure_code=1002": [],
        "subject=S": [mt],
        "body=Question": [mt],
        "body=Answer": [mo],
        f"sent_date={day}": [mt],
        f"delivered_date={day}": [mt],
        f"converted_date={day}": [],
        f"reply_to={UNKNOWN}": [mt],
        f"scheduled_delivery_time={later}": [mt],
        f"expiry_time={later + 1000}": [mt],
        "type=SMS": [mo, mt],
        "type=MMS": [],
        "message_delivery_provider=APN": [],
        "contact_id=x": [],
        "contact-id=x": [],
        "price=0.5": [],
        f"application_id={client.caller.application_id}": [mo, mt],
        "created_date=[2020-01-01T00:00:00.000Z,]": [mo, mt],
        f"last_updated_date={day}": [mo, mt],
        "sort=direction": [mt, mo],
        "sort=-created_date&limit=1": [mo],
    }
    for form in (client, client.in_form(REFERENCE)):
        for query, expected in cases.items():
            reply = await form.get(f"{MESSAGES}?{query}")
            assert reply.status == 200, (query, reply.raw)
            rows = reply.json if form is not client else reply.json["list"]
            assert [each["id"] for each in rows] == expected, query
    for wrong in ("type=FOO", "message_delivery_provider=FOO"):
        assert (await client.get(f"{MESSAGES}?{wrong}")).status == 400, wrong
    for wrong in ("direction=UP", "state=SOON", "sent_date=x", "price=x", "application_id=x"):
        assert (await client.get(f"{MESSAGES}?{wrong}")).status == 400, wrong


@pytest.mark.parametrize(
    ("inputs", "wanted", "status"),
    [
        ([], "CONVERTED", 200),
        ([Input.TAKEN], "converted", 200),
        ([Input.TAKEN, Input.DELIVERED], "CONVERTED", 200),
        ([Input.REFUSED], "CONVERTED", 400),
        ([], "PROCESSED", 400),
        ([], "SENT", 400),
        ([], "DELETED", 200),
        ([Input.TAKEN], "DELETED", 200),
    ],
)
async def test_moves_of_an_outgoing_message(
    site: Site, client: Client, inputs: list[Input], wanted: str, status: int
) -> None:
    id = await outgoing(site, client)
    await advance(site, client, id, *inputs)
    reply = await client.post(f"{MESSAGES}/{id}", {"state": wanted})
    assert reply.status == status
    if status == 400:
        assert reply.code == "400"
    elif wanted == "DELETED":
        assert (await client.get(f"{MESSAGES}/{id}")).status == 404
    else:
        assert (await read(client, id))["state"] == "CONVERTED"


async def test_a_conversion_brings_its_date_and_source(site: Site, client: Client) -> None:
    id = await outgoing(site, client)
    await taken(site, client, id, "c-1")
    change = {
        "state": "CONVERTED",
        "converted_date": "2026-03-02T00:00:00Z",
        "conversion_info_source": "our shop",
    }
    assert (await client.post(f"{MESSAGES}/{id}", change)).status == 200
    shown = await read(client, id)
    assert shown["converted_date"] == AT_MS - AT_MS % 86_400_000 + 86_400_000
    assert shown["conversion_info_source"] == "our shop"
    request = (await client.get(f"{REQUESTS}/{shown['message_request_id']}")).json
    assert request["converted_count"] == 1


@pytest.mark.parametrize(
    ("wanted", "status"), [("PROCESSED", 200), ("DELETED", 200), ("CONVERTED", 400)]
)
async def test_moves_of_an_inbound_message(
    site: Site, client: Client, wanted: str, status: int
) -> None:
    await site.sender(client)
    id = await incoming(site, client, "Hi")
    assert (await client.post(f"{MESSAGES}/{id}", {"state": wanted})).status == status


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "400"),
        ({"state": None}, 400, "400"),
        ({"state": 7}, 400, "400"),
        ({"state": "CONVERTED", "version_number": 9}, 409, "1001"),
        ({"state": "CONVERTED", "converted_date": "x"}, 400, "400"),
        ({"state": "CONVERTED", "conversion_info_source": "s" * 256}, 400, "1023"),
    ],
)
async def test_a_change_that_cannot_be_made(
    site: Site, client: Client, body: dict[str, Any], status: int, code: str
) -> None:
    id = await outgoing(site, client)
    reply = await client.post(f"{MESSAGES}/{id}", body)
    assert (reply.status, reply.code) == (status, code)


async def test_a_deleted_message_is_gone_but_for_those_who_ask(site: Site, client: Client) -> None:
    id = await outgoing(site, client)
    assert (await client.delete(f"{MESSAGES}/{id}")).status == 200
    assert (await client.get(f"{MESSAGES}/{id}")).status == 404
    assert (await client.get(MESSAGES)).json["total"] == 0
    (deleted,) = (await client.get(f"{MESSAGES}?state=DELETED")).json["list"]
    assert (deleted["id"], deleted["state"]) == (id, "DELETED")


async def test_attachments_are_an_empty_list_where_the_message_exists(
    site: Site, client: Client
) -> None:
    id = await outgoing(site, client)
    assert (await client.get(f"{MESSAGES}/{id}/attachments")).json["list"] == []
    assert (await client.get(f"{MESSAGES}/{UNKNOWN}/attachments")).status == 404


async def test_messages_cannot_be_made_directly(site: Site, client: Client) -> None:
    id = await outgoing(site, client)
    for path in (MESSAGES, f"{MESSAGES}/{id}/attachments"):
        reply = await client.post(path, {"state": "x"})
        assert (reply.status, reply.code, reply.headers["Allow"]) == (405, "405", "GET")

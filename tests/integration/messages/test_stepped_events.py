"""Events of requests that go by steps: pushes that fail over, what is given up, what is priced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pipeline import Place
from stage import Stage
from tests.subscribers import Subscriber, a_subscriber
from tests.waiting import eventually

from clarion import settings
from clarion.engine.messages import store, tasks
from clarion.engine.messages.model import Options
from clarion.engine.messages.ports import Inbound, Media
from clarion.engine.messages.states import Input
from clarion.kit import ids

TOPIC = "SCG-Message"
MOVED, REQUEST_MOVED = "message_state_change", "message_request_state_change"
ONE = "+4915112345678"
FAILOVER = Options(failover="SMS", contact_delivery_address_priority=["PUSH", "MDN"])


@pytest.fixture
async def running(place: Place) -> Stage:
    """A gateway that sends, with a carrier of every medium."""
    return Stage(place, await place.started(), await place.tenant())


async def _channel(stage: Stage) -> tuple[str, UUID]:
    push = await stage.sender("PSH")
    return await stage.channel(await stage.sender("SMS"), push), push


async def _contact(stage: Stage, push: UUID, token: str) -> str:
    contact = await stage.contact(ONE)
    await stage.token(contact, push, token)
    return f"contact:{ids.show(contact)}"


async def _by(stage: Stage) -> Subscriber:
    return await a_subscriber(stage.db, stage.caller, TOPIC)


async def _moves(by: Subscriber, request: UUID) -> list[tuple[str, str]]:
    id = ids.show(request)
    return [e.moved for e in await by.told(REQUEST_MOVED) if e.fields["message_request_id"] == id]


async def _completed(stage: Stage, request: UUID) -> None:
    async def reached() -> bool:
        return bool((await stage.request(request))["state"] == "COMPLETED")

    await eventually(reached)


ALL = [("PREPARING", "TRANSMITTING"), ("TRANSMITTING", "COMPLETED")]


async def test_a_push_and_the_sms_in_its_place(running: Stage) -> None:
    by = await _by(running)
    channel, push = await _channel(running)
    to = await _contact(running, push, "sandbox-lost-1")
    request = await running.accept(to, sender=channel, options=FAILOVER)
    await _completed(running, request)
    assert await _moves(by, request) == ALL
    moved = [(e.key, *e.moved) for e in await by.told(MOVED)]
    assert moved[:2] == [
        ("apn:sandbox-lost-1", "CREATED", "SENT"), ("apn:sandbox-lost-1", "SENT", "FAILED"),
    ]  # fmt: skip
    assert (ONE, "CREATED", "SENT") in moved


async def test_a_push_of_which_no_bad_news_comes(stage: Stage) -> None:
    by = await _by(stage)
    channel, push = await _channel(stage)
    request = await stage.send(await _contact(stage, push, "t"), sender=channel, options=FAILOVER)
    now = datetime.now(UTC)
    sent = [store.Advance((await stage.message(request))["id"], now)]
    await store.advance(stage.db, stage.company_id, Input.TAKEN, sent, now)
    assert await _moves(by, request) == ALL[:1]
    for _ in range(2):
        await tasks.settle_failovers(stage.db, patience=timedelta(0))
    assert await _moves(by, request) == ALL


async def test_a_text_that_cannot_be_made_rejects_its_request(stage: Stage) -> None:
    by = await _by(stage)
    contact = f"contact:{ids.show(await stage.contact(ONE))}"
    request = await stage.send(contact, body="Dear $contact.first_name")
    assert await _moves(by, request) == [("PREPARING", "REJECTED")]
    (message,) = await by.told(MOVED)
    (event,) = await by.told(REQUEST_MOVED)
    assert message.moved == ("CREATED", "FAILED")
    assert message.fields["reason_code"] == event.fields["reason_code"] == "1006"
    assert message.fields["reason_description"] == event.fields["reason_description"] != ""


async def test_what_is_given_up_since_its_sender_is_gone(stage: Stage) -> None:
    by = await _by(stage)
    request = await stage.accept(*(f"+49151123450{n:02}" for n in range(60)))
    await stage.db.execute(
        "update sender_id set deleted_at = now() where company_id = $1", stage.company_id
    )
    await stage.expand()
    assert await _moves(by, request) == [("PREPARING", "REJECTED")]
    (event,) = await by.told(REQUEST_MOVED)
    assert event.fields["reason_code"] == "1015"


async def test_what_travels_beside_the_text_is_named(running: Stage) -> None:
    by = await _by(running)
    address = running.tenant.address
    media = (Media(name="a", url="https://x.example/a"), Media(name="b", key="k/b"))
    message = Inbound(ONE, address, "look", None, 1, 1, medium="MMS", media=media)
    await running.gateway.inbound.take([(running.place.name, message)])
    (event,) = await by.told("mo_message_received")
    assert event.fields["has_attachment"] is True
    assert event.fields["media_urls"] == "https://x.example/a"
    (attachment,) = await running.place.db.fetch(
        "select id from attachment where company_id = $1", running.company_id
    )
    assert event.fields["attachment_ids"] == ids.show(attachment["id"])


async def test_what_a_message_costs_is_a_number(place: Place) -> None:
    gateway = place.gateway(billing=settings.Billing(enabled=True))
    await gateway.membership.renew()
    gateway.intake.start()
    stage = Stage(place, gateway, await place.tenant())
    await stage.prices("0.125")
    await stage.credit("1")
    by = await _by(stage)
    request = await stage.send(ONE, pause_before_transmit=True)
    assert await _moves(by, request) == [("PREPARING", "PAUSED")]
    assert [e.fields["mt_price"] for e in await by.told()] == [0.125, 0.125]
    await gateway.intake.stop()
    await gateway.membership.leave()

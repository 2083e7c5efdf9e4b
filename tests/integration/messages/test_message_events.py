"""From what happens to messages and requests to the events that are stored for subscribers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pipeline import Gateway, Place
from tests.factories import Tenant
from tests.subscribers import Subscriber, Told, a_subscriber, announced, without_owner
from tests.waiting import eventually

from clarion.engine.events.configurations import service as configurations
from clarion.engine.messages import service, tasks
from clarion.engine.messages.model import Direction
from clarion.engine.messages.ports import Inbound
from clarion.kit import ids
from clarion.settings import SandboxConnector

TOPIC = "SCG-Message"
MOVED, REQUEST_MOVED, RECEIVED = (
    "message_state_change",
    "message_request_state_change",
    "mo_message_received",
)
ONE, TWO, THREE = "+4915112345678", "+4915112345679", "+4915112345680"
SLOW = SandboxConnector(receipt_delay=60.0)


class Watched:
    """A tenant on a gateway, and somebody who hears of all its messages."""

    def __init__(self, place: Place, gateway: Gateway, tenant: Tenant, by: Subscriber) -> None:
        self.place = place
        self.gateway = gateway
        self.tenant = tenant
        self.by = by

    @property
    def company_id(self) -> int:
        return self.tenant.company_id

    async def send(self, *to: str, **more: Any) -> UUID:
        return await self.gateway.send(self.tenant, *to, **more)

    async def moves(self, type: str, id: UUID) -> list[tuple[str, str]]:
        """What a message or request has gone through, as events tell it."""
        name = "message_id" if type == MOVED else "message_request_id"
        return [e.moved for e in await self.by.told(type) if e.fields[name] == ids.show(id)]

    async def state(self, request_id: UUID, state: str) -> None:
        async def reached() -> bool:
            return set(await self.place.states(self.tenant, request_id)) == {state}

        await eventually(reached)


async def watched(place: Place, gateway: Gateway, *types: str) -> Watched:
    tenant = await place.tenant()
    by = await a_subscriber(place.db, tenant.caller, TOPIC, *types)
    return Watched(place, gateway, tenant, by)


@pytest.fixture
async def still(place: Place) -> Watched:
    """Nothing is sent."""
    gateway = place.gateway()
    gateway.intake.start()
    gateway._running = True
    return await watched(place, gateway)


async def test_a_message_that_arrives_tells_of_each_step(place: Place) -> None:
    w = await watched(place, await place.started())
    request_id = await w.send(ONE, external_id="order-1", body="hi")
    await w.state(request_id, "DELIVERED")
    message_id = ids.message_id(request_id, 1)
    events = await w.by.told(MOVED)
    assert [e.moved for e in events] == [("CREATED", "SENT"), ("SENT", "DELIVERED")]
    assert [e.key for e in events] == [ONE, ONE]
    assert without_owner(events[0].fields) == {
        "message_id": ids.show(message_id),
        "message_request_id": ids.show(request_id),
        "external_id": "order-1",
        "external_message_request_id": "order-1",
        "from_address": w.tenant.address,
        "to_address": ONE,
        "sender_id_id": ids.show(w.tenant.sender_id),
        "sender_id_alias": "numbers",
        "fragments_count": 1,
        "previous_state": "CREATED",
        "new_state": "SENT",
        "reason_code": "",
        "reason_description": "",
    }
    assert events[0].fields["application_id"] == w.tenant.caller.application_id
    assert await w.moves(REQUEST_MOVED, request_id) == [("TRANSMITTING", "COMPLETED")]
    (request,) = await w.by.told(REQUEST_MOVED)
    assert request.key == ids.show(request_id)
    assert without_owner(request.fields) == {
        "message_request_id": ids.show(request_id),
        "external_id": "order-1",
        "external_message_request_id": "order-1",
        "previous_state": "TRANSMITTING",
        "new_state": "COMPLETED",
        "reason_code": "",
        "reason_description": "",
    }


async def test_a_message_that_fails_says_why(place: Place) -> None:
    w = await watched(place, await place.started(), MOVED, REQUEST_MOVED)
    good, bad = await w.send(ONE), await w.send("+15559990002")
    await w.state(good, "DELIVERED")
    await w.state(bad, "FAILED")
    row = await place.message(w.tenant, bad)
    last = [e for e in await w.by.told(MOVED) if e.fields["message_id"] == ids.show(row["id"])][-1]
    assert last.fields["new_state"] == "FAILED"
    assert last.fields["reason_code"] == row["failure_code"]
    assert last.fields["reason_description"] == row["failure_details"]


async def test_messages_that_are_born_in_another_state_say_so(still: Watched) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    scheduled = await still.send(ONE, scheduled_at=later)
    paused = await still.send(ONE, pause_before_transmit=True)
    tested = await still.send(ONE, test=True)
    plain = await still.send(ONE)

    async def moves(id: UUID) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        message = ids.message_id(id, 1)
        return await still.moves(MOVED, message), await still.moves(REQUEST_MOVED, id)

    assert await moves(scheduled) == ([("CREATED", "SCHEDULED")], [])
    assert await moves(paused) == ([("CREATED", "PAUSED")], [("SUBMITTED", "PAUSED")])
    assert await moves(tested) == ([("CREATED", "TEST")], [("SUBMITTED", "COMPLETED")])
    assert await moves(plain) == ([], [])


async def test_a_paused_request_that_goes_on_or_is_canceled(still: Watched) -> None:
    going, stopped = [await still.send(ONE, pause_before_transmit=True) for _ in range(2)]
    settings = still.gateway.settings.connectors
    await service.resume_request(
        still.place.db, still.gateway.senders, settings, still.company_id, going
    )
    await service.cancel_request(still.place.db, still.company_id, stopped)
    assert await still.moves(MOVED, ids.message_id(going, 1)) == [
        ("CREATED", "PAUSED"), ("PAUSED", "CREATED"),
    ]  # fmt: skip
    assert await still.moves(REQUEST_MOVED, going) == [
        ("SUBMITTED", "PAUSED"), ("PAUSED", "TRANSMITTING"),
    ]  # fmt: skip
    assert (await still.moves(MOVED, ids.message_id(stopped, 1)))[-1] == ("PAUSED", "CANCELED")
    assert (await still.moves(REQUEST_MOVED, stopped))[-1] == ("PAUSED", "CANCELED")


async def test_a_canceled_request_of_one_recipient_is_not_one_whose_message_was_deleted(
    still: Watched,
) -> None:
    canceled, emptied = [await still.send(ONE) for _ in range(2)]
    await service.cancel_request(still.place.db, still.company_id, canceled)
    message = ids.message_id(emptied, 1)
    await service.delete_message(still.place.db, still.company_id, message)
    assert await still.moves(REQUEST_MOVED, canceled) == [("TRANSMITTING", "CANCELED")]
    assert await still.moves(REQUEST_MOVED, emptied) == [("TRANSMITTING", "COMPLETED")]
    assert await still.moves(MOVED, message) == [("CREATED", "CANCELED"), ("CANCELED", "DELETED")]


async def test_a_request_with_many_recipients_tells_its_own_states(place: Place) -> None:
    w = await watched(place, await place.started())
    many = [f"+49151123450{n:02}" for n in range(60)]
    request_id = await w.send(*many, "nobody")
    await eventually(lambda: _is(place, w.tenant, request_id, "COMPLETED"))
    assert await w.moves(REQUEST_MOVED, request_id) == [
        ("PREPARING", "TRANSMITTING"), ("TRANSMITTING", "COMPLETED"),
    ]  # fmt: skip
    moved = await w.by.told(MOVED)
    assert sum(e.moved == ("CREATED", "SENT") for e in moved) == len(many)
    (born,) = [e for e in moved if e.moved == ("CREATED", "FAILED")]
    assert born.fields["to_address"] == "nobody"
    assert born.fields["reason_code"] == "1002"


async def test_a_request_that_nobody_can_get_is_rejected_with_its_reason(place: Place) -> None:
    w = await watched(place, await place.started())
    at_once = await w.send("nobody", "nobody else")
    expanded = await w.send(*(f"nobody {n}" for n in range(60)))
    await eventually(lambda: _is(place, w.tenant, expanded, "REJECTED"))
    assert await w.moves(REQUEST_MOVED, at_once) == [("SUBMITTED", "REJECTED")]
    assert await w.moves(REQUEST_MOVED, expanded) == [("PREPARING", "REJECTED")]
    for event in await w.by.told(REQUEST_MOVED):
        assert event.fields["reason_code"] == "1002"
        assert event.fields["reason_description"]


async def test_a_large_request_that_is_canceled_and_deleted(still: Watched) -> None:
    request_id = await still.send(*(f"+49151123450{n:02}" for n in range(60)))
    while await still.gateway.expander.step():
        pass
    await service.delete_request(still.place.db, still.company_id, request_id)
    assert await still.moves(REQUEST_MOVED, request_id) == [
        ("PREPARING", "TRANSMITTING"), ("TRANSMITTING", "CANCELED"), ("CANCELED", "DELETED"),
    ]  # fmt: skip
    canceled = [e for e in await still.by.told(MOVED) if e.moved == ("CREATED", "CANCELED")]
    assert len(canceled) == 60


async def test_a_pause_that_runs_out_expires_what_is_paused(still: Watched) -> None:
    now = datetime.now(UTC)
    more = {"pause_before_transmit": True, "pause_expires_at": now}
    one, two = await still.send(ONE, **more), await still.send(ONE, TWO, **more)
    await tasks.expire_pauses(still.place.db)
    for request_id in (one, two):
        assert await still.moves(REQUEST_MOVED, request_id) == [
            ("SUBMITTED", "PAUSED"), ("PAUSED", "COMPLETED"),
        ]  # fmt: skip
        last = (await still.moves(MOVED, ids.message_id(request_id, 1)))[-1]
        assert last == ("PAUSED", "EXPIRED")


async def test_a_message_whose_time_runs_out_in_the_queue(still: Watched) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.2)
    request_id = await still.send(ONE, expires_at=soon)

    async def expired() -> bool:
        await tasks.expire_queued(still.place.db)
        return await still.place.states(still.tenant, request_id) == ["EXPIRED"]

    await eventually(expired)
    (event,) = [e for e in await still.by.told(MOVED) if e.moved == ("CREATED", "EXPIRED")]
    assert event.fields["reason_code"] == "1007"


async def test_a_conversion_is_told_and_news_that_changes_no_state_is_not(place: Place) -> None:
    w = await watched(place, await place.started(SLOW))
    request_id = await w.send(ONE)
    await w.state(request_id, "SENT")
    message = ids.message_id(request_id, 1)
    for _ in range(2):
        await service.change_message(place.db, w.tenant.caller, message, state="CONVERTED")
    assert await w.moves(MOVED, message) == [("CREATED", "SENT"), ("SENT", "CONVERTED")]


# ---------------------------------------------------------------- from subscribers


async def test_a_subscribers_message_is_told_and_what_its_client_does_with_it(
    place: Place,
) -> None:
    w = await watched(place, await place.started())
    message = Inbound(ONE, w.tenant.address, "hello back", None, 1, 1)
    await w.gateway.inbound.take([(place.name, message)])
    (event,) = await w.by.told(RECEIVED)
    (row,) = await place.db.fetch(
        "select * from message where company_id = $1 and direction = $2",
        w.company_id,
        Direction.MO,
    )
    assert event.key == ONE
    assert without_owner(event.fields) == {
        "message_id": ids.show(row["id"]),
        "message_body": "hello back",
        "message_body_truncated": False,
        "message_body_content_type": "text/plain",
        "has_attachment": False,
        "from_address": ONE,
        "to_address": w.tenant.address,
        "sender_id_id": ids.show(w.tenant.sender_id),
        "sender_id_alias": "numbers",
        "fragments_count": 1,
    }
    for state in ("PROCESSED", "PROCESSED", "DELETED"):
        await service.change_message(place.db, w.tenant.caller, row["id"], state=state)
    assert await w.moves(MOVED, row["id"]) == [
        ("RECEIVED", "PROCESSED"), ("PROCESSED", "DELETED"),
    ]  # fmt: skip


async def test_a_long_message_of_a_subscriber_is_cut_in_its_event(place: Place) -> None:
    w = await watched(place, await place.started(), RECEIVED)
    await w.gateway.inbound.take(
        [(place.name, Inbound(ONE, w.tenant.address, "x" * 20_000, None, 1, 1))]
    )
    (event,) = await w.by.told()
    assert event.fields["message_body"] == "x" * 10_000
    assert event.fields["message_body_truncated"] is True


# ---------------------------------------------------------------- who hears what


async def test_where_nobody_has_subscribed_nothing_is_written(place: Place) -> None:
    gateway = await place.started()
    silent, loud = await place.tenant(), await place.tenant()
    by = await a_subscriber(place.db, loud.caller, TOPIC)
    for tenant in (silent, loud):
        await gateway.send(tenant, ONE)
        await gateway.send(tenant, *(f"+49151123450{n:02}" for n in range(60)))
        await gateway.inbound.take([(place.name, Inbound(ONE, tenant.address, "x", None, 1, 1))])
    for tenant in (silent, loud):
        await eventually(lambda t=tenant: _all_delivered(place, t, 61))
    assert await by.told()
    assert await announced(place.db, silent.company_id) == 0
    assert not await place.db.fetch("select 1 from event where company_id = $1", silent.company_id)


async def test_only_the_type_that_was_subscribed_to_is_announced(place: Place) -> None:
    gateway = await place.started()
    tenant = await place.tenant()
    by = await a_subscriber(place.db, tenant.caller, TOPIC, RECEIVED)
    await gateway.send(tenant, ONE)
    await eventually(lambda: _all_delivered(place, tenant, 1))
    assert await announced(place.db, tenant.company_id) == 0
    assert await by.told() == []


async def test_criteria_on_states_and_on_what_only_the_message_knows(place: Place) -> None:
    gateway = await place.started()
    tenant = await place.tenant()
    by = await a_subscriber(place.db, tenant.caller)
    await by.wants(TOPIC, MOVED, f"new_state = 'DELIVERED' and to_address = '{TWO}'")
    for to in (ONE, TWO, THREE):
        await gateway.send(tenant, to)
    await eventually(lambda: _all_delivered(place, tenant, 3))
    (event,) = await by.told()
    assert (event.moved, event.key) == (("SENT", "DELIVERED"), TWO)


async def test_what_is_subscribed_twice_to_one_configuration_is_delivered_once(
    place: Place,
) -> None:
    gateway = await place.started()
    tenant = await place.tenant()
    by = await a_subscriber(place.db, tenant.caller, TOPIC, MOVED)
    await by.wants(TOPIC)
    other = await a_subscriber(place.db, tenant.caller, TOPIC, MOVED)
    gone = await a_subscriber(place.db, tenant.caller, TOPIC, MOVED)
    await configurations.delete(place.db, tenant.caller, gone.configuration)
    await gateway.send(tenant, ONE)
    await eventually(lambda: _all_delivered(place, tenant, 1))
    events: list[Told] = await by.told(MOVED)
    both = tuple(sorted((by.configuration, other.configuration)))
    assert [e.configurations for e in events] == [both, both]


async def _is(place: Place, tenant: Tenant, request_id: UUID, state: str) -> bool:
    return bool((await place.request(tenant, request_id))["state"] == state)


async def _all_delivered(place: Place, tenant: Tenant, count: int) -> bool:
    found = await place.db.fetchval(
        "select count(*) from message where company_id = $1 and state = 'DELIVERED'",
        tenant.company_id,
    )
    return bool(found == count)

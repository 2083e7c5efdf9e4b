"""Events that clients publish: taken in whole, once, for those who subscribed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.subscribers import a_subscriber, told

from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.service import create_application, create_company
from clarion.engine.events.matching.interest import Interests
from clarion.engine.events.matching.publishing import (
    MAX_EVENTS,
    Published,
    PublishResult,
    publish,
)
from clarion.engine.events.model import MAX_AHEAD, EventType, Field, FieldType
from clarion.engine.events.tracking.model import Wanted
from clarion.engine.events.tracking.service import deliveries, summary
from clarion.engine.events.types.service import create_topic, create_type
from clarion.errors import AlreadyExists, InvalidInput
from clarion.kit import ids
from clarion.storage.database import Database

NIS, PORTED = "NIS-Events", "porting_event"


@pytest.fixture
async def caller(shared_db: Database) -> Caller:
    company = await create_company(shared_db, name=f"company {ids.show(ids.new_id())}")
    made = await create_application(shared_db, company.id, name="app")
    return Caller(company_id=company.id, application_id=made.application.id)


def ported(number: str = "+1", **more: Any) -> Published:
    fields = {
        "number": number,
        "tracking_id": "t",
        "carrier_id": "c",
        "carrier_name": "Acme",
        "porting_date": "2026-11-22T10:00:00Z",
    }
    return Published(type=PORTED, **{"fields": fields} | more)


def checked(topic: str) -> Published:
    return Published(type="health-check", topic=topic, fields={})


async def send(db: Database, caller: Caller, *events: Published) -> list[PublishResult]:
    return await publish(db, caller.company_id, caller.application_id, events)


async def test_an_event_reaches_those_who_subscribed(shared_db: Database, caller: Caller) -> None:
    by = await a_subscriber(shared_db, caller)
    await by.wants(NIS, PORTED, "number = '+1'")
    at = datetime(2026, 11, 22, 10, tzinfo=UTC)
    one, two = await send(shared_db, caller, ported(at=at), ported("+2"))
    assert (one.repeated, one.deliveries) == (False, 1)
    assert (two.repeated, two.deliveries) == (False, 0)
    (event,) = await told(shared_db, caller.company_id)
    assert (ids.show(event.id), event.key, event.at) == (one.id, "+1", at)
    assert event.fields["company-id"] == caller.company_id
    assert event.configurations == (by.configuration,)


async def test_its_own_id_makes_publishing_harmless_to_repeat(
    shared_db: Database, caller: Caller
) -> None:
    await a_subscriber(shared_db, caller, NIS)
    first = await send(shared_db, caller, ported(id="a-1"), ported(id="a-1"), ported("+2"))
    assert [(r.id, r.repeated) for r in first[:2]] == [("a-1", False), ("a-1", True)]
    again = await send(shared_db, caller, ported(id="a-1"), ported("+3", id="a-2"))
    assert [(r.id, r.repeated, r.deliveries) for r in again] == [
        ("a-1", True, 0), ("a-2", False, 1),
    ]  # fmt: skip
    assert [e.key for e in await told(shared_db, caller.company_id)] == ["+1", "+2", "+3"]
    shown = await shared_db.fetch(
        "select external_id from event where company_id = $1 order by id", caller.company_id
    )
    assert [row["external_id"] for row in shown] == ["a-1", None, "a-2"]


async def test_an_id_that_was_another_events_is_refused_with_all_of_its_batch(
    shared_db: Database, caller: Caller
) -> None:
    await a_subscriber(shared_db, caller, NIS)
    await send(shared_db, caller, ported(id="a-1"))
    with pytest.raises(AlreadyExists, match="a-1 was used for another event"):
        await send(shared_db, caller, ported("+7", id="a-7"), ported("+2", id="a-1"))
    assert [e.key for e in await told(shared_db, caller.company_id)] == ["+1"]
    (result,) = await send(shared_db, caller, ported("+7", id="a-7"))
    assert not result.repeated


async def test_an_id_is_its_companys_own(shared_db: Database, caller: Caller) -> None:
    other = await create_company(shared_db, name=f"company {ids.show(ids.new_id())}")
    await send(shared_db, caller, ported(id="a-1"))
    (result,) = await publish(shared_db, other.id, 1, [ported("+2", id="a-1")])
    assert not result.repeated


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Published(type="no_such", fields={}), "Event 1: evt-tp: there is no type 'no_such'"),
        (Published(type=PORTED, fields={}), "Event 1: .*: events of type porting_event must have"),
        (ported(topic="SCG-Message"), "Event 1: topic: the type porting_event is of NIS-Events"),
        (ported(id="a:b"), "Event 1: event-id: "),
        (ported(id="x" * 65), "Event 1: event-id: "),
        (ported(key="x" * 256), "Event 1: key: "),
        (ported(key="a\r\nb"), "Event 1: key: "),
    ],
)
async def test_what_its_type_does_not_allow_is_refused(
    shared_db: Database, caller: Caller, event: Published, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        await send(shared_db, caller, event)


async def test_unknown_fields_are_refused_or_kept_as_the_type_says(
    shared_db: Database, caller: Caller
) -> None:
    await create_topic(shared_db, caller, "Parcels")
    fields = {"parcel": Field(FieldType.TEXT, mandatory=True)}
    for code, strict in (("left", True), ("arrived", False)):
        await create_type(shared_db, caller, EventType(code, "Parcels", strict, fields))
    await a_subscriber(shared_db, caller, "Parcels")
    given = {"parcel": "p-1", "weight": 2}
    with pytest.raises(InvalidInput, match="weight"):
        await send(shared_db, caller, Published(type="left", fields=given))
    await send(shared_db, caller, Published(type="arrived", fields=given))
    (event,) = await told(shared_db, caller.company_id)
    assert event.fields == given
    assert event.key == "p-1"


async def test_an_event_of_a_type_without_a_topic_goes_to_one_that_there_is(
    shared_db: Database, caller: Caller
) -> None:
    await create_topic(shared_db, caller, "Parcels")
    for topic in (NIS, "Parcels"):
        await a_subscriber(shared_db, caller, topic)
        (result,) = await send(shared_db, caller, checked(topic))
        assert result.deliveries == 1
    other = await create_company(shared_db, name=f"company {ids.show(ids.new_id())}")
    for company_id, topic in ((caller.company_id, "Parcel"), (other.id, "Parcels")):
        with pytest.raises(InvalidInput, match=f"Event 1: topic: there is no topic '{topic}'"):
            await publish(shared_db, company_id, 1, [checked(topic)])


async def test_what_has_not_happened_yet_is_refused(shared_db: Database, caller: Caller) -> None:
    await a_subscriber(shared_db, caller, NIS)
    ahead = datetime.now(UTC) + MAX_AHEAD + timedelta(minutes=1)
    words = "Event 2: timestamp: .*Z is more than an hour ahead of .*Z"
    with pytest.raises(InvalidInput, match=words):
        await send(shared_db, caller, ported(), ported("+2", at=ahead))
    assert await told(shared_db, caller.company_id) == []


@pytest.mark.parametrize("away", [MAX_AHEAD - timedelta(minutes=1), timedelta(), -timedelta(9000)])
async def test_an_event_is_found_under_its_timestamp(
    shared_db: Database, caller: Caller, away: timedelta
) -> None:
    by = await a_subscriber(shared_db, caller, NIS)
    at = (datetime.now(UTC) + away).replace(microsecond=0)
    await send(shared_db, caller, ported(at=at))
    second, of = timedelta(seconds=1), (shared_db, caller.company_id)
    for since, until, count in ((at, at, 1), (at + second, None, 0), (None, at - second, 0)):
        found = await deliveries(*of, Wanted(since=since, until=until), offset=0, limit=9)
        assert [each.event.at for each in found] == [at] * count
        (summed,) = await summary(*of, since=since, until=until)
        assert (summed.id, summed.counts.pending) == (by.configuration, count)


async def test_a_company_cannot_speak_for_another(shared_db: Database, caller: Caller) -> None:
    await a_subscriber(shared_db, caller, NIS)
    event = ported()
    await send(shared_db, caller, Published(type=PORTED, fields={**event.fields, "company-id": 1}))
    (stored,) = await told(shared_db, caller.company_id)
    assert stored.fields["company-id"] == caller.company_id


async def test_a_batch_has_its_limit(shared_db: Database, caller: Caller) -> None:
    for events in ([], [ported()] * (MAX_EVENTS + 1)):
        with pytest.raises(InvalidInput, match=f"1 to {MAX_EVENTS}"):
            await send(shared_db, caller, *events)


async def test_who_delivers_is_told(shared_db: Database, caller: Caller) -> None:
    calls: list[int] = []
    await a_subscriber(shared_db, caller, NIS)
    results = await publish(
        shared_db, caller.company_id, caller.application_id, [ported(id="a")],
        interests=Interests(), delivered=lambda: calls.append(1),
    )  # fmt: skip
    assert results == [PublishResult("a", False, 1)]
    assert calls == [1]

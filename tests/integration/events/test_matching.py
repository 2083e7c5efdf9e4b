"""Announcements become events for those who subscribed: each once, in order, whatever breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import asyncpg
import pytest
from tests.subscribers import (
    Subscriber,
    a_configuration,
    a_matcher,
    a_subscriber,
    announced,
    matched,
    told,
)

from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.service import create_application, create_company
from clarion.engine.events import tasks
from clarion.engine.events.announcing import announce
from clarion.engine.events.matching import interest, matcher, store
from clarion.engine.events.matching.interest import Interests, takers
from clarion.engine.events.model import EventType, Field, FieldType, Happening, Value
from clarion.engine.events.subscriptions import service as subscriptions
from clarion.engine.events.subscriptions.model import NewSubscription, SubscriptionChange
from clarion.engine.events.types.service import create_type
from clarion.errors import Unavailable
from clarion.kit import ids
from clarion.storage.database import Database

NIS, PORTED, CUT_OFF = "NIS-Events", "porting_event", "deactivation_event"
NOW = datetime.now(UTC)


@pytest.fixture
async def caller(shared_db: Database) -> Caller:
    return await a_caller(shared_db)


async def a_caller(db: Database) -> Caller:
    company = await create_company(db, name=f"company {ids.show(ids.new_id())}")
    made = await create_application(db, company.id, name="app")
    return Caller(company_id=company.id, application_id=made.application.id)


def ported(number: str, **fields: Value) -> Happening:
    return Happening(topic=NIS, type=PORTED, key=number, fields={"number": number} | fields)


async def say(db: Database, caller: Caller, *happenings: Happening, at: datetime = NOW) -> None:
    async def work(tx: asyncpg.Connection) -> None:
        await announce(tx, caller.company_id, happenings, at=at)

    await db.run(work)


async def heard(db: Database, caller: Caller) -> list[str]:
    return [event.key for event in await told(db, caller.company_id)]


# ---------------------------------------------------------------- what matches


async def test_an_announcement_becomes_an_event_with_a_delivery(
    shared_db: Database, caller: Caller
) -> None:
    by = await a_subscriber(shared_db, caller, NIS, PORTED)
    await say(shared_db, caller, ported("+1", carrier_name="Acme"))
    assert await announced(shared_db, caller.company_id) == 1
    await matched(shared_db)
    (event,) = await told(shared_db, caller.company_id)
    assert (event.topic, event.type, event.key, event.at) == (NIS, PORTED, "+1", NOW)
    assert event.fields == {
        "company-id": caller.company_id, "number": "+1", "carrier_name": "Acme",
    }  # fmt: skip
    assert event.configurations == (by.configuration,)
    assert await announced(shared_db, caller.company_id) == 0


async def test_nothing_is_announced_for_nobody(shared_db: Database, caller: Caller) -> None:
    await a_subscriber(shared_db, caller, NIS, CUT_OFF)
    await say(shared_db, caller, ported("+1"))
    assert await announced(shared_db, caller.company_id) == 0


@pytest.mark.parametrize(
    ("criteria", "numbers"),
    [
        ("", ["+1", "+2", "+3"]),
        ("number = '+2'", ["+2"]),
        ("number in ('+2', '+3')", ["+2", "+3"]),
        ("number = '+2' and carrier_name = 'Acme'", []),
        ("number = '+2' and carrier_name is null", ["+2"]),
        ("carrier_name = 'Acme' or number = '+1'", ["+1", "+3"]),
        ("number != '+2'", ["+1", "+3"]),
        ("number like '+%'", ["+1", "+2", "+3"]),
        ("not (number = '+1' or carrier_name = 'Acme')", []),
    ],
)
async def test_criteria_choose(
    shared_db: Database, caller: Caller, criteria: str, numbers: list[str]
) -> None:
    by = await a_subscriber(shared_db, caller)
    await by.wants(NIS, PORTED, criteria)
    await say(shared_db, caller, ported("+1"), ported("+2"), ported("+3", carrier_name="Acme"))
    await matched(shared_db)
    assert await heard(shared_db, caller) == numbers


async def test_an_event_goes_to_each_configuration_once(
    shared_db: Database, caller: Caller
) -> None:
    one = await a_subscriber(shared_db, caller, NIS)
    await one.wants(NIS, PORTED, "number = '+1'")
    await one.wants(NIS, PORTED, "number in ('+1', '+2')")
    two = await a_subscriber(shared_db, caller)
    await two.wants(NIS, PORTED, "number = '+1'")
    await say(shared_db, caller, ported("+1"), ported("+2"))
    await matched(shared_db)
    first, second = await told(shared_db, caller.company_id)
    assert first.configurations == (one.configuration, two.configuration)
    assert second.configurations == (one.configuration,)


async def test_a_subscription_has_a_beginning_and_an_end(
    shared_db: Database, caller: Caller
) -> None:
    configuration = await a_configuration(shared_db, caller)
    new = NewSubscription(
        configuration_id=configuration, starts_at=NOW, ends_at=NOW + timedelta(hours=1)
    )
    await subscriptions.create(shared_db, caller, NIS, new)
    for name, seconds in (("early", -1), ("first", 0), ("last", 3599), ("late", 3600)):
        at = NOW + timedelta(seconds=seconds)
        await say(shared_db, caller, ported(name), at=at)
    await matched(shared_db)
    assert await heard(shared_db, caller) == ["first", "last"]


async def test_a_company_hears_nothing_of_another(shared_db: Database, caller: Caller) -> None:
    other = await a_caller(shared_db)
    for each in (caller, other):
        await a_subscriber(shared_db, each, NIS)
    await say(shared_db, caller, ported("+1"))
    await matched(shared_db)
    assert await heard(shared_db, caller) == ["+1"]
    assert await heard(shared_db, other) == []


async def test_only_ordered_configurations_queue_with_keys(
    shared_db: Database, caller: Caller
) -> None:
    plain = await a_subscriber(shared_db, caller, NIS)
    ordered = await a_subscriber(shared_db, caller, NIS, ordered=True)
    await say(shared_db, caller, ported("+1"))
    await matched(shared_db)
    rows = await shared_db.fetch(
        "select configuration_id, key from delivery_queue where company_id = $1", caller.company_id
    )
    assert dict(map(tuple, rows)) == {plain.configuration: None, ordered.configuration: "+1"}


async def test_a_type_of_a_companys_own(shared_db: Database, caller: Caller) -> None:
    fields = {"place": Field(FieldType.TEXT, mandatory=True)}
    await create_type(shared_db, caller, EventType("moved_house", NIS, True, fields))
    by = await a_subscriber(shared_db, caller)
    await by.wants(NIS, "moved_house", "place = 'Rome'")
    for place in ("Rome", "Paris"):
        event = Happening(topic=NIS, type="moved_house", key=place, fields={"place": place})
        await say(shared_db, caller, event)
    await matched(shared_db)
    assert await heard(shared_db, caller) == ["Rome"]


# ---------------------------------------------------------------- many subscriptions


async def test_a_field_with_many_values_stays_in_the_database(
    shared_db: Database, caller: Caller
) -> None:
    configuration = await a_configuration(shared_db, caller)
    await many(shared_db, caller, configuration, 30_000)
    also = await a_subscriber(shared_db, caller)
    await also.wants(NIS, None, "number = '+29999' and carrier_name = 'Acme'")
    await also.wants(NIS, PORTED, "carrier_name = 'Other'")
    known = await Interests().of(shared_db, caller.company_id, NIS)
    assert len(known._held) == 2  # "+29999" of the whole topic, "Other"
    assert list(known.asked(PORTED, {"number": "+1"})) == [(PORTED, "number", "+1")]
    await say(
        shared_db, caller, ported("+5"), ported("+29999", carrier_name="Acme"), ported("+30000"),
        ported("+40000", carrier_name="Other"),
    )  # fmt: skip
    await matched(shared_db)
    assert [(e.key, e.configurations) for e in await told(shared_db, caller.company_id)] == [
        ("+5", (configuration,)),
        ("+29999", (configuration, also.configuration)),
        ("+40000", (also.configuration,)),
    ]


async def test_a_batch_of_events_is_looked_up_in_one_statement(
    shared_db: Database, caller: Caller
) -> None:
    configuration = await a_configuration(shared_db, caller)
    await many(shared_db, caller, configuration, 5000)
    known = await Interests().of(shared_db, caller.company_id, NIS)
    asked: list[int] = []
    look_up = store.look_up

    async def counting(*args: Any) -> Any:
        asked.append(len(args[3]))
        return await look_up(*args)

    with patch.object(store, "look_up", counting):
        timed = [(NOW, ported(f"+{n}")) for n in range(4000, 6000)]
        found = await takers(shared_db, known, caller.company_id, timed)
    assert asked == [2000]
    assert [len(each) for each in found] == [1] * 1000 + [0] * 1000


async def many(db: Database, caller: Caller, configuration: int, count: int) -> None:
    """Subscriptions to the numbers +0 and up."""
    for first in range(0, count, 10_000):
        new = [
            NewSubscription(
                configuration_id=configuration, event_type=PORTED, criteria=f"number = '+{n}'"
            )
            for n in range(first, min(first + 10_000, count))
        ]
        await subscriptions.create_many(db, caller, NIS, new)


# ---------------------------------------------------------------- changes are seen


async def test_what_is_known_of_subscriptions_is_asked_for_once_and_ages(
    shared_db: Database, caller: Caller
) -> None:
    now = 0.0
    known = Interests(clock=lambda: now)
    first = await known.of(shared_db, caller.company_id, NIS)
    await a_subscriber(shared_db, caller, NIS)
    assert await known.of(shared_db, caller.company_id, NIS) is first
    now = interest.MAX_AGE + 0.01
    assert (await known.of(shared_db, caller.company_id, NIS)).is_in(PORTED)


async def test_a_hint_makes_a_change_felt_at_once(shared_db: Database, caller: Caller) -> None:
    known = Interests(clock=lambda: 0.0)
    await known.listen(shared_db)
    by = await a_subscriber(shared_db, caller)
    assert not (await known.of(shared_db, caller.company_id, NIS)).is_in(PORTED)
    id = await by.wants(NIS, PORTED, "number = '+1'")
    await _until(known, shared_db, caller, number="+1")
    change = SubscriptionChange(criteria="number = '+2'")
    await subscriptions.change(shared_db, caller, NIS, id, change=change)
    await _until(known, shared_db, caller, number="+2")


async def _until(known: Interests, db: Database, caller: Caller, *, number: str) -> None:
    async with asyncio.timeout(15):
        while True:
            found = await known.of(db, caller.company_id, NIS)
            if list(found.candidates(PORTED, {"number": number})):
                return
            await asyncio.sleep(0.01)


async def test_what_cannot_match_is_not_described(shared_db: Database, caller: Caller) -> None:
    by = await a_subscriber(shared_db, caller)
    topic, type = "SCG-Message", "message_state_change"
    await by.wants(topic, type, "new_state = 'FAILED' and to_address = '+1'")
    found = await Interests().of(shared_db, caller.company_id, topic)
    known: dict[str, Value] = {"company-id": caller.company_id, "previous_state": "CREATED"}
    assert found.may_want(type, known | {"new_state": "FAILED"})
    assert not found.may_want(type, known | {"new_state": "SENT"})
    assert found.may_want(type, known)
    assert not found.may_want("mo_message_received", {})


# ---------------------------------------------------------------- crashes and company


async def test_a_crash_between_announcing_and_matching_loses_nothing(
    shared_db: Database, caller: Caller
) -> None:
    await a_subscriber(shared_db, caller, NIS)
    await say(shared_db, caller, *(ported(f"+{n}") for n in range(1200)))

    async def crash(*_: object, **__: object) -> None:
        raise Unavailable("gone")

    with patch.object(matcher.store, "record", crash), pytest.raises(Unavailable):
        await a_matcher(shared_db).step()
    assert await heard(shared_db, caller) == []
    await matched(shared_db)
    assert await heard(shared_db, caller) == [f"+{n}" for n in range(1200)]


async def test_a_change_that_is_rolled_back_announces_nothing(
    shared_db: Database, caller: Caller
) -> None:
    await a_subscriber(shared_db, caller, NIS)

    async def work(tx: asyncpg.Connection) -> None:
        await announce(tx, caller.company_id, [ported("+1")], at=NOW)
        raise KeyError

    with pytest.raises(KeyError):
        await shared_db.run(work)
    assert await announced(shared_db, caller.company_id) == 0


async def test_several_matchers_make_each_event_once_and_in_order(
    shared_db: Database, caller: Caller
) -> None:
    callers = [caller, *[await a_caller(shared_db) for _ in range(3)]]
    for each in callers:
        await a_subscriber(shared_db, each, NIS)
        for first in range(0, 3000, 300):
            await say(shared_db, each, *(ported(f"+{n}") for n in range(first, first + 300)))
    matchers = [a_matcher(shared_db) for _ in range(3)]

    async def work(one: matcher.Matcher) -> None:
        while any([await announced(shared_db, each.company_id) for each in callers]):
            await one.step()

    await asyncio.gather(*map(work, matchers))
    for each in callers:
        assert await heard(shared_db, each) == [f"+{n}" for n in range(3000)]


async def test_companies_take_turns(shared_db: Database, caller: Caller) -> None:
    small = await a_caller(shared_db)
    for each in (caller, small):
        await a_subscriber(shared_db, each, NIS)
    for first in range(0, 10_000, 500):
        await say(shared_db, caller, *(ported(f"+{n}") for n in range(first, first + 500)))
    await say(shared_db, small, ported("+1"))
    assert await a_matcher(shared_db).step()
    assert await heard(shared_db, small) == ["+1"]
    assert 0 < len(await heard(shared_db, caller)) < 10_000


async def test_an_announcement_that_cannot_be_matched_holds_up_no_other(
    shared_db: Database, caller: Caller
) -> None:
    by = await a_subscriber(shared_db, caller, NIS)
    await by.wants("SCG-Message")
    await say(shared_db, caller, ported("+1"))
    await shared_db.execute(
        "insert into announcement (company_id, id, topic, type, at, subjects) "
        "values ($1, $2, 'SCG-Message', 'no such type', $3, $4)",
        caller.company_id, ids.new_id(), NOW, [ids.new_id()],
    )  # fmt: skip
    await say(shared_db, caller, ported("+2"))
    await by.wants("SCG-Message", criteria="company-id > 0")
    await matched(shared_db)
    assert await heard(shared_db, caller) == ["+1", "+2"]
    assert await announced(shared_db, caller.company_id) == 0


async def test_trouble_with_the_database_drops_nothing(shared_db: Database, caller: Caller) -> None:
    await a_subscriber(shared_db, caller, NIS)
    await say(shared_db, caller, ported("+1"))

    async def full(*_: object, **__: object) -> None:
        raise asyncpg.CheckViolationError("no partition of relation event found for row")

    with patch.object(matcher.store, "record", full):
        one = a_matcher(shared_db)
        for _ in range(2 * matcher.MAX_FAILURES):
            await one.step()
    assert await announced(shared_db, caller.company_id) == 1
    await matched(shared_db)
    assert await heard(shared_db, caller) == ["+1"]


async def test_who_delivers_is_told_when_there_is_something(
    shared_db: Database, caller: Caller
) -> None:
    calls: list[int] = []
    one = a_matcher(shared_db, delivered=lambda: calls.append(1))
    by: Subscriber = await a_subscriber(shared_db, caller)
    await by.wants(NIS, PORTED, "number = '+1'")
    await say(shared_db, caller, ported("+2"))
    await matched(shared_db, one)
    assert calls == []
    await say(shared_db, caller, ported("+1"))
    await matched(shared_db, one)
    assert calls == [1]


# ---------------------------------------------------------------- the end of what is old


async def test_what_names_dropped_events_is_purged(db: Database) -> None:
    caller = await a_caller(db)
    old, new = ids.floor_id(NOW - timedelta(days=400)), ids.new_id()
    await _leave(db, caller.company_id, [old, new], [NOW - timedelta(days=399), NOW])
    assert await tasks.purge(db) == 4
    for table, column in (
        ("event_publication", "event_id"),
        ("delivery_queue", "event_id"),
        ("failed_delivery", "event_id"),
        ("announcement", "id"),
    ):
        rows = await db.fetch(f"select {column} as id from {table}")
        assert [row["id"] for row in rows] == [new]


async def _leave(
    db: Database, company_id: int, events: Sequence[Any], due: Sequence[datetime]
) -> None:
    for event, at in zip(events, due, strict=True):
        await db.execute(
            "insert into event_publication values ($1, $2, $3, '')",
            company_id, str(event), event,
        )  # fmt: skip
        await db.execute(
            "insert into delivery_queue (company_id, configuration_id, due_at, event_id) "
            "values ($1, 1, $2, $3)",
            company_id, at, event,
        )  # fmt: skip
        await db.execute("insert into failed_delivery values ($1, 1, $2)", company_id, event)
        await db.execute(
            "insert into announcement (company_id, id, topic, type, at) "
            "values ($1, $2, 'NIS-Events', 'porting_event', $3)",
            company_id, event, at,
        )  # fmt: skip

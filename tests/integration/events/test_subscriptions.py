"""Subscriptions: made, found by their keys, changed, taken away, within limits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.service import create_application, create_company
from clarion.engine.events.configurations import service as configurations
from clarion.engine.events.configurations.model import NewConfiguration
from clarion.engine.events.model import EventType, Field, FieldType
from clarion.engine.events.subscriptions import model, service, store
from clarion.engine.events.subscriptions.model import (
    EPOCH,
    NewSubscription,
    SubscriptionChange,
    Wanted,
)
from clarion.engine.events.subscriptions.tasks import sweep
from clarion.engine.events.types import service as types
from clarion.errors import Conflict, InvalidCriteria, InvalidInput, NotFound, StaleVersion
from clarion.storage.database import Database

NIS, MESSAGE = "NIS-Events", "SCG-Message"
NOBODY = 2**31 - 1
_numbers = count(1)


async def a_caller(db: Database) -> Caller:
    company = await create_company(db, name=f"company {next(_numbers)}")
    made = await create_application(db, company.id, name="app")
    return Caller(company_id=company.id, application_id=made.application.id)


@pytest.fixture
async def caller(shared_db: Database) -> Caller:
    return await a_caller(shared_db)


@pytest.fixture
async def configuration(shared_db: Database, caller: Caller) -> int:
    new = NewConfiguration(name="hook", address="https://example.com/hook")
    return await configurations.create(shared_db, caller, new)


async def keys_of(db: Database, caller: Caller, id: int) -> list[tuple[str, str, str, str]]:
    rows = await db.fetch(
        "select topic, event_type, field, value from subscription_key "
        "where company_id = $1 and subscription_id = $2 order by 1, 2, 3, 4",
        caller.company_id,
        id,
    )
    return [tuple(row) for row in rows]


async def total(db: Database, caller: Caller) -> int:
    counted: int = await db.fetchval(store.SQL["total"], caller.company_id)
    stored = await db.fetchval(
        "select count(*) from subscription where company_id = $1", caller.company_id
    )
    assert counted == stored
    return counted


async def test_a_subscription_is_stored_with_the_keys_that_it_is_found_by(
    shared_db: Database, caller: Caller, configuration: int
) -> None:
    new = NewSubscription(
        configuration_id=configuration,
        event_type="porting_event",
        criteria="number = '+12125550100' or number = '+12125550101'",
        starts_at=datetime(2026, 1, 1, tzinfo=UTC),
        ends_at=datetime(2027, 1, 1, tzinfo=UTC),
    )
    id = await service.create(shared_db, caller, NIS, new)
    found = await service.get(shared_db, caller.company_id, NIS, id)
    assert (found.topic, found.event_type, found.criteria) == (NIS, new.event_type, new.criteria)
    assert (found.starts_at, found.ends_at) == (new.starts_at, new.ends_at)
    assert (found.configuration_id, found.version) == (configuration, 1)
    assert await keys_of(shared_db, caller, id) == [
        (NIS, "porting_event", "number", "+12125550100"),
        (NIS, "porting_event", "number", "+12125550101"),
    ]
    assert await total(shared_db, caller) == 1


async def test_one_without_a_key_is_looked_at_for_each_event(
    shared_db: Database, caller: Caller, configuration: int
) -> None:
    id = await service.create(
        shared_db, caller, NIS, NewSubscription(configuration_id=configuration)
    )
    found = await service.get(shared_db, caller.company_id, NIS, id)
    assert (found.event_type, found.criteria, found.starts_at, found.ends_at) == (
        None,
        "",
        EPOCH,
        None,
    )
    assert await keys_of(shared_db, caller, id) == [(NIS, "", "", "")]


async def test_many_are_stored_in_order_and_all_or_none(
    shared_db: Database, caller: Caller, configuration: int
) -> None:
    new = [
        NewSubscription(configuration_id=configuration, criteria=f"number = '+1212555{n:04}'")
        for n in range(500)
    ]
    ids = await service.create_many(shared_db, caller, NIS, new)
    assert ids == sorted(ids)
    for position in (0, 250, 499):
        found = await service.get(shared_db, caller.company_id, NIS, ids[position])
        assert found.criteria == new[position].criteria
        assert await keys_of(shared_db, caller, found.id) == [
            (NIS, "", "number", f"+1212555{position:04}")
        ]
    wrong = NewSubscription(configuration_id=configuration, criteria="nummer = '1'")
    with pytest.raises(InvalidCriteria):
        await service.create_many(shared_db, caller, NIS, [*new, wrong])
    assert await service.create_many(shared_db, caller, NIS, []) == []
    assert await total(shared_db, caller) == 500


@pytest.mark.parametrize(
    ("topic", "changes", "refusal"),
    [
        ("None-Such", {}, (NotFound, "no topic None-Such")),
        ("a\0b", {}, (NotFound, "no topic")),
        (NIS, {"configuration_id": NOBODY}, (InvalidInput, "no delivery configuration")),
        (NIS, {"configuration_id": 2**63}, (InvalidInput, "no delivery configuration")),
        (NIS, {"event_type": "dtmf"}, (InvalidInput, "evt-tp: the topic has no event type dtmf")),
        (NIS, {"ends_at": EPOCH}, (InvalidInput, "end-date: it is not after start-date")),
        (NIS, {"criteria": "number ="}, (InvalidCriteria, "at character 9")),
        (NIS, {"criteria": "numbr = '1'"}, (InvalidCriteria, "did you mean number")),
        (NIS, {"criteria": "a\0b = 1"}, (InvalidCriteria, "at character 2")),
    ],
)
async def test_what_cannot_be_stored_is_refused(
    shared_db: Database,
    caller: Caller,
    configuration: int,
    topic: str,
    changes: dict[str, object],
    refusal: tuple[type[Exception], str],
) -> None:
    new = NewSubscription(**({"configuration_id": configuration} | changes))
    error, words = refusal
    with pytest.raises(error, match=words):
        await service.create(shared_db, caller, topic, new)
    assert await total(shared_db, caller) == 0


async def test_a_type_of_the_companys_own_is_subscribed_to_by_its_fields(
    shared_db: Database, caller: Caller, configuration: int
) -> None:
    await types.create_topic(shared_db, caller, "Orders")
    fields = {"order": Field(FieldType.TEXT, mandatory=True), "sum": Field(FieldType.DECIMAL)}
    placed = EventType("placed", "Orders", strict=True, fields=fields)
    await types.create_type(shared_db, caller, placed)
    new = NewSubscription(configuration_id=configuration, criteria="order = 'A1' and sum > 9.5")
    id = await service.create(shared_db, caller, "Orders", new)
    assert await keys_of(shared_db, caller, id) == [("Orders", "", "order", "A1")]
    other = await a_caller(shared_db)
    with pytest.raises(NotFound, match="no topic Orders"):
        await service.create(shared_db, other, "Orders", new)


async def test_a_change_moves_the_keys_and_minds_the_version(
    shared_db: Database, caller: Caller, configuration: int
) -> None:
    new = NewSubscription(configuration_id=configuration, criteria="number = '+1'")
    id = await service.create(shared_db, caller, NIS, new)
    to = SubscriptionChange(version=1, criteria="number in ('+2', '+3')")
    await service.change(shared_db, caller, NIS, id, change=to)
    assert await keys_of(shared_db, caller, id) == [
        (NIS, "", "number", "+2"),
        (NIS, "", "number", "+3"),
    ]
    end = datetime(2030, 1, 1, tzinfo=UTC)
    await service.change(shared_db, caller, NIS, id, change=SubscriptionChange(ends_at=end))
    found = await service.get(shared_db, caller.company_id, NIS, id)
    assert (found.criteria, found.ends_at, found.version) == ("number in ('+2', '+3')", end, 3)
    with pytest.raises(StaleVersion):
        await service.change(shared_db, caller, NIS, id, change=to)
    wrong = SubscriptionChange(criteria="number < 5")
    with pytest.raises(InvalidCriteria, match="single quotes"):
        await service.change(shared_db, caller, NIS, id, change=wrong)
    with pytest.raises(NotFound):
        await service.change(shared_db, caller, MESSAGE, id, change=SubscriptionChange())


async def test_what_is_deleted_is_gone_with_its_keys(
    shared_db: Database, caller: Caller, configuration: int
) -> None:
    new = NewSubscription(configuration_id=configuration, criteria="number = '+1'")
    id = await service.create(shared_db, caller, NIS, new)
    with pytest.raises(NotFound):
        await service.delete(shared_db, caller, MESSAGE, id)
    with pytest.raises(NotFound):
        await service.delete(shared_db, await a_caller(shared_db), NIS, id)
    assert await total(shared_db, caller) == 1
    await service.delete(shared_db, caller, NIS, id)
    assert await keys_of(shared_db, caller, id) == []
    assert await total(shared_db, caller) == 0
    with pytest.raises(NotFound):
        await service.get(shared_db, caller.company_id, NIS, id)
    with pytest.raises(NotFound):
        await service.delete(shared_db, caller, NIS, id)


async def test_a_deleted_configuration_takes_its_subscriptions_along(
    shared_db: Database, caller: Caller, configuration: int
) -> None:
    kept = await configurations.create(
        shared_db, caller, NewConfiguration(name="kept", address="https://example.com/")
    )
    new = [
        NewSubscription(configuration_id=each, criteria=f"number = '+{n}'")
        for n in range(30)
        for each in (configuration, kept)
    ]
    ids = await service.create_many(shared_db, caller, NIS, new)
    await configurations.delete(shared_db, caller, configuration)
    with pytest.raises(NotFound):
        await service.get(shared_db, caller.company_id, NIS, ids[0])
    found = await service.for_criterion(shared_db, caller.company_id, NIS, "number = '+5'")
    assert [each.configuration_id for each in found] == [kept]
    assert await sweep(shared_db) == 30
    assert await sweep(shared_db) == 0
    assert await total(shared_db, caller) == 30
    assert await keys_of(shared_db, caller, ids[0]) == []
    assert len(await keys_of(shared_db, caller, ids[1])) == 1


async def test_the_total_is_right_whoever_writes_at_the_same_time(
    shared_db: Database, caller: Caller, configuration: int
) -> None:
    async def work(worker: int) -> None:
        for n in range(10):
            new = NewSubscription(
                configuration_id=configuration, criteria=f"number = '+{worker}{n}'"
            )
            id = await service.create(shared_db, caller, NIS, new)
            if n % 3 == 0:
                await service.delete(shared_db, caller, NIS, id)

    async with asyncio.TaskGroup() as group:
        for worker in range(8):
            group.create_task(work(worker))
    assert await total(shared_db, caller) == 8 * 6


# ---------------------------------------------------------------- by criterion


async def test_a_number_is_looked_up_over_types_and_configurations(
    shared_db: Database, caller: Caller, configuration: int
) -> None:
    other = await configurations.create(
        shared_db, caller, NewConfiguration(name="other", address="https://example.com/o")
    )
    past = datetime.now(UTC) - timedelta(days=1)
    rows: list[tuple[int, str | None, str, datetime | None]] = [
        (configuration, "porting_event", "number = '+1'", None),
        (configuration, "deactivation_event", "number='+1' and carrier_id is null", None),
        (configuration, None, "number = '+2'", None),
        (configuration, "porting_event", "number = '+1' and number > '+5'", None),
        (other, None, "number in ('+1', '+9')", None),
        (other, "porting_event", "number = '+1'", past),
        (other, None, "", None),
    ]
    for id, type, criteria, end in rows[:1] + rows[2:]:
        new = NewSubscription(configuration_id=id, event_type=type, criteria=criteria, ends_at=end)
        await service.create(shared_db, caller, NIS, new)
    every = ("deactivation_event", "porting_event", "truedisconnect_event")
    assert await service.for_criterion(shared_db, caller.company_id, NIS, "number  =  '+1'") == [
        Wanted(configuration, "hook", ("porting_event",)),
        Wanted(other, "other", every),
    ]
    said = "number in ('+1', '+9')"
    assert await service.for_criterion(shared_db, caller.company_id, NIS, said) == [
        Wanted(other, "other", every)
    ]
    assert await service.for_criterion(shared_db, caller.company_id, NIS, "") == [
        Wanted(other, "other", every)
    ]
    assert await service.for_criterion(shared_db, caller.company_id, NIS, "number = '+7'") == []
    stranger = await a_caller(shared_db)
    assert await service.for_criterion(shared_db, stranger.company_id, NIS, "number = '+1'") == []
    with pytest.raises(InvalidCriteria):
        await service.for_criterion(shared_db, caller.company_id, NIS, "number = ")


async def test_unique_numbers_are_counted_once(
    shared_db: Database, caller: Caller, configuration: int
) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    rows = [
        ("porting_event", "number = '+1'", None),
        (None, "number = '+1'", None),
        (None, "number in ('+1', '+2')", None),
        (None, "number = '+3'", past),
        (None, "tracking_id = '7'", None),
        (None, "", None),
    ]
    for type, criteria, end in rows:
        new = NewSubscription(
            configuration_id=configuration, event_type=type, criteria=criteria, ends_at=end
        )
        await service.create(shared_db, caller, NIS, new)
    assert await service.unique_count(shared_db, caller.company_id) == 2
    assert await service.unique_count(shared_db, caller.company_id, NIS, "tracking_id") == 1
    assert await service.unique_count(shared_db, caller.company_id, "none\0", "number") == 0
    assert await service.unique_count(shared_db, caller.company_id, NIS, "a\0") == 0
    assert await service.unique_count(shared_db, (await a_caller(shared_db)).company_id) == 0


# ---------------------------------------------------------------- limits


async def test_few_subscriptions_may_do_without_a_key(
    shared_db: Database, caller: Caller, configuration: int
) -> None:
    unkeyed = [
        NewSubscription(
            configuration_id=configuration, event_type=type, criteria=f"number > '+{n}'"
        )
        for n in range(500)
        for type in (None, "porting_event")
    ]
    ids = await service.create_many(shared_db, caller, NIS, unkeyed)
    with pytest.raises(Conflict, match="1,000 subscriptions to a topic"):
        await service.create(shared_db, caller, NIS, unkeyed[0])
    keyed = NewSubscription(configuration_id=configuration, criteria="number = '+1'")
    id = await service.create(shared_db, caller, NIS, keyed)
    await service.create(
        shared_db, caller, MESSAGE, NewSubscription(configuration_id=configuration)
    )
    empty = SubscriptionChange(criteria="")
    with pytest.raises(Conflict):
        await service.change(shared_db, caller, NIS, id, change=empty)
    assert await keys_of(shared_db, caller, id) == [(NIS, "", "number", "+1")]
    await service.change(shared_db, caller, NIS, ids[0], change=empty)  # its own place is free


async def test_few_subscriptions_may_name_one_value(
    shared_db: Database, caller: Caller, configuration: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_OF_KEY", 5)
    new = NewSubscription(configuration_id=configuration, criteria="number in ('+1', '+2')")
    await service.create_many(shared_db, caller, NIS, [new] * 3)
    with pytest.raises(Conflict, match="same value of number"):
        await service.create_many(shared_db, caller, NIS, [new] * 3)
    await service.create_many(shared_db, caller, NIS, [new] * 2)
    one = NewSubscription(configuration_id=configuration, criteria="number = '+2'")
    with pytest.raises(Conflict, match="same value of number"):
        await service.create(shared_db, caller, NIS, one)
    free = NewSubscription(configuration_id=configuration, criteria="number = '+3'")
    await service.create(shared_db, caller, NIS, free)


async def test_a_company_has_so_many_subscriptions_at_most(
    shared_db: Database, caller: Caller, configuration: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_SUBSCRIPTIONS", 3)
    new = NewSubscription(configuration_id=configuration, criteria="number = '+1'")
    first, *_ = await service.create_many(shared_db, caller, NIS, [new] * 3)
    with pytest.raises(Conflict, match="3 subscriptions at most"):
        await service.create(shared_db, caller, NIS, new)
    await service.delete(shared_db, caller, NIS, first)
    await service.create(shared_db, caller, NIS, new)
    assert model.MAX_SUBSCRIPTIONS == 5_000_000

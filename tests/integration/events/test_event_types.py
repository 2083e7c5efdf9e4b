"""A company's own topics and event types beside those that everybody has."""

from __future__ import annotations

from itertools import count

import pytest

from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.service import create_company
from clarion.engine.events.configurations import service as configurations
from clarion.engine.events.configurations.model import NewConfiguration
from clarion.engine.events.model import EventType, Field, FieldType, Topic
from clarion.engine.events.subscriptions import service as subscriptions
from clarion.engine.events.subscriptions.model import NewSubscription
from clarion.engine.events.types import service
from clarion.engine.events.types.catalogue import TOPICS, TYPES
from clarion.errors import AlreadyExists, Conflict, InvalidInput, NotAllowed, NotFound
from clarion.storage.database import Database

FIELDS = {
    "order": Field(FieldType.TEXT, mandatory=True),
    "sum": Field(FieldType.DECIMAL),
    "at": Field(FieldType.DATE),
}
PLACED = EventType("order_placed", "Orders", strict=True, fields=FIELDS)
_numbers = count(1)


async def a_caller(db: Database) -> Caller:
    company = await create_company(db, name=f"company {next(_numbers)}")
    return Caller(company_id=company.id, application_id=1)


@pytest.fixture
async def caller(shared_db: Database) -> Caller:
    return await a_caller(shared_db)


async def test_everybody_has_the_catalogue(shared_db: Database, caller: Caller) -> None:
    company_id = caller.company_id
    assert await service.topics(shared_db, company_id) == [TOPICS[name] for name in sorted(TOPICS)]
    assert await service.types(shared_db, company_id) == [TYPES[code] for code in sorted(TYPES)]
    found = await service.types_of_topic(shared_db, company_id, "SCG-Message")
    assert [type.code for type in found] == [
        "message_request_state_change",
        "message_state_change",
        "mo_message_received",
    ]
    assert await service.type_of(shared_db, company_id, "dtmf") == TYPES["dtmf"]
    assert await service.type_of(shared_db, company_id, "none") is None
    assert await service.types_of_topic(shared_db, company_id, "none") == []


async def test_a_company_adds_a_topic_and_types_that_no_other_sees(
    shared_db: Database, caller: Caller
) -> None:
    company_id = caller.company_id
    made = await service.create_topic(shared_db, caller, "Orders", "What customers buy.")
    assert made == Topic("Orders", "What customers buy.")
    await service.create_type(shared_db, caller, PLACED)
    assert await service.topic_of(shared_db, company_id, "Orders") == made
    assert made in await service.topics(shared_db, company_id)
    assert await service.type_of(shared_db, company_id, "order_placed") == PLACED
    assert await service.types_of_topic(shared_db, company_id, "Orders") == [PLACED]
    both = await service.types_of(shared_db, company_id, ["order_placed", "dtmf", "none"])
    assert both == {"order_placed": PLACED, "dtmf": TYPES["dtmf"]}
    other = await a_caller(shared_db)
    assert await service.topic_of(shared_db, other.company_id, "Orders") is None
    assert await service.type_of(shared_db, other.company_id, "order_placed") is None
    assert len(await service.topics(shared_db, other.company_id)) == len(TOPICS)
    assert len(await service.types(shared_db, other.company_id)) == len(TYPES)
    with pytest.raises(NotFound):
        await service.create_type(shared_db, other, PLACED)


async def test_a_topic_of_everybody_takes_own_types(shared_db: Database, caller: Caller) -> None:
    own = EventType("my_test", "DevTest-Events", strict=False, fields={})
    await service.create_type(shared_db, caller, own)
    found = await service.types_of_topic(shared_db, caller.company_id, "DevTest-Events")
    assert found == [TYPES["__GENERIC__"], own]


async def test_names_are_unique(shared_db: Database, caller: Caller) -> None:
    await service.create_topic(shared_db, caller, "Orders")
    await service.create_type(shared_db, caller, PLACED)
    for topic in ("Orders", "SCG-Message"):
        with pytest.raises(AlreadyExists):
            await service.create_topic(shared_db, caller, topic)
    for code in ("order_placed", "dtmf", "health-check"):
        again = EventType(code, "Orders", strict=True, fields={})
        with pytest.raises(AlreadyExists):
            await service.create_type(shared_db, caller, again)
    assert (
        await service.topic_of(shared_db, caller.company_id, "SCG-Message")
        == (TOPICS["SCG-Message"])
    )


@pytest.mark.parametrize("name", ["", "a b", "a/b", "-a", "ä", "a" * 101, "a\0", "a\n"])
async def test_names_can_stand_in_paths(shared_db: Database, caller: Caller, name: str) -> None:
    with pytest.raises(InvalidInput, match="topic-nm"):
        await service.create_topic(shared_db, caller, name)
    made = EventType(name, "DevTest-Events", strict=True, fields={})
    with pytest.raises(InvalidInput, match="id: "):
        await service.create_type(shared_db, caller, made)


@pytest.mark.parametrize("name", ["", "a b", "5a", "-a", "and", "NULL", "ä", "a" * 101, "a'"])
async def test_fields_can_stand_in_criteria(shared_db: Database, caller: Caller, name: str) -> None:
    fields = {name: Field(FieldType.TEXT)}
    made = EventType("made", "DevTest-Events", strict=True, fields=fields)
    with pytest.raises(InvalidInput, match="cannot be a name"):
        await service.create_type(shared_db, caller, made)
    many = {f"f{n}": Field(FieldType.TEXT) for n in range(201)}
    made = EventType("made", "DevTest-Events", strict=True, fields=many)
    with pytest.raises(InvalidInput, match="200 at most"):
        await service.create_type(shared_db, caller, made)


async def test_a_description_is_a_text_of_bounded_length(
    shared_db: Database, caller: Caller
) -> None:
    for description in ("x" * 1001, "a\0"):
        with pytest.raises(InvalidInput, match="description"):
            await service.create_topic(shared_db, caller, "Orders", description)


async def test_a_type_is_replaced(shared_db: Database, caller: Caller) -> None:
    await service.create_topic(shared_db, caller, "Orders")
    await service.create_type(shared_db, caller, PLACED)
    to = EventType("order_placed", "Orders", strict=False, fields={"n": Field(FieldType.INTEGER)})
    await service.replace_type(shared_db, caller, to)
    assert await service.type_of(shared_db, caller.company_id, "order_placed") == to
    with pytest.raises(NotAllowed):
        await service.replace_type(shared_db, caller, TYPES["dtmf"])
    none = EventType("none", "Orders", strict=True, fields={})
    with pytest.raises(NotFound):
        await service.replace_type(shared_db, caller, none)
    with pytest.raises(NotFound):
        await service.replace_type(shared_db, await a_caller(shared_db), to)


async def test_what_somebody_subscribes_to_stays(shared_db: Database, caller: Caller) -> None:
    await service.create_topic(shared_db, caller, "Orders")
    await service.create_type(shared_db, caller, PLACED)
    with pytest.raises(Conflict, match="event types or subscriptions"):
        await service.delete_topic(shared_db, caller, "Orders")
    hook = await configurations.create(
        shared_db, caller, NewConfiguration(name="hook", address="https://example.com/")
    )
    new = NewSubscription(configuration_id=hook, event_type="order_placed", criteria="sum > 5")
    id = await subscriptions.create(shared_db, caller, "Orders", new)
    with pytest.raises(Conflict, match="has subscriptions"):
        await service.delete_type(shared_db, caller, "order_placed")
    await subscriptions.delete(shared_db, caller, "Orders", id)
    await service.delete_type(shared_db, caller, "order_placed")
    await service.delete_topic(shared_db, caller, "Orders")
    assert await service.topic_of(shared_db, caller.company_id, "Orders") is None
    for delete in (service.delete_topic, service.delete_type):
        for name in ("Orders", "a\0"):
            with pytest.raises(NotFound):
                await delete(shared_db, caller, name)
    with pytest.raises(NotAllowed):
        await service.delete_topic(shared_db, caller, "SCG-Message")
    with pytest.raises(NotAllowed):
        await service.delete_type(shared_db, caller, "dtmf")


async def test_a_company_adds_so_many_at_most(
    shared_db: Database, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_TOPICS", 1)
    monkeypatch.setattr(service, "MAX_TYPES", 1)
    await service.create_topic(shared_db, caller, "Orders")
    await service.create_type(shared_db, caller, PLACED)
    with pytest.raises(Conflict, match="1 topics"):
        await service.create_topic(shared_db, caller, "More")
    more = EventType("more", "Orders", strict=True, fields={})
    with pytest.raises(Conflict, match="1 event types"):
        await service.create_type(shared_db, caller, more)

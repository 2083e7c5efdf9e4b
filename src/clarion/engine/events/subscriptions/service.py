"""What a company can do with its subscriptions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
import msgspec

from clarion.engine.accounts.model import Caller
from clarion.engine.events.configurations.store import rows as configurations
from clarion.engine.events.criteria import Criteria, parse
from clarion.engine.events.criteria.model import NAME, Comparison, Operator
from clarion.engine.events.model import SUBSCRIPTIONS_CHANNEL, EventType, Subscription
from clarion.engine.events.subscriptions import store
from clarion.engine.events.subscriptions.model import (
    WHOLE_TOPIC,
    Checked,
    NewSubscription,
    SubscriptionChange,
    Wanted,
    check_fixed,
    checked,
    keys_of,
)
from clarion.engine.events.subscriptions.store import SQL
from clarion.engine.events.types.service import topic_of, types_of_topic
from clarion.engine.events.types.store import Runner
from clarion.errors import InvalidInput, NotFound
from clarion.kit.changes import check_version, given
from clarion.storage.database import Database

MAX_ID = 2**63 - 1
MAX_SHOWN = 10_000
"""Subscriptions that are looked at for one criterion."""

MAX_AT_ONCE = 1000
"""Subscriptions that one call makes."""

TURN = 10
"""Subscriptions that are checked at a stretch."""

NUMBERS = ("NIS-Events", "number")
"""The topic and field whose values are counted where nothing else is said."""


async def create(db: Database, caller: Caller, topic: str, new: NewSubscription) -> int:
    """Its id. Raises Conflict, InvalidInput, NotFound."""
    return (await create_many(db, caller, topic, [new]))[0]


async def create_many(
    db: Database, caller: Caller, topic: str, new: Sequence[NewSubscription]
) -> list[int]:
    """Several subscriptions to a topic, all or none; their ids in order. What is wrong with one of
    several names it by its place from 1."""
    company_id = caller.company_id
    now = datetime.now(UTC)
    types = await _types(db, company_id, topic)
    rows = await _checked(new, types)

    async def work(tx: asyncpg.Connection) -> list[int]:
        await _check_configurations(tx, company_id, rows)
        codes = [type.code for type in types]
        await store.check_room(tx, company_id, topic, rows, types=codes)
        return await store.insert(tx, company_id, topic, rows, now=now)

    ids = await db.run(work) if new else []
    _tell(db, caller)
    return ids


async def get(on: Runner, company_id: int, topic: str, id: int) -> Subscription:
    """Raises NotFound."""
    return await store.one(on, "subscription", company_id, topic, id)


async def change(
    db: Database, caller: Caller, topic: str, id: int, *, change: SubscriptionChange
) -> None:
    """Set what `change` names, if its version is current. Raises InvalidInput if it names another
    type or configuration."""
    values = given(change)
    version = values.pop("version")
    company_id = caller.company_id
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        before = await store.one(tx, "lock", company_id, topic, id)
        check_version(version, before.version)
        check_fixed(change, event_type=before.event_type, configuration=before.configuration_id)
        types = await _types(tx, company_id, topic)
        after = checked(msgspec.structs.replace(_as_new(before), **values), types)
        if after.new.criteria != before.criteria:
            await tx.execute(SQL["delete_keys"], company_id, id)
            codes = [type.code for type in types]
            await store.check_keys(tx, company_id, topic, [after], types=codes)
            await store.insert_keys(tx, before, after)
        new = after.new
        row = (company_id, id, new.criteria, new.starts_at, new.ends_at, now)
        await tx.execute(SQL["update"], *row)

    await db.run(work)
    _tell(db, caller)


async def delete(db: Database, caller: Caller, topic: str, id: int) -> None:
    """Raises NotFound."""

    async def work(tx: asyncpg.Connection) -> None:
        if await tx.fetchval(SQL["delete"], caller.company_id, topic, id) is None:
            raise store.missing(topic, id)
        await store.count(tx, caller.company_id, -1)

    await db.run(work)
    _tell(db, caller)


# ---------------------------------------------------------------- asking what there is


async def for_criterion(on: Runner, company_id: int, topic: str, criterion: str) -> list[Wanted]:
    """Who gets the events that a criterion is about, by configuration: subscriptions that say the
    same, and for `field = value` those that name this value beside other things. Ended ones are
    left out. Raises InvalidCriteria, NotFound."""
    types = await _types(on, company_id, topic)
    asked = parse(criterion)
    codes = [type.code for type in types]
    fields, values = zip(*keys_of(asked), strict=True)
    rows = await on.fetch(
        SQL["found_by"],
        company_id,
        topic,
        [WHOLE_TOPIC, *codes],
        fields,
        values,
        datetime.now(UTC),
        MAX_SHOWN,
    )
    found: dict[tuple[int, str], set[str]] = {}
    for row in rows:
        if _is_about(parse(row["criteria"]), asked):
            of_configuration = found.setdefault(
                (row["configuration_id"], row["configuration_name"]), set()
            )
            of_configuration |= {row["event_type"]} if row["event_type"] else set(codes)
    return [Wanted(id, name, tuple(sorted(types))) for (id, name), types in found.items()]


def _is_about(criteria: Criteria, asked: Criteria) -> bool:
    node = asked.node
    if isinstance(node, Comparison) and node.operator is Operator.EQ and asked.keys():
        return criteria.may_match({node.field: node.value})
    return criteria == asked


async def unique_count(
    on: Runner, company_id: int, topic: str = NUMBERS[0], field: str = NUMBERS[1]
) -> int:
    """How many values of a field the company's subscriptions to a topic name."""
    known = await topic_of(on, company_id, topic)
    if known is None or not re.fullmatch(NAME, field):
        return 0
    types = await types_of_topic(on, company_id, topic)
    listed = [WHOLE_TOPIC, *(type.code for type in types)]
    count: int = await on.fetchval(
        SQL["unique_values"], company_id, topic, listed, field, datetime.now(UTC)
    )
    return count


# ---------------------------------------------------------------- the steps


async def _types(on: Runner, company_id: int, topic: str) -> list[EventType]:
    types = await types_of_topic(on, company_id, topic)
    if not types and await topic_of(on, company_id, topic) is None:
        raise NotFound(f"There is no topic {topic[:100]}.")
    return types


async def _checked(new: Sequence[NewSubscription], types: Sequence[EventType]) -> list[Checked]:
    """Others get their turns meanwhile: long criteria take milliseconds each."""
    rows = []
    for place, each in enumerate(new, 1):
        try:
            rows.append(checked(each, types))
        except InvalidInput as error:
            raise (error.at(f"Subscription {place}") if len(new) > 1 else error) from None
        if place % TURN == 0:
            await asyncio.sleep(0)
    return rows


async def _check_configurations(tx: Runner, company_id: int, rows: Sequence[Checked]) -> None:
    wanted = {row.new.configuration_id for row in rows}
    possible = [id for id in wanted if 0 < id <= MAX_ID]
    known = {row["id"] for row in await configurations(tx, company_id, possible)}
    if wanted - known:
        words = f"del-cfg-id: there is no delivery configuration {min(wanted - known)}."
        raise InvalidInput(words, field="del-cfg-id")


def _as_new(subscription: Subscription) -> NewSubscription:
    return NewSubscription(
        configuration_id=subscription.configuration_id,
        event_type=subscription.event_type,
        criteria=subscription.criteria,
        starts_at=subscription.starts_at,
        ends_at=subscription.ends_at,
    )


def _tell(db: Database, caller: Caller) -> None:
    db.hint(SUBSCRIPTIONS_CHANNEL, str(caller.company_id))

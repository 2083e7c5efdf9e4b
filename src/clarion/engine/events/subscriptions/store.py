"""The SQL of subscriptions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from random import randrange

import asyncpg

from clarion.engine.events.model import Subscription
from clarion.engine.events.subscriptions.model import (
    MAX_OF_KEY,
    MAX_SUBSCRIPTIONS,
    MAX_UNKEYED,
    WHOLE_TOPIC,
    Checked,
)
from clarion.engine.events.types.store import Runner
from clarion.errors import Conflict, NotFound
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)

PARTS = 8
"""Of a company's total."""


async def insert(
    tx: Runner, company_id: int, topic: str, rows: Sequence[Checked], *, now: datetime
) -> list[int]:
    """Their ids, in order."""
    keys = [(n, field, value) for n, row in enumerate(rows, 1) for field, value in row.keys]
    columns = (
        [row.event_type for row in rows],
        [row.new.configuration_id for row in rows],
        [row.new.criteria for row in rows],
        [row.new.starts_at for row in rows],
        [row.new.ends_at for row in rows],
    )
    found = await tx.fetch(
        SQL["insert"],
        company_id,
        topic,
        now,
        *columns,
        *(list(part) for part in zip(*keys, strict=True)),
    )
    await count(tx, company_id, len(rows))
    return [row["id"] for row in found]


async def count(tx: Runner, company_id: int, more: int) -> None:
    """The last thing in a transaction: others wait for that part of the total until it ends."""
    await tx.execute(SQL["count"], company_id, randrange(PARTS), more)  # noqa: S311


async def check_room(
    tx: Runner, company_id: int, topic: str, rows: Sequence[Checked], *, types: Sequence[str]
) -> None:
    """Raises Conflict if these are too many. `types`: all codes of the topic. Of those who ask at
    the same moment a few may pass over a limit."""
    total = await tx.fetchval(SQL["total"], company_id)
    if total + len(rows) > MAX_SUBSCRIPTIONS:
        raise Conflict(f"A company has {MAX_SUBSCRIPTIONS:,} subscriptions at most.")
    await check_keys(tx, company_id, topic, rows, types=types)


async def check_keys(
    tx: Runner, company_id: int, topic: str, rows: Sequence[Checked], *, types: Sequence[str]
) -> None:
    """Raises Conflict if too many are found by nothing, or by one value."""
    unkeyed = sum(not row.is_keyed for row in rows)
    if unkeyed:
        listed = [WHOLE_TOPIC, *types]
        there = await tx.fetchval(SQL["unkeyed"], company_id, topic, listed, MAX_UNKEYED)
        if there + unkeyed > MAX_UNKEYED:
            raise Conflict(
                f"match-crt: {MAX_UNKEYED:,} subscriptions to a topic at most do without a value "
                "that an event must have in a field, as in number = '+12125550100'.",
                field="match-crt",
            )
    more = Counter((row.event_type, *key) for row in rows if row.is_keyed for key in row.keys)
    if more:
        await _check_crowds(tx, company_id, topic, more)


async def _check_crowds(
    tx: Runner, company_id: int, topic: str, more: Counter[tuple[str, str, str]]
) -> None:
    columns = (list(part) for part in zip(*more, strict=True))
    there = await tx.fetch(SQL["crowded"], company_id, topic, *columns, MAX_OF_KEY)
    counts = list(more.values())
    for row in there:
        counts[row["number"] - 1] += row["count"]
    if max(counts) > MAX_OF_KEY:
        field = list(more)[counts.index(max(counts))][1]
        words = f"match-crt: {MAX_OF_KEY:,} subscriptions at most name the same value of {field}."
        raise Conflict(words, field="match-crt")


async def insert_keys(tx: Runner, subscription: Subscription, row: Checked) -> None:
    """Of a subscription that has none any more."""
    place = subscription.company_id, subscription.topic, row.event_type, subscription.id
    await tx.execute(SQL["insert_keys"], *place, *zip(*row.keys, strict=True))


async def one(on: Runner, name: str, company_id: int, topic: str, id: int) -> Subscription:
    """By the query `subscription` or `lock`. Raises NotFound."""
    row = await on.fetchrow(SQL[name], company_id, topic, id)
    if row is None:
        raise missing(topic, id)
    return as_subscription(row)


def missing(topic: str, id: int) -> NotFound:
    return NotFound(f"There is no subscription {id} to the topic {topic[:100]}.")


def as_subscription(row: asyncpg.Record) -> Subscription:
    return Subscription(
        company_id=row["company_id"],
        id=row["id"],
        topic=row["topic"],
        event_type=row["event_type"],
        configuration_id=row["configuration_id"],
        criteria=row["criteria"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        updated_at=row["updated_at"],
        version=row["version"],
    )

"""Partitions of the big tables by the time in their ids, and the end of what is too old.

Whole partitions are dropped: deleting that many rows would cost more than it took to write them.
Everything here may run twice, and on several nodes at once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from clarion.errors import Unavailable
from clarion.kit.ids import created_at, floor_id
from clarion.settings import Retention
from clarion.storage.database import Database
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
TABLES = (
    "message_request",
    "message",
    "fragment",
    "message_charge",
    "short_link",
    "event",
    "event_delivery",
    "delivery_attempt",
)
EVENT_TABLES = frozenset({"event", "event_delivery", "delivery_attempt"})
FILL = {
    "message_request": 70,
    "message": 40,
    "fragment": 100,
    "message_charge": 100,
    "short_link": 85,
    "event": 100,
    "event_delivery": 45,
    "delivery_attempt": 100,
}
"""How full pages are made, in percent. A message changes twice in its first seconds; with room for
its next versions on its own page no index is touched, which halves the cost of a message. The room
is used up, not wasted: without it the old versions lie elsewhere."""

AHEAD = timedelta(weeks=4)
PURGE_BATCH = 5000
LOCK_KEY = 0x706172746974  # "partit"
LOCK_TIMEOUT = "1s"  # a statement that waits longer for its lock would hold up traffic behind it
_EPOCH = datetime(1970, 1, 5, tzinfo=UTC)  # a Monday: weeks begin on one
_BOUNDS = re.compile(r"FROM \('([0-9a-f-]{36})'\) TO \('([0-9a-f-]{36})'\)")


@dataclass(frozen=True)
class Partition:
    """One partition and the ids in it: from `low` up to, without, `high`."""

    name: str
    low: UUID
    high: UUID


@dataclass(frozen=True)
class PartitionWork:
    """Names of partitions made and dropped."""

    made: list[str]
    dropped: list[str]


@dataclass(frozen=True)
class Purged:
    """Rows ended by age."""

    external_ids: int
    unmatched_receipts: Mapping[str, int]  # by connector
    strays: int


async def maintain(db: Database, retention: Retention, *, now: datetime) -> PartitionWork:
    """Have partitions from one period back to AHEAD; drop those past retention.

    Raises Unavailable when a lock is not to be had: run it again later.
    """
    work = PartitionWork([], [])
    for table in TABLES:
        try:
            async with db.transaction() as connection:
                await _maintain_table(connection, table, retention, now, work)
        except asyncpg.LockNotAvailableError:
            raise Unavailable(f"{table} is locked; its partitions have to wait.") from None
    return work


async def purge(db: Database, retention: Retention, *, now: datetime) -> Purged:
    """End what has no partitions: external ids of dropped requests, receipts that never found
    their message, messages that never found a sender."""
    old = now - timedelta(days=retention.message_days)
    unmatched = now - timedelta(hours=retention.unknown_receipt_hours)
    return Purged(
        external_ids=await _purge_external_ids(db),
        unmatched_receipts=await _purge_receipts(db, floor_id(unmatched)),
        strays=await _batches(db, SQL["purge_stray_inbound"], floor_id(old), PURGE_BATCH),
    )


def missing(
    existing: Sequence[Partition], *, now: datetime, days: int
) -> list[tuple[datetime, datetime]]:
    """Periods to make. They go on from the last one that exists, so that a changed length never
    makes two overlap and a long absence leaves no gap."""
    period = timedelta(days=days)
    if existing:
        start = max(created_at(partition.high) for partition in existing)
    else:
        start = _EPOCH + ((now - _EPOCH) // period - 1) * period
    found = []
    while start <= now + AHEAD:
        found.append((start, start + period))
        start += period
    return found


def expired(existing: Sequence[Partition], *, now: datetime, keep_days: int) -> list[Partition]:
    """Partitions in which everything is past its time."""
    limit = now - timedelta(days=keep_days)
    return [partition for partition in existing if created_at(partition.high) <= limit]


async def partitions_of(connection: asyncpg.Connection | Database, table: str) -> list[Partition]:
    """Those of `table`, oldest first."""
    found = []
    for row in await connection.fetch(SQL["partitions_of"], table):
        if match := _BOUNDS.search(row["bounds"]):
            found.append(Partition(row["name"], UUID(match[1]), UUID(match[2])))
    return sorted(found, key=lambda partition: partition.low)


async def _maintain_table(
    connection: asyncpg.Connection,
    table: str,
    retention: Retention,
    now: datetime,
    work: PartitionWork,
) -> None:
    await connection.execute(SQL["lock_partitions"], LOCK_KEY)
    await connection.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
    existing = await partitions_of(connection, table)
    for low, high in missing(existing, now=now, days=retention.partition_days):
        work.made.append(await _make(connection, table, low, high))
    keep_days = retention.event_days if table in EVENT_TABLES else retention.message_days
    for partition in expired(existing, now=now, keep_days=keep_days):
        await connection.execute(f"drop table {partition.name}")
        work.dropped.append(partition.name)


async def gather_first_statistics(db: Database) -> list[str]:
    """Statistics of partitions that have rows and none yet; answers their names.

    Without any, the planner takes a company for a two-hundredth of every table and reads all of
    its rows rather than a few by key. Autovacuum comes to that too, up to a minute of traffic
    later.
    """
    found = [row["name"] for row in await db.fetch(SQL["unknown_partitions"], list(TABLES))]
    for name in found:
        await db.execute(f"analyze {name}")
    return found


async def _make(connection: asyncpg.Connection, table: str, low: datetime, high: datetime) -> str:
    """Made aside and attached: `create table ... partition of` would lock out all readers."""
    name = f"{table}_{low:%Y%m%d}"
    await connection.execute(
        f"create table {name} (like {table} including all) with (fillfactor = {FILL[table]})"
    )
    await connection.execute(
        f"alter table {table} attach partition {name} "
        f"for values from ('{floor_id(low)}') to ('{floor_id(high)}')"
    )
    return name


async def _purge_external_ids(db: Database) -> int:
    """Those below the oldest partition of requests: a repeated request finds either both its
    external id and itself, or neither."""
    existing = await partitions_of(db, "message_request")
    if not existing:
        return 0
    count = 0
    for company in await db.fetch(SQL["companies"]):
        count += await _batches(
            db, SQL["purge_external_ids"], company["id"], existing[0].low, PURGE_BATCH
        )
    return count


async def _purge_receipts(db: Database, below: UUID) -> Counter[str]:
    dropped: Counter[str] = Counter()
    while True:
        rows = await db.fetch(SQL["purge_unmatched_receipts"], below, PURGE_BATCH)
        dropped.update(row["connector"] for row in rows)
        if len(rows) < PURGE_BATCH:
            return dropped


async def _batches(db: Database, sql: str, *args: object) -> int:
    """A delete limited to PURGE_BATCH rows, until nothing is left. How many there were."""
    total = 0
    while True:
        count = int((await db.execute(sql, *args)).rpartition(" ")[2])
        total += count
        if count < PURGE_BATCH:
            return total

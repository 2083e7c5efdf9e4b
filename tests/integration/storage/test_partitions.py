"""Partitions by the time in ids, and what ends by age."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import asyncpg
import pytest

from clarion.errors import Unavailable
from clarion.kit.ids import created_at, floor_id, new_id
from clarion.settings import Retention
from clarion.storage import partitions
from clarion.storage.database import Database
from clarion.storage.partitions import Partition, expired, maintain, missing, partitions_of, purge

NOW = datetime(2026, 11, 25, 13, 30, tzinfo=UTC)  # a Wednesday
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
WEEK = timedelta(weeks=1)
INSERT_REQUEST = """
insert into message_request (
    company_id, id, application_id, state, sender_id, recipients, body, updated_at
) values ($1, $2, 1, 'COMPLETED', $2, '{}', '', now())
"""


def partition(low: datetime, high: datetime) -> Partition:
    return Partition(f"p_{low:%Y%m%d}", floor_id(low), floor_id(high))


def at(moment: datetime) -> UUID:
    return new_id(at_ms=int(moment.timestamp() * 1000))


async def bare(db: Database) -> None:
    """Take away the partitions that the template has."""
    for table in partitions.TABLES:
        for found in await partitions_of(db, table):
            await db.execute(f"drop table {found.name}")


def test_periods_reach_from_one_back_to_four_weeks_ahead() -> None:
    periods = missing([], now=NOW, days=7)
    assert periods[0] == (MONDAY - WEEK, MONDAY)
    assert periods[-1][0] <= NOW + partitions.AHEAD < periods[-1][1]
    assert all(a[1] == b[0] for a, b in pairwise(periods))


def test_periods_go_on_from_the_last_one_when_their_length_changes() -> None:
    existing = [partition(MONDAY, MONDAY + WEEK)]
    periods = missing(existing, now=NOW, days=10)
    assert periods[0] == (MONDAY + WEEK, MONDAY + WEEK + timedelta(days=10))


def test_a_long_absence_leaves_no_gap() -> None:
    existing = [partition(MONDAY - 9 * WEEK, MONDAY - 8 * WEEK)]
    assert missing(existing, now=NOW, days=7)[0][0] == MONDAY - 8 * WEEK


def test_only_a_partition_whose_last_id_is_past_its_time_expires() -> None:
    old, edge = partition(MONDAY - 2 * WEEK, MONDAY - WEEK), partition(MONDAY - WEEK, MONDAY)
    assert expired([old, edge], now=MONDAY + timedelta(days=1), keep_days=7) == [old]


async def test_maintaining_makes_partitions_once(db: Database) -> None:
    await bare(db)
    work = await maintain(db, Retention(), now=NOW)
    assert len(work.made) == len(partitions.TABLES) * len(missing([], now=NOW, days=7))
    assert "message_20261123" in work.made
    again = await maintain(db, Retention(), now=NOW)
    assert (again.made, again.dropped) == ([], [])


async def test_a_partition_is_like_its_table(db: Database) -> None:
    indexes = await db.fetchval("select count(*) from pg_indexes where tablename = 'message'")
    for found in await partitions_of(db, "message"):
        assert indexes == await db.fetchval(
            "select count(*) from pg_indexes where tablename = $1", found.name
        )


async def test_old_partitions_are_dropped_with_their_rows(db: Database) -> None:
    await bare(db)
    await maintain(db, Retention(), now=NOW)
    await db.execute(INSERT_REQUEST, 1, at(NOW))
    kept = await maintain(db, Retention(message_days=30), now=NOW + timedelta(days=34))
    assert "message_request_20261123" not in kept.dropped
    gone = await maintain(db, Retention(message_days=30), now=NOW + timedelta(days=36))
    assert "message_request_20261123" in gone.dropped
    assert await db.fetchval("select count(*) from message_request") == 0


async def test_two_nodes_may_maintain_at_once(db: Database) -> None:
    await bare(db)
    works = await asyncio.gather(*(maintain(db, Retention(), now=NOW) for _ in range(4)))
    made = [name for work in works for name in work.made]
    assert len(made) == len(set(made)) == len(partitions.TABLES) * len(missing([], now=NOW, days=7))


async def test_readers_are_not_in_the_way_of_new_partitions(db: Database) -> None:
    async with db.transaction() as connection:
        await connection.fetch("select * from message")
        assert (await maintain(db, Retention(), now=datetime.now(UTC) + WEEK)).made


async def test_a_lock_that_is_not_to_be_had_is_unavailable(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "20ms")
    later = datetime.now(UTC) + timedelta(days=400)
    async with db.transaction() as connection:
        await connection.fetch("select * from message_request")
        with pytest.raises(Unavailable, match="message_request"):
            await maintain(db, Retention(), now=later)
    assert (await maintain(db, Retention(), now=later)).dropped


async def test_rows_in_every_period_find_their_partition(db: Database) -> None:
    for found in await partitions_of(db, "message_request"):
        await db.execute(INSERT_REQUEST, 1, at(created_at(found.low)))
    with pytest.raises(asyncpg.CheckViolationError):
        await db.execute(INSERT_REQUEST, 1, at(datetime(2001, 1, 1, tzinfo=UTC)))


async def test_external_ids_end_with_their_requests(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "PURGE_BATCH", 2)
    now = datetime.now(UTC)
    oldest = created_at((await partitions_of(db, "message_request"))[0].low)
    for company in (1, 2):
        await db.execute(
            "insert into company (id, name, created_at) values ($1, $2, $3)",
            company,
            f"{company}",
            now,
        )
        for number in range(5):
            await add_external_id(db, company, f"old {number}", oldest - timedelta(days=number + 1))
        await add_external_id(db, company, "new", oldest)
    assert (await purge(db, Retention(), now=now)).external_ids == 10
    rows = await db.fetch("select external_id from external_id")
    assert [row["external_id"] for row in rows] == ["new", "new"]


async def test_receipts_that_never_found_their_message_are_counted_and_dropped(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "PURGE_BATCH", 2)
    for hours in (1, 47, 49, 50, 51):
        await add_receipt(db, "one", NOW - timedelta(hours=hours))
    await add_receipt(db, "two", NOW - timedelta(hours=49))
    purged = await purge(db, Retention(unknown_receipt_hours=48), now=NOW)
    assert purged.unmatched_receipts == {"one": 3, "two": 1}
    assert await db.fetchval("select count(*) from unmatched_receipt") == 2


async def test_strays_end_with_retention(db: Database) -> None:
    for days in (89, 91):
        await db.execute(
            "insert into stray_inbound (id, connector, source, destination, text) "
            "values ($1, 'c', 's', 'd', 't')",
            at(NOW - timedelta(days=days)),
        )
    assert (await purge(db, Retention(), now=NOW)).strays == 1
    assert (await purge(db, Retention(), now=NOW)).strays == 0


async def add_external_id(db: Database, company: int, name: str, made: datetime) -> None:
    await db.execute(
        "insert into external_id (company_id, application_id, external_id, request_id, fingerprint)"
        " values ($1, 1, $2, $3, '')",
        company, name, at(made),
    )  # fmt: skip


async def add_receipt(db: Database, connector: str, arrived: datetime) -> None:
    await db.execute(
        "insert into unmatched_receipt (connector, id, external_id, state, next_try_at) "
        "values ($1, $2, 'x', 'DELIVRD', $3)",
        connector, at(arrived), arrived,
    )  # fmt: skip

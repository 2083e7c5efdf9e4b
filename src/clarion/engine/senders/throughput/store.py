"""The only SQL of throughput."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import asyncpg

from clarion.engine.senders.throughput.model import Ask, Daily, Limits, Peak
from clarion.storage.database import Database
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)


class PeakKey(NamedTuple):
    """A row of peak_budget."""

    company_id: int
    class_id: str
    country: str
    address: str


class DayKey(NamedTuple):
    """A row of daily_budget, on a day."""

    company_id: int
    class_id: str
    country: str


async def clock(db: Database) -> float:
    at: float = await db.fetchval(SQL["clock"])
    return at


async def limits(db: Database) -> dict[str, Limits]:
    """By class. Zero is no limit, as null is."""
    return {
        id: Limits(peak or None, total or None, int(daily) or None if daily else None)
        for id, peak, total, daily in await db.fetch(SQL["limits"])
    }


async def set_limits(db: Database, class_id: str, limits: Limits, now: datetime) -> bool:
    tag = await db.execute(
        SQL["set_limits"], class_id, limits.peak, limits.peak_total, limits.daily, now
    )
    return tag != "UPDATE 0"


async def classes(db: Database) -> list[asyncpg.Record]:
    return await db.fetch(SQL["classes"])


async def lease_peak(
    db: Database, now: float, asks: Sequence[tuple[PeakKey, Peak, Ask]]
) -> dict[PeakKey, tuple[int, float]]:
    """(granted, Unix time up to which the rate is handed out) by key."""
    keys = [key for key, _, _ in asks]
    rows = await db.fetch(
        SQL["lease_peak"],
        now,
        [key.company_id for key in keys],
        [key.class_id for key in keys],
        [key.country for key in keys],
        [key.address for key in keys],
        [peak.rate for _, peak, _ in asks],
        [peak.burst for _, peak, _ in asks],
        [ask.returned for _, _, ask in asks],
        [ask.wanted for _, _, ask in asks],
    )
    return {PeakKey(*row[:4]): (row[4], row[5]) for row in map(tuple, rows)}


async def lease_daily(
    db: Database, day: date, asks: Sequence[tuple[DayKey, Daily, Ask]]
) -> dict[DayKey, int]:
    """What was granted, by key."""
    keys = [key for key, _, _ in asks]
    rows = await db.fetch(
        SQL["lease_daily"],
        day,
        [key.company_id for key in keys],
        [key.class_id for key in keys],
        [key.country for key in keys],
        [daily.most for _, daily, _ in asks],
        [ask.returned for _, _, ask in asks],
        [ask.wanted for _, _, ask in asks],
    )
    return {DayKey(*row[:3]): row[3] for row in map(tuple, rows)}


async def forget(db: Database, *, unused_since: float, before: date, limit: int) -> int:
    """Rows that nobody needs any more, up to a number of each kind; answers how many went."""
    tags = [
        await db.execute(SQL["forget_peaks"], unused_since, limit),
        await db.execute(SQL["forget_days"], before, limit),
    ]
    return sum(int(tag.rpartition(" ")[2]) for tag in tags)


async def usage(
    db: Database, day: date, company_id: int | None, limit: int
) -> list[asyncpg.Record]:
    return await db.fetch(SQL["usage"], day, company_id, limit)

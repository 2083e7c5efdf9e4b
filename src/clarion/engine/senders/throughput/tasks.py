"""Housekeeping of throughput: budgets that nobody needs any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clarion.engine.senders.throughput import store
from clarion.jobs.runner import Job
from clarion.storage.database import Database

EVERY = 3600.0
UNUSED = timedelta(days=1)
DAYS_KEPT = timedelta(days=7)  # for the operator to look back
BATCH = 5_000


async def forget_budgets(db: Database, *, now: datetime | None = None) -> int:
    """End rates unused for a day and days of last week; answers how many. May run twice."""
    at = now or datetime.now(UTC)
    total = 0
    while True:
        count = await store.forget(
            db,
            unused_since=(at - UNUSED).timestamp(),
            before=(at - DAYS_KEPT).date(),
            limit=BATCH,
        )
        total += count
        if count < BATCH:
            return total


def throughput_jobs(db: Database) -> list[Job]:
    return [Job("forget budgets of throughput", EVERY, lambda: forget_budgets(db))]

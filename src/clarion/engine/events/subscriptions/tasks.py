"""Background work of subscriptions. The job is harmless when it runs again."""

from __future__ import annotations

from datetime import UTC, datetime

from clarion.engine.events.subscriptions.store import SQL, count
from clarion.jobs.runner import Job
from clarion.storage.database import Database

SOON, SOON_LIMIT = 10.0, 120.0
BATCH = 2000


def subscription_jobs(db: Database) -> list[Job]:
    """Takes away what deleted delivery configurations have left."""

    async def leftovers() -> None:
        await sweep(db)
        await give_up(db)

    return [Job("leftover subscriptions", SOON, leftovers, limit=SOON_LIMIT)]


async def sweep(db: Database) -> int:
    """Subscriptions of deleted delivery configurations; how many are gone."""
    total = 0
    for row in await db.fetch(SQL["left_over"]):
        while gone := await _sweep_some(db, row["company_id"], row["id"]):
            total += gone
    return total


async def _sweep_some(db: Database, company_id: int, configuration_id: int) -> int:
    async with db.transaction() as tx:
        gone: int = await tx.fetchval(SQL["sweep"], company_id, configuration_id, BATCH)
        if gone:
            await count(tx, company_id, -gone)
        return gone


async def give_up(db: Database) -> int:
    """What waits for deleted delivery configurations has failed, and all that has failed for them
    is handled; how many."""
    total = 0
    for row in await db.fetch(SQL["waited_for"]):
        while gone := await _give_some_up(db, row["company_id"], row["id"]):
            total += gone
    return total


async def _give_some_up(db: Database, company_id: int, configuration_id: int) -> int:
    of = company_id, configuration_id
    async with db.transaction() as tx:
        rows = await tx.fetch(SQL["take_off_queue"], *of, BATCH)
        rows += await tx.fetch(SQL["take_off_failed"], *of, BATCH)
        events = [row["event_id"] for row in rows]
        if events:
            bounds = min(events), max(events)
            await tx.execute(SQL["give_up"], *of, events, *bounds, datetime.now(UTC))
        return len(events)

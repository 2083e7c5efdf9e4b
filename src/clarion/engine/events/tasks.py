"""Background work of events: the end of what names events that were dropped for their age.

Events, deliveries and attempts go with their partitions; what has none follows here, below the
oldest partition of events. Harmless when repeated.
"""

from __future__ import annotations

from clarion.engine.events.announcing import SQL
from clarion.jobs.runner import Job
from clarion.kit.ids import created_at
from clarion.storage.database import Database
from clarion.storage.partitions import partitions_of

PURGE_SECONDS = 3600.0
BATCH = 5000


def event_jobs(db: Database) -> list[Job]:
    async def work() -> None:
        await purge(db)

    return [Job("purge events", PURGE_SECONDS, work)]


async def purge(db: Database) -> int:
    """How many rows are gone: ids that publishers gave their events, deliveries that were still to
    be tried, failed ones, and announcements that no node has ever matched."""
    existing = await partitions_of(db, "event")
    if not existing:
        return 0
    low, total = existing[0].low, 0
    for company in await db.fetch(SQL["companies"]):
        owner = company["id"]
        total += await _batches(db, "purge_publications", owner, low)
        total += await _batches(db, "purge_queue", owner, low, created_at(low))
        total += await _batches(db, "purge_failed", owner, low)
        total += await _batches(db, "purge_announcements", owner, low)
    return total


async def _batches(db: Database, name: str, *args: object) -> int:
    """A delete of BATCH rows at most, until nothing is left; how many there were."""
    total = 0
    while True:
        count = int((await db.execute(SQL[name], *args, BATCH)).rpartition(" ")[2])
        total += count
        if count < BATCH:
            return total

"""Background work of consent. Each job is harmless when it runs again."""

from __future__ import annotations

from datetime import UTC, datetime

from clarion.engine.consent.addresses.tasks import track
from clarion.engine.consent.store import DAY, SQL
from clarion.jobs.runner import Job
from clarion.storage.database import Database

SOON, SOON_LIMIT = 5.0, 60.0
HOURLY = 3600.0
BATCH = 5000


def consent_jobs(db: Database) -> list[Job]:
    """Statuses for the recipients of messages; the end of old counts of automatic answers."""

    async def statuses() -> None:
        await track(db)

    async def counts() -> None:
        await forget_replies(db)

    return [
        Job("consent statuses", SOON, statuses, limit=SOON_LIMIT),
        Job("automatic answers", HOURLY, counts),
    ]


async def forget_replies(db: Database) -> int:
    """Delete what no limit counts any more; how many rows."""
    before = datetime.now(UTC) - DAY
    deleted = 0
    while True:
        tag = await db.execute(SQL["forget_replies"], before, BATCH)
        count = int(tag.rsplit(" ", 1)[-1])
        deleted += count
        if count < BATCH:
            return deleted

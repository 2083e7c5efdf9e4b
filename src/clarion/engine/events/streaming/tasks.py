"""Background work of streams. The job is harmless when it runs again."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from clarion.engine.accounts.model import Caller
from clarion.engine.events.configurations.service import delete
from clarion.engine.events.streaming import store
from clarion.errors import NotFound
from clarion.jobs.runner import Job
from clarion.storage.database import Database

OFTEN = 300.0
FORSAKEN = timedelta(hours=1)
BATCH = 500


def stream_jobs(db: Database) -> list[Job]:
    """Forgets the clients that have not come back."""
    return [Job("forsaken streams", OFTEN, lambda: forget_forsaken(db))]


async def forget_forsaken(db: Database, *, now: datetime | None = None) -> int:
    """Delete STREAM configurations that nobody has followed for an hour; how many are gone. What
    was subscribed for them would wait for ever."""
    before = (now or datetime.now(UTC)) - FORSAKEN
    found = await store.forsaken(db, before, limit=BATCH)
    for company_id, id in found:
        with suppress(NotFound):  # its owner was quicker
            await delete(db, Caller(company_id=company_id, application_id=0), id)
    return len(found)

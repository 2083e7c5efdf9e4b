"""Background work of contacts that is not in the hands of a worker."""

from __future__ import annotations

from clarion.engine.contacts.recompute import forget_jobs
from clarion.engine.contacts.tokens.access import forget_expired
from clarion.jobs.runner import Job
from clarion.storage.database import Database

HOURLY = 3600.0


def contact_jobs(db: Database) -> list[Job]:
    """Forgets expired access tokens and old runs. Harmless when repeated: both only delete."""

    async def forget() -> None:
        await forget_expired(db)
        await forget_jobs(db)

    return [Job("old things of contacts", HOURLY, forget)]

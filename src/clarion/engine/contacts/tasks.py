"""Background work of contacts that is not in the hands of a worker."""

from __future__ import annotations

from datetime import timedelta

from clarion.engine.contacts.jobs.service import purge_jobs
from clarion.engine.contacts.recompute import forget_jobs
from clarion.engine.contacts.tokens.access import forget_expired
from clarion.jobs.runner import Job
from clarion.settings import Settings
from clarion.storage.database import Database

HOURLY = 3600.0


def contact_jobs(db: Database, settings: Settings) -> list[Job]:
    """Forgets expired access tokens, old runs, and imports and exports that were completed long
    ago. Harmless when repeated: all only delete."""
    kept = timedelta(days=settings.retention.contact_job_days)

    async def forget() -> None:
        await forget_expired(db)
        await forget_jobs(db)
        await purge_jobs(db, kept)

    return [Job("old things of contacts", HOURLY, forget)]

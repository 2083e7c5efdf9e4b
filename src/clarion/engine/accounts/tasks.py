"""Background work of accounts."""

from __future__ import annotations

from clarion.engine.accounts.tokens import delete_dead_tokens
from clarion.jobs.runner import Job
from clarion.storage.database import Database

HOURLY = 3600.0


def account_jobs(db: Database) -> list[Job]:
    """Forgets tokens that have been dead for long. Harmless when repeated: it only deletes."""

    async def forget() -> None:
        await delete_dead_tokens(db)

    return [Job("dead tokens", HOURLY, forget)]

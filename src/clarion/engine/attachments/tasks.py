"""Background work of attachments. All of it only removes, so it may run again and anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import asyncpg

from clarion.engine.accounts.service import list_companies
from clarion.engine.attachments import store
from clarion.engine.attachments.content import remove_file
from clarion.jobs.runner import Job
from clarion.log import get_logger
from clarion.settings import Settings
from clarion.storage.database import Database
from clarion.storage.files import FileStore
from clarion.storage.partitions import partitions_of

REMOVALS_SECONDS = 60.0
TOKENS_SECONDS = 600.0
UNUSED_SECONDS = 6 * 3600.0
BATCH = 500
AGAIN = timedelta(hours=1)  # when a file that cannot be removed is tried next

REMOVED = "attachments.removed"

log = get_logger(__name__)


def attachment_jobs(db: Database, files: FileStore, settings: Settings) -> list[Job]:
    """Files, tokens, attachments and links that have had their time."""

    async def unused() -> None:
        days = settings.files.unused_days
        if days:
            await delete_unused(db, timedelta(days=max(days, settings.retention.message_days)))
        await delete_old_links(db)

    return [
        Job("remove files", REMOVALS_SECONDS, lambda: remove_files(db, files)),
        Job("attachment tokens", TOKENS_SECONDS, lambda: forget_tokens(db)),
        Job("unused attachments", UNUSED_SECONDS, unused),
    ]


async def remove_files(db: Database, files: FileStore) -> int:
    """Those whose time has come; how many. The first that cannot be removed waits for an hour, and
    the rest for the next run: the store is away."""
    done = 0
    now = datetime.now(UTC)
    while rows := await db.fetch(store.SQL["due_removals"], now, BATCH):
        for row in rows:
            company_id, key = row["company_id"], row["key"]
            if not await remove_file(db, files, company_id, key):
                await db.execute(store.SQL["plan_removal"], company_id, key, now + AGAIN)
                return done
            done += 1
    return done


async def forget_tokens(db: Database) -> int:
    """Those that have expired; how many."""
    return len(await db.fetch(store.SQL["delete_expired_tokens"], datetime.now(UTC)))


async def delete_unused(db: Database, age: timedelta) -> int:
    """Attachments that nothing has used for `age`, their content with them; how many."""
    now = datetime.now(UTC)
    total = 0
    for company_id in await _companies(db):
        count = BATCH
        while count == BATCH:
            count = await _delete_some(db, company_id, now, age)
            total += count
    if total:
        log.info(REMOVED, attachments=total)
    return total


async def _delete_some(db: Database, company_id: int, now: datetime, age: timedelta) -> int:
    async def work(tx: asyncpg.Connection) -> int:
        rows = await tx.fetch(store.SQL["lock_unused"], company_id, now - age, BATCH)
        unused = [row["id"] for row in rows]
        await tx.execute(store.SQL["delete_attachments"], company_id, unused, now)
        return len(unused)

    return await db.run(work)


async def delete_old_links(db: Database) -> int:
    """Links of message requests that were dropped with their partition; how many."""
    existing = await partitions_of(db, "message_request")
    if not existing:
        return 0
    total = 0
    for company_id in await _companies(db):
        count = BATCH
        while count == BATCH:
            tag = await db.execute(store.SQL["delete_links"], company_id, existing[0].low, BATCH)
            count = int(tag.rpartition(" ")[2])
            total += count
    return total


async def _companies(db: Database) -> Iterable[int]:
    return [company.id for company in await list_companies(db)]

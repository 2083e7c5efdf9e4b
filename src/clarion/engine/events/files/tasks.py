"""The end of files. Both jobs only remove, so they may run again and anywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg

from clarion.engine.events.announcing import ANNOUNCED_CHANNEL
from clarion.engine.events.files import store
from clarion.engine.events.files.announcements import announce_delete
from clarion.jobs.runner import Job
from clarion.storage.database import Database
from clarion.storage.files import FileStore

EXPIRY_SECONDS = 60.0
FORGET_SECONDS = 6 * 3600.0
BATCH = 100


def file_jobs(db: Database, files: FileStore, *, address: str, listed_days: int) -> list[Job]:
    """`address`: the installation's public one. `listed_days`: how long a deleted file is shown."""

    async def forget() -> None:
        await forget_files(db, timedelta(days=listed_days))

    return [
        Job("expire event files", EXPIRY_SECONDS, lambda: expire_files(db, files, address=address)),
        Job("forget event files", FORGET_SECONDS, forget),
    ]


async def expire_files(db: Database, files: FileStore, *, address: str) -> int:
    """Delete files whose time is over and say so; how many."""
    done = 0
    while rows := await db.fetch(store.SQL["due_files"], datetime.now(UTC), BATCH):
        for row in rows:
            await files.delete(row["file_key"])
            done += await _end(db, row["company_id"], row["id"], address)
        db.hint(ANNOUNCED_CHANNEL)
    return done


async def _end(db: Database, company_id: int, id: int, address: str) -> bool:
    async def work(tx: asyncpg.Connection) -> bool:
        ended = await store.end(tx, company_id, id, datetime.now(UTC))
        if ended is not None:
            await announce_delete(tx, ended, address)
        return ended is not None

    return await db.run(work)


async def forget_files(db: Database, age: timedelta) -> int:
    """No longer show what has been gone for `age`; how many files."""
    total, count = 0, BATCH
    while count == BATCH:
        tag = await db.execute(store.SQL["forget_files"], datetime.now(UTC) - age, BATCH)
        count = int(tag.rpartition(" ")[2])
        total += count
    return total

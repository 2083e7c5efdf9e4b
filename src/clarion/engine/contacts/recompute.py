"""Contacts that are there already follow rules that have changed: by the slice, across crashes.

Values are derived outside any transaction, since scripts may take their time; one transaction
then writes those that differ and how far the run has come. It begins by locking the run: a rule
that has changed since has replaced it, and nothing derived by older rules is written any more. A
contact that was written meanwhile is left alone; whoever wrote it has applied the rules.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from time import perf_counter
from uuid import UUID

import asyncpg
from msgspec.structs import replace

from clarion.engine.contacts.fast_access import store
from clarion.engine.contacts.fast_access.model import Job, Rules
from clarion.engine.contacts.model import as_json
from clarion.storage.database import Database

SLICE = 1000
AT_ONCE = 4
"""Runs that one node works on in turns, so that a huge company does not hold up the others."""
NAP_AFTER = 0.005  # seconds of deriving; then others have the thread
KEPT = timedelta(days=30)
FIRST = UUID(int=0)

Changed = list[tuple[store.Row, Mapping[str, str | None]]]


class Recomputer:
    """Works on the runs that this node holds."""

    def __init__(self, db: Database, *, node_id: UUID, slice: int = SLICE) -> None:
        self._db = db
        self._node_id = node_id
        self._slice = slice
        self._jobs: list[Job] = []

    async def step(self) -> bool:
        """One slice of each run in hand; whether there is more to do."""
        await self._take()
        for job in tuple(self._jobs):
            self._jobs.remove(job)  # whatever goes wrong, it is then taken and read anew
            further = await self._advance(job)
            if further is not None:
                self._jobs.append(further)
        return bool(self._jobs)

    async def _take(self) -> None:
        room = AT_ONCE - len(self._jobs)
        if room > 0:
            in_hand = [job.id for job in self._jobs]
            self._jobs += await store.take_jobs(
                self._db, self._node_id, datetime.now(UTC), room, in_hand=in_hand
            )

    async def _advance(self, job: Job) -> Job | None:
        """One slice; None when nothing is left, or the run is no longer ours."""
        rules = await store.read_rules(self._db, job.company_id)
        rows = await store.read_slice(self._db, job.company_id, job.after or FIRST, self._slice)
        changed = await _changes(rules, job, rows)

        async def work(tx: asyncpg.Connection) -> Job | None:
            mark = await store.lock_job(tx, job, self._node_id)
            if mark is None or mark["after"] != job.after:
                return None
            return await self._write(tx, job, rows, changed)

        return await self._db.run(work)

    async def _write(
        self, tx: store.Runner, job: Job, rows: list[asyncpg.Record], changed: Changed
    ) -> Job | None:
        now = datetime.now(UTC)
        if changed:
            await store.set_fast_access(tx, job.company_id, changed)
        after: UUID = rows[-1]["id"] if rows else job.after or FIRST
        await store.advance_job(tx, job, after, processed=len(rows), changed=len(changed), now=now)
        if len(rows) < self._slice:
            await store.finish_job(tx, job, now)
            return None
        return replace(job, after=after)


async def forget_jobs(db: Database) -> None:
    """Runs that have been over for long. May run again and anywhere: it only deletes."""
    await store.forget_jobs(db, datetime.now(UTC) - KEPT)


async def _changes(rules: Rules, job: Job, rows: list[asyncpg.Record]) -> Changed:
    changed: Changed = []
    emptied = dict.fromkeys(job.emptied)
    begun = perf_counter()
    for row in rows:
        values = emptied | rules.derive(as_json(row))
        different = {column: v for column, v in values.items() if v != row[column]}
        if different:
            changed.append((row, different))
        if perf_counter() - begun > NAP_AFTER:
            await asyncio.sleep(0)
            begun = perf_counter()
    return changed

"""Jobs are done one by one, each as a whole, by whichever node takes them.

A node that dies leaves its job to another one. What is begun again is harmless: an import goes on
from the last batch that was committed, an export writes its file anew, what is
cleared away is gone.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from clarion.engine.contacts.jobs import store
from clarion.engine.contacts.jobs.exporting import run_export
from clarion.engine.contacts.jobs.failures import discard_file, remove_failures
from clarion.engine.contacts.jobs.importing import run_import
from clarion.engine.contacts.jobs.model import Job, JobKind, JobState, Stopped
from clarion.kit.vault import Vault
from clarion.log import get_logger
from clarion.storage.database import Database
from clarion.storage.files import FileStore

AT_ONCE = 2
"""Jobs that one node works on side by side."""

JOB_STARTED = "contact_job.started"
JOB_COMPLETED = "contact_job.completed"
JOB_STOPPED = "contact_job.stopped"

log = get_logger(__name__)


class JobWorker:
    """Works on jobs; `step` may be called several times at once."""

    def __init__(self, db: Database, files: FileStore, vault: Vault, *, node_id: UUID) -> None:
        self._db = db
        self._files = files
        self._vault = vault
        self._node_id = node_id
        self._in_hand: set[UUID] = set()
        self._taking = asyncio.Lock()

    async def step(self) -> bool:
        """One job, to its end; whether there was one."""
        job = await self._take()
        if job is None:
            return False
        try:
            await self._work_on(job)
        except Stopped:
            log.info(JOB_STOPPED, company_id=job.company_id, kind=job.kind)
        finally:
            self._in_hand.discard(job.id)
        return True

    async def _take(self) -> Job | None:
        async with self._taking:
            job = await store.take(
                self._db, self._node_id, datetime.now(UTC), in_hand=list(self._in_hand)
            )
            if job is not None:
                self._in_hand.add(job.id)
            return job

    async def _work_on(self, job: Job) -> None:
        if job.canceled:
            await self._clear(job)
            return
        if job.state is not JobState.COMPLETED:
            log.info(JOB_STARTED, company_id=job.company_id, kind=job.kind)
            await self._run(job)
            await store.complete(self._db, job, self._node_id, datetime.now(UTC))
            log.info(JOB_COMPLETED, company_id=job.company_id, kind=job.kind)
        await remove_failures(self._db, job)
        await store.release(self._db, job, self._node_id)

    async def _run(self, job: Job) -> None:
        if job.kind is JobKind.IMPORT:
            await run_import(self._db, self._files, self._vault, job, self._node_id)
        else:
            await run_export(self._db, self._files, job, self._node_id)

    async def _clear(self, job: Job) -> None:
        """Nothing of a canceled job is left, but for contacts that were imported."""
        await remove_failures(self._db, job)
        if job.state is not JobState.COMPLETED:
            await discard_file(self._db, self._files, job)
        await store.remove(self._db, job)

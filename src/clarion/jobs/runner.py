"""Periodic work, such as partitions and purges: on one node at a time, by a lease row.

A node that dies in the middle leaves its lease to expire, and another one runs the job again: so
jobs must be harmless when repeated. A job that fails is tried again at its next time.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clarion.errors import ClarionError, Unavailable
from clarion.kit.ids import new_id, show
from clarion.log import get_logger
from clarion.storage.database import Database
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
MAX_NAP = 60.0  # seconds between looks, so that a job whose node died is noticed
JITTER = 0.1  # part of the interval by which runs are moved, so that nodes do not run in step
JOB_FAILED = "job.failed"
JOB_TOO_LONG = "job.too_long"
JOB_NOT_TAKEN = "job.not_taken"

log = get_logger(__name__)


@dataclass(frozen=True)
class Job:
    """`work` every `every` seconds. It is cut after `limit` seconds, when its lease ends too."""

    name: str
    every: float
    work: Callable[[], Awaitable[object]]
    limit: float = 600.0


class Runner:
    """Runs the jobs of one node. `start` it once, `stop` it once."""

    def __init__(
        self,
        db: Database,
        jobs: Sequence[Job],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if len({job.name for job in jobs}) != len(jobs):
            raise ValueError("two jobs have the same name")
        self._db = db
        self._jobs = jobs
        self._clock = clock
        self._node = show(new_id())
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; returns at once."""
        self._tasks = [
            asyncio.create_task(self._keep_running(job), name=f"job {job.name}")
            for job in self._jobs
        ]

    async def stop(self) -> None:
        """Cut what is under way; its lease is given back."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def run_if_due(self, job: Job) -> bool:
        """Run the job unless it is not due or another node has it. Whether it ran."""
        now = self._clock()
        await self._db.execute(SQL["know_job"], job.name, now)
        lease = now + timedelta(seconds=job.limit)
        if await self._db.fetchrow(SQL["take_job"], job.name, self._node, now, lease) is None:
            return False
        next_run = now  # when it is cut, somebody should go on
        try:
            await self._run(job)
            next_run = now + timedelta(seconds=_jittered(job.every))
        finally:
            with suppress(Unavailable):  # the lease ends by itself
                await self._db.execute(SQL["finish_job"], job.name, self._node, next_run)
        return True

    async def _run(self, job: Job) -> None:
        """The one boundary that catches whatever a job raises."""
        try:
            async with asyncio.timeout(job.limit):
                await job.work()
        except TimeoutError:
            log.warning(JOB_TOO_LONG, job=job.name, limit=job.limit)
        except Unavailable as error:
            log.waits(JOB_FAILED, error, job=job.name)
        except ClarionError as error:
            log.warning(JOB_FAILED, job=job.name, error=error.message)
        except Exception:
            log.exception(JOB_FAILED, job=job.name)

    async def _keep_running(self, job: Job) -> None:
        while True:
            nap = min(MAX_NAP, job.every)
            try:
                await self.run_if_due(job)
                nap = await self._until_due(job)
            except Unavailable as error:
                log.waits(JOB_NOT_TAKEN, error, job=job.name)
            except Exception:
                log.exception(JOB_NOT_TAKEN, job=job.name)
            await asyncio.sleep(nap)

    async def _until_due(self, job: Job) -> float:
        due: datetime = await self._db.fetchval(SQL["job_due_at"], job.name)
        seconds = (due - self._clock()).total_seconds()
        return min(MAX_NAP, max(0.05, seconds))


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311

"""Periodic jobs: one node at a time, again after failures, cleanly stopped."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from tests.waiting import PATIENCE

from clarion import log
from clarion.errors import Unavailable
from clarion.jobs.runner import JOB_FAILED, JOB_TOO_LONG, Job, Runner
from clarion.jobs.upkeep import upkeep
from clarion.settings import Retention
from clarion.storage.database import Database


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 25, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Work:
    """Counts its runs; waits for `gate` when it has one."""

    def __init__(self) -> None:
        self.runs = 0
        self.started = asyncio.Event()
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None

    async def __call__(self) -> None:
        self.runs += 1
        self.started.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error


async def test_a_job_runs_at_its_interval_whichever_node_looks(db: Database) -> None:
    clock, work = Clock(), Work()
    job = Job("sweep", 100, work)
    nodes = [Runner(db, [job], clock=clock) for _ in range(3)]
    assert [await node.run_if_due(job) for node in nodes] == [True, False, False]
    clock.advance(50)
    assert not await nodes[1].run_if_due(job)
    clock.advance(61)
    assert [await node.run_if_due(job) for node in nodes] == [True, False, False]
    assert work.runs == 2


async def test_a_job_is_on_one_node_at_a_time(db: Database) -> None:
    clock, work = Clock(), Work()
    job = Job("sweep", 1, work, limit=60)
    work.gate = asyncio.Event()
    first, second = (Runner(db, [job], clock=clock) for _ in range(2))
    running = asyncio.create_task(first.run_if_due(job))
    await work.started.wait()
    clock.advance(30)
    assert not await second.run_if_due(job)
    work.gate.set()
    assert await running


async def test_the_job_of_a_node_that_died_is_taken_over(db: Database) -> None:
    clock, work = Clock(), Work()
    job = Job("sweep", 1, work, limit=60)
    await db.execute(
        "insert into periodic_job values ('sweep', $1, 'dead', $2)",
        clock.now, clock.now + timedelta(seconds=60),
    )  # fmt: skip
    node = Runner(db, [job], clock=clock)
    assert not await node.run_if_due(job)
    clock.advance(60)
    assert await node.run_if_due(job)


@pytest.mark.parametrize("error", [RuntimeError("odd"), Unavailable()])
async def test_a_failure_is_logged_and_the_job_comes_again(db: Database, error: Exception) -> None:
    clock, work = Clock(), Work()
    job = Job("sweep", 100, work)
    work.error = error
    node = Runner(db, [job], clock=clock)
    with log.capture() as lines:
        assert await node.run_if_due(job)
    assert [(line["event"], line["job"]) for line in lines] == [(JOB_FAILED, "sweep")]
    clock.advance(111)
    assert await node.run_if_due(job)


async def test_a_job_that_takes_too_long_is_cut(db: Database) -> None:
    work = Work()
    work.gate = asyncio.Event()
    job = Job("sweep", 100, work, limit=0.02)
    with log.capture() as lines:
        assert await Runner(db, [job]).run_if_due(job)
    assert [line["event"] for line in lines] == [JOB_TOO_LONG]


async def test_stopping_cuts_work_and_gives_the_job_back(db: Database) -> None:
    work, quick = Work(), Work()
    work.gate = asyncio.Event()
    jobs = [Job("slow", 100, work), Job("quick", 100, quick)]
    node = Runner(db, jobs)
    node.start()
    await asyncio.gather(work.started.wait(), quick.started.wait())
    await node.stop()
    work.gate.set()
    assert await Runner(db, jobs).run_if_due(jobs[0])
    assert not await Runner(db, jobs).run_if_due(jobs[1])


async def test_a_job_runs_again_and_again(db: Database) -> None:
    work = Work()
    node = Runner(db, [Job("sweep", 0.01, work)])
    node.start()
    async with asyncio.timeout(PATIENCE):
        while work.runs < 3:
            await asyncio.sleep(0.005)
    await node.stop()


async def test_names_of_jobs_are_unique(db: Database) -> None:
    with pytest.raises(ValueError, match="same name"):
        Runner(db, [Job("a", 1, Work()), Job("a", 1, Work())])


async def test_upkeep_makes_partitions_and_purges(db: Database) -> None:
    await db.execute(
        "insert into unmatched_receipt (connector, id, external_id, state, next_try_at) "
        "values ('c', '00000000-0000-7000-8000-000000000000', 'x', 'DELIVRD', now())"
    )
    jobs = upkeep(db, Retention())
    for job in jobs:
        assert await Runner(db, jobs).run_if_due(job)
    assert await db.fetchval("select count(*) from unmatched_receipt") == 0

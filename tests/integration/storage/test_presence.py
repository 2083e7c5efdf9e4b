"""A database that goes and comes back is told once each, however many wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.waiting import eventually

from clarion import settings
from clarion.errors import Unavailable
from clarion.jobs.runner import Job, Runner
from clarion.log import capture, get_logger
from clarion.storage.database import Database
from clarion.storage.presence import DATABASE_AWAY, DATABASE_BACK

log = get_logger(__name__)


@pytest.fixture
async def switch(server_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to another database of the server."""
    connection = await asyncpg.connect(server_url)
    yield connection
    await connection.close()


async def _shut(switch: asyncpg.Connection, url: str) -> None:
    name = urlsplit(url).path.strip("/")
    await switch.execute(f"alter database {name} allow_connections false")
    await switch.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name
    )


async def _open(switch: asyncpg.Connection, url: str) -> None:
    await switch.execute(f"alter database {urlsplit(url).path.strip('/')} allow_connections true")


async def test_pools_and_tasks_tell_it_once(
    db: Database, database_url: str, switch: asyncpg.Connection
) -> None:
    other = await Database.connect(settings.Database(), url=database_url, presence=db.presence)
    runner = Runner(db, [Job(f"job {n}", 0.02, _nothing) for n in range(3)])
    with capture("info") as lines:
        await _shut(switch, database_url)
        runner.start()
        for _ in range(5):
            found = await asyncio.gather(
                *(each.fetchval("select 1") for each in (db, other, db)), return_exceptions=True
            )
            assert all(isinstance(each, Unavailable) for each in found)
            for error in found:
                assert isinstance(error, Unavailable)
                log.waits("test.waits", error)
        await _open(switch, database_url)
        await _return_of(other)
        await runner.stop()
    assert [line["event"] for line in lines] == [DATABASE_AWAY, DATABASE_BACK]
    await other.close()


async def _nothing() -> None:
    pass


async def _return_of(db: Database) -> None:
    await eventually(lambda: _answers(db))


async def _answers(db: Database) -> bool:
    try:
        return bool(await db.fetchval("select 1"))
    except Unavailable:
        return False


async def test_one_that_never_answered_is_not_told() -> None:
    with capture("info") as lines, pytest.raises(Unavailable) as caught:
        await Database.connect(settings.Database(), url="postgresql://x@127.0.0.1:1/x")
    assert (lines, caught.value.told) == ([], False)


async def test_what_else_work_waits_for_is_told() -> None:
    with capture("info") as lines:
        log.waits("test.waits", Unavailable("All connections are busy."), work="x")
    assert [(line["event"], line["level"], line["reason"]) for line in lines] == [
        ("test.waits", "warning", "All connections are busy.")
    ]

"""One PostgreSQL for each process of tests; each test that asks gets a database of its own.

The schema is migrated once, with partitions, into a template; a test's database is a copy of that.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import hypothesis
import pytest

from clarion import settings
from clarion.storage import partitions
from clarion.storage.database import Database
from clarion.storage.embedded import EmbeddedPostgres
from clarion.storage.migrate import migrate

# An example may take as long as a slow machine needs; what hangs is ended by pytest-timeout.
hypothesis.settings.register_profile(
    "clarion", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("clarion")

Clone = Callable[[], AbstractAsyncContextManager[str]]

ROOM = 1 << 30  # for each server; it takes a quarter of that
MAX_PROCESSES = 8
TEMPLATE = "clarion_template"
_numbers = count(1)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Folders are shared out among processes, one a core; what is asked for by file or name runs
    in this one, where it starts at once and a debugger reaches it."""
    if not all(Path(each).is_dir() for each in config.args):
        return 0
    return min(len(os.sched_getaffinity(0)), MAX_PROCESSES)


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A server for the process, as the embedded launcher starts it."""
    home = Path(tempfile.mkdtemp(prefix="clarion-tests-", dir=_roomy_memory()))
    server = EmbeddedPostgres(home)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(home)


@pytest.fixture(scope="session")
async def _administration(server_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections that make and drop databases; nothing here needs to survive a crash."""
    async with asyncpg.create_pool(server_url, min_size=1, max_size=4) as pool:
        await pool.execute("alter system set fsync = off")
        await pool.execute("alter system set synchronous_commit = off")
        await pool.execute("alter system set max_wal_size = '256MB'")
        await pool.execute("select pg_reload_conf()")
        yield pool


@pytest.fixture(scope="session")
async def _template(server_url: str, _administration: asyncpg.Pool) -> str:
    await _administration.execute(f"create database {TEMPLATE}")
    database = await Database.connect(settings.Database(), url=_on(server_url, TEMPLATE))
    await migrate(database)
    await partitions.maintain(database, settings.Retention(), now=datetime.now(UTC))
    await database.close()
    return TEMPLATE


class _Clones:
    """Copies of the template: the next one is made, and used ones are dropped, while tests run."""

    def __init__(self, pool: asyncpg.Pool, template: str) -> None:
        self._pool = pool
        self._template = template
        self._next = asyncio.create_task(self._make())
        self._drops: set[asyncio.Task[None]] = set()

    async def take(self) -> str:
        """A database's name."""
        made, self._next = self._next, asyncio.create_task(self._make())
        return await made

    def drop(self, name: str) -> None:
        task = asyncio.create_task(self._drop(name))
        self._drops.add(task)
        task.add_done_callback(self._drops.discard)

    async def close(self) -> None:
        self.drop(await self._next)
        await asyncio.gather(*self._drops)

    async def _make(self) -> str:
        name = f"test_{next(_numbers)}"
        await self._pool.execute(
            f"create database {name} template {self._template} strategy file_copy"
        )
        return name

    async def _drop(self, name: str) -> None:
        await self._pool.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="session")
async def clone(
    server_url: str, _template: str, _administration: asyncpg.Pool
) -> AsyncIterator[Clone]:
    """Makes migrated databases: `async with clone() as url`."""
    clones = _Clones(_administration, _template)

    @asynccontextmanager
    async def cloned() -> AsyncIterator[str]:
        name = await clones.take()
        yield _on(server_url, name)
        clones.drop(name)

    yield cloned
    await clones.close()


@pytest.fixture
async def database_url(clone: Clone) -> AsyncIterator[str]:
    """The URL of a fresh, migrated database."""
    async with clone() as url:
        yield url


@pytest.fixture(scope="module")
async def shared_db(clone: Clone) -> AsyncIterator[Database]:
    """One migrated database for all tests of a module, which must not be in each other's way."""
    async with clone() as url:
        database = await Database.connect(settings.Database(), url=url)
        yield database
        await database.close()


@pytest.fixture
async def empty_database_url(server_url: str, _administration: asyncpg.Pool) -> AsyncIterator[str]:
    """The URL of a database without any table."""
    name = f"empty_{next(_numbers)}"
    await _administration.execute(f"create database {name}")
    yield _on(server_url, name)
    await _administration.execute(f"drop database {name} with (force)")


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """A fresh, migrated database."""
    database = await Database.connect(settings.Database(), url=database_url)
    yield database
    await database.close()


def _roomy_memory() -> str | None:
    """Memory in place of a disk, where there is enough of it; in containers there seldom is."""
    place = Path("/dev/shm")
    wanted = ROOM * int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if place.is_dir() and os.access(place, os.W_OK) and shutil.disk_usage(place).free > wanted:
        return str(place)
    return None


def _on(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))

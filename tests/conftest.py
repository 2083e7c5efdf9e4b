"""One PostgreSQL for the whole run; each test that asks for it gets a database of its own.

The schema is migrated once, with partitions, into a template; a test's database is a copy of that.
"""

from __future__ import annotations

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

ROOM = 2 << 30
TEMPLATE = "clarion_template"
_numbers = count(1)


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A server for the run, as the embedded launcher starts it."""
    home = Path(tempfile.mkdtemp(prefix="clarion-tests-", dir=_roomy_memory()))
    server = EmbeddedPostgres(home)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(home)


@pytest.fixture(scope="session")
async def _administration(server_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that makes and drops databases; nothing here needs to survive a crash."""
    connection = await asyncpg.connect(server_url)
    await connection.execute("alter system set fsync = off")
    await connection.execute("alter system set synchronous_commit = off")
    await connection.execute("alter system set max_wal_size = '256MB'")
    await connection.execute("select pg_reload_conf()")
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def _template(server_url: str, _administration: asyncpg.Connection) -> str:
    await _administration.execute(f"create database {TEMPLATE}")
    database = await Database.connect(settings.Database(), url=_on(server_url, TEMPLATE))
    await migrate(database)
    await partitions.maintain(database, settings.Retention(), now=datetime.now(UTC))
    await database.close()
    return TEMPLATE


@pytest.fixture(scope="session")
def clone(server_url: str, _template: str, _administration: asyncpg.Connection) -> Clone:
    """Makes migrated databases: `async with clone() as url`."""

    @asynccontextmanager
    async def cloned() -> AsyncIterator[str]:
        name = f"test_{next(_numbers)}"
        await _administration.execute(
            f"create database {name} template {_template} strategy file_copy"
        )
        yield _on(server_url, name)
        await _administration.execute(f"drop database {name} with (force)")

    return cloned


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
async def empty_database_url(
    server_url: str, _administration: asyncpg.Connection
) -> AsyncIterator[str]:
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
    if place.is_dir() and os.access(place, os.W_OK) and shutil.disk_usage(place).free > ROOM:
        return str(place)
    return None


def _on(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))

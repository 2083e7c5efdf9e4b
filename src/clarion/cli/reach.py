"""The database of an installation, for commands that work on it without the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

from clarion.cli import running
from clarion.cli.place import Place
from clarion.engine.senders.service import seed_catalogue
from clarion.errors import Conflict
from clarion.settings import Settings
from clarion.storage.database import Database
from clarion.storage.embedded import EmbeddedPostgres
from clarion.storage.migrate import migrate, pending
from clarion.storage.partitions import maintain

T = TypeVar("T")


@contextmanager
def database_url(place: Place) -> Iterator[str]:
    """The setting; or the embedded server, the one that runs or, for as long as needed, our own."""
    if place.settings.database.url:
        yield place.settings.database.url
        return
    gateway = running.find(place)
    if gateway is not None:
        yield gateway.database_url
        return
    place.make()
    server = EmbeddedPostgres(place.data)
    try:
        yield server.start()
    finally:
        server.stop()


def with_database(place: Place, work: Callable[[Database], Awaitable[T]]) -> T:
    """`work` on the installation's database, whose schema is up to date."""

    async def connected(url: str) -> T:
        database = await Database.connect(place.settings.database, url=url)
        try:
            await _prepare(place, database)
            return await work(database)
        finally:
            await database.close()

    with database_url(place) as url:
        return asyncio.run(connected(url))


async def bring_up_to_date(database: Database, settings: Settings) -> list[str]:
    """Everything that a database needs before the first request; the migrations applied.

    Partitions are the business of a periodic job, but the first message must not wait for it.
    """
    applied = await migrate(database)
    await maintain(database, settings.retention, now=datetime.now(UTC))
    await seed_catalogue(database)
    return applied


async def check_up_to_date(database: Database) -> None:
    """Conflict: the database has an older schema than this release."""
    missing = await pending(database)
    if missing:
        raise Conflict(f"The database lacks {len(missing)} migrations: run `clarion migrate`.")


async def _prepare(place: Place, database: Database) -> None:
    """An embedded database is ours to migrate; another one waits for its operator's word."""
    if place.settings.database.url:
        await check_up_to_date(database)
    elif await pending(database):
        await bring_up_to_date(database, place.settings)

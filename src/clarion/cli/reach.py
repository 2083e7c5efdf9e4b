"""The database of an installation, for commands that work on it without the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from clarion.cli import running
from clarion.cli.place import Place
from clarion.errors import Conflict
from clarion.storage.database import Database
from clarion.storage.embedded import EmbeddedPostgres
from clarion.storage.migrate import migrate, pending

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
            await _bring_up_to_date(place, database)
            return await work(database)
        finally:
            await database.close()

    with database_url(place) as url:
        return asyncio.run(connected(url))


async def _bring_up_to_date(place: Place, database: Database) -> None:
    """An embedded database is ours to migrate; another one waits for its operator's word."""
    if not place.settings.database.url:
        await migrate(database)
        return
    missing = await pending(database)
    if missing:
        raise Conflict(f"The database lacks {len(missing)} migrations: run `clarion migrate`.")

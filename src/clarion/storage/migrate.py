"""Brings a database to the newest schema: plain SQL files, each in one transaction.

Migrations run beside the release before them: they only add, or drop what that release no longer
uses; they wait LOCK_TIMEOUT for a lock and no longer, so that they never stop traffic behind
them; and they do not rewrite a big table in one go.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib import resources

import asyncpg

from clarion.errors import Conflict, NotAllowed, Unavailable
from clarion.storage.database import Database
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
LOCK_KEY = 0x636C6172696F6E  # "clarion": one node migrates at a time
LOCK_TIMEOUT = "5s"
LOCK_TRIES = 5
_FILE = re.compile(r"^(?P<number>\d{4})_[a-z0-9_]+\.sql$")


@dataclass(frozen=True)
class Migration:
    """One file of migrations/."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> bytes:
        return sha256(self.sql.encode()).digest()


def migrations() -> list[Migration]:
    """All that this release knows, in order. ValueError: their numbers have a gap."""
    found = []
    for file in resources.files(__package__).joinpath("migrations").iterdir():
        if match := _FILE.match(file.name):
            name = file.name.removesuffix(".sql")
            found.append(Migration(int(match["number"]), name, file.read_text("utf-8")))
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError("migrations are not numbered 1, 2, 3 ...")
    return found


async def pending(db: Database) -> list[str]:
    """Names of the migrations that `migrate` would apply."""
    applied = []
    if await db.fetchval(SQL["has_migration_table"]):
        applied = await db.fetch(SQL["applied_migrations"])
    return [migration.name for migration in _missing(applied)]


async def migrate(db: Database) -> list[str]:
    """Apply what is missing; the names of what was applied. Safe to run on many nodes at once.

    Raises Conflict when the database is newer than this release, Unavailable when a lock that a
    migration needs is held for too long; what was applied until then stays, and the next run goes
    on from there.
    """
    done: list[str] = []
    while name := await _apply_next(db):
        done.append(name)
    return done


async def _apply_next(db: Database) -> str | None:
    for attempt in range(LOCK_TRIES):
        try:
            async with db.transaction() as connection:
                return await _apply(connection)
        except asyncpg.LockNotAvailableError:
            await asyncio.sleep(0.5 * (attempt + 1))
        except asyncpg.InsufficientPrivilegeError as error:
            raise NotAllowed(f"The database user may not change the schema: {error}.") from error
    raise Unavailable("A migration could not get a lock: something has held it for long.")


async def _apply(connection: asyncpg.Connection) -> str | None:
    await connection.execute("set local statement_timeout = 0")
    await connection.execute(SQL["lock_migrations"], LOCK_KEY)
    await connection.execute(SQL["create_migration_table"])
    missing = _missing(await connection.fetch(SQL["applied_migrations"]))
    if not missing:
        return None
    first = missing[0]
    await connection.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
    await connection.execute(first.sql)
    await connection.execute(
        SQL["record_migration"], first.number, first.name, first.checksum, datetime.now(UTC)
    )
    return first.name


def _missing(applied: Sequence[asyncpg.Record]) -> list[Migration]:
    known = migrations()
    if len(applied) > len(known):
        raise Conflict(
            f"The database is at migration {applied[-1]['name']}, this release ends at "
            f"{known[-1].name}: it belongs to a newer release. Start that one, or load a backup."
        )
    for migration, row in zip(known, applied, strict=False):
        if row["checksum"] != migration.checksum:
            raise Conflict(
                f"The database has another migration {row['name']} than this release: it was made "
                "by a build between releases. Start with an empty database."
            )
    return known[len(applied) :]

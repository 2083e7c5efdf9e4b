"""The SQL of channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from clarion.engine.senders.model import Sender
from clarion.engine.senders.store import as_sender
from clarion.storage.database import Database
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)

Row = Mapping[str, Any]

_INSERTED = (
    "company_id",
    "id",
    "application_id",
    "name",
    "priority",
    "description",
    "ownership",
    "updated_at",
)
_UPDATED = tuple(name for name in _INSERTED if name != "application_id")


async def insert(connection: asyncpg.Connection, row: Row) -> None:
    await connection.execute(SQL["insert_channel"], *(row[name] for name in _INSERTED))


async def update(connection: asyncpg.Connection, row: Row) -> None:
    await connection.execute(SQL["update_channel"], *(row[name] for name in _UPDATED))


async def lock(connection: asyncpg.Connection, company_id: int, id: UUID) -> Row | None:
    row: Row | None = await connection.fetchrow(SQL["lock_channel"], company_id, id)
    return row


async def own_senders(
    connection: asyncpg.Connection, company_id: int, ids: Sequence[UUID]
) -> set[UUID]:
    """Which of these are living sender ids of the company."""
    return {row[0] for row in await connection.fetch(SQL["own_senders"], company_id, ids)}


async def remove(
    connection: asyncpg.Connection, company_id: int, channel_id: UUID, senders: Sequence[UUID]
) -> set[UUID]:
    """Which of these were in the channel; none is any more."""
    rows = await connection.fetch(SQL["remove_senders"], company_id, channel_id, senders)
    return {row[0] for row in rows}


async def usable(db: Database | asyncpg.Connection, company_id: int, id: UUID) -> Row | None:
    """A channel that the company can send through."""
    row: Row | None = await db.fetchrow(SQL["usable_channel"], company_id, id)
    return row


async def senders_of(db: Database, company_id: int, channel: Row) -> tuple[Sender, ...]:
    """The sender ids that the company sends from when it names this channel."""
    owner, id = channel["company_id"], channel["id"]
    if owner == company_id:
        rows = await db.fetch(SQL["senders_of_own"], owner, id)
    else:
        rows = await db.fetch(SQL["senders_of_offered"], company_id, owner, id)
    return tuple(as_sender(row) for row in rows)


async def not_yet_taken(db: Database, company_id: int, channel: Row) -> list[UUID]:
    """SHARED sender ids of an offered channel that the company could take."""
    rows = await db.fetch(SQL["not_yet_taken"], company_id, channel["company_id"], channel["id"])
    return [row[0] for row in rows]


async def listed_countries(db: Database) -> frozenset[str]:
    """Every country that a sender id class names."""
    return frozenset(row[0] for row in await db.fetch(SQL["listed_countries"]))

"""The SQL of message templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from clarion.engine.senders.templates.model import (
    Designation,
    MessageTemplate,
    TemplateOwnership,
)
from clarion.errors import AlreadyExists
from clarion.storage.database import Database
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
_TAKEN = "name: the company has a template of this name."

Row = Mapping[str, Any]

_INSERTED = (
    "company_id",
    "id",
    "application_id",
    "name",
    "designation",
    "ownership",
    "pattern",
    "updated_at",
)
_UPDATED = tuple(name for name in _INSERTED if name != "application_id")


class Stamps(NamedTuple):
    """What tells whether templates have changed."""

    operator_id: int
    own: int
    operators: int


async def insert(connection: asyncpg.Connection, row: Row) -> None:
    await _write(connection, "insert_template", row, _INSERTED)


async def update(connection: asyncpg.Connection, row: Row) -> None:
    await _write(connection, "update_template", row, _UPDATED)


async def delete(connection: asyncpg.Connection, company_id: int, id: UUID, now: datetime) -> None:
    await connection.execute(SQL["delete_template"], company_id, id, now)
    await connection.execute(SQL["note_change"], company_id)


async def _write(
    connection: asyncpg.Connection, name: str, row: Row, columns: Sequence[str]
) -> None:
    try:
        await connection.execute(SQL[name], *(row[column] for column in columns))
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists(_TAKEN, field="name") from error
    await connection.execute(SQL["note_change"], row["company_id"])


async def lock(connection: asyncpg.Connection, company_id: int, id: UUID) -> Row | None:
    row: Row | None = await connection.fetchrow(SQL["lock_template"], company_id, id)
    return row


async def stamps(db: Database, company_id: int) -> Stamps:
    row = await db.fetchrow(SQL["template_stamps"], company_id)
    assert row is not None
    return Stamps(row["operator_id"], row["own"], row["operators"])


async def living(db: Database, company_id: int) -> list[MessageTemplate]:
    """All templates of a company."""
    return [
        MessageTemplate(
            id=row["id"],
            name=row["name"],
            designation=Designation(row["designation"]),
            ownership=TemplateOwnership(row["ownership"]),
            pattern=row["pattern"],
        )
        for row in await db.fetch(SQL["living_templates"], company_id)
    ]

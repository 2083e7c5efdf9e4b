"""The SQL of message templates."""

from __future__ import annotations

from collections.abc import Mapping
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
    try:
        await connection.execute(SQL["insert_template"], *(row[name] for name in _INSERTED))
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists(_TAKEN, field="name") from error


async def update(connection: asyncpg.Connection, row: Row) -> None:
    try:
        await connection.execute(SQL["update_template"], *(row[name] for name in _UPDATED))
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists(_TAKEN, field="name") from error


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

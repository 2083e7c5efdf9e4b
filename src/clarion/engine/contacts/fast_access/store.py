"""The SQL of fast access rules and of their runs through the contacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from clarion.engine.contacts.fast_access.model import COLUMNS, NO_RULES, Job, Rule, Rules
from clarion.errors import AlreadyExists
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)

Row = Mapping[str, Any]
_TAKEN = {
    "fast_access_rule_company_id_number_key": "target_attribute",
    "fast_access_rule_name": "target_attribute_name",
}


class Runner(Protocol):
    """A connection in a transaction, or the database itself for a statement on its own."""

    async def fetch(self, query: str, *args: object) -> list[asyncpg.Record]: ...
    async def fetchrow(self, query: str, *args: object) -> asyncpg.Record | None: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...
    async def execute(self, query: str, *args: object) -> str: ...


async def read_rules(on: Runner, company_id: int) -> Rules:
    """The rules as they are now."""
    rows = await on.fetch(SQL["rules"], company_id)
    return Rules(Rule(*row) for row in rows) if rows else NO_RULES


async def hold_rules(tx: Runner, company_id: int) -> Rules:
    """The rules, which stay as they are until the transaction ends: what writes contacts calls
    this first. A rule that changes waits for it, and its run then finds the contacts."""
    await tx.execute(SQL["hold_rules"], company_id)
    return await read_rules(tx, company_id)


# ---------------------------------------------------------------- rules


async def change_rules(tx: Runner, company_id: int) -> None:
    """Nobody writes contacts by the rules as they are until the transaction ends."""
    await tx.execute(SQL["change_rules"], company_id)


async def insert_rule(tx: Runner, row: Row) -> None:
    names = ("company_id", "id", "application_id", "number", "name", "script", "user_data",
             "updated_at")  # fmt: skip
    await _write(tx, SQL["insert_rule"], *(row[name] for name in names))


async def lock_rule(tx: Runner, company_id: int, id: UUID) -> Row | None:
    row: Row | None = await tx.fetchrow(SQL["lock_rule"], company_id, id)
    return row


async def update_rule(tx: Runner, row: Row) -> None:
    names = ("company_id", "id", "number", "name", "script", "user_data", "updated_at")
    await _write(tx, SQL["update_rule"], *(row[name] for name in names))


async def delete_rule(tx: Runner, company_id: int, id: UUID) -> None:
    await tx.execute(SQL["delete_rule"], company_id, id)


async def _write(tx: Runner, sql: str, *args: object) -> None:
    try:
        await tx.execute(sql, *args)
    except asyncpg.UniqueViolationError as error:
        field = _TAKEN[error.constraint_name]
        raise AlreadyExists(f"{field}: the company has a rule for it.", field=field) from error


# ---------------------------------------------------------------- runs


async def replace_jobs(tx: Runner, company_id: int, now: datetime) -> set[str]:
    """Ends the company's runs; the columns that they were to empty."""
    rows = await tx.fetch(SQL["replace_jobs"], company_id, now)
    return {column for row in rows for column in row["emptied"]}


async def insert_job(
    tx: Runner,
    company_id: int,
    id: UUID,
    *,
    application_id: int,
    emptied: Sequence[str],
    now: datetime,
) -> None:
    contacts = await tx.fetchval(SQL["count_contacts"], company_id)
    await tx.execute(SQL["insert_job"], company_id, id, application_id, emptied, contacts, now)


async def take_jobs(
    on: Runner, node_id: UUID, now: datetime, limit: int, *, in_hand: Sequence[UUID]
) -> list[Job]:
    """`in_hand`: what this node has and knows; what it has without knowing is taken too."""
    rows = await on.fetch(SQL["take_jobs"], node_id, now, limit, in_hand)
    return [Job(row[0], row[1], row[2], frozenset(row[3])) for row in rows]


async def lock_job(tx: Runner, job: Job, node_id: UUID) -> Row | None:
    row: Row | None = await tx.fetchrow(SQL["lock_job"], job.company_id, job.id, node_id)
    return row


async def advance_job(
    tx: Runner, job: Job, after: UUID, *, processed: int, changed: int, now: datetime
) -> None:
    await tx.execute(SQL["advance_job"], job.company_id, job.id, after, processed, changed, now)


async def finish_job(tx: Runner, job: Job, now: datetime) -> None:
    await tx.execute(SQL["finish_job"], job.company_id, job.id, now)


async def forget_jobs(on: Runner, before: datetime) -> None:
    await on.execute(SQL["forget_jobs"], before)


async def read_slice(on: Runner, company_id: int, after: UUID, limit: int) -> list[asyncpg.Record]:
    return await on.fetch(SQL["slice"], company_id, after, limit)


async def set_fast_access(
    tx: Runner, company_id: int, rows: Sequence[tuple[Row, Mapping[str, str | None]]]
) -> None:
    """Contacts as they were read, each with its columns that have changed."""
    ids = [row["id"] for row, _ in rows]
    versions = [row["version"] for row, _ in rows]
    values = ([changed.get(column, row[column]) for row, changed in rows] for column in COLUMNS)
    arrays = ([] if column.count(None) == len(column) else column for column in values)
    await tx.execute(SQL["set_fast_access"], company_id, ids, versions, *arrays)

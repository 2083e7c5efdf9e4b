"""The SQL of contacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import repeat
from operator import itemgetter
from typing import Any
from uuid import UUID

import asyncpg

from clarion.engine.contacts.fast_access.store import Runner
from clarion.engine.contacts.model import COLUMNS
from clarion.errors import AlreadyExists
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)

Row = Mapping[str, Any]
UNIQUE = {"contact_mdn": "primary_mdn", "contact_external": "external_id"}
_values = itemgetter(*COLUMNS)


async def insert(
    tx: asyncpg.Connection, company_id: int, rows: Sequence[Row], now: datetime
) -> None:
    """New contacts. UniqueViolationError: somebody has one of their keys."""
    columns = dict(zip(COLUMNS, _columns(rows), strict=True))
    written = {name: column for name, column in columns.items() if column}
    await tx.copy_records_to_table(
        "contact",
        columns=("company_id", "updated_at", *written),
        records=zip(repeat(company_id), repeat(now), *written.values()),
    )


async def update(tx: Runner, company_id: int, rows: Sequence[Row], now: datetime) -> None:
    """Contacts as they are to be. UniqueViolationError: somebody has one of their keys."""
    await tx.execute(SQL["update_contacts"], company_id, now, *_columns(rows))


def taken(error: asyncpg.UniqueViolationError) -> AlreadyExists:
    """What a client is told about a key that another contact has."""
    field = UNIQUE.get(error.constraint_name, "")
    return AlreadyExists(f"{field}: the company has a contact with it.", field=field)


async def lock(tx: Runner, company_id: int, id: UUID) -> Row | None:
    row: Row | None = await tx.fetchrow(SQL["lock_contact"], company_id, id)
    return row


async def lock_matching(
    tx: Runner, company_id: int, mdns: Sequence[str], external_ids: Sequence[str]
) -> list[asyncpg.Record]:
    return await tx.fetch(SQL["lock_matching"], company_id, mdns, external_ids)


async def lock_by_mdn(tx: Runner, company_id: int, mdns: Sequence[str]) -> list[asyncpg.Record]:
    return await tx.fetch(SQL["lock_by_mdn"], company_id, mdns)


async def delete(tx: Runner, company_id: int, id: UUID, now: datetime) -> bool:
    """Whether there was such a contact."""
    done = await tx.execute(SQL["delete_contact"], company_id, id, now)
    return not done.endswith(" 0")


async def exists(on: Runner, company_id: int, id: UUID) -> bool:
    return bool(await on.fetchval(SQL["contact_exists"], company_id, id))


async def opted_in(
    tx: Runner, company_id: int, times: Mapping[str, datetime], now: datetime
) -> None:
    await tx.execute(SQL["opted_in"], company_id, now, list(times), list(times.values()))


async def read_for_sending(
    on: Runner, company_id: int, ids: Sequence[UUID]
) -> list[asyncpg.Record]:
    return await on.fetch(SQL["for_sending"], company_id, ids)


def _columns(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """One array an attribute, empty where no row has it: `unnest` fills a short one up with nulls,
    and what no row has costs nothing."""
    columns = zip(*map(_values, rows), strict=True)
    return [() if column.count(None) == len(column) else column for column in columns]

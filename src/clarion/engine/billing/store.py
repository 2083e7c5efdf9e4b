"""The only SQL of billing: rows in and out of the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from clarion.engine.billing.model import Charge, Entry, LedgerKind, Rate, Recount, TableInfo
from clarion.errors import NotEnoughCredit
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
RATE_COLUMNS = (
    "rate_table_id",
    "company_id",
    "sender_type",
    "medium",
    "country",
    "operator",
    "price",
)
LOAD_LOCK = 0x7261746573  # "rates"


class Runner(Protocol):
    """The Database, where a statement runs by itself, or a connection in its transaction."""

    async def fetch(self, sql: str, /, *args: object) -> list[asyncpg.Record]: ...
    async def fetchrow(self, sql: str, /, *args: object) -> asyncpg.Record | None: ...
    async def fetchval(self, sql: str, /, *args: object) -> Any: ...
    async def execute(self, sql: str, /, *args: object) -> str: ...


# ---------------------------------------------------------------- rates


async def replace_table(
    tx: asyncpg.Connection, info: TableInfo, rates: Iterable[Rate]
) -> TableInfo:
    """A price list with its rates, streamed, in place of one with the same start."""
    await tx.execute(SQL["lock_rate_tables"], LOAD_LOCK)
    await tx.execute(SQL["drop_rate_table"], info.starts_at)
    await tx.execute(SQL["insert_rate_table"], info.id, info.starts_at, info.source, info.loaded_at)
    await tx.copy_records_to_table(
        "rate",
        columns=RATE_COLUMNS,
        records=(
            (info.id, r.company_id, r.sender_type, r.medium, r.country, r.operator, r.price)
            for r in rates
        ),
    )
    row = await tx.fetchrow(SQL["count_rates"], info.id)
    return TableInfo(*row)


async def unknown_company(tx: Runner, table: UUID) -> int | None:
    found: int | None = await tx.fetchval(SQL["unknown_company"], table)
    return found


async def drop_table(db: Runner, starts_at: datetime) -> bool:
    return await db.execute(SQL["drop_rate_table"], starts_at) != "DELETE 0"


async def list_tables(db: Runner) -> list[TableInfo]:
    return [TableInfo(*row) for row in await db.fetch(SQL["list_rate_tables"])]


async def tables_to_keep(db: Runner, now: datetime) -> list[TableInfo]:
    """The one in force, if any, and the next."""
    return [TableInfo(*row) for row in await db.fetch(SQL["rate_tables_to_keep"], now)]


async def rates_of(db: Runner, table: UUID) -> list[asyncpg.Record]:
    return await db.fetch(SQL["rates_of_table"], table)


# ---------------------------------------------------------------- credit


async def open_credit(tx: Runner, company_id: int, now: datetime) -> None:
    await tx.execute(SQL["open_credit"], company_id, now)


async def lock_credit(tx: Runner, company_id: int) -> Decimal | None:
    """The balance, held until the transaction ends; None: the company never had one."""
    found: Decimal | None = await tx.fetchval(SQL["lock_credit"], company_id)
    return found


async def balance(db: Runner, company_id: int) -> Decimal:
    found: Decimal | None = await db.fetchval(SQL["balance"], company_id)
    return Decimal(0) if found is None else found


async def balances(db: Runner, company_id: int | None, limit: int) -> list[asyncpg.Record]:
    return await db.fetch(SQL["balances"], company_id, limit)


async def add_entry(
    tx: Runner,
    company_id: int,
    amount: Decimal,
    *,
    kind: LedgerKind,
    reference: str | None,
    note: str | None,
    now: datetime,
) -> Entry:
    """Raises NotEnoughCredit where the balance would fall under zero."""
    try:
        row = await tx.fetchrow(
            SQL["add_entry"], company_id, kind.value, amount, reference, note, now
        )
    except asyncpg.CheckViolationError as error:
        raise NotEnoughCredit("The balance is less than that.") from error
    assert row is not None
    return _entry(row)


async def entry_of_reference(tx: Runner, company_id: int, reference: str) -> Entry | None:
    row = await tx.fetchrow(SQL["entry_of_reference"], company_id, reference)
    return None if row is None else _entry(row)


async def entries(db: Runner, company_id: int, limit: int) -> list[Entry]:
    return [_entry(row) for row in await db.fetch(SQL["entries"], company_id, limit)]


async def charge_messages(
    tx: Runner, company_id: int, charges: Sequence[Charge], now: datetime
) -> list[asyncpg.Record]:
    """(id, amount taken now, whether returned before) of those that are paid or were."""
    found = [c.message_id for c in charges]
    amounts = [c.amount for c in charges]
    return await tx.fetch(
        SQL["charge_messages"], company_id, found, amounts, min(found), max(found), now
    )


async def return_charges(
    tx: Runner, company_id: int, messages: Sequence[UUID], now: datetime
) -> dict[UUID, Decimal]:
    rows = await tx.fetch(
        SQL["return_charges"], company_id, messages, min(messages), max(messages), now
    )
    return {row["message_id"]: row["amount"] for row in rows}


async def charge_again(
    tx: Runner, company_id: int, messages: Sequence[UUID], now: datetime
) -> dict[UUID, Decimal]:
    rows = await tx.fetch(
        SQL["charge_again"], company_id, messages, min(messages), max(messages), now
    )
    return {row["message_id"]: row["amount"] for row in rows}


async def recount(db: Runner, company_id: int | None) -> list[Recount]:
    return [
        Recount(row["company_id"], row["balance"], row["ledger"], row["entries"], row["counted"])
        for row in await db.fetch(SQL["recount"], company_id)
    ]


def _entry(row: asyncpg.Record) -> Entry:
    number, kind, *rest = row
    return Entry(number, LedgerKind(kind), *rest)

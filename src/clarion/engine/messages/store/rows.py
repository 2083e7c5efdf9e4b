"""What every statement of requests and messages needs: the SQL, who runs it, rows as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import asyncpg

from clarion.storage.sql import load_queries

SQL = load_queries("clarion.engine.messages")
MESSAGE_COLUMNS = 7


class Runner(Protocol):
    """A connection in a transaction, or the database itself for a statement on its own."""

    async def fetch(self, query: str, *args: object) -> list[asyncpg.Record]: ...
    async def fetchrow(self, query: str, *args: object) -> asyncpg.Record | None: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...
    async def execute(self, query: str, *args: object) -> str: ...


def columns(rows: Sequence[tuple[object, ...]], count: int) -> list[Sequence[object]]:
    """Rows turned into the arrays that `unnest` takes; `count` empty ones for no rows."""
    if not rows:
        return [()] * count
    return [column(values) for values in zip(*rows, strict=True)]


def column(values: Sequence[object]) -> Sequence[object]:
    """An array for `unnest`, which fills a short one up with nulls: an attribute that nobody used
    costs nothing."""
    return () if values.count(None) == len(values) else values


def by_company(rows: Iterable[tuple[int, Any]]) -> dict[int, list[Any]]:
    """Pairs of company and value, as one batch a company: no statement mixes companies."""
    found: dict[int, list[Any]] = {}
    for company_id, value in rows:
        found.setdefault(company_id, []).append(value)
    return found

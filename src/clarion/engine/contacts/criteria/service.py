"""Criteria of a company: with the names that it has given to its fast access attributes."""

from __future__ import annotations

from typing import Any, Protocol

import asyncpg

from clarion.engine.contacts.criteria.compiling import compile_criteria
from clarion.engine.contacts.criteria.model import Compiled
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
MARK = "/* criteria */ true"
"""Where a statement of a queries.sql has room for a condition."""


class Runner(Protocol):
    """A connection in a transaction, or the database itself for a statement on its own."""

    async def fetch(self, query: str, *args: object) -> list[asyncpg.Record]: ...
    async def fetchrow(self, query: str, *args: object) -> asyncpg.Record | None: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...
    async def execute(self, query: str, *args: object) -> str: ...


async def compile_for(on: Runner, company_id: int, text: str) -> Compiled:
    """What a query means for a company. Raises InvalidCriteria."""
    rows = await on.fetch(SQL["fast_access_names"], company_id)
    return compile_criteria(text, {row["name"]: f"fast_access_{row['number']}" for row in rows})


def with_criteria(sql: str, criteria: Compiled, *args: object) -> tuple[str, tuple[object, ...]]:
    """A statement with a condition where its MARK is, and all its parameters: `args` first."""
    condition = criteria.condition(len(args) + 1)
    return sql.replace(MARK, condition), (*args, *criteria.args)

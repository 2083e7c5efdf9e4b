"""Rows in an order that a client asks for: of a list that is as long as can be, too.

What has no value comes last, so a page is mostly full of rows that have one: these are asked for
first, since an index of a column leaves the others out. An order that no index has means sorting
all that match, and for that there is a time.
"""

from __future__ import annotations

import asyncpg

from clarion.errors import InvalidInput
from clarion.storage.database import Database
from clarion.storage.sql import load_queries

SECONDS = 10.0

SQL = load_queries(__package__)


async def sorted_rows(db: Database, sql: str, *args: object) -> list[asyncpg.Record]:
    """InvalidInput: there is too much to sort."""
    async with db.transaction() as tx:
        try:
            async with tx.transaction():
                await tx.execute(SQL["limit_time"], str(int(SECONDS * 1000)))
                rows: list[asyncpg.Record] = await tx.fetch(sql, *args)
                return rows
        except asyncpg.QueryCanceledError as error:
            words = f"sort: so many cannot be sorted in {SECONDS:g} seconds; add filters."
            raise InvalidInput(words, field="sort") from error

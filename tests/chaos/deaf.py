"""A database that does as it is told, and whose answer gets lost on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from clarion.errors import Unavailable
from clarion.storage.database import Database

T = TypeVar("T")
RUN = "run"  # stands for any transaction


class Deaf:
    """Passes everything on to a real one. A commit whose answer is lost is the hardest failure:
    the caller hears the same as when nothing was stored."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lost: list[str] = []

    def lose_answer_to(self, *statements: str) -> None:
        """Each of these, once, the next time that it comes; RUN for a transaction."""
        self._lost += statements

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        return self._answer(sql, await self._db.fetch(sql, *args))

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        return self._answer(sql, await self._db.fetchrow(sql, *args))

    async def fetchval(self, sql: str, *args: object) -> Any:
        return self._answer(sql, await self._db.fetchval(sql, *args))

    async def execute(self, sql: str, *args: object) -> str:
        return self._answer(sql, await self._db.execute(sql, *args))

    async def run(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        return self._answer(RUN, await self._db.run(work))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        async with self._db.transaction() as connection:
            yield connection
        self._answer(RUN, None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def _answer(self, statement: str, answer: T) -> T:
        if statement in self._lost:
            self._lost.remove(statement)
            raise Unavailable("The answer was lost.")
        return answer

"""The database as the suite reads it: for the recount, and for what a kill left in claims."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg

from clarion.storage.sql import load_queries

SQL = load_queries("tests.chaos")
PATIENCE = 60.0
_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Record:
    """Reads with a connection of its own, again and again while the server is away."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def claimed(self) -> frozenset[str]:
        return frozenset(row["id"] for row in await self.read("claimed"))

    async def backends(self) -> list[int]:
        return [row["pid"] for row in await self.read("backends")]

    async def unfinished(self) -> dict[str, int]:
        """What is still under way; empty when nothing is."""
        return {row["what"]: row["count"] for row in await self.read("unfinished") if row["count"]}

    async def nodes(self) -> dict[str, int]:
        """Binds held, by the name of the living node."""
        now = datetime.now(UTC)
        return {row["name"]: row["binds"] for row in await self.read("nodes", now)}

    async def read(self, name: str, *args: object) -> Sequence[asyncpg.Record]:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                connection = await asyncpg.connect(self._url, timeout=5)
                try:
                    rows: list[asyncpg.Record] = await connection.fetch(SQL[name], *args)
                    return rows
                finally:
                    await connection.close(timeout=5)
            except (*_AWAY, TimeoutError):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)

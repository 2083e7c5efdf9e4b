"""The SQL of topics and event types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import asyncpg
import msgspec

from clarion.engine.events.model import EventType, Field, Topic
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)


class Runner(Protocol):
    """A connection in a transaction, or the database itself for a statement on its own."""

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]: ...
    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None: ...
    async def fetchval(self, sql: str, *args: object) -> Any: ...
    async def execute(self, sql: str, *args: object) -> str: ...


async def topics(on: Runner, company_id: int) -> list[Topic]:
    """Those that the company has added."""
    return [Topic(*row) for row in await on.fetch(SQL["own_topics"], company_id)]


async def topic(on: Runner, company_id: int, name: str) -> Topic | None:
    row = await on.fetchrow(SQL["own_topic"], company_id, name)
    return Topic(*row) if row else None


async def types(on: Runner, company_id: int) -> list[EventType]:
    """Those that the company has added."""
    return [_as_type(row) for row in await on.fetch(SQL["own_types"], company_id)]


async def types_of_topic(on: Runner, company_id: int, topic: str) -> list[EventType]:
    rows = await on.fetch(SQL["own_types_of_topic"], company_id, topic)
    return [_as_type(row) for row in rows]


async def types_by_code(on: Runner, company_id: int, codes: Sequence[str]) -> list[EventType]:
    rows = await on.fetch(SQL["own_types_by_code"], company_id, codes)
    return [_as_type(row) for row in rows]


def fields_as_json(fields: Mapping[str, Field]) -> str:
    return msgspec.json.encode(dict(fields)).decode()


def _as_type(row: asyncpg.Record) -> EventType:
    return EventType(
        code=row["code"],
        topic=row["topic"],
        strict=row["strict"],
        fields=msgspec.json.decode(row["fields"], type=dict[str, Field]),
    )

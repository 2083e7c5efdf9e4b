"""The SQL of files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import asyncpg
from msgspec import Struct

from clarion.engine.events.files.model import (
    Compression,
    EventFile,
    FileKind,
    FileStatus,
    Written,
)
from clarion.engine.events.model import DeliveryStatus, Event, Format
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
_FIELDS = EventFile.__struct_fields__


class Source(Protocol):
    """A Database, or a connection in a transaction."""

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]: ...
    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None: ...
    async def fetchval(self, sql: str, *args: object) -> Any: ...
    async def execute(self, sql: str, *args: object) -> str: ...


class Due(NamedTuple):
    """A configuration whose file is to be closed."""

    company_id: int
    configuration_id: int
    cron_expression: str
    opened_at: datetime
    due_at: datetime


class Row(Struct, frozen=True):
    """A subscription in a dump."""

    id: int
    configuration_id: int
    configuration_name: str
    event_type: str | None
    criteria: str
    starts_at: datetime
    ends_at: datetime | None


def as_file(row: asyncpg.Record) -> EventFile:
    facts = {name: row[name] for name in _FIELDS}
    packed = row["compression"]
    facts |= {
        "kind": FileKind(row["kind"]),
        "format": Format(row["format"]),
        "compression": Compression(packed) if packed else None,
        "status": FileStatus(row["status"]),
    }
    return EventFile(**facts)


# ---------------------------------------------------------------- closing


async def due_buffers(tx: Source, now: datetime, limit: int) -> list[Due]:
    """Held until the transaction ends."""
    rows = await tx.fetch(SQL["due_buffers"], now, limit)
    return [
        Due(
            row["company_id"],
            row["id"],
            row["cron_expression"],
            row["file_opened_at"] or row["file_due_at"],
            row["file_due_at"],
        )
        for row in rows
    ]


async def close_buffers(tx: Source, due: Sequence[Due], now: datetime) -> int:
    """How many files there are to be written."""
    companies, ids, _, opened, closed = map(list, zip(*due, strict=True))
    done: str = await tx.execute(SQL["close_buffers"], companies, ids, opened, closed, now)
    return _count(done)


async def open_buffers(tx: Source, due: Sequence[Due], nexts: Sequence[datetime | None]) -> None:
    companies, ids, _, _, closed = map(list, zip(*due, strict=True))
    await tx.execute(SQL["open_buffers"], companies, ids, closed, list(nexts))


# ---------------------------------------------------------------- the work on a file


async def take(
    on: Source, node_id: UUID, now: datetime, *, in_hand: Sequence[int], after: int
) -> EventFile | None:
    """`in_hand`: what this node works on; what it has without knowing is taken too. `after`: the
    company whose file was taken last."""
    row = await on.fetchrow(SQL["take_file"], node_id, now, in_hand, after)
    return as_file(row) if row else None


async def wants_latest(on: Source, file: EventFile) -> bool:
    found = await on.fetchval(SQL["wants_latest"], file.company_id, file.configuration_id)
    return bool(found)


async def lock(tx: Source, file: EventFile, node_id: UUID) -> bool:
    """Whether this node still works on it; held until the transaction ends."""
    found = await tx.fetchval(SQL["lock_file"], file.company_id, file.id, node_id)
    return found is not None


async def name_key(on: Source, file: EventFile, node_id: UUID, key: str, now: datetime) -> bool:
    """Whether this node still works on it."""
    done = await on.execute(SQL["name_key"], file.company_id, file.id, node_id, key, now)
    return bool(_count(done))


async def take_waiting(tx: Source, file: EventFile, limit: int) -> list[UUID]:
    rows = await tx.fetch(
        SQL["take_waiting"], file.company_id, file.configuration_id, file.closed_at, limit
    )
    return [row["event_id"] for row in rows]


async def event_keys(on: Source, company_id: int, events: Sequence[UUID]) -> dict[UUID, str]:
    rows = await on.fetch(SQL["event_keys"], company_id, events)
    return {row["id"]: row["key"] for row in rows}


async def insert_entries(
    tx: Source, file: EventFile, events: Sequence[UUID], keys: Sequence[str | None]
) -> None:
    await tx.execute(SQL["insert_entries"], file.company_id, file.id, events, keys)


async def drop_superseded(tx: Source, file: EventFile, keys: Sequence[str]) -> list[UUID]:
    rows = await tx.fetch(SQL["drop_superseded"], file.company_id, file.id, keys)
    return [row["event_id"] for row in rows]


async def count_entries(on: Source, file: EventFile) -> int:
    found: int = await on.fetchval(SQL["count_entries"], file.company_id, file.id)
    return found


async def entry_window(on: Source, file: EventFile, after: UUID, limit: int) -> list[UUID]:
    rows = await on.fetch(SQL["entry_window"], file.company_id, file.id, after, limit)
    return [row["event_id"] for row in rows]


async def events(on: Source, company_id: int, ids: Sequence[UUID]) -> list[Event]:
    """Those that are not too old to be kept."""
    return [Event(**dict(row)) for row in await on.fetch(SQL["events"], company_id, ids)]


async def take_entries(tx: Source, file: EventFile, limit: int) -> list[UUID]:
    rows = await tx.fetch(SQL["take_entries"], file.company_id, file.id, limit)
    return [row["event_id"] for row in rows]


async def settle(
    tx: Source,
    file: EventFile,
    events: Sequence[UUID],
    status: DeliveryStatus,
    *,
    address: str,
    words: str,
    now: datetime,
) -> None:
    await tx.execute(
        SQL["settle"],
        file.company_id,
        file.configuration_id,
        events,
        status.value,
        now,
        address,
        words,
    )


async def open_rest(tx: Source, file: EventFile, now: datetime) -> bool:
    """Whether there is one file more."""
    found = await tx.fetchval(SQL["open_rest"], file.company_id, file.id, now)
    return found is not None


async def archive(
    tx: Source,
    file: EventFile,
    node_id: UUID,
    written: Written,
    *,
    expires_at: datetime,
    now: datetime,
) -> EventFile | None:
    """None: this node does not work on it any more."""
    row = await tx.fetchrow(
        SQL["archive_file"],
        file.company_id,
        file.id,
        node_id,
        written.rows,
        written.size,
        written.key,
        expires_at,
        now,
    )
    return as_file(row) if row else None


async def fail(tx: Source, file: EventFile, node_id: UUID, now: datetime) -> bool:
    found = await tx.fetchval(SQL["fail_file"], file.company_id, file.id, node_id, now)
    return found is not None


async def subscription_window(on: Source, file: EventFile, after: int, limit: int) -> list[Row]:
    rows = await on.fetch(SQL["subscription_window"], file.company_id, file.topic, after, limit)
    return [Row(*row) for row in rows]


# ---------------------------------------------------------------- files that are there


async def insert_dump(
    tx: Source, company_id: int, topic: str, compression: Compression | None, now: datetime
) -> int:
    packed = compression.value if compression else None
    id: int = await tx.fetchval(SQL["insert_dump"], company_id, topic, packed, now)
    return id


async def count_dumps(on: Source, company_id: int) -> tuple[int, int]:
    """All that there are, and those that are not written yet."""
    row = await on.fetchrow(SQL["count_dumps"], company_id)
    assert row is not None
    return row["kept"], row["pending"]


async def end_old_dumps(tx: Source, company_id: int, keep: int, now: datetime) -> None:
    """The newest stay, so many of them."""
    await tx.execute(SQL["end_old_dumps"], company_id, keep, now)


async def find(on: Source, company_id: int, id: int) -> EventFile | None:
    row = await on.fetchrow(SQL["find_file"], company_id, id)
    return as_file(row) if row else None


async def end(tx: Source, company_id: int, id: int, now: datetime) -> EventFile | None:
    row = await tx.fetchrow(SQL["end_file"], company_id, id, now)
    return as_file(row) if row else None


async def delete(tx: Source, company_id: int, id: int) -> EventFile | None:
    """None: there is none, or it is still to be written."""
    row = await tx.fetchrow(SQL["delete_file"], company_id, id)
    return as_file(row) if row else None


def _count(tag: str) -> int:
    return int(tag.rpartition(" ")[2])

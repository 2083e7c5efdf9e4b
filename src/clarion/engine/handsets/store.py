"""The SQL of the virtual handsets; it only reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from clarion.engine.handsets.model import HandsetMessage, Mark
from clarion.engine.messages.model import Direction, MessageState
from clarion.engine.messages.rich import read_media
from clarion.engine.messages.store import read_contents
from clarion.kit import ids
from clarion.storage.database import Database
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)


async def after(
    db: Database,
    company_id: int,
    addresses: Sequence[str],
    id: UUID,
    connectors: Sequence[str],
    limit: int,
) -> list[HandsetMessage]:
    rows = await db.fetch(SQL["handset_after"], company_id, addresses, id, connectors, limit)
    return await _messages(db, company_id, rows)


async def latest(
    db: Database, company_id: int, addresses: Sequence[str], connectors: Sequence[str], limit: int
) -> list[HandsetMessage]:
    """The last messages, the newest last."""
    rows = await db.fetch(SQL["handset_latest"], company_id, addresses, connectors, limit)
    return await _messages(db, company_id, rows[::-1])


async def arrivals(
    db: Database,
    company_id: int,
    mark: Mark,
    *,
    made_since: datetime,
    until: datetime,
    connectors: Sequence[str],
    limit: int,
) -> list[HandsetMessage]:
    floor = ids.floor_id(made_since)
    rows = await db.fetch(
        SQL["arrivals"], company_id, floor, mark.at, mark.id, until, connectors, limit
    )
    return await _messages(db, company_id, rows)


async def answer_of(
    db: Database, company_id: int, handset: str, sender_address: str, since: datetime
) -> UUID | None:
    found: UUID | None = await db.fetchval(
        SQL["answer_of"], company_id, handset, ids.floor_id(since), sender_address
    )
    return found


async def owed_receipts(db: Database, connector: str, since: datetime, limit: int) -> list[str]:
    rows = await db.fetch(SQL["owed_receipts"], connector, ids.floor_id(since), limit)
    return [row["shown_id"] for row in rows]


async def _messages(
    db: Database, company_id: int, rows: Sequence[asyncpg.Record]
) -> list[HandsetMessage]:
    requests = list({row["group_of"] for row in rows} - {None})
    found = await read_contents(db, company_id, requests) if requests else {}
    groups = {request: tuple(content["members"] or ()) for request, content in found.items()}
    return [_message(row, groups.get(row["group_of"], ())) for row in rows]


def _message(row: asyncpg.Record, group: tuple[str, ...]) -> HandsetMessage:
    return HandsetMessage(
        id=row["id"],
        handset=row["peer_address"],
        medium=row["medium"],
        direction=Direction(row["direction"]),
        sender_address=row["sender_address"],
        subject=row["subject"],
        text=row["text"] or "",
        media=read_media(row["media"]),
        group=group,
        at=row["sent_at"] or ids.created_at(row["id"]),
        state=MessageState(row["state"]),
        fragments=row["fragments"],
    )

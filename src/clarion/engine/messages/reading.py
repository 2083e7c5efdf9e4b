"""What doors show of messages beyond their rows, read for a page of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from clarion.engine.messages.receipts import normal_id
from clarion.engine.messages.store import SQL
from clarion.errors import InvalidInput
from clarion.storage.database import Database

MAX_FOUND = 1000


async def parts_of_messages(
    db: Database, company_id: int, messages: Sequence[UUID]
) -> dict[UUID, list[asyncpg.Record]]:
    """The parts that carriers took, by message, in their order."""
    parts: dict[UUID, list[asyncpg.Record]] = {}
    if not messages:
        return parts
    rows = await db.fetch(
        SQL["parts_of_messages"], company_id, min(messages), max(messages), messages
    )
    for row in rows:
        parts.setdefault(row["message_id"], []).append(row)
    return parts


async def require_message(db: Database, company_id: int, message_id: UUID) -> None:
    """InvalidInput: the company has no such message to answer."""
    if not await db.fetchval(SQL["message_exists"], company_id, message_id):
        raise InvalidInput("reply_to: there is no such message.", field="reply_to")


async def texts_of_requests(
    db: Database, company_id: int, requests: Sequence[UUID]
) -> dict[UUID, asyncpg.Record]:
    """The texts that messages share with their request, by request."""
    if not requests:
        return {}
    rows = await db.fetch(
        SQL["texts_of_requests"], company_id, min(requests), max(requests), requests
    )
    return {row["id"]: row for row in rows}


async def messages_by_carrier_id(
    db: Database, company_id: int, connectors: Sequence[str], shown: Sequence[str]
) -> list[UUID]:
    """Messages whose parts a carrier took under these ids, as it spelled them; at most a page's
    worth, since a carrier's id names one."""
    normal = [normal_id(text) for text in shown]
    rows = await db.fetch(
        SQL["messages_by_carrier_id"], company_id, connectors, normal, shown, MAX_FOUND
    )
    return [row["message_id"] for row in rows]

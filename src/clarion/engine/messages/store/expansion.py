"""Requests with many recipients on their way to becoming messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from msgspec import Struct

from clarion.engine.messages.model import Content, Route
from clarion.engine.messages.store.rows import MESSAGE_COLUMNS, SQL, Runner, columns


class Expansion(Struct, frozen=True):
    """How far a request with many recipients has come."""

    company_id: int
    request_id: UUID
    next: int
    sequence: int


async def take_expansions(
    on: Runner, node_id: UUID, now: datetime, limit: int, *, in_hand: Sequence[UUID]
) -> list[Expansion]:
    """`in_hand`: what this node has and knows; what it has without knowing is taken too."""
    rows = await on.fetch(SQL["take_expansions"], node_id, now, limit, in_hand)
    return [Expansion(*row) for row in rows]


async def read_expansion(on: Runner, company_id: int, request_id: UUID) -> asyncpg.Record | None:
    return await on.fetchrow(SQL["read_expansion"], company_id, request_id)


async def add_messages(
    on: Runner,
    company_id: int,
    request_id: UUID,
    rows: Sequence[tuple[object, ...]],
    *,
    route: Route,
    content: Content,
    priority: int,
    now: datetime,
) -> None:
    """Messages of one request, as `message_rows` makes them."""
    ids, _, *others = columns(rows, MESSAGE_COLUMNS)
    await on.execute(
        SQL["add_messages"], company_id, request_id, ids, *others, route.sender_address,
        content.encoding, content.fragments, route.connector, priority, now,
    )  # fmt: skip


async def count_prepared(
    on: Runner,
    company_id: int,
    request_id: UUID,
    *,
    recipients: int,
    duplicates: int,
    pending: int,
    failed: int,
    now: datetime,
) -> None:
    await on.execute(
        SQL["count_prepared"], company_id, request_id, recipients, duplicates, pending, failed, now
    )


async def lock_expansion(
    on: Runner, company_id: int, request_id: UUID, node_id: UUID
) -> int | None:
    """The mark, held; None when the expansion is over, or another node's by now."""
    mark: int | None = await on.fetchval(SQL["lock_expansion"], company_id, request_id, node_id)
    return mark


async def advance_expansion(
    on: Runner, company_id: int, request_id: UUID, next: int, sequence: int
) -> None:
    await on.execute(SQL["advance_expansion"], company_id, request_id, next, sequence)


async def finish_expansion(on: Runner, company_id: int, request_id: UUID, now: datetime) -> None:
    await on.execute(SQL["finish_expansion"], company_id, request_id, now)


async def drop_expansion(on: Runner, company_id: int, request_id: UUID) -> None:
    await on.execute(SQL["drop_expansion"], company_id, request_id)

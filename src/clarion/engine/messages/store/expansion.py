"""Requests on their way to becoming messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import asyncpg
from msgspec import Struct
from msgspec.structs import astuple

from clarion.engine.messages.model import Content, FailureCode, Route
from clarion.engine.messages.store.rows import MESSAGE_COLUMNS, SQL, Runner, columns
from clarion.kit.ids import last_message_id, new_id

PERSONAL_COLUMNS = 22


NOBODY = "There is nobody to send it to."


class Expansion(Struct, frozen=True):
    """How far a request has come."""

    company_id: int
    request_id: UUID
    size: int | None
    next: int
    after: UUID | None
    sequence: int


async def take_expansions(
    on: Runner,
    node_id: UUID,
    now: datetime,
    limit: int,
    *,
    in_hand: Sequence[UUID],
    size: int,
    small: bool,
) -> list[Expansion]:
    """Those that will be `size` messages at most, or the others. `in_hand`: what this node has and
    knows; what it has without knowing is taken too."""
    rows = await on.fetch(SQL["take_expansions"], node_id, now, limit, in_hand, size, small)
    return [Expansion(*row) for row in rows]


async def read_expansions(
    on: Runner, company_id: int, requests: Sequence[UUID]
) -> list[asyncpg.Record]:
    return await on.fetch(
        SQL["read_expansions"], company_id, requests, min(requests), max(requests)
    )


async def addresses_had(on: Runner, company_id: int, request_id: UUID) -> set[str]:
    """The addresses that a request has messages to."""
    rows = await on.fetch(SQL["addresses_had"], company_id, request_id, last_message_id(request_id))
    return {row["peer_address"] for row in rows}


async def add_messages(
    on: Runner,
    company_id: int,
    request_id: UUID,
    rows: Sequence[tuple[object, ...]],
    *,
    route: Route,
    content: Content,
    now: datetime,
) -> None:
    """Messages of one request, of one kind, as `message_rows` makes them."""
    ids, _, *others = columns(rows, MESSAGE_COLUMNS)
    await on.execute(
        SQL["add_messages"], company_id, request_id, ids, *others, route.sender_address,
        content.encoding, content.fragments, route.connector, route.priority, now, new_id(),
    )  # fmt: skip


async def add_personal(
    on: Runner,
    company_id: int,
    rows: Sequence[tuple[object, ...]],
    requests: Sequence[UUID],
    now: datetime,
) -> None:
    """Messages of some requests, each with its own text, sender and time."""
    await on.execute(
        SQL["add_personal"], company_id, *columns(rows, PERSONAL_COLUMNS), requests,
        min(requests), max(requests), now, new_id(),
    )  # fmt: skip


class Count(Struct):
    """What a chunk adds to a request's counters."""

    request_id: UUID
    recipients: int = 0
    duplicates: int = 0
    pending: int = 0
    failed: int = 0
    translated: int = 0
    untranslated: int = 0
    performed: int = 0
    price: Decimal | None = None


async def count_prepared(
    on: Runner, company_id: int, counts: Sequence[Count], now: datetime
) -> None:
    found = [c.request_id for c in counts]
    await on.execute(
        SQL["count_prepared"], company_id, *columns([astuple(c) for c in counts], 9), now,
        min(found), max(found), new_id(),
    )  # fmt: skip


async def lock_expansions(
    on: Runner, company_id: int, requests: Sequence[UUID], node_id: UUID
) -> dict[UUID, tuple[int, UUID | None]]:
    """The marks, held, of requests that are still this node's."""
    rows = await on.fetch(SQL["lock_expansions"], company_id, requests, node_id)
    return {row["request_id"]: (row["next"], row["after"]) for row in rows}


async def lock_requests(on: Runner, company_id: int, requests: Sequence[UUID]) -> dict[UUID, str]:
    """The states, held, of requests that are not deleted."""
    rows = await on.fetch(SQL["lock_requests"], company_id, requests, min(requests), max(requests))
    return {row["id"]: row["state"] for row in rows}


async def advance_expansions(
    on: Runner, company_id: int, marks: Sequence[tuple[UUID, int, UUID | None, int]]
) -> None:
    """(request, next, after, sequence) of each."""
    if marks:
        await on.execute(SQL["advance_expansions"], company_id, *columns(marks, 4))


async def finish_expansions(
    on: Runner, company_id: int, requests: Sequence[UUID], now: datetime
) -> None:
    if requests:
        await on.execute(
            SQL["finish_expansions"], company_id, requests, now, min(requests), max(requests),
            [last_message_id(each) for each in requests], FailureCode.INVALID_RECIPIENT.value,
            NOBODY, new_id(),
        )  # fmt: skip


async def drop_expansions(on: Runner, company_id: int, requests: Sequence[UUID]) -> None:
    if requests:
        await on.execute(SQL["drop_expansions"], company_id, requests)

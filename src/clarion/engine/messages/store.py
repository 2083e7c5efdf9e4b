"""The only place that runs the SQL of requests and messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg
from msgspec import Struct

from clarion.engine.messages.prepare import Prepared
from clarion.engine.messages.states import STAMP, Input, moves
from clarion.engine.messages.turns import Lane
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
_REQUEST_COLUMNS = 32
_MESSAGE_COLUMNS = 7


class Runner(Protocol):
    """A connection in a transaction, or the database itself for a statement on its own."""

    async def fetch(self, query: str, *args: object) -> list[asyncpg.Record]: ...
    async def fetchrow(self, query: str, *args: object) -> asyncpg.Record | None: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...
    async def execute(self, query: str, *args: object) -> str: ...


def columns(rows: Sequence[tuple[object, ...]], count: int) -> list[tuple[object, ...]]:
    """Rows turned into the arrays that `unnest` takes; `count` empty ones for no rows."""
    if not rows:
        return [()] * count
    return list(zip(*rows, strict=True))


async def accept(on: Runner, batch: Sequence[Prepared], now: datetime) -> None:
    """Store requests, and the messages that are ready with them."""
    await on.execute(
        SQL["accept_requests"],
        *columns([p.request for p in batch], _REQUEST_COLUMNS),
        now,
        *columns([row for p in batch for row in p.messages], _MESSAGE_COLUMNS),
    )


class Advance(Struct, frozen=True, gc=False):
    """One input for one message. `code` and `details` matter where it makes the message fail."""

    id: UUID
    at: datetime
    code: str | None = None
    details: str | None = None


async def advance(
    on: Runner, company_id: int, input: Input, batch: Sequence[Advance], now: datetime
) -> list[UUID]:
    """Apply one input to messages by the table of states; answers those that moved."""
    table = moves(input)
    if not batch or not table:
        return []
    found = [a.id for a in batch]
    rows = await on.fetch(
        SQL["advance_messages"],
        company_id,
        min(found),
        max(found),
        found,
        [a.at for a in batch],
        STAMP.get(input, "none"),
        now,
        [a.code for a in batch],
        [a.details for a in batch],
        [m.state for m in table],
        [m.stamped for m in table],
        [m.next for m in table],
        [m.pending for m in table],
        [m.stamps for m in table],
        [m.canceled for m in table],
        [m.failed for m in table],
    )
    return [row["id"] for row in rows]


class NewFragment(Struct, frozen=True, gc=False):
    """A part that a carrier has taken."""

    message_id: UUID
    number: int
    total: int
    external_id: str  # normal form
    shown_id: str


async def add_fragments(
    on: Runner, company_id: int, connector: str, batch: Sequence[NewFragment]
) -> None:
    if not batch:
        return
    await on.execute(
        SQL["add_fragments"],
        company_id,
        connector,
        [f.message_id for f in batch],
        [f.number for f in batch],
        [f.total for f in batch],
        [f.external_id for f in batch],
        [f.shown_id for f in batch],
    )


class Requeued(Struct, frozen=True, gc=False):
    """A message that goes back into the queue."""

    id: UUID
    priority: int
    due_at: datetime
    attempts: int
    parts_taken: int


async def requeue(on: Runner, company_id: int, connector: str, batch: Sequence[Requeued]) -> None:
    if not batch:
        return
    found = [r.id for r in batch]
    await on.execute(
        SQL["requeue"],
        company_id,
        connector,
        min(found),
        max(found),
        found,
        [r.priority for r in batch],
        [r.due_at for r in batch],
        [r.attempts for r in batch],
        [r.parts_taken for r in batch],
    )


def by_company(rows: Iterable[tuple[int, Any]]) -> dict[int, list[Any]]:
    """Pairs of company and value, as one batch a company: no statement mixes companies."""
    found: dict[int, list[Any]] = {}
    for company_id, value in rows:
        found.setdefault(company_id, []).append(value)
    return found


async def stored_requests(on: Runner, keys: Sequence[tuple[object, ...]]) -> set[UUID]:
    """Which of these (company, request) pairs exist."""
    rows = await on.fetch(SQL["stored_requests"], *columns(keys, 2))
    return {row["id"] for row in rows}


async def claim_external_ids(on: Runner, rows: Sequence[tuple[object, ...]]) -> set[UUID]:
    """Reserve external ids; answers the requests that got theirs."""
    won = await on.fetch(SQL["claim_external_ids"], *columns(rows, 5))
    return {row["request_id"] for row in won}


async def read_external_id(
    on: Runner, company_id: int, application_id: int, external_id: str
) -> tuple[UUID, bytes] | None:
    """The request that has this external id, and the fingerprint of its body."""
    row = await on.fetchrow(SQL["read_external_id"], company_id, application_id, external_id)
    return (row["request_id"], row["fingerprint"]) if row else None


async def queue_depth(
    on: Runner, company_id: int, connector: str, sender_id: UUID, *, limit: int
) -> int:
    """Messages that wait for a sender, counted up to `limit`."""
    count: int = await on.fetchval(SQL["queue_depth"], company_id, connector, sender_id, limit)
    return count


class FoundLane(Struct, frozen=True, gc=False):
    """A lane with something waiting, and when its first message is due."""

    company_id: int
    connector: str
    sender_id: UUID
    priority: int
    due_at: datetime


async def find_lanes(on: Runner) -> list[FoundLane]:
    """Every lane of the queue, of all connectors."""
    return [FoundLane(*row) for row in await on.fetch(SQL["find_lanes"])]


async def describe_lane(on: Runner, company_id: int, sender_id: UUID) -> tuple[int, float]:
    """A company's weight, and the messages a second that the sender may send; 0: no limit."""
    row = await on.fetchrow(SQL["describe_lane"], company_id, sender_id)
    return (row["weight"], row["throughput"] or 0.0) if row else (1, 0.0)


async def claim_lane(
    on: Runner,
    claim_id: UUID,
    lane: Lane,
    *,
    connector: str,
    node_id: UUID,
    now: datetime,
    count: int,
) -> list[asyncpg.Record]:
    """Move due messages of a lane into a claim of this node; what to send of each."""
    return await on.fetch(
        SQL["claim_lane"],
        lane.company_id, connector, lane.sender_id, lane.priority, now, count, claim_id, node_id,
    )  # fmt: skip

"""The outbound queue: what waits, by lane, and what comes back into it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from clarion.engine.messages.store.rows import SQL, Runner, columns


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


async def describe_lane(on: Runner, company_id: int, sender_id: UUID) -> tuple[int, str | None]:
    """A company's weight, and the sender's class if that has limits."""
    row = await on.fetchrow(SQL["describe_lane"], company_id, sender_id)
    return (row["weight"], row["limited_by"]) if row else (1, None)


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


class Way(Struct, frozen=True, gc=False):
    """Where messages of a sender id and medium go."""

    sender_id: UUID
    medium: str
    connector: str
    priority: int


async def paused_routes(
    on: Runner, company_id: int, span: tuple[UUID, UUID]
) -> list[tuple[UUID, str]]:
    """The sender ids and media of paused messages after the first id up to the last."""
    rows = await on.fetch(SQL["paused_routes"], company_id, *span)
    return [(row["sender_id"], row["medium"]) for row in rows]


async def queue_resumed(
    on: Runner, company_id: int, ways: Sequence[Way], now: datetime, messages: Sequence[UUID]
) -> None:
    await on.execute(
        SQL["queue_resumed"], company_id, now, messages,
        *columns([(w.sender_id, w.medium, w.connector, w.priority) for w in ways], 4),
    )  # fmt: skip


async def unqueue_scheduled(on: Runner, company_id: int, messages: Sequence[UUID]) -> None:
    if messages:
        await on.execute(SQL["unqueue_scheduled"], company_id, messages)


async def companies_with_expiry(on: Runner, now: datetime) -> list[int]:
    return [row["company_id"] for row in await on.fetch(SQL["companies_with_expiry"], now)]


async def expire_queued(on: Runner, company_id: int, now: datetime, limit: int) -> list[UUID]:
    """Take messages past their time out of the queue."""
    rows = await on.fetch(SQL["expire_queued"], company_id, now, limit)
    return [row["message_id"] for row in rows]


async def queues(on: Runner, now: datetime) -> list[tuple[str, int, datetime]]:
    """(connector, messages due, since when) of every connector with a queue."""
    rows = await on.fetch(SQL["queue_by_connector"], now)
    return [(row["connector"], row["depth"], row["oldest"]) for row in rows]


async def claimed_messages(on: Runner) -> dict[str, int]:
    """How many messages nodes have in hand, by connector."""
    rows = await on.fetch(SQL["claimed_by_connector"])
    return {row["connector"]: row["messages"] for row in rows}

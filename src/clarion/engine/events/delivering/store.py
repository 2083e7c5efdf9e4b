"""The SQL of delivering: what is due, claims, what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from msgspec import Struct

from clarion.engine.events.announcing import Runner
from clarion.engine.events.delivering.lane import Item
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
BEHIND = 25  # deliveries of one key that an ordered configuration's claim takes at most

Taken = tuple[int, UUID, int, str | None]
"""Of a claimed delivery: configuration, event, attempts, key."""

Pair = tuple[UUID, int]


class Due(Struct, frozen=True):
    """A configuration with something in the queue."""

    company_id: int
    id: int
    due_at: datetime  # of the first
    held_until: datetime | None
    throttling: int | None
    ordered: bool
    version: int
    failures: int


class Orphan(Struct, frozen=True):
    """What a claim held that nobody has any more."""

    company_id: int
    configuration_id: int
    events: list[UUID]
    attempts: list[int]
    keys: list[str | None]


class Tried(Struct, frozen=True):
    """A try to be recorded."""

    item: Item
    configuration_id: int
    at: datetime
    address: str
    http_status: int | None
    answer: str
    milliseconds: int
    next: str
    due_at: datetime | None


class Given(Struct, frozen=True):
    """Given back without a try."""

    item: Item
    configuration_id: int
    due_at: datetime


async def find_due(on: Runner) -> list[Due]:
    """Of all companies."""
    return [Due(*row) for row in await on.fetch(SQL["find_due"])]


async def claim(
    on: Runner,
    company_id: int,
    wanted: Mapping[int, tuple[int, UUID]],
    *,
    node_id: UUID,
    now: datetime,
) -> list[Taken]:
    """`wanted`: by configuration, how many and the id of the claim."""
    counts, claims = zip(*wanted.values(), strict=True)
    rows = await on.fetch(SQL["claim"], company_id, list(wanted), counts, claims, now, node_id)
    return [tuple(row) for row in rows]


async def claim_ordered(
    on: Runner, company_id: int, id: int, *, count: int, claim_id: UUID, node_id: UUID,
    now: datetime,
) -> list[Taken]:  # fmt: skip
    rows = await on.fetch(
        SQL["claim_ordered"], company_id, id, count, claim_id, now, node_id, BEHIND
    )
    return [tuple(row) for row in rows]


async def read_claimed(
    on: Runner, company_id: int, taken: Sequence[Taken]
) -> dict[Pair, asyncpg.Record]:
    """By event and configuration; what is not to be posted any more is missing."""
    configurations, events, attempts, _ = zip(*taken, strict=True)
    rows = await on.fetch(
        SQL["read_claimed"], company_id, events, configurations, attempts, min(events), max(events)
    )
    return {(row["event_id"], row["configuration_id"]): row for row in rows}


async def lock_rates(
    tx: Runner, company_id: int, ids: Sequence[int], now: datetime
) -> dict[int, datetime]:
    """By configuration, when its next one is due at an even pace; without those that another node
    is about to claim."""
    found = await tx.fetch(SQL["lock_rates"], company_id, ids)
    if len(found) < len(ids):
        await tx.execute(SQL["make_rates"], company_id, ids, now)
        found = await tx.fetch(SQL["lock_rates"], company_id, ids)
    return {row["configuration_id"]: row["next_at"] for row in found}


async def set_rates(tx: Runner, company_id: int, rates: Mapping[int, datetime]) -> None:
    await tx.execute(SQL["set_rates"], company_id, list(rates), list(rates.values()))


async def record(tx: Runner, company_id: int, tries: Sequence[Tried]) -> None:
    """The tries of one company."""
    columns = zip(
        *(
            (
                t.item.event.id, t.configuration_id, t.item.attempts, t.at, t.address,
                t.http_status, t.answer, t.milliseconds, t.next, t.due_at, t.item.key,
            )
            for t in tries
        ),
        strict=True,
    )  # fmt: skip
    events = [t.item.event.id for t in tries]
    await tx.fetch(SQL["record"], company_id, *columns, min(events), max(events))


async def drop_claims(tx: Runner, company_id: int, claims: Iterable[UUID]) -> set[UUID]:
    """Answers those that were there."""
    return {row["id"] for row in await tx.fetch(SQL["drop_claims"], company_id, list(claims))}


async def shrink_claims(tx: Runner, company_id: int, given: Sequence[Given]) -> set[UUID]:
    """Answers those that were there."""
    claims = [each.item.claim.id for each in given]
    events = [each.item.event.id for each in given]
    rows = await tx.fetch(SQL["shrink_claims"], company_id, claims, events)
    return {row["id"] for row in rows}


async def requeue(tx: Runner, company_id: int, given: Sequence[Given]) -> None:
    rows = [
        (g.configuration_id, g.item.event.id, g.item.attempts, g.item.key, g.due_at) for g in given
    ]
    await _requeue(tx, company_id, rows)


async def requeue_orphan(tx: Runner, orphan: Orphan, now: datetime) -> None:
    """What of it is not recorded is due at once."""
    deliveries = zip(orphan.events, orphan.attempts, orphan.keys, strict=True)
    rows = [(orphan.configuration_id, *delivery, now) for delivery in deliveries]
    if rows:
        await _requeue(tx, orphan.company_id, rows)


async def _requeue(
    tx: Runner, company_id: int, rows: Sequence[tuple[int, UUID, int, str | None, datetime]]
) -> None:
    columns = list(zip(*rows, strict=True))
    events = columns[1]
    await tx.execute(SQL["requeue"], company_id, *columns, min(events), max(events))


async def take_back_claims(tx: Runner, company_id: int, claims: Iterable[UUID]) -> list[Orphan]:
    rows = await tx.fetch(SQL["take_back_claims"], company_id, list(claims))
    return [Orphan(*row) for row in rows]


async def take_orphaned_claims(tx: Runner, now: datetime, limit: int) -> list[Orphan]:
    return [Orphan(*row) for row in await tx.fetch(SQL["orphaned_claims"], now, limit)]


async def note_health(
    tx: Runner, company_id: int, health: Mapping[int, tuple[int, datetime | None]]
) -> None:
    """By configuration: failures in a row, and until when it is held."""
    ids = sorted(health)
    failures, held = zip(*(health[id] for id in ids), strict=True)
    await tx.execute(SQL["note_health"], company_id, ids, failures, held)

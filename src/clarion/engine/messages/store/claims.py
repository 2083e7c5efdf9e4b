"""Batches in the hands of one process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from msgspec import Struct

from clarion.engine.messages.store.rows import SQL, Runner
from clarion.engine.messages.turns import Lane
from clarion.kit.ids import last_message_id


async def claim_lane(
    on: Runner,
    claim_id: UUID,
    lane: Lane,
    *,
    connector: str,
    node_id: UUID,
    now: datetime,
    count: int,
) -> list[tuple[UUID, int, int]]:
    """Move due messages of a lane into a claim of this node: (id, attempts, parts taken)."""
    return await on.fetch(
        SQL["claim_lane"],
        lane.company_id, connector, lane.sender_id, lane.priority, now, count, claim_id, node_id,
    )  # fmt: skip


async def read_claimed(
    on: Runner, company_id: int, messages: Sequence[UUID]
) -> list[asyncpg.Record]:
    """What to send of claimed messages; `body` is null where read_bodies has it."""
    return await on.fetch(SQL["read_claimed"], company_id, messages, min(messages), max(messages))


async def read_bodies(on: Runner, company_id: int, requests: Sequence[UUID]) -> dict[UUID, str]:
    """Bodies by request."""
    rows = await on.fetch(SQL["read_bodies"], company_id, requests)
    return {row["id"]: row["body"] for row in rows}


async def read_contents(
    on: Runner, company_id: int, requests: Sequence[UUID]
) -> dict[UUID, asyncpg.Record]:
    """By request, what its messages that are no SMS carry beside their body."""
    last = last_message_id(max(requests))
    rows = await on.fetch(SQL["read_contents"], company_id, requests, min(requests), last)
    return {row["id"]: row for row in rows}


class OrphanedClaim(Struct, frozen=True):
    """What a node that is gone had in its hands."""

    company_id: int
    connector: str
    priority: int
    messages: list[UUID]
    attempts: list[int]


async def take_back_claim(on: Runner, company_id: int, claim_id: UUID) -> OrphanedClaim | None:
    """Delete a claim, if it is there, to put its messages back."""
    row = await on.fetchrow(SQL["take_back_claim"], company_id, claim_id)
    return OrphanedClaim(*row) if row else None


async def take_orphaned_claims(
    on: Runner, connectors: Sequence[str], now: datetime, limit: int
) -> list[OrphanedClaim]:
    rows = await on.fetch(SQL["orphaned_claims"], connectors, now, limit)
    return [OrphanedClaim(*row) for row in rows]


async def shrink_claim(
    on: Runner, company_id: int, claim_id: UUID, rest: Mapping[UUID, int]
) -> bool:
    """What of a claim is still unrecorded, with the attempts of each; False: it is gone."""
    found = await on.fetchval(
        SQL["shrink_claim"], company_id, claim_id, list(rest), list(rest.values())
    )
    return found is not None


async def drop_claims(on: Runner, company_id: int, claims: Sequence[UUID]) -> set[UUID]:
    """Answers those that were there."""
    return {row["id"] for row in await on.fetch(SQL["drop_claims"], company_id, claims)}


async def read_claims(on: Runner, company_id: int, claims: Sequence[UUID]) -> set[UUID]:
    """The messages that claims still list."""
    rows = await on.fetch(SQL["read_claims"], company_id, claims)
    return {message for row in rows for message in row["messages"]}

"""What follows when messages end: prices that come back, pushes that an SMS takes the place of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from clarion.engine.messages.model import MessageState
from clarion.engine.messages.store.rows import SQL, Runner, by_company, columns
from clarion.kit.ids import new_id, request_id_of, requests_of


class End(Struct, frozen=True):
    """A message that has ended, where something follows from it."""

    id: UUID
    owed: bool  # it was charged and never sent
    push: bool
    address: str
    code: str | None


async def read_ends(on: Runner, company_id: int, messages: Sequence[UUID]) -> list[End]:
    rows = await on.fetch(SQL["read_ends"], company_id, messages, min(messages), max(messages))
    return [End(*row) for row in rows]


async def drop_prices(
    on: Runner, company_id: int, returned: Mapping[UUID, Decimal], now: datetime
) -> None:
    """Their charges have come back."""
    found = sorted(returned)
    await on.execute(
        SQL["drop_prices"], company_id, found, [returned[id] for id in found], now, found[0],
        found[-1], request_id_of(found[0]), requests_of(found),
    )  # fmt: skip


async def add_prices(
    on: Runner, company_id: int, charged: Mapping[UUID, Decimal], now: datetime
) -> None:
    """They were charged for after all."""
    found = sorted(charged)
    await on.execute(
        SQL["add_prices"], company_id, found, [charged[id] for id in found], now, found[0],
        found[-1], request_id_of(found[0]), requests_of(found),
    )  # fmt: skip


# ---------------------------------------------------------------- fail-over


async def add_failovers(on: Runner, company_id: int, messages: Sequence[tuple[UUID, bool]]) -> None:
    """Pushes that an SMS is to follow if they fail, and whether they have."""
    if messages:
        await on.execute(SQL["add_failovers"], company_id, *columns(messages, 2))


async def mark_failovers(on: Runner, company_id: int, messages: Sequence[UUID]) -> None:
    """These have failed: whoever of them is to fail over is due."""
    if messages:
        await on.execute(SQL["mark_failovers"], company_id, messages)


class DueFailover(Struct, frozen=True):
    """A push that has failed, and whose contact is to get an SMS."""

    message_id: UUID
    request_id: UUID
    contact_id: UUID | None


async def due_failovers(on: Runner, limit: int) -> dict[int, list[DueFailover]]:
    """By company."""
    rows = await on.fetch(SQL["due_failovers"], limit)
    return by_company((row["company_id"], DueFailover(*list(row)[1:])) for row in rows)


async def take_failovers(on: Runner, company_id: int, messages: Sequence[UUID]) -> set[UUID]:
    """Those that have failed indeed, and that nobody else has taken meanwhile. Their requests
    still wait for them: to be counted off with what becomes of them."""
    rows = await on.fetch(SQL["take_failovers"], company_id, messages, min(messages), max(messages))
    return {row["id"] for row in rows}


async def settled_failovers(on: Runner, sent_before: datetime, limit: int) -> dict[int, list[UUID]]:
    """By company, pushes that no SMS will follow: they have arrived, or nothing was heard of them
    since they were sent."""
    rows = await on.fetch(SQL["settled_failovers"], sent_before, limit)
    return by_company((row["company_id"], row["message_id"]) for row in rows)


async def end_failovers(
    on: Runner,
    company_id: int,
    messages: Sequence[UUID],
    states: Sequence[MessageState],
    now: datetime,
) -> None:
    """No SMS will follow these pushes, as far as they are in one of these states."""
    if messages:
        await on.execute(
            SQL["end_failovers"], company_id, messages, min(messages), max(messages), states, now,
            requests_of(messages), request_id_of(min(messages)), new_id(),
        )  # fmt: skip


async def forget_failovers(on: Runner, before: UUID) -> None:
    """Pushes so old that nothing more is heard of them."""
    await on.execute(SQL["forget_failovers"], before)

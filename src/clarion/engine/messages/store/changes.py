"""Messages that move by the table of states, or as their client wishes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from clarion.engine.messages.states import DATES, Input, moves, usual_move
from clarion.engine.messages.store.rows import SQL, Runner, column
from clarion.kit.ids import new_id, request_id_of, requests_of


class Advance(Struct, frozen=True, gc=False):
    """One input for one message. `code` and `details` matter where it makes the message fail."""

    id: UUID
    at: datetime
    code: str | None = None
    details: str | None = None


async def advance(
    on: Runner, company_id: int, input: Input, batch: Sequence[Advance], now: datetime
) -> list[UUID]:
    """Apply one input to messages by the table of states; answers those that moved.

    Mostly all make the usual move, and the statement for that is enough. The others are tried by
    the statement for all moves. A message that two transactions move at once stays as the first one
    left it: the statement of the second had chosen its move by the state before. So that is tried
    twice; mostly there are none left, or their state has no such move.

    Each statement locks its messages and then their requests. Transactions that move messages of
    the same requests, some by one statement and some by the other, may wait for one another in a
    circle: PostgreSQL ends one of them, and Database.run repeats it.
    """
    moved = await advance_each(on, company_id, input, batch, now)
    return [a.id for a in batch if a.id in moved]


async def advance_each(
    on: Runner, company_id: int, input: Input, batch: Sequence[Advance], now: datetime
) -> dict[UUID, bool]:
    """The same; answers those that moved, and whether each had been stopped before."""
    moved = dict.fromkeys(await _advance_usual(on, company_id, input, batch, now), False)
    for _ in range(2):
        if len(moved) < len(batch):
            rest = [a for a in batch if a.id not in moved]
            moved |= await _advance(on, company_id, input, rest, now)
    return moved


async def _advance_usual(
    on: Runner, company_id: int, input: Input, batch: Sequence[Advance], now: datetime
) -> list[UUID]:
    """Those that make the move that most make: all of a batch, mostly."""
    move = usual_move(input)
    if not batch or not move:
        return []
    found = [a.id for a in batch]
    rows = await on.fetch(
        SQL["advance_usual"],
        company_id,
        min(found),
        max(found),
        found,
        [a.at for a in batch],
        DATES[input],
        now,
        move.next,
        move.state,
        move.pending,
        move.held,
        request_id_of(min(found)),
        requests_of(found),
        move.was,
        move.becomes,
        new_id(),
        new_id(),
    )
    return [row["id"] for row in rows]


async def _advance(
    on: Runner, company_id: int, input: Input, batch: Sequence[Advance], now: datetime
) -> dict[UUID, bool]:
    table = moves(input)
    if not batch or not table:
        return {}
    found = [a.id for a in batch]
    rows = await on.fetch(
        SQL["advance_messages"],
        company_id,
        min(found),
        max(found),
        found,
        [a.at for a in batch],
        DATES.get(input, "none"),
        now,
        column([a.code for a in batch]),
        column([a.details for a in batch]),
        [m.state for m in table],
        [m.stamped for m in table],
        [m.next for m in table],
        [m.pending for m in table],
        [m.stamps for m in table],
        [m.canceled for m in table],
        [m.failed for m in table],
        request_id_of(min(found)),
        requests_of(found),
        [m.held for m in table],
        [m.was for m in table],
        [m.becomes for m in table],
        new_id(),
        new_id(),
    )
    return {row["id"]: row["late"] for row in rows}


async def messages_in_state(
    on: Runner, company_id: int, span: tuple[UUID, UUID], states: list[str], limit: int
) -> list[tuple[UUID, datetime | None]]:
    """(id, scheduled time) of messages after the first id up to the last, in those states."""
    rows = await on.fetch(SQL["messages_in_state"], company_id, *span, states, limit)
    return [(row["id"], row["scheduled_at"]) for row in rows]


async def lock_messages(on: Runner, company_id: int, messages: Sequence[UUID]) -> None:
    """Hold these messages until the transaction ends."""
    if messages:
        await on.fetch(SQL["lock_messages"], company_id, min(messages), max(messages), messages)


class HeldMessage(Struct, frozen=True):
    """A message as its client's changes need it."""

    id: UUID
    direction: str
    state: str
    version: int


async def lock_message(on: Runner, company_id: int, message_id: UUID) -> HeldMessage | None:
    row = await on.fetchrow(SQL["lock_message"], company_id, message_id)
    return HeldMessage(*row) if row else None


async def process_inbound(on: Runner, company_id: int, message_id: UUID, now: datetime) -> None:
    await on.execute(SQL["process_inbound"], company_id, message_id, now, new_id())


async def delete_message(on: Runner, company_id: int, message_id: UUID, now: datetime) -> None:
    await on.execute(SQL["delete_message"], company_id, message_id, now, new_id())

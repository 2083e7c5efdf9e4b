"""Messages that end before or after they were sent, and what follows from it: what was charged for
one that never left comes back, until it leaves after all; and where a push fails, an SMS goes to
the contact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from clarion.engine.billing.service import charge_again, credit_back
from clarion.engine.contacts.tokens.service import mark_dead_tokens
from clarion.engine.messages import store
from clarion.engine.messages.model import FailureCode, MessageState
from clarion.engine.messages.states import Input

UNSENT = frozenset({Input.REFUSED, Input.EXPIRE, Input.CANCEL})
"""After these a message of which nothing was sent will hardly leave any more (see `take`)."""

FAILS_OVER = frozenset({Input.REFUSED, Input.UNDELIVERABLE, Input.LAPSED})
"""After these its recipient has not got it."""

_TOO_LATE = (MessageState.EXPIRED, MessageState.CANCELED)  # for an SMS as well


async def stop(
    tx: store.Runner,
    company_id: int,
    input: Input,
    batch: Sequence[store.Advance],
    now: datetime,
) -> list[UUID]:
    """As store.advance, for inputs that end messages; part of the caller's transaction."""
    moved = await store.advance(tx, company_id, input, batch, now)
    if not moved:
        return moved
    ends = await store.read_ends(tx, company_id, moved)
    pushes = [e for e in ends if e.push]
    if input in FAILS_OVER:
        await store.mark_failovers(tx, company_id, [e.id for e in pushes])
        await _forget_tokens(tx, company_id, pushes)
    else:
        await store.end_failovers(tx, company_id, [e.id for e in pushes], _TOO_LATE, now)
    if input in UNSENT:
        await _pay_back(tx, company_id, [e.id for e in ends if e.owed], now)
    return moved


async def take(
    tx: store.Runner, company_id: int, batch: Sequence[store.Advance], now: datetime
) -> None:
    """As store.advance for TAKEN; part of the caller's transaction. What had been stopped while it
    was in the carrier's hands, and paid back, is charged again."""
    moved = await store.advance_each(tx, company_id, Input.TAKEN, batch, now)
    late = [id for id, stopped in moved.items() if stopped]
    charged = await charge_again(tx, company_id, late) if late else {}
    if charged:
        await store.add_prices(tx, company_id, charged, now)


async def _forget_tokens(tx: store.Runner, company_id: int, pushes: Sequence[store.End]) -> None:
    """A token that its provider refuses is nobody's any more."""
    wrong = FailureCode.INVALID_RECIPIENT
    refused = [e.address.partition(":")[2] for e in pushes if e.code == wrong]
    if refused:
        await mark_dead_tokens(tx, company_id, refused)


async def _pay_back(
    tx: store.Runner, company_id: int, messages: Sequence[UUID], now: datetime
) -> None:
    """Their price is nothing any more, and their request's is less."""
    returned = await credit_back(tx, company_id, messages)
    if returned:
        await store.drop_prices(tx, company_id, returned, now)

"""Credit: what the operator gives, what messages take, what comes back of those never sent.

A company's balance is one row and its ledger a list that only grows; both change in one statement
while the row is locked, so that the balance is the sum of the ledger whoever writes and whatever
crashes. The lock comes first, by itself: the statement after it then sees everything that its
former holders have written.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import asyncpg

from clarion.engine.billing import store
from clarion.engine.billing.model import (
    MAX_NOTE,
    MAX_REFERENCE,
    Charge,
    Charged,
    Entry,
    LedgerKind,
    Recount,
    checked_amount,
)
from clarion.errors import Conflict, InvalidInput, NotEnoughCredit, NotFound
from clarion.storage.database import Database

_NOTHING = Charged(frozenset(), frozenset(), Decimal(0))


async def add_credit(
    db: Database,
    company_id: int,
    amount: Decimal,
    *,
    reference: str | None = None,
    note: str | None = None,
) -> Entry:
    """Give a company credit, or take it away by a negative amount; never under zero.

    A `reference` makes it safe to repeat: the company has one entry of each. Raises Conflict when
    the reference stands for another amount, NotEnoughCredit, NotFound.
    """
    checked = _checked(amount, reference, note)
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> Entry:
        await _lock(tx, company_id, now)
        known = reference and await store.entry_of_reference(tx, company_id, reference)
        if known:
            return _same(known, checked)
        kind = LedgerKind.ADDED if checked > 0 else LedgerKind.REMOVED
        return await store.add_entry(
            tx, company_id, checked, kind=kind, reference=reference, note=note, now=now
        )

    return await db.run(work)


async def charge(tx: asyncpg.Connection, company_id: int, charges: Sequence[Charge]) -> Charged:
    """Take what messages cost from their company's credit, in order, as far as it goes.

    Part of the caller's transaction, whose commit is what charges; until then other charges of the
    company wait, so it belongs near the end. A message is charged once: one that was paid for by
    an earlier try costs nothing more and is among the paid.
    """
    if not charges:
        return _NOTHING
    amounts = {c.message_id: c.amount for c in charges}
    priced = [Charge(id, amount) for id, amount in amounts.items() if amount]
    free = amounts.keys() - {c.message_id for c in priced}
    if not priced:
        return Charged(frozenset(free), frozenset(), Decimal(0))
    rows: list[asyncpg.Record] = []
    if await store.lock_credit(tx, company_id) is not None:
        rows = await store.charge_messages(tx, company_id, priced, datetime.now(UTC))
    paid = free | {row["id"] for row in rows if not row["returned"]}
    taken = sum((row["amount"] for row in rows), Decimal(0))
    return Charged(frozenset(paid), frozenset(amounts.keys() - paid), taken)


async def credit_back(
    tx: asyncpg.Connection, company_id: int, messages: Sequence[UUID]
) -> dict[UUID, Decimal]:
    """Return what messages were charged that were never sent; answers what came back for which.

    Part of the caller's transaction. Messages that were not charged, or have their money back, are
    passed over: it may be said twice. What came back is charged anew by `charge_again` alone.
    """
    if not messages or await store.lock_credit(tx, company_id) is None:
        return {}
    return await store.return_charges(tx, company_id, messages, datetime.now(UTC))


async def charge_again(
    tx: asyncpg.Connection, company_id: int, messages: Sequence[UUID]
) -> dict[UUID, Decimal]:
    """Take anew what came back of messages that were sent after all, as far as the credit goes;
    answers what was taken for which. Part of the caller's transaction; it may be said twice."""
    if not messages or await store.lock_credit(tx, company_id) is None:
        return {}
    return await store.charge_again(tx, company_id, messages, datetime.now(UTC))


async def require_credit(db: store.Runner, company_id: int, amount: Decimal) -> None:
    """NotEnoughCredit unless the balance covers it now; nothing is taken."""
    if amount > 0 and await store.balance(db, company_id) < amount:
        raise NotEnoughCredit


async def balance_of(db: store.Runner, company_id: int) -> Decimal:
    return await store.balance(db, company_id)


async def last_entries(db: store.Runner, company_id: int, limit: int) -> list[Entry]:
    """Of a company's ledger, the latest first."""
    return await store.entries(db, company_id, limit)


async def recount(db: store.Runner, company_id: int | None = None) -> list[Recount]:
    """Balances beside the sums of their ledgers; without a company everyone's."""
    return await store.recount(db, company_id)


def _checked(amount: Decimal, reference: str | None, note: str | None) -> Decimal:
    if not amount:
        raise InvalidInput("amount: it is not zero.", field="amount")
    for name, text, most in (("reference", reference, MAX_REFERENCE), ("note", note, MAX_NOTE)):
        if text is not None and not (0 < len(text) <= most and text.isprintable()):
            words = f"{name}: it has 1 to {most} printable characters."
            raise InvalidInput(words, field=name)
    return checked_amount(abs(amount), field="amount").copy_sign(amount)


async def _lock(tx: asyncpg.Connection, company_id: int, now: datetime) -> None:
    try:
        await store.open_credit(tx, company_id, now)
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound(f"There is no company {company_id}.") from error
    await store.lock_credit(tx, company_id)


def _same(known: Entry, amount: Decimal) -> Entry:
    if known.amount != amount:
        words = f"reference: entry {known.number} has it already, for {known.amount}."
        raise Conflict(words, field="reference")
    return known

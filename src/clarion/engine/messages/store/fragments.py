"""Parts that carriers have taken, and the receipts that speak of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from clarion.engine.messages.ports import Receipt, ReceiptState
from clarion.engine.messages.store.rows import SQL, Runner, columns


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


async def parts_taken(on: Runner, company_id: int, messages: Sequence[UUID]) -> dict[UUID, int]:
    """Bits of the parts that a carrier is known to have."""
    rows = await on.fetch(SQL["parts_taken"], company_id, messages)
    return {row["message_id"]: row["parts"] for row in rows}


class Known(Struct, frozen=True, gc=False):
    """The part of a message that a carrier's id names."""

    company_id: int
    message_id: UUID
    number: int
    total: int


async def find_fragments(
    on: Runner, connector: str, external_ids: Sequence[str], since: UUID
) -> dict[str, list[Known]]:
    """Parts by the carrier's id. An id that a carrier has used again names the latest message;
    several parts of one message may share an id (message_payload)."""
    found: dict[str, list[Known]] = {}
    for row in await on.fetch(SQL["find_fragments"], connector, external_ids, since):
        part = Known(row["company_id"], row["message_id"], row["number"], row["total"])
        others = found.get(row["external_id"])
        if others is None or others[0].message_id < part.message_id:
            found[row["external_id"]] = [part]
        elif others[0].message_id == part.message_id:
            others.append(part)
    return found


async def settle_fragments(
    on: Runner, company_id: int, rows: Sequence[tuple[UUID, int, str, str | None]]
) -> None:
    """(message, number, state, failure code) of parts of several."""
    if rows:
        found = [row[0] for row in rows]
        await on.execute(
            SQL["settle_fragments"], company_id, min(found), max(found), *columns(rows, 4)
        )


async def read_fragment_states(
    on: Runner, company_id: int, messages: Sequence[UUID]
) -> list[tuple[UUID, int, list[str | None]]]:
    """(message, parts in all, the states of those that the carrier has)."""
    if not messages:
        return []
    rows = await on.fetch(
        SQL["read_fragment_states"], company_id, min(messages), max(messages), messages
    )
    return [(row["message_id"], row["total"], row["states"]) for row in rows]


class KeptReceipt(Struct, frozen=True):
    """A receipt that waits for its message."""

    id: UUID
    connector: str
    receipt: Receipt
    tries: int


async def keep_receipts(
    on: Runner, connector: str, kept: Sequence[KeptReceipt], next_try_at: datetime
) -> None:
    await on.execute(
        SQL["keep_receipts"],
        connector,
        [k.id for k in kept],
        [k.receipt.external_id for k in kept],
        [k.receipt.state.value for k in kept],
        [k.receipt.error for k in kept],
        [k.receipt.at for k in kept],
        [next_try_at] * len(kept),
    )


async def due_receipts(on: Runner, now: datetime, limit: int) -> list[KeptReceipt]:
    return [
        KeptReceipt(
            id=row["id"],
            connector=row["connector"],
            receipt=Receipt(
                row["external_id"], ReceiptState(row["state"]), row["error"], row["at"]
            ),
            tries=row["tries"],
        )
        for row in await on.fetch(SQL["due_receipts"], now, limit)
    ]


async def postpone_receipts(
    on: Runner, connector: str, rows: Sequence[tuple[UUID, datetime]]
) -> None:
    if rows:
        await on.execute(SQL["postpone_receipts"], [connector] * len(rows), *columns(rows, 2))


async def drop_receipts(on: Runner, connector: str, found: Sequence[UUID]) -> None:
    if found:
        await on.execute(SQL["drop_receipts"], [connector] * len(found), found)

"""Receipts find their messages: by the carrier's id, whatever way it is spelled this time.

Carriers answer a submission with one spelling and send the receipt with another: other case,
leading zeros, hexadecimal here and decimal there. A receipt may also come before the answer to
its submission, or for something that was never ours: it is kept, and tried again until it is old.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
from msgspec import Struct

from clarion import metrics
from clarion.engine.messages import store
from clarion.engine.messages.model import FailureCode, MessageState
from clarion.engine.messages.ports import Receipt, ReceiptState
from clarion.engine.messages.states import RECEIPT_INPUT, Input
from clarion.engine.messages.stops import FAILS_OVER, stop
from clarion.kit import ids
from clarion.settings import ConnectorSettings, SmppConnector
from clarion.storage.database import Database

RECENT = timedelta(days=10)
"""How far back the first look goes, which spares old partitions. Messages that were scheduled long
ahead are older: further looks go back to the first."""

EVER = UUID(int=0)

RETRIES = (0.2, 0.5, 1, 2, 5, 15, 60, 300, 900, 3600)
"""Seconds between looks for a kept receipt's message; the last repeats."""

CREDIBLE = timedelta(days=3)
"""A carrier's own date further back than this, or in the future, is not believed."""

RETRY_BATCH = 500
_HEX = frozenset("0123456789abcdef")


def normal_id(shown: str) -> str:
    """A carrier's id without what carriers change: case, blanks, leading zeros."""
    return shown.strip().lower().lstrip("0") or "0"


def other_spellings(normal: str) -> tuple[str, ...]:
    """The same number in the other base, where an id can be read so."""
    if len(normal) > 32 or not _HEX.issuperset(normal):
        return ()
    as_decimal = str(int(normal, 16))
    if normal.isdigit():
        return (f"{int(normal):x}", as_decimal)
    return (as_decimal,)


class _Matched(Struct, frozen=True, gc=False):
    receipt: Receipt
    part: store.Known


class ReceiptDesk:
    """Settles receipts in batches."""

    def __init__(self, db: Database, connectors: Mapping[str, ConnectorSettings]) -> None:
        self._db = db
        self._exact = {
            name
            for name, settings in connectors.items()
            if isinstance(settings, SmppConnector) and settings.receipt_ids == "exact"
        }
        self._converts: set[str] = set()  # connectors whose last receipts came in another base

    async def settle(self, batch: Sequence[tuple[str, Receipt]]) -> None:
        """Record receipts, or keep those whose message is not known. All or none are stored."""
        by_connector: dict[str, list[Receipt]] = {}
        for connector, receipt in batch:
            by_connector.setdefault(connector, []).append(receipt)

        async def work(tx: asyncpg.Connection) -> dict[str, int]:
            now = datetime.now(UTC)
            lost = {}
            for connector, receipts in by_connector.items():
                matched, unmatched = await self._match(
                    tx, connector, receipts, since=ids.floor_id(now - RECENT),
                    convert=connector in self._converts,
                )  # fmt: skip
                await _apply(tx, matched, now)
                await _keep(tx, connector, unmatched, now)
                lost[connector] = len(unmatched)
            return lost

        for connector, count in (await self._db.run(work)).items():
            metrics.connector(connector).unmatched.inc(count)
        for connector, receipt in batch:
            metrics.connector(connector).receipt(receipt.state.value)

    async def retry(self) -> int:
        """Look again for the messages of the kept receipts that are due; answers how many were
        looked at."""

        async def work(tx: asyncpg.Connection) -> int:
            now = datetime.now(UTC)
            due = await store.due_receipts(tx, now, RETRY_BATCH)
            for connector, kept in _kept_by_connector(due).items():
                await self._retry_connector(tx, connector, kept, now)
            return len(due)

        looked_at = count = await self._db.run(work)
        while count == RETRY_BATCH:
            count = await self._db.run(work)
            looked_at += count
        return looked_at

    async def _retry_connector(
        self, tx: store.Runner, connector: str, kept: Sequence[store.KeptReceipt], now: datetime
    ) -> None:
        receipts = [k.receipt for k in kept]
        matched, _ = await self._match(tx, connector, receipts, since=EVER, convert=True)
        await _apply(tx, matched, now)
        found = {id(m.receipt) for m in matched}
        await store.drop_receipts(tx, connector, [k.id for k in kept if id(k.receipt) in found])
        await store.postpone_receipts(
            tx,
            connector,
            [
                (k.id, now + timedelta(seconds=RETRIES[min(k.tries + 1, len(RETRIES) - 1)]))
                for k in kept
                if id(k.receipt) not in found
            ],
        )

    async def _match(
        self,
        tx: store.Runner,
        connector: str,
        receipts: Sequence[Receipt],
        *,
        since: UUID,
        convert: bool,
    ) -> tuple[list[_Matched], list[Receipt]]:
        """First the id as it is, then, for those that found nothing, in the other base.

        The other base is tried at a second look, or at once where the carrier has shown the habit:
        else a receipt that overtook its response could be taken for another message's.
        """
        known = await store.find_fragments(
            tx, connector, [normal_id(r.external_id) for r in receipts], since
        )
        matched, rest = _pair(receipts, known, lambda receipt: (normal_id(receipt.external_id),))
        if matched:
            self._converts.discard(connector)
        if not rest or not convert or connector in self._exact:
            return matched, rest
        spellings = {r.external_id: other_spellings(normal_id(r.external_id)) for r in rest}
        others = [spelling for each in spellings.values() for spelling in each]
        known = await store.find_fragments(tx, connector, others, since)
        more, rest = _pair(rest, known, lambda receipt: spellings[receipt.external_id])
        if more:
            self._converts.add(connector)
        return matched + more, rest


def _pair(
    receipts: Sequence[Receipt],
    known: Mapping[str, Sequence[store.Known]],
    keys: Callable[[Receipt], tuple[str, ...]],
) -> tuple[list[_Matched], list[Receipt]]:
    matched: list[_Matched] = []
    rest: list[Receipt] = []
    for receipt in receipts:
        parts = next((known[key] for key in keys(receipt) if key in known), None)
        if parts is None:
            rest.append(receipt)
        else:
            matched.extend(_Matched(receipt, part) for part in parts)
    return matched, rest


async def _apply(tx: store.Runner, matched: Sequence[_Matched], now: datetime) -> None:
    for company_id, batch in store.by_company((m.part.company_id, m) for m in matched).items():
        await _apply_company(tx, company_id, batch, now)


async def _apply_company(
    tx: store.Runner, company_id: int, batch: Sequence[_Matched], now: datetime
) -> None:
    """Whole messages move by the receipt itself, long ones by what their parts add up to."""
    inputs: dict[Input, list[store.Advance]] = {}
    for matched in batch:
        if matched.part.total == 1:
            input = RECEIPT_INPUT[matched.receipt.state]
            inputs.setdefault(input, []).append(_advance(matched, now))
    parts = [m for m in batch if m.part.total > 1]
    if parts:
        for input, advance in await _settle_parts(tx, company_id, parts, now):
            inputs.setdefault(input, []).append(advance)
    for input in Input:  # one order everywhere
        if input in inputs:
            change = stop if input in FAILS_OVER else store.advance
            await change(tx, company_id, input, inputs[input], now)


def _advance(matched: _Matched, now: datetime) -> store.Advance:
    receipt = matched.receipt
    code, details = _failure(receipt)
    return store.Advance(matched.part.message_id, _when(receipt, now), code, details)


def _failure(receipt: Receipt) -> tuple[str | None, str | None]:
    input = RECEIPT_INPUT[receipt.state]
    if input not in {Input.UNDELIVERABLE, Input.LAPSED}:
        return None, None
    code = FailureCode.EXPIRED if input is Input.LAPSED else FailureCode.DELIVERY_FAILURE
    if receipt.state is ReceiptState.DEAD_ADDRESS:
        code = FailureCode.INVALID_RECIPIENT
    words = f"The carrier reported {receipt.state.value}"
    return code.value, f"{words}, error {receipt.error}" if receipt.error else words


def _when(receipt: Receipt, now: datetime) -> datetime:
    at = receipt.at
    return now if at is None or at > now or at < now - CREDIBLE else at


_PART_STATE = {
    Input.DELIVERED: MessageState.DELIVERED,
    Input.UNDELIVERABLE: MessageState.FAILED,
    Input.LAPSED: MessageState.EXPIRED,
}


async def _settle_parts(
    tx: store.Runner, company_id: int, batch: Sequence[_Matched], now: datetime
) -> list[tuple[Input, store.Advance]]:
    """Note each part's receipt; a message moves when one part failed or all have arrived.

    Messages are locked first: of two transactions that each settle some parts, neither would see
    the other's, and nobody that all have arrived.
    """
    telling = [m for m in batch if RECEIPT_INPUT[m.receipt.state] in _PART_STATE]
    await store.lock_messages(tx, company_id, [m.part.message_id for m in telling])
    latest: dict[tuple[UUID, int], _Matched] = {}
    for matched in telling:
        key = (matched.part.message_id, matched.part.number)
        if key not in latest or latest[key].receipt.state is not ReceiptState.DELIVERED:
            latest[key] = matched
    await store.settle_fragments(
        tx,
        company_id,
        [
            (*key, _PART_STATE[RECEIPT_INPUT[m.receipt.state]].value, _failure(m.receipt)[0])
            for key, m in latest.items()
        ],
    )
    when = {m.part.message_id: _when(m.receipt, now) for m in telling}
    found = []
    for message_id, total, states in await store.read_fragment_states(tx, company_id, list(when)):
        input = _sum_up(states, total)
        if input is not None:
            code, details = _PART_FAILURE.get(input, (None, None))
            found.append((input, store.Advance(message_id, when[message_id], code, details)))
    return found


_PART_FAILURE = {
    Input.UNDELIVERABLE: (
        FailureCode.DELIVERY_FAILURE.value,
        "The carrier could not deliver all parts",
    ),
    Input.LAPSED: (FailureCode.EXPIRED.value, "The carrier gave up on parts in time"),
}


def _sum_up(states: Sequence[str | None], total: int) -> Input | None:
    """What the parts' states together say of their message; None: nothing yet."""
    if MessageState.FAILED.value in states:
        return Input.UNDELIVERABLE
    if MessageState.EXPIRED.value in states:
        return Input.LAPSED
    arrived = sum(state == MessageState.DELIVERED.value for state in states)
    return Input.DELIVERED if arrived == total else None


async def _keep(
    tx: store.Runner, connector: str, receipts: Sequence[Receipt], now: datetime
) -> None:
    if receipts:
        await store.keep_receipts(
            tx,
            connector,
            [
                store.KeptReceipt(id=ids.new_id(), connector=connector, receipt=receipt, tries=0)
                for receipt in receipts
            ],
            now + timedelta(seconds=RETRIES[0]),
        )


def _kept_by_connector(
    due: Iterable[store.KeptReceipt],
) -> dict[str, list[store.KeptReceipt]]:
    found: dict[str, list[store.KeptReceipt]] = {}
    for kept in due:
        found.setdefault(kept.connector, []).append(kept)
    return found

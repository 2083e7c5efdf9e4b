"""The recorder's turns: answers of carriers must not keep their receipts waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from clarion.engine.messages.inbound import InboundDesk
from clarion.engine.messages.outcomes import Claim, Entry, Result, Verdict
from clarion.engine.messages.ports import Receipt, ReceiptState
from clarion.engine.messages.receipts import ReceiptDesk
from clarion.engine.messages.record import Recorder
from clarion.kit import ids
from clarion.storage.database import Database

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CLAIM = Claim(id=ids.new_id(), company_id=1, connector="smsc", priority=1, open={})


class Steady:
    """A database in the place of the real one: while it stores answers, the next ones come."""

    def __init__(self) -> None:
        self.recorder: Recorder | None = None
        self.stored = 0

    async def run(self, _: Callable[..., Awaitable[Any]]) -> None:
        assert self.recorder is not None
        self.stored += 1
        await asyncio.sleep(0)
        self.recorder.results([answer()])


class Desk:
    """Notes which receipts are settled, and after how many commits of answers."""

    def __init__(self, db: Steady) -> None:
        self._db = db
        self.settled: asyncio.Future[tuple[int, list[str]]] = asyncio.Future()

    async def settle(self, batch: Sequence[tuple[str, Receipt]]) -> None:
        self.settled.set_result((self._db.stored, [receipt.external_id for _, receipt in batch]))


def answer() -> Result:
    entry = Entry(
        message_id=ids.new_id(), claim=CLAIM, attempts=0, parts_taken=0, total=1, waiting=0,
        taken=[],
    )  # fmt: skip
    return Result(entry=entry, verdict=Verdict.TAKEN, at=NOW)


async def test_receipts_have_their_turn_while_answers_keep_coming() -> None:
    db = Steady()
    desk = Desk(db)
    db.recorder = recorder = Recorder(
        cast(Database, db), cast(ReceiptDesk, desk), cast(InboundDesk, None)
    )
    told: list[bool] = []
    recorder.results([answer()])
    recorder.receipts("smsc", [Receipt("one", ReceiptState.DELIVERED, None, NOW)], told.append)
    recorder.start()
    async with asyncio.timeout(20):
        commits, settled = await desk.settled
    assert (commits, settled) == (1, ["one"])
    await recorder.stop(0)
    assert told == [True]

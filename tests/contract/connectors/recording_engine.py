"""The engine's side of the carrier port, for tests: it keeps what it is told and can be told to
store nothing for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic

from clarion.engine.messages.ports import Inbound, Outcome, Receipt

PATIENCE = 15.0  # seconds; far more than any wait needs, so that a slow machine fails nothing


class RecordingEngine:
    """CarrierEvents. Batches are settled a moment later, as after a commit."""

    def __init__(self) -> None:
        self.taken: list[Outcome] = []
        self.reported: list[Receipt] = []
        self.received: list[Inbound] = []
        self.refused: list[Receipt | Inbound] = []
        self.room_calls = 0
        self.calls: list[str] = []  # the kinds of batches, in order
        self._refusals = 0

    def store_nothing(self, batches: int) -> None:
        """The next so many batches of receipts or inbound messages are not settled."""
        self._refusals = batches

    def outcomes(self, connector: str, batch: Sequence[Outcome]) -> None:
        self.calls.append("outcomes")
        self.taken += batch

    def receipts(
        self, connector: str, batch: Sequence[Receipt], settled: Callable[[bool], None]
    ) -> None:
        self.calls.append("receipts")
        self._settle(batch, self.reported, settled)

    def inbound(
        self, connector: str, batch: Sequence[Inbound], settled: Callable[[bool], None]
    ) -> None:
        self.calls.append("inbound")
        self._settle(batch, self.received, settled)

    def room_changed(self, connector: str) -> None:
        self.room_calls += 1

    def _settle(self, batch: Sequence, stored: list, settled: Callable[[bool], None]) -> None:
        accepted = self._refusals == 0
        self._refusals -= not accepted
        if accepted:
            stored += batch
        else:
            self.refused += batch
        asyncio.get_running_loop().call_soon(settled, accepted)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for `condition`; AssertionError when it does not come about in time."""
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.005)

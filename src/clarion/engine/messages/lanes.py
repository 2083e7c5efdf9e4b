"""The lanes of one connector: found in the queue, with what is known of each, in fair turns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from clarion.engine.messages import store
from clarion.engine.messages.turns import Lane, Turns
from clarion.storage.database import Database

RATE_SECONDS = 5.0  # how long a sender's rate is believed
MAX_RATES = 50_000  # senders whose rate is remembered
WARM_SECONDS = 1.0  # a lane that was emptied so lately is asked first when something comes


class _Rate(NamedTuple):
    """A company's weight, and the sender's class if that has limits, as read last."""

    read_at: float
    weight: int
    limited_by: str | None


class Lanes:
    """Those that may have something to send. The caller's clock is time.monotonic."""

    def __init__(self, db: Database, connector: str, *, poll_interval: float) -> None:
        self._db = db
        self._connector = connector
        self._poll_interval = poll_interval
        self._turns = Turns()
        self._rates: dict[tuple[int, UUID], _Rate] = {}
        self._warm: dict[Lane, float] = {}
        self._hinted = True  # lanes may have come that we do not know
        self._looked_at = 0.0

    def __len__(self) -> int:
        return len(self._turns)

    def hint(self) -> None:
        """Something was put into the queue."""
        self._hinted = True

    def is_clear(self) -> bool:
        """Nothing waits, as far as is known."""
        return not self._hinted and not self._turns

    def spare(self, lane: Lane, now: float) -> bool:
        """Whether messages of a lane can leave past the queue: no other waits, and what limits its
        sender is known. Of this one something may wait, where the last claim emptied it."""
        known = self._rates.get((lane.company_id, lane.sender_id))
        if known is None or now - known.read_at > RATE_SECONDS:
            return False
        alone = len(self._turns) == 0 or (len(self._turns) == 1 and lane in self._turns)
        return self.is_clear() or (alone and lane in self._warm)

    def limited_by(self, lane: Lane) -> str | None:
        """The sender's class, if that has limits."""
        known = self._rates.get((lane.company_id, lane.sender_id))
        return known.limited_by if known else None

    async def next(self, now: float, held_back: Callable[[Lane], bool]) -> Lane | None:
        """The lane whose turn it is."""
        if self._hinted or now > self._looked_at + self._poll_interval:
            await self._find(now)
        return self._turns.next(held_back)

    def took(self, lane: Lane, count: int, now: float, *, emptied: bool) -> None:
        """The lane has had its turn."""
        self._turns.took(lane, count)
        if emptied:
            self._turns.remove(lane)
            self._warm[lane] = now
        else:
            self._warm.pop(lane, None)

    async def _find(self, now: float) -> None:
        """Lanes of late come first without asking; all lanes are looked up at every poll."""
        hinted, self._hinted = self._hinted, False
        due_for_look = now > self._looked_at + self._poll_interval
        if hinted and self._warm and not due_for_look:
            for lane in self._warm:
                await self._add(lane, now)
            return
        self._looked_at = now
        self._warm = {lane: at for lane, at in self._warm.items() if now - at < WARM_SECONDS}
        soon = datetime.now(UTC)
        for found in await store.find_lanes(self._db):
            if found.connector == self._connector and found.due_at <= soon:
                await self._add(Lane(found.company_id, found.sender_id, found.priority), now)

    async def _add(self, lane: Lane, now: float) -> None:
        rate = await self._rate(lane, now)  # read again now and then for a lane that stays busy
        self._turns.add(lane, weight=rate.weight)

    async def _rate(self, lane: Lane, now: float) -> _Rate:
        key = (lane.company_id, lane.sender_id)
        known = self._rates.get(key)
        if known and now - known.read_at < RATE_SECONDS:
            return known
        weight, limited_by = await store.describe_lane(self._db, *key)
        if len(self._rates) >= MAX_RATES:
            self._rates.clear()
        self._rates[key] = rate = _Rate(now, weight, limited_by)
        return rate

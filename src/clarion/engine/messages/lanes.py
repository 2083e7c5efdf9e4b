"""The lanes of one connector: found in the queue, with the rate of each sender, in fair turns."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from clarion.engine.messages import store
from clarion.engine.messages.pace import Bucket
from clarion.engine.messages.turns import Lane, Turns
from clarion.storage.database import Database

RATE_SECONDS = 5.0  # how long a sender's rate is believed
MAX_RATES = 50_000  # senders whose rate is remembered
WARM_SECONDS = 1.0  # a lane that was emptied so lately is asked first when something comes


class _Rate(NamedTuple):
    """A company's weight and a sender's throughput, as read last."""

    read_at: float
    weight: int
    bucket: Bucket


class Lanes:
    """Those that may have something to send. The caller's clock is time.monotonic."""

    def __init__(self, db: Database, connector: str, *, poll_interval: float) -> None:
        self._db = db
        self._connector = connector
        self._poll_interval = poll_interval
        self._turns = Turns()
        self._rates: dict[tuple[int, UUID], _Rate] = {}
        self._warm: dict[Lane, float] = {}
        self._peers = 1
        self._hinted = True  # lanes may have come that we do not know
        self._looked_at = 0.0

    def __len__(self) -> int:
        return len(self._turns)

    def hint(self) -> None:
        """Something was put into the queue."""
        self._hinted = True

    def share_with(self, nodes: int) -> None:
        """So many nodes feed the connector: each keeps its share of every sender's rate."""
        self._peers = nodes
        self._rates = {key: known._replace(read_at=-math.inf) for key, known in self._rates.items()}

    def is_clear(self) -> bool:
        """Nothing waits, as far as is known."""
        return not self._hinted and not self._turns

    def spare(self, lane: Lane, count: int, now: float) -> bool:
        """Take so many from the sender's rate, if it was read lately and allows them, and if no
        other lane waits. Of this one something may wait still, where the last claim emptied it."""
        known = self._rates.get((lane.company_id, lane.sender_id))
        if known is None or now - known.read_at > RATE_SECONDS:
            return False
        alone = len(self._turns) == 0 or (len(self._turns) == 1 and lane in self._turns)
        if not (self.is_clear() or (alone and lane in self._warm)):
            return False
        if known.bucket.available(now) < count:
            return False
        known.bucket.take(count, now)
        return True

    async def next(self, now: float) -> tuple[Lane, int] | None:
        """The lane whose turn it is, and how many its sender's rate allows."""
        if self._hinted or now > self._looked_at + self._poll_interval:
            await self._find(now)
        return self._turns.next(now)

    def took(self, lane: Lane, count: int, now: float, *, emptied: bool) -> None:
        """The lane has had its turn."""
        self._turns.took(lane, count, now)
        if emptied:
            self._turns.remove(lane)
            self._warm[lane] = now
        else:
            self._warm.pop(lane, None)

    def ready_at(self, now: float) -> float:
        """When the first lane that its sender's rate holds back may move."""
        return self._turns.ready_at(now)

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
        self._turns.add(lane, weight=rate.weight, bucket=rate.bucket)

    async def _rate(self, lane: Lane, now: float) -> _Rate:
        key = (lane.company_id, lane.sender_id)
        known = self._rates.get(key)
        if known and now - known.read_at < RATE_SECONDS:
            return known
        weight, throughput = await store.describe_lane(self._db, *key)
        share = throughput / self._peers
        bucket = known.bucket if known else Bucket(share, now)
        bucket.set_rate(share, now)
        if len(self._rates) >= MAX_RATES:
            self._rates.clear()
        self._rates[key] = rate = _Rate(now, weight, bucket)
        return rate

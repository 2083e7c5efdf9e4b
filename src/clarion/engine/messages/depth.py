"""How much waits for each sender id: the bound of its queue.

Counting on every request would cost more than the request, so the figure is what was counted last
plus what this process has accepted since. It is counted again only when that sum nears the limit,
or after a while; several processes may together overshoot by what they accept in between.
"""

from __future__ import annotations

import time
from uuid import UUID

from clarion.engine.messages import store
from clarion.errors import TooManyRequests
from clarion.storage.database import Database

RECOUNT_SECONDS = 10.0
FULL_SECONDS = 1.0
MAX_SENDERS = 50_000


class Depth:
    """What waits for one sender id, as far as this process knows."""

    __slots__ = ("accepted", "counted", "counted_at", "reserved")

    def __init__(self) -> None:
        self.counted = 0
        self.accepted = 0  # since it was counted
        self.reserved = 0  # being stored: no count sees them for certain
        self.counted_at = float("-inf")

    def total(self) -> int:
        return self.counted + self.accepted + self.reserved


class QueueDepths:
    """Bounded queues of sender ids."""

    def __init__(self, db: Database, limit: int) -> None:
        self._db = db
        self._limit = limit
        self._depths: dict[tuple[int, str, UUID], Depth] = {}

    async def reserve(
        self, count: int, *, company_id: int, connector: str, sender_id: UUID
    ) -> Depth:
        """Room for `count` messages. Whoever has it gives it back: `reserved` goes down by `count`,
        and `accepted` up if they were stored. Raises TooManyRequests when there is none."""
        key = (company_id, connector, sender_id)
        depth = self._depths.get(key)
        if depth is None:
            if len(self._depths) >= MAX_SENDERS:
                self._depths.clear()
            depth = self._depths[key] = Depth()
        if self._needs_count(depth, count):
            await self._count(key, depth)
        if depth.total() + count > self._limit:
            raise TooManyRequests(
                f"from: {self._limit} messages wait for this sender id already",
                retry_after=FULL_SECONDS,
                field="from",
            )
        depth.reserved += count
        return depth

    def _needs_count(self, depth: Depth, count: int) -> bool:
        age = time.monotonic() - depth.counted_at
        if depth.total() + count > self._limit:
            return age > FULL_SECONDS
        return depth.accepted * 10 > self._limit and age > RECOUNT_SECONDS

    async def _count(self, key: tuple[int, str, UUID], depth: Depth) -> None:
        depth.counted_at = time.monotonic()
        before = depth.accepted
        depth.counted = await store.queue_depth(self._db, *key, limit=self._limit + 1)
        depth.accepted -= before

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

Key = tuple[int, str, UUID]  # company, connector, sender id


class Depth:
    """What waits for one sender id, as far as this process knows."""

    __slots__ = ("accepted", "counted", "counted_at", "reserved")

    def __init__(self) -> None:
        self.counted = 0
        self.accepted = 0  # since it was counted
        self.reserved = 0  # being stored: no count sees them for certain
        self.counted_at = float("-inf")

    def settle(self, count: int, *, stored: bool) -> None:
        """So many that had reserved room are stored, or will not be."""
        self.reserved -= count
        if stored:
            self.accepted += count


class QueueDepths:
    """Bounded queues of sender ids."""

    def __init__(self, db: Database, limit: int) -> None:
        self._db = db
        self._limit = limit
        self._alarm = limit // 10  # accepted since the last count: time for another
        self._depths: dict[Key, Depth] = {}

    def reserve(self, count: int, key: Key, *, counted: bool = False) -> Depth | None:
        """Room for `count` messages, to be settled once; None: `count` has to be called before
        anybody knows, and then this again with `counted`. Raises TooManyRequests when there is
        none."""
        depth = self._depths.get(key)
        if depth is None:
            if len(self._depths) >= MAX_SENDERS:
                self._depths.clear()
            depth = self._depths[key] = Depth()
        wanted = depth.counted + depth.accepted + depth.reserved + count
        if not counted and self._is_doubtful(depth, wanted):
            return None
        if wanted > self._limit:
            raise TooManyRequests(
                f"from: {self._limit} messages wait for this sender id already",
                retry_after=FULL_SECONDS,
                field="from",
            )
        depth.reserved += count
        return depth

    async def count(self, key: Key) -> None:
        """Ask the database how many there are. Raises Unavailable."""
        depth = self._depths.get(key)
        if depth is None:
            return
        depth.counted_at = time.monotonic()
        before = depth.accepted
        depth.counted = await store.queue_depth(self._db, *key, limit=self._limit + 1)
        depth.accepted -= before

    def _is_doubtful(self, depth: Depth, wanted: int) -> bool:
        """Whether the last count is too old for what it says now."""
        if wanted > self._limit:
            return time.monotonic() - depth.counted_at > FULL_SECONDS
        if depth.accepted > self._alarm:
            return time.monotonic() - depth.counted_at > RECOUNT_SECONDS
        return False

"""One delivery configuration in this process: what it has in hand, and how well its receiver does.

A lane begins with few connections and gets one more when each of them has had a success; failures
take them away again, so that a receiver that hangs or is gone holds little of what all share. While
it fails, it is tried at a slow pace: what waits for it stays in the queue and uses up none of its
tries.
"""

from __future__ import annotations

import asyncio
from collections import deque
from uuid import UUID

from msgspec import Struct

from clarion.engine.events.model import Destination, Event

FIRST_LIMIT = 2
FAILING = 5  # failures in a row
LEAST_APPETITE = 8
MAX_APPETITE = 1 << 16


class Claim:
    """A row of delivery_claim: what of it is still to be recorded."""

    __slots__ = ("company_id", "id", "open")

    def __init__(self, company_id: int, id: UUID, events: set[UUID]) -> None:
        self.company_id = company_id
        self.id = id
        self.open = events


class Item(Struct, eq=False):
    """One delivery in hand."""

    event: Event
    claim: Claim
    attempts: int  # that are recorded
    tries_from: int  # those of them that an earlier schedule had
    key: str | None  # of an ordered configuration


class Lane:
    """What is known of a configuration. Its calls come from one event loop."""

    def __init__(self, company_id: int, id: int, *, connections: int) -> None:
        self.company_id = company_id
        self.id = id
        self.destination: Destination | None = None
        self.read_at = 0.0  # when its destination was
        self.version = 0  # of the configuration, as the queue was looked into last
        self.ready: deque[Item] = deque()
        self.behind: dict[str, deque[Item]] = {}  # of a key with one ready or on its way
        self.flying = 0
        self.failures = 0  # in a row
        self.told = False  # whether the database knows of failures
        self.rest_until = 0.0  # of the loop's clock
        self.resting: asyncio.TimerHandle | None = None
        self.waits_for_room = False
        self.claimed_at = 0.0
        self.share = 1  # how many it may have in hand
        self._appetite = LEAST_APPETITE  # how many are worth claiming at once
        self.more = False  # whether the queue has more of it that is due, as far as is known
        self._most = connections
        self._least = max(1, connections // 8)
        self._limit = min(FIRST_LIMIT, connections)
        self._successes = 0  # since the limit was raised
        self.fair = connections  # its part of all connections

    @property
    def failing(self) -> bool:
        return self.failures >= FAILING

    @property
    def limit(self) -> int:
        """Connections that it may use."""
        return min(self._limit, max(self._least, self.fair))

    @property
    def small(self) -> bool:
        """Whether it uses no more than any lane may, however full the house is."""
        return self.flying < self._least

    def held(self) -> int:
        """Deliveries claimed and not posted yet."""
        return len(self.ready) + sum(map(len, self.behind.values()))

    def wants(self) -> int:
        """How many to claim: none while it has half of what it should have."""
        share = self.limit if self.failing else min(self.share, self._appetite)
        held = self.held()
        return 0 if held > share // 2 else share - held

    def claimed(self, count: int, *, emptied: bool) -> None:
        """So many came, and whether the queue had no more: what is asked for next time. Whoever
        asks for much leaves less room for others in one statement."""
        if not emptied:
            self._appetite = min(MAX_APPETITE, self._appetite * 2)
        elif count < self._appetite // 4:
            self._appetite = max(LEAST_APPETITE, self._appetite // 2)

    def take(self, items: list[Item]) -> None:
        """Claimed: what has no key is ready; of a key the first is, the others are behind it."""
        for item in items:
            if item.key is None:
                self.ready.append(item)
            elif item.key in self.behind:
                self.behind[item.key].append(item)
            else:
                self.behind[item.key] = deque()
                self.ready.append(item)

    def passed(self, item: Item) -> None:
        """Done with it for good: the next one with its key is ready."""
        if item.key is not None:
            waiting = self.behind[item.key]
            if waiting:
                self.ready.append(waiting.popleft())
            else:
                del self.behind[item.key]

    def stuck(self, item: Item) -> list[Item]:
        """It is to be tried again: answers those with its key, which must not overtake it."""
        return list(self.behind.pop(item.key, ())) if item.key is not None else []

    def drain(self) -> list[Item]:
        """Everything that is not posted."""
        items: list[Item] = []
        for item in self.ready:
            items.append(item)
            if item.key is not None:
                items += self.behind.pop(item.key)
        self.ready.clear()
        for queue in self.behind.values():  # one of the key is on its way
            items += queue
            queue.clear()
        return items

    def succeeded(self) -> None:
        self.failures = 0
        self.rest_until = 0.0
        self._successes += 1
        if self._successes >= self._limit < self._most:
            self._limit += 1
            self._successes = 0

    def begin_anew(self) -> None:
        """The configuration is another one: what is known of its receiver may be wrong."""
        self.failures = 0
        self.rest_until = 0.0
        self._limit = min(FIRST_LIMIT, self._most)

    def failed(self) -> None:
        self.failures += 1
        self._limit = max(self._least, self._limit // 2)

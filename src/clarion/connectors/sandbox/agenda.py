"""What is due later: any number of things, one timer, handed over in batches."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from math import ceil
from typing import Generic, TypeVar

T = TypeVar("T")

RESOLUTION = 0.01  # seconds; what falls due in the same hundredth goes out together


class Agenda(Generic[T]):
    """Calls `ring` with everything that has fallen due."""

    def __init__(self, ring: Callable[[list[T]], None]) -> None:
        self._ring = ring
        self._due: dict[int, list[T]] = {}
        self._ticks: list[int] = []
        self._timer: asyncio.TimerHandle | None = None
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, seconds: float, item: T) -> None:
        """`item` is due after so many seconds."""
        tick = ceil((asyncio.get_running_loop().time() + seconds) / RESOLUTION)
        self._count += 1
        if tick in self._due:
            self._due[tick].append(item)
            return
        self._due[tick] = [item]
        heapq.heappush(self._ticks, tick)
        if self._ticks[0] == tick:
            self._set_timer()

    def clear(self) -> list[T]:
        """Forget everything that is not due yet and return it, the earliest first."""
        left = [item for tick in sorted(self._due) for item in self._due[tick]]
        self._due.clear()
        self._ticks.clear()
        self._count = 0
        self._set_timer()
        return left

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._ticks:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._ticks[0] * RESOLUTION, self._time_is_up)

    def _time_is_up(self) -> None:
        # A loop's clock may be a hair short of the time that its timer was set for.
        now = asyncio.get_running_loop().time() / RESOLUTION + 0.5
        found: list[T] = []
        while self._ticks and self._ticks[0] <= now:
            found += self._due.pop(heapq.heappop(self._ticks))
        self._count -= len(found)
        self._timer = None
        self._set_timer()
        if found:
            self._ring(found)

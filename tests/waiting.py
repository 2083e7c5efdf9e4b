"""Waiting for conditions, never for a fixed time; costs, whatever else the machine does."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from time import monotonic, process_time
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 15.0  # seconds; far more than any wait needs, so that a slow machine fails nothing


async def eventually(
    condition: Callable[[], T | Awaitable[T]], *, seconds: float = PATIENCE, words: str = ""
) -> T:
    """The condition's first true answer; AssertionError, with the last one, when none comes."""
    deadline = monotonic() + seconds
    while True:
        found = condition()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        assert monotonic() < deadline, f"waited in vain {words}: {found!r}"
        await asyncio.sleep(0.01)


def cpu_seconds(work: Callable[[], object], *, rounds: int = 3) -> float:
    """CPU time of the work, the least of some rounds: neighbours and a collection of garbage do
    not count."""
    costs = []
    for _ in range(rounds):
        begun = process_time()
        work()
        costs.append(process_time() - begun)
    return min(costs)

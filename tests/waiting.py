"""Waiting for conditions, never for a fixed time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from time import monotonic
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

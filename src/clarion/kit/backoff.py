"""How long to wait before trying again: a published list of delays, with jitter."""

from __future__ import annotations

import random as _random
from collections.abc import Callable, Sequence


def delay(
    schedule: Sequence[float],
    attempt: int,
    *,
    jitter: float = 0.2,
    random: Callable[[], float] = _random.random,
) -> float | None:
    """Seconds to wait after try number `attempt` (from 1) failed; None: the schedule is used up.

    The delay is spread evenly over its `jitter` share above and below, so that what failed
    together does not come back together.
    """
    if attempt < 1:
        raise ValueError("attempts count from 1")
    if attempt > len(schedule):
        return None
    return schedule[attempt - 1] * (1 + jitter * (2 * random() - 1))

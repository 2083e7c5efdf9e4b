"""A rate limit per application: a token bucket each, in this process.

Several processes each allow the whole rate: the limit guards a process from one loud client, it
is no quota.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from clarion.engine.accounts.model import Caller
from clarion.errors import TooManyRequests


class RateLimiter:
    """Counts requests; `check` raises TooManyRequests with the time until the next may come."""

    def __init__(self, rate: float, burst: int, *, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._buckets: dict[int, list[float]] = {}  # application -> [tokens, counted at]

    def check(self, caller: Caller) -> None:
        """Take one request out of the caller's bucket."""
        rate = self._rate if caller.rate_limit is None else caller.rate_limit
        if rate <= 0:
            return
        now = self._clock()
        bucket = self._buckets.get(caller.application_id)
        if bucket is None:
            bucket = self._buckets[caller.application_id] = [self._burst, now]
        tokens = min(self._burst, bucket[0] + (now - bucket[1]) * rate)
        bucket[1] = now
        bucket[0] = tokens
        if tokens < 1.0:
            raise TooManyRequests(
                "The application sends more requests than its rate limit allows.",
                retry_after=(1.0 - tokens) / rate,
            )
        bucket[0] = tokens - 1.0

"""How fast: token buckets for senders and connectors, and the slow-down when a carrier asks."""

from __future__ import annotations

import math

SLOWER = 0.6  # of the rate that the carrier last took
FASTER = 1.15  # a second without complaint
FORGET = 20.0  # seconds without complaint after which the limit is lifted
PAUSE = 0.5  # seconds of silence after a complaint
LEAST = 10.0  # messages a second


class Bucket:
    """Tokens that fill at `rate` a second up to one second's worth; rate 0 is no limit."""

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self._tokens = self._most()
        self._at = now

    def available(self, now: float) -> int:
        """Whole tokens that can be taken now."""
        if not self.rate:
            return 1 << 30
        self._fill(now)
        return max(0, int(self._tokens))

    def take(self, count: int, now: float) -> None:
        """Take tokens; a debt is paid by waiting."""
        if self.rate:
            self._fill(now)
            self._tokens -= count

    def ready_at(self, now: float) -> float:
        """When there will be one token."""
        if not self.rate:
            return now
        self._fill(now)
        return now + max(0.0, (1.0 - self._tokens) / self.rate)

    def set_rate(self, rate: float, now: float) -> None:
        self._fill(now)
        self.rate = rate
        self._tokens = min(self._tokens, self._most())

    def _fill(self, now: float) -> None:
        self._tokens = min(self._most(), self._tokens + (now - self._at) * self.rate)
        self._at = now

    def _most(self) -> float:
        return max(1.0, self.rate)


class Pace:
    """A connector's rate: the operator's limit, and below it what the carrier stands.

    On a complaint (ESME_RTHROTTLED, ESME_RMSGQFUL) the rate falls to a share of what was taken of
    late and rises again step by step; after a quiet while only the operator's limit is left.
    """

    def __init__(self, limit: float, now: float) -> None:
        self._limit = limit
        self._bucket = Bucket(limit, now)
        self._adaptive = math.inf
        self._complained_at = -math.inf
        self._stepped_at = now
        self._taken = 0.0
        self._taken_since = now
        self._recent = 0.0

    def set_limit(self, limit: float, now: float) -> None:
        """The operator's limit, or this node's share of it."""
        self._limit = limit
        self._set(self._adaptive, now)

    def available(self, now: float) -> int:
        if now < self._complained_at + PAUSE:
            return 0
        self._recover(now)
        return self._bucket.available(now)

    def take(self, count: int, now: float) -> None:
        self._bucket.take(count, now)

    def ready_at(self, now: float) -> float:
        return max(self._bucket.ready_at(now), self._complained_at + PAUSE)

    def accepted(self, count: int, now: float) -> None:
        """The carrier took so many."""
        elapsed = now - self._taken_since
        if elapsed >= 1.0:
            self._recent = self._taken / elapsed
            self._taken, self._taken_since = 0.0, now
        self._taken += count

    def complained(self, now: float) -> None:
        """The carrier said: slower. Complaints about one burst count once."""
        if now < self._complained_at + PAUSE:
            return
        elapsed = max(now - self._taken_since, 0.1)
        seen = max(self._recent, self._taken / elapsed)
        base = min(seen, self._adaptive) if self._adaptive < math.inf else seen
        self._complained_at = self._stepped_at = now
        self._set(max(LEAST, base * SLOWER), now)

    @property
    def rate(self) -> float:
        """Messages a second; infinity where there is no limit."""
        return min(self._adaptive, self._limit or math.inf)

    def _recover(self, now: float) -> None:
        if self._adaptive == math.inf:
            return
        if now > self._complained_at + FORGET:
            self._set(math.inf, now)
        elif now >= self._stepped_at + 1.0:
            steps = int(now - self._stepped_at)
            self._stepped_at = now
            self._set(self._adaptive * FASTER**steps, now)

    def _set(self, adaptive: float, now: float) -> None:
        self._adaptive = adaptive
        rate = self.rate
        self._bucket.set_rate(0.0 if rate == math.inf else rate, now)

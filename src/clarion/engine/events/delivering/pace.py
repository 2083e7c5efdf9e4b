"""An even pace for a configuration that is throttled, kept by all nodes together.

A bucket that holds a tenth of a minute's deliveries and fills so fast that no minute, wherever it
begins, sees more than `throttling`. Its state is one instant: when the next delivery is due if all
go at an even pace.
"""

from __future__ import annotations

from datetime import datetime, timedelta

BURST_SHARE = 10


def burst(throttling: int) -> int:
    """Deliveries that may go at once after a rest."""
    return max(1, throttling // BURST_SHARE)


def interval(throttling: int) -> timedelta:
    """Between two deliveries."""
    return timedelta(seconds=60 / (throttling - burst(throttling) + 1))


def available(throttling: int, next_at: datetime, now: datetime) -> int:
    """How many may go now."""
    ahead = now + interval(throttling) * (burst(throttling) - 1) - max(next_at, now)
    return int(ahead / interval(throttling)) + 1 if ahead >= timedelta(0) else 0


def after(throttling: int, next_at: datetime, now: datetime, taken: int) -> datetime:
    """The next instant when so many have gone."""
    return max(next_at, now) + interval(throttling) * taken


def ready_at(throttling: int, next_at: datetime) -> datetime:
    """From when on one may go."""
    return next_at - interval(throttling) * (burst(throttling) - 1)

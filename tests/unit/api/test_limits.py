"""The token bucket of an application."""

from __future__ import annotations

import pytest

from clarion.api.limits import RateLimiter
from clarion.engine.accounts.model import Caller
from clarion.errors import TooManyRequests


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _allowed(limiter: RateLimiter, caller: Caller, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            limiter.check(caller)
        except TooManyRequests:
            break
        count += 1
    return count


def test_a_burst_goes_through_and_then_the_rate_counts() -> None:
    clock = _Clock()
    limiter = RateLimiter(10.0, 5, clock=clock)
    caller = Caller(1000, 1)
    assert _allowed(limiter, caller, 20) == 5
    clock.now += 0.25
    assert _allowed(limiter, caller, 20) == 2
    clock.now += 3600
    assert _allowed(limiter, caller, 20) == 5


def test_a_refusal_says_when_the_next_may_come() -> None:
    limiter = RateLimiter(0.5, 1, clock=_Clock())
    limiter.check(Caller(1000, 1))
    with pytest.raises(TooManyRequests) as refused:
        limiter.check(Caller(1000, 1))
    assert refused.value.retry_after == pytest.approx(2.0)


def test_each_application_has_a_bucket_and_may_have_a_rate_of_its_own() -> None:
    limiter = RateLimiter(1.0, 2, clock=_Clock())
    assert _allowed(limiter, Caller(1000, 1), 9) == 2
    assert _allowed(limiter, Caller(1000, 2), 9) == 2
    assert _allowed(limiter, Caller(1000, 3, rate_limit=0.0), 9) == 9
    unlimited = RateLimiter(0.0, 2, clock=_Clock())
    assert _allowed(unlimited, Caller(1000, 1), 9) == 9
    assert _allowed(unlimited, Caller(1000, 2, rate_limit=1.0), 9) == 2

"""Token buckets, and how a connector slows down when its carrier asks. The clock is the test's."""

from __future__ import annotations

import math

import pytest

from clarion.engine.messages.pace import FORGET, LEAST, PAUSE, Bucket, Pace

UNLIMITED = 1 << 30


def test_a_bucket_without_a_rate_is_never_empty() -> None:
    bucket = Bucket(0.0, 0.0)
    bucket.take(1_000_000, 0.0)
    assert bucket.available(0.0) == UNLIMITED
    assert bucket.ready_at(5.0) == 5.0


def test_a_bucket_holds_one_second_and_fills_at_its_rate() -> None:
    bucket = Bucket(20.0, 0.0)
    assert bucket.available(0.0) == 20
    bucket.take(20, 0.0)
    assert bucket.available(0.0) == 0
    assert bucket.available(0.5) == 10
    assert bucket.available(100.0) == 20


def test_a_rate_below_one_a_second_still_gives_one() -> None:
    bucket = Bucket(0.5, 0.0)
    assert bucket.available(0.0) == 1
    bucket.take(1, 0.0)
    assert bucket.ready_at(0.0) == pytest.approx(2.0)
    assert bucket.available(2.0) == 1


def test_a_debt_is_paid_by_waiting() -> None:
    bucket = Bucket(10.0, 0.0)
    bucket.take(30, 0.0)
    assert bucket.available(1.9) == 0
    assert bucket.ready_at(0.0) == pytest.approx(2.1)


def test_a_new_rate_does_not_give_a_second_burst() -> None:
    bucket = Bucket(10.0, 0.0)
    bucket.take(10, 0.0)
    bucket.set_rate(100.0, 0.0)
    assert bucket.available(0.0) == 0
    bucket.set_rate(5.0, 10.0)
    assert bucket.available(10.0) == 5


@pytest.mark.parametrize("rate", [1.0, 7.0, 250.0])
def test_over_any_time_no_more_than_rate_and_one_burst_goes_out(rate: float) -> None:
    bucket = Bucket(rate, 0.0)
    sent = 0
    for tick in range(1000):
        now = tick / 100
        count = bucket.available(now)
        bucket.take(count, now)
        sent += count
    assert rate * 9 <= sent <= rate * 11 + 1


def test_without_limit_or_complaint_a_connector_goes_as_fast_as_it_can() -> None:
    pace = Pace(0.0, 0.0)
    assert pace.available(0.0) == UNLIMITED
    assert pace.rate == math.inf


def test_the_operators_limit_holds() -> None:
    pace = Pace(10.0, 0.0)
    assert pace.available(0.0) == 10
    pace.take(10, 0.0)
    assert pace.available(0.0) == 0
    assert pace.ready_at(0.0) == pytest.approx(0.1)


def _complained(pace: Pace, *, taken: int, now: float) -> None:
    pace.accepted(taken, now - 1.0)
    pace.complained(now)


def test_a_complaint_means_a_moments_silence_and_then_less_than_was_taken() -> None:
    pace = Pace(0.0, 0.0)
    _complained(pace, taken=100, now=1.0)
    assert pace.available(1.0 + PAUSE / 2) == 0
    assert pace.ready_at(1.0) >= 1.0 + PAUSE
    assert LEAST <= pace.rate < 100


def test_complaints_about_one_burst_count_once() -> None:
    pace = Pace(0.0, 0.0)
    _complained(pace, taken=100, now=1.0)
    rate = pace.rate
    for _ in range(50):
        pace.complained(1.0 + PAUSE / 2)
    assert pace.rate == rate


def test_repeated_complaints_go_down_to_a_trickle_and_not_to_nothing() -> None:
    pace = Pace(0.0, 0.0)
    _complained(pace, taken=100, now=1.0)
    for n in range(1, 50):
        pace.complained(1.0 + n * PAUSE)
    assert pace.rate == LEAST
    assert pace.available(1.0 + 50 * PAUSE + 1 / LEAST) >= 1


def test_the_rate_rises_step_by_step_while_nobody_complains() -> None:
    pace = Pace(0.0, 0.0)
    _complained(pace, taken=100, now=1.0)
    rates = []
    for second in range(3, 9):
        pace.available(float(second))
        rates.append(pace.rate)
    assert rates == sorted(rates)
    assert rates[0] < rates[-1] < math.inf


def test_after_a_quiet_while_the_limit_is_lifted() -> None:
    pace = Pace(0.0, 0.0)
    _complained(pace, taken=100, now=1.0)
    assert pace.available(1.0 + FORGET + 1.0) == UNLIMITED
    assert pace.rate == math.inf


def test_what_the_carrier_stands_never_lifts_the_operators_limit() -> None:
    pace = Pace(10.0, 0.0)
    _complained(pace, taken=5, now=1.0)
    for second in range(2, 40):
        pace.available(float(second))
        assert pace.rate <= 10.0
    assert pace.rate == 10.0


def test_a_carrier_that_takes_a_steady_rate_is_found_out() -> None:
    """A peer that takes 50 a second and complains about the rest: most of what it takes is used."""
    pace, now, taken, second, in_second = Pace(0.0, 0.0), 0.0, 0, -1, 0
    for tick in range(2000):  # 20 s
        now = tick / 100
        if int(now) != second:
            second, in_second = int(now), 0
        count = min(pace.available(now), 25)
        pace.take(count, now)
        good = min(count, 50 - in_second)
        in_second += good
        taken += good
        if good:
            pace.accepted(good, now)
        if good < count:
            pace.complained(now)
    assert taken > 20 * 50 * 0.5

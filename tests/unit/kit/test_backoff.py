"""The retry schedule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.kit.backoff import delay

SCHEDULE = (5.0, 30.0, 120.0)


def test_each_try_waits_as_the_schedule_says() -> None:
    waits = [delay(SCHEDULE, attempt, jitter=0) for attempt in (1, 2, 3, 4)]
    assert waits == [5.0, 30.0, 120.0, None]


def test_an_empty_schedule_is_used_up_at_once() -> None:
    assert delay((), 1) is None


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 4.0), (0.5, 5.0), (1.0, 6.0)])
def test_jitter_spreads_a_fifth_to_both_sides(chance: float, wait: float) -> None:
    assert delay(SCHEDULE, 1, random=lambda: chance) == pytest.approx(wait)


@given(st.integers(1, 3), st.floats(0, 1))
def test_a_delay_stays_within_its_jitter(attempt: int, jitter: float) -> None:
    wait = delay(SCHEDULE, attempt, jitter=jitter)
    planned = SCHEDULE[attempt - 1]
    assert wait is not None
    assert planned * (1 - jitter) <= wait <= planned * (1 + jitter)


def test_attempts_count_from_one() -> None:
    with pytest.raises(ValueError, match="from 1"):
        delay(SCHEDULE, 0)

"""What answers mean, how an even pace is kept, and what a lane lets go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.engine.events.delivering import pace
from clarion.engine.events.delivering.judging import judge
from clarion.engine.events.delivering.lane import FAILING, Claim, Item, Lane
from clarion.engine.events.delivering.ports import Answer
from clarion.engine.events.model import DeliveryStatus, Event
from clarion.kit import ids

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SCHEDULE = (5.0, 30.0)


def an_answer(status: int | None = None, **more: Any) -> Answer:
    return Answer(status=status, text="", milliseconds=1, **more)


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204])
def test_200_to_204_are_success(status: int) -> None:
    judgement = judge(an_answer(status), tries=1, schedule=SCHEDULE, at=NOW)
    assert judgement.status is DeliveryStatus.SUCCESS


@pytest.mark.parametrize("status", [None, 100, 205, 206, 299, 301, 302, 400, 404, 500, 503, 599])
def test_everything_else_is_tried_again_by_the_schedule(status: int | None) -> None:
    first = judge(an_answer(status), tries=1, schedule=SCHEDULE, at=NOW)
    assert first.status is DeliveryStatus.RETRY
    assert first.due_at is not None
    assert 4 <= (first.due_at - NOW).total_seconds() <= 6
    second = judge(an_answer(status), tries=2, schedule=SCHEDULE, at=NOW)
    assert second.due_at is not None
    assert 24 <= (second.due_at - NOW).total_seconds() <= 36
    third = judge(an_answer(status), tries=3, schedule=SCHEDULE, at=NOW)
    assert (third.status, third.due_at) == (DeliveryStatus.FAILED, None)


def test_410_ends_it_and_the_configuration() -> None:
    judgement = judge(an_answer(410), tries=1, schedule=SCHEDULE, at=NOW)
    assert (judgement.status, judgement.gone) == (DeliveryStatus.FAILED, True)


def test_what_no_try_can_better_ends_at_once() -> None:
    judgement = judge(an_answer(hopeless=True), tries=1, schedule=SCHEDULE, at=NOW)
    assert (judgement.status, judgement.gone) == (DeliveryStatus.FAILED, False)


@pytest.mark.parametrize(
    ("status", "after", "held"),
    [
        (429, 60.0, 60.0), (429, None, 5.0), (429, 1e9, 3600.0), (429, 0.0, 0.0),
        (503, 60.0, 60.0), (503, None, 0.0), (500, 60.0, 0.0), (301, 60.0, 0.0),
    ],
)  # fmt: skip
def test_retry_after_holds_within_limits(status: int, after: float | None, held: float) -> None:
    judgement = judge(an_answer(status, retry_after=after), tries=1, schedule=SCHEDULE, at=NOW)
    assert judgement.held == held
    assert judgement.due_at is not None
    assert (judgement.due_at - NOW).total_seconds() >= held


# ---------------------------------------------------------------- pace


@given(
    throttling=st.integers(1, 5000),
    waits=st.lists(st.floats(0, 30), min_size=1, max_size=60),
    wanted=st.integers(1, 2000),
)
def test_no_minute_sees_more_than_the_limit(
    throttling: int, waits: list[float], wanted: int
) -> None:
    now, next_at = NOW, NOW - timedelta(days=1)
    gone: list[tuple[datetime, int]] = []
    for wait in waits:
        now += timedelta(seconds=wait)
        taken = min(wanted, pace.available(throttling, next_at, now))
        assert taken >= 0
        if taken:
            next_at = pace.after(throttling, next_at, now, taken)
            gone.append((now, taken))
    for at, _ in gone:
        end = at + timedelta(seconds=59.999)
        assert sum(count for when, count in gone if at <= when < end) <= throttling


@given(throttling=st.integers(1, 5000))
def test_whoever_waits_until_it_is_ready_gets_something(throttling: int) -> None:
    next_at = pace.after(throttling, NOW, NOW, pace.available(throttling, NOW, NOW))
    assert pace.available(throttling, next_at, NOW) == 0
    ready = pace.ready_at(throttling, next_at)
    assert NOW < ready <= NOW + timedelta(seconds=60)
    assert pace.available(throttling, next_at, ready + timedelta(microseconds=1)) >= 1


def test_over_an_hour_nine_tenths_of_the_limit_go_at_least() -> None:
    next_at, now, total = NOW, NOW, 0
    while now < NOW + timedelta(hours=1):
        taken = pace.available(600, next_at, now)
        next_at = pace.after(600, next_at, now, taken)
        total += taken
        now += timedelta(seconds=1)
    assert 36_000 * 0.9 <= total <= 36_060


# ---------------------------------------------------------------- lanes


def items(*keys: str | None) -> list[Item]:
    claim = Claim(1, ids.new_id(), set())
    return [
        Item(
            Event(company_id=1, id=ids.new_id(), external_id=None, topic="T", type="t",
                  key=key or "", at=NOW, body=str(n)),
            claim, 0, 0, key,
        )
        for n, key in enumerate(keys)
    ]  # fmt: skip


def ready(lane: Lane) -> list[str]:
    return [item.event.body for item in lane.ready]


def test_of_a_key_one_is_ready_at_a_time() -> None:
    lane = Lane(1, 1, connections=16)
    lane.take(items("a", "b", "a", None, "a"))
    assert ready(lane) == ["0", "1", "3"]
    first = lane.ready.popleft()
    lane.passed(first)
    assert ready(lane) == ["1", "3", "2"]
    assert lane.held() == 4


def test_what_fails_takes_those_behind_it_along() -> None:
    lane = Lane(1, 1, connections=16)
    lane.take(items("a", "a", "b", "a"))
    first = lane.ready.popleft()
    assert [item.event.body for item in lane.stuck(first)] == ["1", "3"]
    assert ready(lane) == ["2"]
    lane.take(items("a"))
    assert len(lane.ready) == 2  # the key is free again


def test_a_drained_lane_keeps_what_is_on_its_way_in_mind() -> None:
    lane = Lane(1, 1, connections=16)
    lane.take(items("a", "a", "b", None))
    first = lane.ready.popleft()
    assert sorted(item.event.body for item in lane.drain()) == ["1", "2", "3"]
    assert lane.held() == 0
    lane.passed(first)
    assert lane.held() == 0


def test_connections_grow_with_success_and_go_with_failure() -> None:
    lane = Lane(1, 1, connections=16)
    assert lane.limit == 2
    for _ in range(500):
        lane.succeeded()
    assert lane.limit == 16
    lane.fair = 5
    assert lane.limit == 5
    lane.fair = 16
    for _ in range(FAILING):
        assert not lane.failing
        lane.failed()
    assert (lane.failing, lane.limit) == (True, 2)
    lane.succeeded()
    assert not lane.failing


def test_a_lane_asks_for_more_when_half_is_gone_and_for_little_while_it_fails() -> None:
    lane = Lane(1, 1, connections=16)
    lane.share = 100
    while (wanted := lane.wants()) < 100:
        lane.claimed(wanted, emptied=False)
    lane.take(items(*[None] * 60))
    assert lane.wants() == 0
    for _ in range(20):
        lane.ready.popleft()
    assert lane.wants() == 60
    lane.drain()
    for _ in range(FAILING):
        lane.failed()
    assert lane.wants() == lane.limit


def test_a_lane_that_finds_little_asks_for_little() -> None:
    lane = Lane(1, 1, connections=16)
    lane.share = 1000
    first = lane.wants()
    for _ in range(10):
        lane.claimed(lane.wants(), emptied=False)
    assert lane.wants() == 1000
    for _ in range(20):
        lane.claimed(1, emptied=True)
    assert lane.wants() == first

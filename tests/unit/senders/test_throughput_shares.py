"""What a node may send of a limit between two leases."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clarion.engine.senders.throughput.model import (
    AHEAD,
    BURST,
    DAY,
    DAY_IDLE,
    DAY_PATIENCE,
    DAY_RETRY,
    HOLD,
    INTERVAL,
    Ask,
    Daily,
    Peak,
)

NOW = 1_800_000_000.0


class Bucket:
    """The row of peak_budget, as the statement changes it."""

    def __init__(self) -> None:
        self.spent_until = -math.inf

    def lease(self, peak: Peak, ask: Ask, now: float) -> None:
        base = max(self.spent_until - ask.returned / peak.rate, now - peak.burst)
        granted = max(0, min(ask.wanted, math.floor((now - base) * peak.rate + 0.001)))
        self.spent_until = base + granted / peak.rate
        peak.leased(ask, granted, self.spent_until, now)


def take(peak: Peak, wanted: int, now: float) -> int:
    room = peak.available(now)
    granted = min(room, wanted)
    peak.spend(granted, max(0, wanted - room), now)
    return granted


def refill(bucket: Bucket, peak: Peak, now: float) -> None:
    ask = peak.ask(now)
    if ask is not None:
        bucket.lease(peak, ask, now)


def test_single_messages_need_not_wait_for_a_lease() -> None:
    bucket, peak = Bucket(), Peak(1000)
    assert take(peak, 1, NOW) == 1
    assert take(peak, 100, NOW) == 1000 * AHEAD - 1  # no more than a little
    refill(bucket, peak, NOW)
    assert take(peak, 50, NOW) == 50


def test_what_is_left_goes_back_and_lapses() -> None:
    peak = Peak(1000)
    take(peak, 100, NOW)
    ask = peak.ask(NOW)
    assert ask == Ask(returned=-20, wanted=150)
    peak.leased(ask, 150, NOW, NOW)
    assert peak.available(NOW) == 150
    assert peak.available(NOW + HOLD) == 0
    assert peak.ask(NOW + INTERVAL) == Ask(returned=150, wanted=0)
    again = Peak(1000)
    take(again, 100, NOW)
    again.leased(again.ask(NOW) or Ask(0, 0), 150, NOW, NOW)
    assert again.ask(NOW + HOLD) is None  # it has lapsed: there is nothing to give


def test_what_was_taken_while_a_lease_is_under_way_comes_off() -> None:
    peak = Peak(1000)
    peak.leased(Ask(0, 10), 10, NOW, NOW)
    take(peak, 4, NOW)
    ask = peak.ask(NOW)
    assert ask is not None
    assert ask.returned == 6
    assert take(peak, 5, NOW) == 5
    peak.leased(ask, 6, NOW, NOW)
    assert peak.available(NOW) == 1


@pytest.mark.parametrize(
    ("left", "spent", "owed"), [(6, 5, -5), (6, 0, 0), (0, 3, -3), (-2, 1, -3)]
)
def test_a_lease_without_an_answer_is_given_up(left: int, spent: int, owed: int) -> None:
    peak = Peak(1000)
    peak._left, peak._until = left, NOW + HOLD
    ask = Ask(left, 10)
    peak.spend(spent, 0, NOW)
    peak.lost(ask)
    assert peak._left == owed


def test_a_limit_that_is_used_up_is_not_asked_again_and_again() -> None:
    bucket, peak = Bucket(), Peak(10)
    for _ in range(20):
        take(peak, 100, NOW)
        refill(bucket, peak, NOW)
    assert peak.available(NOW) == 0
    take(peak, 100, NOW)
    assert peak.ask(NOW) is None
    assert 0 < peak.seconds_left(NOW) <= 0.3
    assert peak.ask(NOW + peak.seconds_left(NOW)) is not None


def test_a_slow_limit_lets_a_message_through_each_time() -> None:
    """One message in ten seconds; seconds pass in between without anybody asking."""
    bucket, sent, now = Bucket(), [], NOW
    peak = Peak(0.1)
    while now < NOW + 100:
        if take(peak, 1, now):
            sent.append(now)
        refill(bucket, peak, now)
        if peak.is_idle(now):
            peak = Peak(0.1)  # forgotten, and come back
        now += max(0.25, peak.seconds_left(now))
    assert 9 <= len(sent) <= 11 + 1


def test_what_did_not_leave_comes_back() -> None:
    peak = Peak(1000)
    peak.leased(Ask(0, 10), 10, NOW, NOW)
    take(peak, 10, NOW)
    peak.give_back(4, NOW)
    assert peak.available(NOW) == 4
    peak.give_back(4, NOW + HOLD)  # it would have lapsed
    assert peak.available(NOW + HOLD) == 0


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([1.0, 7.0, 100.0, 1000.0]),
    st.integers(1, 3),
    st.lists(
        st.tuples(st.integers(0, 2), st.floats(0, 0.6), st.integers(0, 300), st.booleans()),
        max_size=120,
    ),
)
def test_nodes_together_stay_under_the_limit(
    rate: float, nodes: int, steps: list[tuple[int, float, int, bool]]
) -> None:
    """Whenever whichever node asks, takes, or is forgotten."""
    bucket, peaks = Bucket(), [Peak(rate) for _ in range(nodes)]
    sent: list[tuple[float, int]] = []
    now = NOW
    for node, seconds, wanted, ask in steps:
        now += seconds
        peak = peaks[node % nodes]
        if peak.is_idle(now):
            peak = peaks[node % nodes] = Peak(rate)
        sent.append((now, take(peak, wanted, now)))
        if ask:
            refill(bucket, peak, now)
    ahead = nodes * Peak(rate).ahead
    for first, (begin, _) in enumerate(sent):
        total = 0
        for at, count in sent[first:]:
            total += count
            most = rate * (at - begin + HOLD + Peak(rate).burst) + ahead
            assert total <= most + 1, (total, most)


# ---------------------------------------------------------------- days


class Day:
    """The row of daily_budget, as the statement changes it."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.leased = 0

    def lease(self, daily: Daily, now: float) -> None:
        ask = daily.ask(now)
        if ask is not None:
            base = max(0, self.leased - ask.returned)
            granted = max(0, min(ask.wanted, self.most - base))
            self.leased = base + granted
            daily.leased(ask, granted, daily.day, now)


def take_of_day(daily: Daily, wanted: int, now: float) -> int:
    room = daily.available(now)
    granted = min(room, wanted)
    daily.spend(granted, max(0, wanted - room), now)
    return granted


def test_a_day_is_leased_in_parts_and_never_overdrawn() -> None:
    row, nodes = Day(100), [Daily(100), Daily(100)]
    sent = 0
    for n in range(200):
        sent += take_of_day(nodes[n % 2], 3, NOW)
        row.lease(nodes[n % 2], NOW)
    assert sent == row.leased == 100


def test_a_large_day_is_leased_in_large_parts() -> None:
    daily = Daily(10_000_000)
    assert take_of_day(daily, 1, NOW) == 0
    assert daily.ask(NOW) == Ask(0, 1000)


def test_an_idle_node_gives_its_part_of_the_day_back() -> None:
    row, daily = Day(100), Daily(100)
    take_of_day(daily, 10, NOW)
    row.lease(daily, NOW)
    assert (row.leased, take_of_day(daily, 10, NOW)) == (40, 10)
    row.lease(daily, NOW)
    assert row.leased == 40
    row.lease(daily, NOW + DAY_IDLE)
    assert row.leased == 10
    assert daily.is_idle(NOW + DAY_IDLE)


def test_a_day_that_is_used_up_is_asked_for_now_and_then() -> None:
    row, daily = Day(5), Daily(5)
    for _ in range(3):
        take_of_day(daily, 5, NOW)
        row.lease(daily, NOW)
    take_of_day(daily, 5, NOW)
    assert daily.ask(NOW) is None
    assert daily.seconds_left(NOW) == DAY_PATIENCE
    assert daily.ask(NOW + DAY_RETRY) is not None


def test_on_the_next_day_there_is_all_of_it_and_nothing_of_the_old() -> None:
    row, daily = Day(5), Daily(5)
    eve = (NOW // DAY + 1) * DAY - 1
    take_of_day(daily, 1, eve)
    row.lease(daily, eve)
    assert daily.available(eve) == 4
    assert daily.available(eve + 1) == 0
    daily.give_back(3, eve + 1)  # of yesterday
    assert daily.available(eve + 1) == 0
    take_of_day(daily, 5, eve + 1)
    Day(5).lease(daily, eve + 1)
    assert daily.available(eve + 1) == 5


def test_a_lease_of_a_day_that_has_ended_meanwhile_is_nothing() -> None:
    daily = Daily(5)
    eve = (NOW // DAY + 1) * DAY - 1
    take_of_day(daily, 1, eve)
    ask, day = daily.ask(eve), daily.day
    assert ask is not None
    assert daily.available(eve + 1) == 0
    daily.leased(ask, 4, day, eve + 1)
    assert daily.available(eve + 1) == 0


def test_of_a_day_without_an_answer_nothing_more_is_sent_than_is_leased() -> None:
    daily = Daily(100)
    take_of_day(daily, 10, NOW)
    ask = daily.ask(NOW)
    assert ask is not None
    daily.leased(ask, 40, daily.day, NOW)
    take_of_day(daily, 35, NOW)
    ask = daily.ask(NOW)
    assert ask is not None
    take_of_day(daily, 2, NOW)
    daily.lost(ask)
    assert daily.available(NOW) == 0
    assert daily.ask(NOW) == Ask(-2, 8)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 200),
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 50), st.sampled_from(["", "lease", "kill"])),
        max_size=100,
    ),
)
def test_nodes_together_never_send_more_than_a_day_holds(
    most: int, steps: list[tuple[int, int, str]]
) -> None:
    row, nodes, sent = Day(most), [Daily(most) for _ in range(3)], 0
    for node, wanted, event in steps:
        sent += take_of_day(nodes[node], wanted, NOW)
        if event == "lease":
            row.lease(nodes[node], NOW)
        elif event == "kill":
            nodes[node] = Daily(most)
    assert sent <= most


def test_the_figures_fit_together() -> None:
    assert INTERVAL < BURST <= HOLD  # or a full lane would lose some of its rate

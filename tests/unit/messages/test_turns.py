"""Whose turn it is: weights, priorities, senders that their rate holds back."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from clarion.engine.messages.turns import Lane, Turns

HIGH, NORMAL, LOW = 0, 1, 2


def _lane(company: int, *, sender: int = 1, priority: int = NORMAL) -> Lane:
    return Lane(company, UUID(int=sender), priority)


def _free(_: Lane) -> bool:
    return False


def _turns(*lanes: tuple[Lane, int]) -> Turns:
    turns = Turns()
    for lane, weight in lanes:
        turns.add(lane, weight=weight)
    return turns


def _served(turns: Turns, rounds: int, *, size: int = 10) -> Counter[Lane]:
    """What each lane got when every turn takes `size`."""
    got: Counter[Lane] = Counter()
    for _ in range(rounds):
        turn = turns.next(_free)
        assert turn is not None
        turns.took(turn, size)
        got[turn] += size
    return got


def test_nobody_waits_when_there_is_nobody() -> None:
    turns = Turns()
    assert turns.next(_free) is None


def test_companies_of_equal_weight_get_the_same() -> None:
    a, b = _lane(1), _lane(2)
    assert _served(_turns((a, 1), (b, 1)), 10) == {a: 50, b: 50}


def test_a_company_gets_by_its_weight() -> None:
    a, b = _lane(1), _lane(2)
    assert _served(_turns((a, 3), (b, 1)), 40) == {a: 300, b: 100}


def test_many_senders_do_not_make_a_company_weigh_more() -> None:
    many = [_lane(1, sender=n) for n in range(9)]
    one = _lane(2)
    got = _served(_turns(*((lane, 1) for lane in many), (one, 1)), 20)
    assert got[one] == 100


def test_senders_of_a_company_take_turns() -> None:
    lanes = [_lane(1, sender=n) for n in range(3)]
    assert set(_served(_turns(*((lane, 1) for lane in lanes)), 9).values()) == {30}


def test_high_goes_before_normal_before_low_within_a_company() -> None:
    lanes = [_lane(1, priority=p) for p in (LOW, HIGH, NORMAL)]
    turns = _turns(*((lane, 1) for lane in lanes))
    order = []
    while (turn := turns.next(_free)) is not None:
        turns.took(turn, 1)
        turns.remove(turn)
        order.append(turn.priority)
    assert order == [HIGH, NORMAL, LOW]


def test_one_companys_high_does_not_overtake_anothers_low() -> None:
    high, low = _lane(1, priority=HIGH), _lane(2, priority=LOW)
    assert _served(_turns((high, 1), (low, 1)), 10) == {high: 50, low: 50}


def test_a_late_comer_gets_its_share_and_not_what_it_missed() -> None:
    a, b = _lane(1), _lane(2)
    turns = _turns((a, 1))
    _served(turns, 100)
    turns.add(b, weight=1)
    assert _served(turns, 10) == {a: 50, b: 50}


def test_coming_back_forgives_no_debt_to_those_who_stayed() -> None:
    a, b = _lane(1), _lane(2)
    turns = _turns((a, 1), (b, 1))
    _served(turns, 10)
    turns.remove(b)
    turns.add(b, weight=1)
    assert _served(turns, 10) == {a: 50, b: 50}


def test_a_lane_that_is_held_back_gives_way_to_the_next() -> None:
    slow, free = _lane(1, sender=1, priority=HIGH), _lane(1, sender=2, priority=LOW)
    turns = _turns((slow, 1), (free, 1))
    assert turns.next(lambda lane: lane == slow) == free
    assert turns.next(lambda _: True) is None
    assert turns.next(_free) == slow


def test_adding_twice_and_removing_twice_is_harmless() -> None:
    lane = _lane(1)
    turns = _turns((lane, 1), (lane, 1))
    assert len(turns) == 1
    assert lane in turns
    turns.remove(lane)
    turns.remove(lane)
    assert len(turns) == 0
    assert turns.lanes() == ()

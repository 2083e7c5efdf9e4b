"""Claims in doubt are looked for until no commit can be that late."""

from __future__ import annotations

from clarion.kit import ids
from clarion.kit.doubts import LOOKS, Doubts

ONE, TWO = ids.new_id(), ids.new_id()


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_claim_is_looked_for_at_once_and_again_later() -> None:
    clock = Clock()
    doubts = Doubts(clock)
    doubts.add(7, ONE)
    looks = []
    for tenth in range(int(LOOKS[-1] * 10) + 20):
        clock.now = 100.0 + tenth / 10
        if doubts.due() == {7: [ONE]}:
            looks.append(tenth / 10)
            doubts.looked([ONE])
    assert looks == list(LOOKS)
    assert doubts.due() == {}


def test_companies_are_told_apart_and_what_is_known_is_left_alone() -> None:
    doubts = Doubts(Clock())
    doubts.add(7, ONE)
    doubts.add(8, TWO)
    assert doubts.due() == {7: [ONE], 8: [TWO]}
    doubts.settle(ONE)
    assert doubts.due() == {8: [TWO]}

"""The life of a message: every pair of state and input, and what each move counts."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.engine.messages.model import PENDING, MessageState
from clarion.engine.messages.ports import ReceiptState
from clarion.engine.messages.states import (
    DATES,
    RECEIPT_INPUT,
    STAMP,
    TRANSITIONS,
    USUAL,
    Input,
    moves,
    usual_move,
)

I = Input  # noqa: E741 - a table of letters reads best
S = MessageState

GRID = """
            TAKEN     REFUSED DELIVERED UNDELIVERABLE LAPSED  NO_NEWS EXPIRE  CANCEL   RESUME  RESUME_LATER CONVERT   READ      CLICK         PUT_OFF
CREATED     SENT      FAILED  -         -             -       -       EXPIRED CANCELED -       -            CONVERTED -         -             SCHEDULED
SCHEDULED   SENT      FAILED  -         -             -       -       EXPIRED CANCELED -       -            CONVERTED -         -             SCHEDULED
PAUSED      -         -       -         -             -       -       EXPIRED CANCELED CREATED SCHEDULED    CONVERTED -         -             -
TEST        -         -       -         -             -       -       -       -        -       -            -         -         -             -
SENT        -         -       DELIVERED FAILED        EXPIRED -       -       -        -       -            CONVERTED READ      -             -
DELIVERED   -         -       -         -             -       -       -       -        -       -            CONVERTED READ      -             -
READ        -         -       READ      -             -       -       -       -        -       -            CONVERTED -         READ          -
CONVERTED   CONVERTED -       CONVERTED -             -       -       -       -        -       -            -         CONVERTED CONVERTED     -
FAILED      SENT      -       DELIVERED -             -       -       -       -        -       -            -         READ      -             -
EXPIRED     SENT      -       DELIVERED -             -       -       -       -        -       -            -         READ      -             -
CANCELED    SENT      -       -         -             -       -       -       -        -       -            CONVERTED -         -             -
RECEIVED    -         -       -         -             -       -       -       -        -       -            -         -         -             -
PROCESSED   -         -       -         -             -       -       -       -        -       -            -         -         -             -
"""  # noqa: E501 - one line a state
"""All of it; "-" is an input that changes nothing, because it is late, double or out of order."""


def _cells() -> list[tuple[MessageState, Input, MessageState | None]]:
    head, *lines = [line.split() for line in GRID.strip().splitlines()]
    return [
        (S[state], I[input], None if cell == "-" else S[cell])
        for state, *cells in lines
        for input, cell in zip(head, cells, strict=True)
    ]


@pytest.mark.parametrize(("state", "input", "following"), _cells())
def test_every_pair_of_state_and_input_is_in_the_table(
    state: MessageState, input: Input, following: MessageState | None
) -> None:
    assert TRANSITIONS[input].get(state) == following


def test_the_table_here_leaves_nothing_out() -> None:
    assert {(state, input) for state, input, _ in _cells()} == {(s, i) for s in S for i in I}


def test_every_receipt_state_has_an_input() -> None:
    assert set(RECEIPT_INPUT) == set(ReceiptState)
    assert {s for s, i in RECEIPT_INPUT.items() if i is I.UNDELIVERABLE} == {
        ReceiptState.UNDELIVERABLE,
        ReceiptState.REJECTED,
        ReceiptState.DELETED,
        ReceiptState.DEAD_ADDRESS,
    }


@pytest.mark.parametrize(
    ("words", "inputs", "state"),
    [
        ("the plain way", [I.TAKEN, I.DELIVERED], S.DELIVERED),
        ("a receipt twice", [I.TAKEN, I.DELIVERED, I.DELIVERED], S.DELIVERED),
        ("an answer twice", [I.TAKEN, I.TAKEN, I.DELIVERED], S.DELIVERED),
        ("en route after delivered", [I.TAKEN, I.DELIVERED, I.NO_NEWS], S.DELIVERED),
        ("undelivered after delivered", [I.TAKEN, I.DELIVERED, I.UNDELIVERABLE], S.DELIVERED),
        ("delivered after undelivered", [I.TAKEN, I.UNDELIVERABLE, I.DELIVERED], S.DELIVERED),
        ("delivered after expired", [I.TAKEN, I.LAPSED, I.DELIVERED], S.DELIVERED),
        ("a copy taken after its receipt", [I.TAKEN, I.UNDELIVERABLE, I.TAKEN], S.FAILED),
        ("a copy taken after it lapsed", [I.TAKEN, I.LAPSED, I.TAKEN], S.EXPIRED),
        ("an answer after giving up", [I.REFUSED, I.TAKEN, I.DELIVERED], S.DELIVERED),
        ("an answer after canceling", [I.CANCEL, I.TAKEN, I.DELIVERED], S.DELIVERED),
        ("canceling what has left", [I.TAKEN, I.CANCEL, I.DELIVERED], S.DELIVERED),
        ("expiring what has left", [I.TAKEN, I.EXPIRE], S.SENT),
        ("a refusal after canceling", [I.CANCEL, I.REFUSED], S.CANCELED),
        ("a receipt after converting", [I.TAKEN, I.CONVERT, I.DELIVERED], S.CONVERTED),
        ("read", [I.TAKEN, I.DELIVERED, I.READ], S.READ),
        ("read without a receipt", [I.TAKEN, I.READ], S.READ),
        ("delivered after read", [I.TAKEN, I.READ, I.DELIVERED], S.READ),
        ("read twice", [I.TAKEN, I.READ, I.READ], S.READ),
        ("read after converting", [I.TAKEN, I.CONVERT, I.READ], S.CONVERTED),
        ("a link opened", [I.TAKEN, I.READ, I.CLICK, I.CONVERT], S.CONVERTED),
        ("a link of a message reported lost", [I.TAKEN, I.UNDELIVERABLE, I.READ, I.CLICK], S.READ),
        ("converting twice", [I.TAKEN, I.CONVERT, I.CONVERT], S.CONVERTED),
    ],
)
def test_a_life_ends_well_whatever_comes_late(
    words: str, inputs: list[Input], state: MessageState
) -> None:
    life = _Life(S.CREATED)
    for input in inputs:
        life.happens(input)
    assert life.state is state, words


def test_a_late_receipt_gives_a_converted_message_its_delivered_date_once() -> None:
    life = _Life(S.CREATED)
    for input in (I.TAKEN, I.CONVERT, I.DELIVERED, I.DELIVERED):
        life.happens(input)
    assert life.counts["delivered"] == 1
    assert "delivered" in life.stamps


@given(
    st.sampled_from([S.CREATED, S.SCHEDULED, S.PAUSED, S.TEST, S.FAILED, S.EXPIRED]),
    st.lists(st.sampled_from(Input), max_size=12),
)
def test_counters_are_always_what_the_message_says(
    first: MessageState, inputs: list[Input]
) -> None:
    life = _Life(first)
    for input in inputs:
        life.happens(input)
        assert life.counts == life.recount()


class _Life:
    """One message and its request's counters, moved as advance_messages moves them."""

    def __init__(self, state: MessageState) -> None:
        self.state = state
        self.stamps: set[str] = set()
        self.counts = self.recount()

    def happens(self, input: Input) -> None:
        stamp = STAMP.get(input)
        stamped = stamp in self.stamps
        rows = [m for m in moves(input) if m.state == self.state and m.stamped == stamped]
        if not rows:
            return
        (row,) = rows  # more than one would move a message twice
        self.state = S(row.next)
        for name in ("pending", "canceled", "failed"):
            self.counts[name] += getattr(row, name)
        if stamp:
            self.counts[stamp] += row.stamps
            self.stamps.add(stamp)

    def recount(self) -> Counter[str]:
        facts = Counter(dict.fromkeys(self.stamps, 1))
        facts["pending"] = int(self.state in PENDING)
        facts["canceled"] = int(self.state is S.CANCELED)
        facts["failed"] = int(self.state in {S.FAILED, S.EXPIRED})
        return facts


@pytest.mark.parametrize("input", USUAL)
def test_a_usual_move_is_what_its_statement_takes_for_granted(input: Input) -> None:
    """`advance_usual` sets no other dates, and fails and cancels nothing."""
    move = usual_move(input)
    assert move is not None
    assert (move.stamps, move.canceled, move.failed, move.stamped) == (1, 0, 0, False)
    assert DATES[input] in {"sent", "delivered"}

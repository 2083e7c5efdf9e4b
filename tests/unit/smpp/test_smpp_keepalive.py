"""Whether a peer is there: a table of times."""

from __future__ import annotations

import pytest

from clarion.connectors.smpp.keepalive import KeepAlive, Verdict

SILENCE, PATIENCE = 30.0, 10.0


@pytest.mark.parametrize(
    ("heard", "asked", "now", "verdict"),
    [
        (0, None, 29, Verdict.FINE),
        (0, None, 30, Verdict.ASK),
        (25, None, 30, Verdict.FINE),
        (0, 30, 39, Verdict.FINE),
        (0, 30, 40, Verdict.GONE),
        (35, 30, 40, Verdict.FINE),
        (35, 30, 45, Verdict.GONE),
    ],
)
def test_verdicts(heard: float, asked: float | None, now: float, verdict: Verdict) -> None:
    alive = KeepAlive(0)
    alive.heard = heard
    if asked is not None:
        alive.asked(7, asked)
    assert alive.verdict(now, silence=SILENCE, patience=PATIENCE) is verdict


def test_an_answer_ends_the_question_and_tells_the_round_trip() -> None:
    alive = KeepAlive(0)
    alive.asked(7, 30)
    alive.answered(6, 31)
    assert alive.round_trip is None
    alive.heard = 32
    alive.answered(7, 32)
    assert alive.round_trip == 2
    assert alive.verdict(45, silence=SILENCE, patience=PATIENCE) is Verdict.FINE


def test_a_peer_that_speaks_but_knows_no_enquire_link_is_asked_again_later() -> None:
    alive = KeepAlive(0)
    alive.asked(7, 30)
    alive.heard = 60.5
    assert alive.verdict(61, silence=SILENCE, patience=PATIENCE) is Verdict.FINE
    assert alive.verdict(91, silence=SILENCE, patience=PATIENCE) is Verdict.ASK

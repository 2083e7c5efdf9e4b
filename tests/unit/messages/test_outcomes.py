"""What becomes of a message when the carrier has answered for all of its parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from clarion.engine.messages.outcomes import (
    Claim,
    Entry,
    Policy,
    Result,
    Verdict,
    add_outcome,
    judge,
)
from clarion.engine.messages.ports import Failure, FailureKind, Outcome
from clarion.kit import ids

K = FailureKind
V = Verdict
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SCHEDULE = (10.0, 60.0)
RESEND = Policy(schedule=SCHEDULE, resend_uncertain=True)
FAIL = Policy(schedule=SCHEDULE, resend_uncertain=False)


def _entry(*, attempts: int = 0, parts: int = 1) -> Entry:
    message = ids.new_id()
    claim = Claim(
        id=ids.new_id(), company_id=1, connector="c", priority=1, open={message: attempts}
    )
    return Entry(
        message_id=message, claim=claim, attempts=attempts, parts_taken=0, total=parts,
        waiting=parts, taken=[],
    )  # fmt: skip


def _answer(entry: Entry, number: int, answer: str | FailureKind) -> bool:
    failure = Failure(answer, "CODE", "words") if isinstance(answer, FailureKind) else None
    taken = answer if failure is None else None
    return add_outcome(entry, Outcome(entry.message_id, number, taken, failure))


def _verdict(kind: FailureKind, *, attempts: int, policy: Policy) -> Result:
    entry = _entry(attempts=attempts)
    assert _answer(entry, 1, kind)
    return judge(entry, policy, NOW)


def test_a_message_whose_parts_are_all_taken_is_taken() -> None:
    entry = _entry(parts=2)
    assert not _answer(entry, 2, "b")
    assert _answer(entry, 1, "a")
    assert judge(entry, RESEND, NOW).verdict is V.TAKEN
    assert entry.taken == [(2, "b"), (1, "a")]
    assert entry.parts_taken == 0b11


@pytest.mark.parametrize(
    ("kind", "attempts", "policy", "verdict", "counted", "code"),
    [
        (K.REFUSED, 0, RESEND, V.FAILED, 0, "1009"),
        (K.REFUSED, 2, FAIL, V.FAILED, 0, "1009"),
        (K.INVALID_RECIPIENT, 0, RESEND, V.FAILED, 0, "1002"),
        (K.INVALID_RECIPIENT, 2, FAIL, V.FAILED, 0, "1002"),
        (K.DEAD_ADDRESS, 0, RESEND, V.FAILED, 0, "1002"),
        (K.TEMPORARY, 0, RESEND, V.AGAIN, 1, None),
        (K.TEMPORARY, 1, FAIL, V.AGAIN, 2, None),
        (K.TEMPORARY, 2, RESEND, V.FAILED, 0, "1009"),
        (K.TEMPORARY, 200, RESEND, V.FAILED, 0, "1009"),
        (K.THROTTLED, 0, RESEND, V.AGAIN, 0, None),
        (K.THROTTLED, 2, FAIL, V.AGAIN, 2, None),
        (K.NOT_SENT, 0, FAIL, V.AGAIN, 0, None),
        (K.NOT_SENT, 2, RESEND, V.AGAIN, 2, None),
        (K.UNCERTAIN, 0, RESEND, V.AGAIN, 1, None),
        (K.UNCERTAIN, 2, RESEND, V.FAILED, 0, "1009"),
        (K.UNCERTAIN, 0, FAIL, V.FAILED, 0, "1009"),
    ],
)
def test_a_failure_is_judged_by_kind_tries_and_policy(
    kind: FailureKind, attempts: int, policy: Policy, verdict: Verdict, counted: int,
    code: str | None,
) -> None:  # fmt: skip
    result = _verdict(kind, attempts=attempts, policy=policy)
    assert (result.verdict, result.attempts, result.code) == (verdict, counted, code)
    assert (result.due_at is not None) == (verdict is V.AGAIN)
    assert (result.details is not None) == (verdict is V.FAILED)


def test_every_kind_of_failure_has_a_verdict() -> None:
    verdicts = {kind: _verdict(kind, attempts=0, policy=FAIL).verdict for kind in FailureKind}
    assert set(verdicts.values()) == {V.FAILED, V.AGAIN}


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 10.0), (1, 60.0)])
def test_the_schedule_says_when_with_some_jitter(attempts: int, seconds: float) -> None:
    result = _verdict(K.TEMPORARY, attempts=attempts, policy=RESEND)
    assert result.due_at is not None
    wait = result.due_at - NOW
    assert timedelta(seconds=seconds * 0.8) <= wait <= timedelta(seconds=seconds * 1.2)


@pytest.mark.parametrize("kind", [K.THROTTLED, K.NOT_SENT])
def test_what_is_no_try_comes_again_within_seconds(kind: FailureKind) -> None:
    result = _verdict(kind, attempts=1, policy=Policy(schedule=(), resend_uncertain=False))
    assert result.due_at is not None
    assert NOW < result.due_at < NOW + timedelta(seconds=2)


@pytest.mark.parametrize(
    ("kinds", "speaks"),
    [
        ((K.TEMPORARY, K.REFUSED), K.REFUSED),
        ((K.INVALID_RECIPIENT, K.REFUSED), K.INVALID_RECIPIENT),
        ((K.NOT_SENT, K.THROTTLED), K.THROTTLED),
        ((K.THROTTLED, K.TEMPORARY), K.TEMPORARY),
        ((K.UNCERTAIN, K.TEMPORARY), K.UNCERTAIN),
    ],
)
def test_the_gravest_of_several_failures_speaks(
    kinds: tuple[FailureKind, FailureKind], speaks: FailureKind
) -> None:
    for first, second in (kinds, kinds[::-1]):
        entry = _entry(parts=2)
        _answer(entry, 1, first)
        _answer(entry, 2, second)
        assert entry.failure is not None
        assert entry.failure.kind is speaks


def test_parts_that_were_taken_are_kept_when_another_fails() -> None:
    entry = _entry(parts=3)
    _answer(entry, 1, "a")
    _answer(entry, 2, K.TEMPORARY)
    _answer(entry, 3, "c")
    result = judge(entry, RESEND, NOW)
    assert result.verdict is V.AGAIN
    assert entry.parts_taken == 0b101


def test_the_words_name_the_carriers_code() -> None:
    assert _verdict(K.REFUSED, attempts=0, policy=RESEND).details == "words (CODE)"

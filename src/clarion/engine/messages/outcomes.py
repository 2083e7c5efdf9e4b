"""What becomes of a message when the carrier has answered for its parts. Pure rules."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from msgspec import Struct

from clarion.engine.messages.model import FailureCode
from clarion.engine.messages.ports import Failure, FailureKind, Outcome
from clarion.kit.backoff import delay

K = FailureKind

SEVERITY = {
    K.REFUSED: 5,
    K.INVALID_RECIPIENT: 6,
    K.DEAD_ADDRESS: 7,
    K.UNCERTAIN: 4,
    K.TEMPORARY: 3,
    K.THROTTLED: 2,
    K.NOT_SENT: 1,
}
"""Of several failed parts the gravest speaks for the message."""

PERMANENT = {
    K.REFUSED: FailureCode.DELIVERY_FAILURE,
    K.INVALID_RECIPIENT: FailureCode.INVALID_RECIPIENT,
    K.DEAD_ADDRESS: FailureCode.INVALID_RECIPIENT,
}

NOT_COUNTED = frozenset({K.NOT_SENT, K.THROTTLED})
"""It never left, or the carrier only asked for patience: no try is used up."""

AT_ONCE = (1.0,)  # seconds before a part that never left, or was throttled, is tried again


class Claim(Struct, kw_only=True):
    """A batch in our hands, as the claim table knows it."""

    id: UUID
    company_id: int
    connector: str
    priority: int
    open: dict[UUID, int]  # messages not yet recorded, and their attempts before this try


class Entry(Struct, kw_only=True, gc=False):
    """A claimed message, until what became of it is recorded."""

    message_id: UUID
    claim: Claim
    attempts: int
    parts_taken: int  # bits of the parts that the carrier has
    total: int
    waiting: int  # parts handed over and not answered
    taken: list[tuple[int, str]]  # (number, the carrier's id) of this try
    failure: Failure | None = None


class Verdict(Enum):
    TAKEN = "taken"  # the carrier has all of it
    AGAIN = "again"  # back into the queue
    CLOSED = "closed"  # likewise, until its delivery window opens
    FAILED = "failed"  # it will not be tried again
    DROPPED = "dropped"  # it was canceled, deleted or done before it left


class Result(Struct, gc=False):
    """A message's verdict, to be recorded."""

    entry: Entry
    verdict: Verdict
    at: datetime
    due_at: datetime | None = None
    attempts: int = 0
    code: str | None = None
    details: str | None = None


def add_outcome(entry: Entry, outcome: Outcome) -> bool:
    """Note one part's outcome; True when every part handed over has been answered."""
    if outcome.external_id is not None:
        entry.taken.append((outcome.number, outcome.external_id))
        entry.parts_taken |= 1 << (outcome.number - 1)
    elif outcome.failure is not None:
        kind = outcome.failure.kind
        if entry.failure is None or SEVERITY[kind] > SEVERITY[entry.failure.kind]:
            entry.failure = outcome.failure
    entry.waiting -= 1
    return entry.waiting <= 0


class Policy(Struct, frozen=True):
    """A connector's rules for trying again."""

    schedule: tuple[float, ...]  # seconds before each further try
    resend_uncertain: bool


def judge(entry: Entry, policy: Policy, now: datetime) -> Result:
    """The verdict on a message all of whose parts have been answered."""
    failure = entry.failure
    if failure is None:
        return Result(entry=entry, verdict=Verdict.TAKEN, at=now)
    code = PERMANENT.get(failure.kind)
    if code is not None:
        return _failed(entry, failure, code, now)
    if failure.kind in NOT_COUNTED:
        return _again(entry, entry.attempts, delay(AT_ONCE, 1) or AT_ONCE[0], now)
    if failure.kind is K.UNCERTAIN and not policy.resend_uncertain:
        return _failed(entry, failure, FailureCode.DELIVERY_FAILURE, now)
    attempts = entry.attempts + 1
    wait = delay(policy.schedule, attempts)
    if wait is None:
        return _failed(entry, failure, FailureCode.DELIVERY_FAILURE, now)
    return _again(entry, attempts, wait, now)


def put_off(entry: Entry, seconds: float, now: datetime) -> Result:
    """The verdict on a message that was not handed over: no try is counted."""
    return _again(entry, entry.attempts, seconds, now)


def _failed(entry: Entry, failure: Failure, code: FailureCode, now: datetime) -> Result:
    details = f"{failure.words} ({failure.code})" if failure.code else failure.words
    return Result(entry=entry, verdict=Verdict.FAILED, at=now, code=code.value, details=details)


def _again(entry: Entry, attempts: int, wait: float, now: datetime) -> Result:
    return Result(
        entry=entry,
        verdict=Verdict.AGAIN,
        at=now,
        due_at=now + timedelta(seconds=wait),
        attempts=attempts,
    )

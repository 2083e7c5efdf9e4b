"""What an answer means: delivered, another try, or the end; and what it means for the receiver."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from clarion.engine.events.delivering.ports import Answer
from clarion.engine.events.model import DeliveryStatus
from clarion.kit import backoff

SUCCESSES = range(200, 205)
GONE = 410
TOO_MANY = 429
AWAY = 503
MAX_HOLD = 3600.0  # seconds; a receiver may not stop us for longer than that at once
UNTOLD_HOLD = 5.0  # seconds that a receiver gets which says 429 and no more


class Judgement(Struct, frozen=True):
    """`due_at` is of a RETRY. `held` seconds nothing more goes to the configuration; `gone`: it is
    to be switched off."""

    status: DeliveryStatus
    due_at: datetime | None = None
    held: float = 0.0
    gone: bool = False


DELIVERED = Judgement(DeliveryStatus.SUCCESS)
HOPELESS = Judgement(DeliveryStatus.FAILED)
UNWANTED = Judgement(DeliveryStatus.FAILED, gone=True)


def judge(answer: Answer, *, tries: int, schedule: Sequence[float], at: datetime) -> Judgement:
    """`tries`: of the schedule, this one included; the first is 1."""
    if answer.status in SUCCESSES:
        return DELIVERED
    if answer.status == GONE:
        return UNWANTED
    if answer.hopeless:
        return HOPELESS
    held = _hold(answer)
    wait = backoff.delay(schedule, tries)
    if wait is None:
        return Judgement(DeliveryStatus.FAILED, held=held)
    due_at = at + timedelta(seconds=max(wait, held))
    return Judgement(DeliveryStatus.RETRY, due_at=due_at, held=held)


def _hold(answer: Answer) -> float:
    if answer.status == TOO_MANY:
        wait = answer.retry_after
        return min(MAX_HOLD, UNTOLD_HOLD if wait is None else wait)
    if answer.status == AWAY and answer.retry_after is not None:
        return min(MAX_HOLD, answer.retry_after)
    return 0.0

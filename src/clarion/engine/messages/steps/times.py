"""When a message leaves, and so the state that it begins in."""

from __future__ import annotations

from datetime import datetime

from clarion.engine.messages.model import FailureCode, MessageState
from clarion.engine.messages.prepare import state_when_good
from clarion.engine.messages.steps.candidate import Candidate
from clarion.engine.messages.steps.chunk import Chunk


async def set_times(chunk: Chunk) -> None:
    for c in chunk.going():
        c.due_at = c.plan.scheduled_at
        _begin(c, chunk.now)


def _begin(c: Candidate, now: datetime) -> None:
    plan = c.plan
    state = state_when_good(
        test=plan.test, paused=plan.paused, scheduled_at=c.due_at, expires_at=plan.expires_at,
        now=now,
    )  # fmt: skip
    if state is MessageState.EXPIRED:
        c.fail(FailureCode.EXPIRED, "The expiry time had passed when the request came.")
        c.state = state.value
    else:
        c.state = state.value

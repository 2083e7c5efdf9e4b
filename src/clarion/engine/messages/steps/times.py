"""When a message leaves: at its time, on its recipient's clock, within its sender id's hours. And
so the state that it begins in."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from clarion.engine.messages.hours import hours_of
from clarion.engine.messages.model import FailureCode, MessageState
from clarion.engine.messages.prepare import state_when_good
from clarion.engine.messages.recipients import Kind
from clarion.engine.messages.steps.candidate import Candidate
from clarion.engine.messages.steps.chunk import Chunk
from clarion.engine.senders.windows.model import Openings
from clarion.kit.localtime import local_to_utc, zone_of

_UTC = ZoneInfo("UTC")


async def set_times(chunk: Chunk) -> None:
    windows = {c.sender.class_id for c in chunk.going() if c.sender}
    openings = {class_id: await chunk.means.windows.get(class_id) for class_id in windows}
    for c in chunk.going():
        assert c.sender is not None
        c.due_at = _due(c, openings[c.sender.class_id], chunk.now)
        _begin(c, chunk.now)


def _due(c: Candidate, openings: Openings | None, now: datetime) -> datetime | None:
    plan = c.plan
    at = plan.scheduled_at
    if openings is None and not plan.local:
        return at
    zone = zone_of(
        zip=c.zip, country=c.home or c.country, mdn=c.address if c.kind is Kind.NUMBER else None
    )
    if plan.local and at is not None:
        at = local_to_utc(at.replace(tzinfo=None), zone or _UTC)
    if openings is None or plan.options.auto_reply or c.sender is None:
        return at
    c.hours = hours_of(c.sender.class_id, zone)
    wanted = at if at is not None and at > now else now
    opens = openings.next(c.country, zone, wanted)
    return at if opens == wanted else opens


def _begin(c: Candidate, now: datetime) -> None:
    plan = c.plan
    state = state_when_good(
        test=plan.test, paused=plan.paused, scheduled_at=c.due_at, expires_at=plan.expires_at,
        now=now,
    )  # fmt: skip
    c.state = state.value
    if state is MessageState.EXPIRED:
        c.fail(FailureCode.EXPIRED, "The expiry time had passed when the request came.")
    elif plan.expires_at is not None and c.due_at is not None and c.due_at >= plan.expires_at:
        c.state = MessageState.EXPIRED.value
        c.fail(FailureCode.EXPIRED, "It expires before it may be sent.")

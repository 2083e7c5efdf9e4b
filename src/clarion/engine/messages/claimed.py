"""From a claim to what a connector takes: which messages leave, and as what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from clarion.engine.messages import store
from clarion.engine.messages.hours import next_openings
from clarion.engine.messages.model import FailureCode, MessageState
from clarion.engine.messages.outcomes import Claim, Entry, Result, Verdict
from clarion.engine.messages.ports import Submission
from clarion.engine.messages.rich import rich_submission
from clarion.engine.messages.submissions import sms_submission
from clarion.engine.senders.windows.service import WindowDirectory
from clarion.kit import ids

Claimed = Mapping[UUID, tuple[asyncpg.Record | None, str, asyncpg.Record | None, datetime | None]]
"""Claimed messages: the row, its text, for other media than SMS what its request adds, and when its
delivery window opens if that is closed."""

Sendable = tuple[tuple[Entry, Submission], str | None]
"""A message that can leave, and its country."""

_GONE = (None, "", None, None)
_SENDABLE = frozenset({MessageState.CREATED.value, MessageState.SCHEDULED.value})


async def read_claimed(
    on: store.Runner,
    company_id: int,
    messages: Sequence[UUID],
    *,
    windows: WindowDirectory,
    now: datetime,
) -> Claimed:
    """Claimed messages with their bodies. Messages of one request share its body, and what other
    media than SMS carry beside it."""
    if not messages:
        return {}
    rows = await store.read_claimed(on, company_id, messages)
    shared = {row["request_id"] for row in rows if row["body"] is None}
    bodies = await store.read_bodies(on, company_id, list(shared)) if shared else {}
    rich = {row["request_id"] for row in rows if row["medium"] is not None}
    contents = await store.read_contents(on, company_id, list(rich)) if rich else {}
    closed = await next_openings(windows, rows, now)
    return {
        row["id"]: (
            row, row["body"] or bodies.get(row["request_id"], ""),
            contents.get(row["request_id"]), closed.get(row["id"]),
        )
        for row in rows
    }  # fmt: skip


def sort_out(
    claim: Claim,
    taken: Sequence[tuple[UUID, int, int]],
    rows: Claimed,
    *,
    now: datetime,
    oldest: datetime,
) -> tuple[list[Sendable], list[Result]]:
    """What can leave of a claim (message, attempts, parts taken), and what became of the rest.
    `oldest`: what was due before that is too old."""
    results: list[Result] = []
    good: list[Sendable] = []
    for message, attempts, parts_taken in taken:
        row, body, content, opens = rows.get(message, _GONE)
        entry = Entry(
            message_id=message,
            claim=claim,
            attempts=attempts,
            parts_taken=parts_taken,
            total=row["fragments"] if row else 1,
            waiting=0,
            taken=[],
        )
        stopped = _stop_reason(entry, row, now, oldest) or _closed(entry, row, opens, now)
        if stopped is not None:
            results.append(stopped)
            continue
        assert row is not None
        submission = _submission(entry, row, body, content)
        entry.waiting = len(submission.pending)
        good.append(((entry, submission), row["country"]))
    return good, results


def _submission(
    entry: Entry, row: asyncpg.Record, body: str, content: asyncpg.Record | None
) -> Submission:
    if row["medium"] is not None:
        return rich_submission(entry, row, body, content, entry.claim.priority)
    return sms_submission(
        entry,
        source=row["sender_address"],
        destination=row["peer_address"],
        body=body,
        encoding=row["encoding"],
        expires_at=row["expires_at"],
    )


def _stop_reason(
    entry: Entry, row: asyncpg.Record | None, now: datetime, oldest: datetime
) -> Result | None:
    """Why a claimed message is not sent after all, if it is not. No row: dropped by its age."""
    if row is None or row["state"] not in _SENDABLE or row["deleted_at"] is not None:
        return Result(entry=entry, verdict=Verdict.DROPPED, at=now)
    expires_at = row["expires_at"]
    created_at = ids.created_at(entry.message_id)
    too_old = max(created_at, row["scheduled_at"] or created_at) < oldest
    if too_old or (expires_at is not None and expires_at <= now):
        return Result(
            entry=entry,
            verdict=Verdict.FAILED,
            at=now,
            code=FailureCode.EXPIRED.value,
            details="Its time ran out before it could be sent.",
        )
    return None


def _closed(
    entry: Entry, row: asyncpg.Record | None, opens: datetime | None, now: datetime
) -> Result | None:
    """Put off until its delivery window opens. What has left in part leaves as a whole."""
    if row is None or opens is None or entry.parts_taken:
        return None
    if row["expires_at"] is not None and row["expires_at"] <= opens:
        return Result(
            entry=entry,
            verdict=Verdict.FAILED,
            at=now,
            code=FailureCode.EXPIRED.value,
            details="It expires before it may be sent.",
        )
    return Result(
        entry=entry, verdict=Verdict.CLOSED, at=now, due_at=opens, attempts=entry.attempts
    )

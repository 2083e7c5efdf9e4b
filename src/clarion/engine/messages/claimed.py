"""From a claim to what a connector takes: which messages leave, and as what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from clarion.engine.messages import store
from clarion.engine.messages.model import FailureCode, MessageState
from clarion.engine.messages.outcomes import Claim, Entry, Result, Verdict
from clarion.engine.messages.ports import Submission
from clarion.engine.messages.rich import rich_submission
from clarion.engine.messages.submissions import sms_submission
from clarion.kit import ids

Claimed = Mapping[UUID, tuple[asyncpg.Record | None, str, asyncpg.Record | None]]
"""Claimed messages: the row, its text, and for other media than SMS what its request adds."""

Sendable = tuple[tuple[Entry, Submission], str | None]
"""A message that can leave, and its country."""

_GONE = (None, "", None)
_SENDABLE = frozenset({MessageState.CREATED.value, MessageState.SCHEDULED.value})


async def read_claimed(on: store.Runner, company_id: int, messages: Sequence[UUID]) -> Claimed:
    """Claimed messages with their bodies. Messages of one request share its body, and what other
    media than SMS carry beside it."""
    if not messages:
        return {}
    rows = await store.read_claimed(on, company_id, messages)
    shared = {row["request_id"] for row in rows if row["body"] is None}
    bodies = await store.read_bodies(on, company_id, list(shared)) if shared else {}
    rich = {row["request_id"] for row in rows if row["medium"] is not None}
    contents = await store.read_contents(on, company_id, list(rich)) if rich else {}
    return {
        row["id"]: (
            row, row["body"] or bodies.get(row["request_id"], ""), contents.get(row["request_id"])
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
        row, body, content = rows.get(message, _GONE)
        entry = Entry(
            message_id=message,
            claim=claim,
            attempts=attempts,
            parts_taken=parts_taken,
            total=row["fragments"] if row else 1,
            waiting=0,
            taken=[],
        )
        stopped = _stop_reason(entry, row, now, oldest)
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

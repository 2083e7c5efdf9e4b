"""What the steps have made, as rows."""

from __future__ import annotations

from collections.abc import Sequence

from clarion.engine.messages import store
from clarion.engine.messages.model import MessageState
from clarion.engine.messages.steps.candidate import Candidate
from clarion.engine.messages.steps.chunk import Chunk

MAX_SHOWN = 254  # of an address that could not be read
_NO_SUBSTITUTE = frozenset({MessageState.EXPIRED.value, MessageState.TEST.value})
_QUEUED = frozenset({MessageState.CREATED.value, MessageState.SCHEDULED.value})


async def store_messages(chunk: Chunk) -> None:
    """A message for each, and a place in the queue where it is to leave."""
    if chunk.candidates:
        requests = sorted({c.plan.request_id for c in chunk.candidates})
        rows = [_row(c) for c in chunk.candidates]
        await store.add_personal(chunk.on, chunk.company_id, rows, requests, chunk.now)
        pushes = [(c.id, c.code is not None) for c in chunk.candidates if c.fails_over]
        await store.add_failovers(chunk.on, chunk.company_id, pushes)


def settle_state(c: Candidate) -> None:
    """What was stopped has FAILED, if it has not expired."""
    if c.code is not None and c.state != MessageState.EXPIRED:
        c.state = MessageState.FAILED.value
    c.fails_over = c.fails_over and c.state not in _NO_SUBSTITUTE


def queued(candidates: Sequence[Candidate]) -> set[str]:
    """The connectors whose queue has grown."""
    return {c.connector for c in candidates if c.state in _QUEUED}


def count(c: Candidate, into: store.Count) -> None:
    """Add one message to what its request counts; a push that has failed counts as pending, too,
    for the SMS that follows it."""
    failed = c.state in (MessageState.FAILED, MessageState.EXPIRED)
    into.failed += failed
    into.pending += c.fails_over or c.state in _QUEUED or c.state == MessageState.PAUSED
    into.translated += c.language is not None
    into.untranslated += c.failed_translation is not None
    if c.price is not None:
        into.price = c.price if into.price is None else into.price + c.price


def _row(c: Candidate) -> tuple[object, ...]:
    sender = c.sender or c.plan.sender
    return (
        c.message_id,
        c.plan.request_id,
        c.state,
        c.medium,
        sender.id,
        sender.address,
        c.address or c.given[:MAX_SHOWN].replace("\x00", ""),
        c.country,
        c.contact_id,
        c.body,
        c.encoding,
        c.fragments,
        c.due_at,
        c.language,
        c.failed_translation,
        c.price,
        c.code,
        c.words,
        c.connector or None,
        c.plan.priority if c.plan.channel else sender.priority,
        c.fails_over,
        c.hours,
    )

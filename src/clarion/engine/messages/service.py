"""What clients can do to requests and messages once they exist.

Changes of many messages go by slices, each its own transaction with its counters; a crash in
between leaves a request that the same call finishes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from clarion.engine.accounts.model import Caller
from clarion.engine.messages import store
from clarion.engine.messages.amend import NO_LABELS, Labels, hold, set_labels
from clarion.engine.messages.model import Direction, FailureCode, MessageState, RequestState
from clarion.engine.messages.routing import connector_for
from clarion.engine.messages.states import TRANSITIONS, Input
from clarion.engine.messages.stops import UNSENT, stop
from clarion.engine.senders.channels.model import QUEUE_PRIORITIES
from clarion.engine.senders.channels.store import usable
from clarion.engine.senders.directory import SenderDirectory
from clarion.errors import Conflict, InvalidInput, NotFound
from clarion.kit import ids
from clarion.kit.changes import check_version, given
from clarion.settings import ConnectorSettings
from clarion.storage.database import Database

SLICE = 1000
S = MessageState

_CANCELABLE = [S.CREATED.value, S.SCHEDULED.value, S.PAUSED.value]
_PAUSED = [S.PAUSED.value]
_OPEN = frozenset(
    {RequestState.SUBMITTED, RequestState.PREPARING, RequestState.TRANSMITTING, RequestState.PAUSED}
)


async def cancel_request(
    db: Database,
    company_id: int,
    request_id: UUID,
    *,
    labels: Labels = NO_LABELS,
    version: int | None = None,
) -> None:
    """Stop what has not left yet, and set labels. Canceling twice, or when all has left, changes
    nothing more. Raises NotFound, StaleVersion."""
    await _close_request(db, company_id, request_id, labels, version)
    await _move_all(db, company_id, request_id, _CANCELABLE, Input.CANCEL)


async def delete_request(db: Database, company_id: int, request_id: UUID) -> None:
    """Cancel what has not left, then mark the request DELETED. Raises NotFound."""
    await cancel_request(db, company_id, request_id)
    await store.delete_request(db, company_id, request_id, datetime.now(UTC))


async def resume_request(
    db: Database,
    senders: SenderDirectory,
    connectors: Mapping[str, ConnectorSettings],
    company_id: int,
    request_id: UUID,
    *,
    labels: Labels = NO_LABELS,
    version: int | None = None,
) -> list[str]:
    """Let a paused request go on, and set labels; answers the connectors whose queues have grown.

    Raises NotFound, StaleVersion, Conflict (it is not paused).
    """
    request = await store.read_request(db, company_id, request_id)
    if request is None:
        raise NotFound
    if request.state != RequestState.PAUSED:
        raise Conflict(f"The message request is {request.state}, not PAUSED.")
    ways = await _ways(db, senders, connectors, company_id, request)
    span = request_id, ids.last_message_id(request_id)

    async def begin(tx: asyncpg.Connection) -> None:
        held = await hold(tx, company_id, request_id, version)
        alone = held.solo_message_id is not None
        if alone:
            await _move_slice(tx, company_id, span, _PAUSED, Input.RESUME, ways=ways)
        await set_labels(tx, company_id, request_id, labels, step=0 if alone else 1)

    await db.run(begin)
    await _move_all(db, company_id, request_id, _PAUSED, Input.RESUME, ways=ways)
    await store.end_pause(db, company_id, request_id, datetime.now(UTC), step=0)
    return sorted({way.connector for way in ways})


async def _ways(
    db: Database,
    senders: SenderDirectory,
    connectors: Mapping[str, ConnectorSettings],
    company_id: int,
    request: store.HeldRequest,
) -> list[store.Way]:
    """Where the paused messages of a request go."""
    span = request.id, ids.last_message_id(request.id)
    priority = await _channels_priority(db, company_id, request.channel_id)
    found = []
    for sender_id, medium in await store.paused_routes(db, company_id, span):
        sender = await senders.get(company_id, sender_id)
        connector = sender and connector_for(sender.address, sender.connector, connectors, medium)
        if sender is None or not connector:
            words = "The sender id, or the connector that carries it, is no longer there."
            raise Conflict(words)
        turn = sender.priority if priority is None else priority
        found.append(store.Way(sender_id, medium, connector, turn))
    return found


async def _channels_priority(db: Database, company_id: int, channel: UUID | None) -> int | None:
    row = await usable(db, company_id, channel) if channel else None
    return QUEUE_PRIORITIES[row["priority"]] if row else None


async def expire_paused(db: Database, company_id: int, request_id: UUID) -> None:
    """The pause has run out: what is still paused expires."""
    await _move_all(db, company_id, request_id, _PAUSED, Input.EXPIRE)
    await store.end_pause(db, company_id, request_id, datetime.now(UTC), step=1)


async def change_message(
    db: Database,
    caller: Caller,
    message_id: UUID,
    *,
    state: str,
    version: int | None = None,
    converted_at: datetime | None = None,
    source: str | None = None,
) -> None:
    """The moves that a client may make (SCG reference, Message, POST): MO to PROCESSED or DELETED,
    MT to CONVERTED or DELETED. Raises NotFound, StaleVersion, InvalidInput, Conflict."""
    if state == "DELETED":
        await delete_message(db, caller.company_id, message_id, version=version)
        return
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        message = await _lock(tx, caller.company_id, message_id, version)
        if message.direction == Direction.MO:
            await _process(tx, caller.company_id, message, state, now)
        else:
            await _convert(tx, caller.company_id, message, state, converted_at or now, source)

    await db.run(work)


async def delete_message(
    db: Database, company_id: int, message_id: UUID, *, version: int | None = None
) -> None:
    """Mark a message DELETED; one that has not left is canceled first. Raises NotFound,
    StaleVersion."""
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        await _lock(tx, company_id, message_id, version)
        await stop(tx, company_id, Input.CANCEL, [store.Advance(message_id, now)], now)
        await store.delete_message(tx, company_id, message_id, now)

    await db.run(work)


async def _lock(
    tx: store.Runner, company_id: int, message_id: UUID, version: int | None
) -> store.HeldMessage:
    message = await store.lock_message(tx, company_id, message_id)
    if message is None:
        raise NotFound
    check_version(version, message.version)
    return message


async def _process(
    tx: store.Runner, company_id: int, message: store.HeldMessage, state: str, now: datetime
) -> None:
    if state != S.PROCESSED:
        raise InvalidInput("state: an MO message can become PROCESSED or DELETED", field="state")
    if message.state == S.RECEIVED:
        await store.process_inbound(tx, company_id, message.id, now)


async def _convert(
    tx: store.Runner,
    company_id: int,
    message: store.HeldMessage,
    state: str,
    at: datetime,
    source: str | None,
) -> None:
    if state != S.CONVERTED:
        raise InvalidInput("state: an MT message can become CONVERTED or DELETED", field="state")
    current = MessageState(message.state)
    if current is S.CONVERTED:
        return
    if current not in TRANSITIONS[Input.CONVERT]:
        raise InvalidInput(
            f"state: a message that is {current} cannot become CONVERTED", field="state"
        )
    await store.advance(
        tx,
        company_id,
        Input.CONVERT,
        [store.Advance(message.id, at, details=source)],
        datetime.now(UTC),
    )


async def _close_request(
    db: Database, company_id: int, request_id: UUID, labels: Labels, version: int | None
) -> None:
    """Its own state becomes CANCELED, so that nothing more is prepared; that of a request of one
    recipient only if its message has not left."""
    span = request_id, ids.last_message_id(request_id)

    async def work(tx: asyncpg.Connection) -> None:
        request = await hold(tx, company_id, request_id, version)
        step = 1 if given(labels) else 0  # of a request that is over: nothing else changes
        if request.solo_message_id is not None:
            if await _move_slice(tx, company_id, span, _CANCELABLE, Input.CANCEL, ways=()):
                await store.mark_canceled(tx, company_id, request_id)
                step = 0
        elif request.state in _OPEN:
            step = 0
            await store.set_request_state(
                tx, company_id, request_id, was=request.state, state=RequestState.CANCELED,
                now=datetime.now(UTC),
            )  # fmt: skip
        await set_labels(tx, company_id, request_id, labels, step=step)

    await db.run(work)


async def _move_all(
    db: Database,
    company_id: int,
    request_id: UUID,
    states: list[str],
    input: Input,
    *,
    ways: Sequence[store.Way] = (),
) -> None:
    """Apply an input to all of a request's messages in given states, a slice at a time."""
    after, last = request_id, ids.last_message_id(request_id)
    while True:

        async def work(tx: asyncpg.Connection, after: UUID = after) -> UUID | None:
            return await _move_slice(tx, company_id, (after, last), states, input, ways=ways)

        reached = await db.run(work)
        if reached is None:
            return
        after = reached


async def _move_slice(
    tx: store.Runner,
    company_id: int,
    span: tuple[UUID, UUID],
    states: list[str],
    input: Input,
    *,
    ways: Sequence[store.Way],
) -> UUID | None:
    now = datetime.now(UTC)
    found = await store.messages_in_state(tx, company_id, span, states, SLICE)
    if not found:
        return None
    moved: list[UUID] = []
    later = [m for m, due in found if due and due > now]
    if input is Input.RESUME:
        waiting = [_moving(m, Input.RESUME_LATER, now) for m in later]
        moved += await store.advance(tx, company_id, Input.RESUME_LATER, waiting, now)
    change = stop if input in UNSENT else store.advance
    moved += await change(tx, company_id, input, [_moving(m, input, now) for m, _ in found], now)
    if input is Input.CANCEL:  # the others are dropped when their turn comes, which is soon
        await store.unqueue_scheduled(tx, company_id, later)
    if ways:  # only what moved: the same call may run beside this one
        await store.queue_resumed(tx, company_id, ways, now, moved)
    return found[-1][0]


def _moving(message: UUID, input: Input, now: datetime) -> store.Advance:
    if input is not Input.EXPIRE:
        return store.Advance(message, now)
    words = "Its pause ran out before it was resumed."
    return store.Advance(message, now, FailureCode.EXPIRED.value, words)

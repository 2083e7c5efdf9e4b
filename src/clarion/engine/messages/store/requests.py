"""Requests as they are accepted, held for a change, and changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from clarion.engine.messages.model import FailureCode, MessageState, RequestState
from clarion.engine.messages.prepared import Kind, Prepared
from clarion.engine.messages.store.rows import MESSAGE_COLUMNS, SQL, Runner, column, columns
from clarion.kit.ids import last_message_id, new_id

_UNDER_WAY = frozenset({RequestState.PREPARING, RequestState.TRANSMITTING})
Claims = Mapping[Kind, UUID]
"""Claims of this node, by the kind of the messages that go into each past the queue."""


def takes_one_statement(batch: Sequence[Prepared]) -> bool:
    """Whether `accept` needs no transaction around it."""
    if all(p.alone for p in batch):
        return True
    return not any(p.alone or p.planned or p.told for p in batch)


async def accept(
    on: Runner,
    batch: Sequence[Prepared],
    now: datetime,
    *,
    claims: Claims,
    node_id: UUID | None,
) -> None:
    """Store requests, and the messages that are ready with them: in the queue, or, of the kinds
    that have a claim, in this node's hands. In a transaction, unless `takes_one_statement`."""
    if alone := [p for p in batch if p.alone]:
        await _accept_alone(on, alone, now, claims, node_id)
        if len(alone) == len(batch):
            return
    if any(p.planned for p in batch):
        await accept_planned(on, batch, now)
    if rest := [p for p in batch if p.request]:
        await _accept_requests(on, rest, now, claims, node_id)


async def _accept_alone(
    on: Runner, batch: Sequence[Prepared], now: datetime, claims: Claims, node_id: UUID | None
) -> None:
    kinds, numbers = _kinds(batch, claims)
    await on.execute(
        SQL["accept_alone"],
        *kinds,
        now,
        numbers,
        *map(column, zip(*(p.alone for p in batch if p.alone), strict=True)),
        node_id,
    )


async def _accept_requests(
    on: Runner, batch: Sequence[Prepared], now: datetime, claims: Claims, node_id: UUID | None
) -> None:
    kinds, numbers = _kinds(batch, claims)
    await on.execute(
        SQL["accept_requests"],
        *kinds,
        numbers,
        *map(column, zip(*(p.request for p in batch), strict=True)),
        now,
        *columns([row for p in batch for row in p.messages], MESSAGE_COLUMNS),
        node_id,
    )
    await _announce_births(on, [p for p in batch if p.told], now)


def _kinds(batch: Sequence[Prepared], claims: Claims) -> tuple[list[Sequence[object]], list[int]]:
    """The kinds of a batch as columns, with their numbers and claims; and each one's number."""
    kinds: dict[Kind, int] = {}
    numbers = [kinds.setdefault(p.kind, len(kinds)) for p in batch]
    columns = [*zip(*kinds, strict=True), list(kinds.values()), [claims.get(k) for k in kinds]]
    return columns, numbers


async def _announce_births(on: Runner, batch: Sequence[Prepared], now: datetime) -> None:
    """Those that begin in another state than most; part of the same transaction."""
    if not batch:
        return
    messages = [
        (p.company_id, row[0], row[2], row[5] or "", row[6] or "")
        for p in batch
        for row in p.messages
        if row[2] != MessageState.CREATED
    ]
    requests = [
        (p.company_id, p.request_id, state, *_reason(p))
        for p in batch
        if (state := p.kind[2]) not in _UNDER_WAY
    ]
    await on.execute(
        SQL["announce_births"], now, new_id(), new_id(), *columns(messages, 5),
        *columns(requests, 5),
    )  # fmt: skip


def _reason(p: Prepared) -> tuple[object, object]:
    """Code and words: those of its only message, or of the first where none can leave."""
    if len(p.messages) > 1 and p.kind[2] != RequestState.REJECTED:
        return "", ""
    return p.messages[0][5] or "", p.messages[0][6] or ""


async def accept_planned(on: Runner, batch: Sequence[Prepared], now: datetime) -> None:
    """Store those whose messages are made later."""
    if planned := [p.planned for p in batch if p.planned is not None]:
        await on.execute(SQL["accept_planned"], *columns(planned, len(planned[0])), now)


async def stored_requests(on: Runner, keys: Sequence[tuple[object, ...]]) -> set[UUID]:
    """Which of these (company, request) pairs exist."""
    rows = await on.fetch(SQL["stored_requests"], *columns(keys, 2))
    return {row["id"] for row in rows}


async def claim_external_ids(on: Runner, rows: Sequence[tuple[object, ...]]) -> set[UUID]:
    """Reserve external ids; answers the requests that got theirs."""
    won = await on.fetch(SQL["claim_external_ids"], *columns(rows, 5))
    return {row["request_id"] for row in won}


async def read_external_id(
    on: Runner, company_id: int, application_id: int, external_id: str
) -> tuple[UUID, bytes] | None:
    """The request that has this external id, and the fingerprint of its body."""
    row = await on.fetchrow(SQL["read_external_id"], company_id, application_id, external_id)
    return (row["request_id"], row["fingerprint"]) if row else None


class HeldRequest(Struct, frozen=True):
    """A request as its client's changes need it."""

    id: UUID
    solo_message_id: UUID | None
    state: str
    version: int
    channel_id: UUID | None


async def lock_request(on: Runner, company_id: int, request_id: UUID) -> HeldRequest | None:
    """The request's own row, held; a solo request's state is its message's (read_request)."""
    row = await on.fetchrow(SQL["lock_request"], company_id, request_id)
    return HeldRequest(*row) if row else None


async def read_request(on: Runner, company_id: int, request_id: UUID) -> HeldRequest | None:
    """The request as clients see it."""
    row = await on.fetchrow(SQL["read_request"], company_id, request_id)
    return HeldRequest(*row) if row else None


async def set_request_state(
    on: Runner,
    company_id: int,
    request_id: UUID,
    *,
    was: str,
    state: RequestState,
    now: datetime,
) -> None:
    await on.execute(
        SQL["set_request_state"], company_id, request_id, was, state.value, now, new_id()
    )


async def end_pause(
    on: Runner, company_id: int, request_id: UUID, now: datetime, *, step: int
) -> None:
    """A paused request becomes TRANSMITTING, or COMPLETED; any other is left as it is, and so is
    one of one recipient, whose message says it. `step`: what its version goes up by."""
    await on.execute(SQL["end_pause"], company_id, request_id, now, new_id(), step)


async def reject_request(
    on: Runner,
    company_id: int,
    request_id: UUID,
    now: datetime,
    *,
    details: str,
    code: FailureCode,
) -> None:
    """A request that cannot be expanded any further."""
    await on.execute(
        SQL["reject_request"], company_id, request_id, now, details, code.value,
        last_message_id(request_id), new_id(),
    )  # fmt: skip


async def mark_canceled(on: Runner, company_id: int, request_id: UUID) -> None:
    await on.execute(SQL["mark_canceled"], company_id, request_id)


async def delete_request(on: Runner, company_id: int, request_id: UUID, now: datetime) -> None:
    await on.execute(SQL["delete_request"], company_id, request_id, now, new_id())


async def paused_past_time(
    on: Runner, now: datetime, since: datetime, limit: int
) -> list[tuple[int, UUID]]:
    rows = await on.fetch(SQL["paused_past_time"], now, since, limit)
    return [(row["company_id"], row["id"]) for row in rows]

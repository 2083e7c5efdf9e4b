"""The only place that runs the SQL of requests and messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg
from msgspec import Struct
from msgspec.structs import astuple

from clarion.engine.messages.model import Content, RequestState, Route
from clarion.engine.messages.ports import Inbound, Receipt, ReceiptState
from clarion.engine.messages.prepare import Prepared
from clarion.engine.messages.states import STAMP, Input, moves
from clarion.engine.messages.turns import Lane
from clarion.kit.ids import new_id, request_id_of
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
_REQUEST_COLUMNS = 32
_MESSAGE_COLUMNS = 7


class Runner(Protocol):
    """A connection in a transaction, or the database itself for a statement on its own."""

    async def fetch(self, query: str, *args: object) -> list[asyncpg.Record]: ...
    async def fetchrow(self, query: str, *args: object) -> asyncpg.Record | None: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...
    async def execute(self, query: str, *args: object) -> str: ...


def columns(rows: Sequence[tuple[object, ...]], count: int) -> list[Sequence[object]]:
    """Rows turned into the arrays that `unnest` takes; `count` empty ones for no rows."""
    if not rows:
        return [()] * count
    return [column(values) for values in zip(*rows, strict=True)]


def column(values: Sequence[object]) -> Sequence[object]:
    """An array for `unnest`, which fills a short one up with nulls: an attribute that nobody used
    costs nothing."""
    return () if values.count(None) == len(values) else values


async def accept(on: Runner, batch: Sequence[Prepared], now: datetime) -> None:
    """Store requests, and the messages that are ready with them."""
    await on.execute(
        SQL["accept_requests"],
        *columns([p.request for p in batch], _REQUEST_COLUMNS),
        now,
        *columns([row for p in batch for row in p.messages], _MESSAGE_COLUMNS),
    )


class Advance(Struct, frozen=True, gc=False):
    """One input for one message. `code` and `details` matter where it makes the message fail."""

    id: UUID
    at: datetime
    code: str | None = None
    details: str | None = None


async def advance(
    on: Runner, company_id: int, input: Input, batch: Sequence[Advance], now: datetime
) -> list[UUID]:
    """Apply one input to messages by the table of states; answers those that moved."""
    table = moves(input)
    if not batch or not table:
        return []
    found = [a.id for a in batch]
    rows = await on.fetch(
        SQL["advance_messages"],
        company_id,
        min(found),
        max(found),
        found,
        [a.at for a in batch],
        STAMP.get(input, "none"),
        now,
        column([a.code for a in batch]),
        column([a.details for a in batch]),
        [m.state for m in table],
        [m.stamped for m in table],
        [m.next for m in table],
        [m.pending for m in table],
        [m.stamps for m in table],
        [m.canceled for m in table],
        [m.failed for m in table],
        request_id_of(min(found)),
    )
    return [row["id"] for row in rows]


class NewFragment(Struct, frozen=True, gc=False):
    """A part that a carrier has taken."""

    message_id: UUID
    number: int
    total: int
    external_id: str  # normal form
    shown_id: str


async def add_fragments(
    on: Runner, company_id: int, connector: str, batch: Sequence[NewFragment]
) -> None:
    if not batch:
        return
    await on.execute(
        SQL["add_fragments"],
        company_id,
        connector,
        [f.message_id for f in batch],
        [f.number for f in batch],
        [f.total for f in batch],
        [f.external_id for f in batch],
        [f.shown_id for f in batch],
    )


class Requeued(Struct, frozen=True, gc=False):
    """A message that goes back into the queue."""

    id: UUID
    priority: int
    due_at: datetime
    attempts: int
    parts_taken: int


async def requeue(on: Runner, company_id: int, connector: str, batch: Sequence[Requeued]) -> None:
    if not batch:
        return
    found = [r.id for r in batch]
    await on.execute(
        SQL["requeue"],
        company_id,
        connector,
        min(found),
        max(found),
        found,
        [r.priority for r in batch],
        [r.due_at for r in batch],
        [r.attempts for r in batch],
        [r.parts_taken for r in batch],
    )


def by_company(rows: Iterable[tuple[int, Any]]) -> dict[int, list[Any]]:
    """Pairs of company and value, as one batch a company: no statement mixes companies."""
    found: dict[int, list[Any]] = {}
    for company_id, value in rows:
        found.setdefault(company_id, []).append(value)
    return found


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


async def queue_depth(
    on: Runner, company_id: int, connector: str, sender_id: UUID, *, limit: int
) -> int:
    """Messages that wait for a sender, counted up to `limit`."""
    count: int = await on.fetchval(SQL["queue_depth"], company_id, connector, sender_id, limit)
    return count


class FoundLane(Struct, frozen=True, gc=False):
    """A lane with something waiting, and when its first message is due."""

    company_id: int
    connector: str
    sender_id: UUID
    priority: int
    due_at: datetime


async def find_lanes(on: Runner) -> list[FoundLane]:
    """Every lane of the queue, of all connectors."""
    return [FoundLane(*row) for row in await on.fetch(SQL["find_lanes"])]


async def describe_lane(on: Runner, company_id: int, sender_id: UUID) -> tuple[int, float]:
    """A company's weight, and the messages a second that the sender may send; 0: no limit."""
    row = await on.fetchrow(SQL["describe_lane"], company_id, sender_id)
    return (row["weight"], row["throughput"] or 0.0) if row else (1, 0.0)


async def claim_lane(
    on: Runner,
    claim_id: UUID,
    lane: Lane,
    *,
    connector: str,
    node_id: UUID,
    now: datetime,
    count: int,
) -> list[tuple[UUID, int, int]]:
    """Move due messages of a lane into a claim of this node: (id, attempts, parts taken)."""
    return await on.fetch(
        SQL["claim_lane"],
        lane.company_id, connector, lane.sender_id, lane.priority, now, count, claim_id, node_id,
    )  # fmt: skip


async def read_claimed(
    on: Runner, company_id: int, messages: Sequence[UUID]
) -> list[asyncpg.Record]:
    """What to send of claimed messages; `body` is null where read_bodies has it."""
    return await on.fetch(SQL["read_claimed"], company_id, messages, min(messages), max(messages))


async def read_bodies(on: Runner, company_id: int, requests: Sequence[UUID]) -> dict[UUID, str]:
    """Bodies by request."""
    rows = await on.fetch(SQL["read_bodies"], company_id, requests)
    return {row["id"]: row["body"] for row in rows}


async def take_back_claim(on: Runner, company_id: int, claim_id: UUID) -> OrphanedClaim | None:
    """Delete a claim, if it is there, to put its messages back."""
    row = await on.fetchrow(SQL["take_back_claim"], company_id, claim_id)
    return OrphanedClaim(*row) if row else None


async def shrink_claim(
    on: Runner, company_id: int, claim_id: UUID, rest: Mapping[UUID, int]
) -> bool:
    """What of a claim is still unrecorded, with the attempts of each; False: it is gone."""
    found = await on.fetchval(
        SQL["shrink_claim"], company_id, claim_id, list(rest), list(rest.values())
    )
    return found is not None


async def drop_claims(on: Runner, company_id: int, claims: Sequence[UUID]) -> set[UUID]:
    """Answers those that were there."""
    return {row["id"] for row in await on.fetch(SQL["drop_claims"], company_id, claims)}


async def read_claims(on: Runner, company_id: int, claims: Sequence[UUID]) -> set[UUID]:
    """The messages that claims still list."""
    rows = await on.fetch(SQL["read_claims"], company_id, claims)
    return {message for row in rows for message in row["messages"]}


class Known(Struct, frozen=True, gc=False):
    """The part of a message that a carrier's id names."""

    company_id: int
    message_id: UUID
    number: int
    total: int


async def find_fragments(
    on: Runner, connector: str, external_ids: Sequence[str], since: UUID
) -> dict[str, list[Known]]:
    """Parts by the carrier's id. An id that a carrier has used again names the latest message;
    several parts of one message may share an id (message_payload)."""
    found: dict[str, list[Known]] = {}
    for row in await on.fetch(SQL["find_fragments"], connector, external_ids, since):
        part = Known(row["company_id"], row["message_id"], row["number"], row["total"])
        others = found.get(row["external_id"])
        if others is None or others[0].message_id < part.message_id:
            found[row["external_id"]] = [part]
        elif others[0].message_id == part.message_id:
            others.append(part)
    return found


async def settle_fragments(
    on: Runner, company_id: int, rows: Sequence[tuple[UUID, int, str, str | None]]
) -> None:
    """(message, number, state, failure code) of parts of several."""
    if rows:
        found = [row[0] for row in rows]
        await on.execute(
            SQL["settle_fragments"], company_id, min(found), max(found), *columns(rows, 4)
        )


async def lock_messages(on: Runner, company_id: int, messages: Sequence[UUID]) -> None:
    """Hold these messages until the transaction ends."""
    if messages:
        await on.fetch(SQL["lock_messages"], company_id, min(messages), max(messages), messages)


async def read_fragment_states(
    on: Runner, company_id: int, messages: Sequence[UUID]
) -> list[tuple[UUID, int, list[str | None]]]:
    """(message, parts in all, the states of those that the carrier has)."""
    if not messages:
        return []
    rows = await on.fetch(
        SQL["read_fragment_states"], company_id, min(messages), max(messages), messages
    )
    return [(row["message_id"], row["total"], row["states"]) for row in rows]


class KeptReceipt(Struct, frozen=True):
    """A receipt that waits for its message."""

    id: UUID
    connector: str
    receipt: Receipt
    tries: int


async def keep_receipts(
    on: Runner, connector: str, kept: Sequence[KeptReceipt], next_try_at: datetime
) -> None:
    await on.execute(
        SQL["keep_receipts"],
        connector,
        [k.id for k in kept],
        [k.receipt.external_id for k in kept],
        [k.receipt.state.value for k in kept],
        [k.receipt.error for k in kept],
        [k.receipt.at for k in kept],
        [next_try_at] * len(kept),
    )


async def due_receipts(on: Runner, now: datetime, limit: int) -> list[KeptReceipt]:
    return [
        KeptReceipt(
            id=row["id"],
            connector=row["connector"],
            receipt=Receipt(
                row["external_id"], ReceiptState(row["state"]), row["error"], row["at"]
            ),
            tries=row["tries"],
        )
        for row in await on.fetch(SQL["due_receipts"], now, limit)
    ]


async def postpone_receipts(
    on: Runner, connector: str, rows: Sequence[tuple[UUID, datetime]]
) -> None:
    if rows:
        await on.execute(SQL["postpone_receipts"], [connector] * len(rows), *columns(rows, 2))


async def drop_receipts(on: Runner, connector: str, found: Sequence[UUID]) -> None:
    if found:
        await on.execute(SQL["drop_receipts"], [connector] * len(found), found)


class Whole(Struct, frozen=True):
    """An MO message of which every part is there, or as much of it as came in time."""

    connector: str
    source: str
    destination: str
    text: str
    fragments: int


class NewInbound(Struct, frozen=True):
    """An MO message with its owner; the fields are add_inbound's columns in order."""

    company_id: int
    id: UUID
    application_id: int | None
    sender_id: UUID
    sender_address: str
    peer_address: str
    country: str | None
    body: str
    conversation_id: str | None
    reply_to: UUID | None
    fragments: int


class LastSent(Struct, frozen=True):
    """The last message that went from a sender to a subscriber."""

    message_id: UUID
    sender_id: UUID
    application_id: int | None
    conversation_id: str | None


PartKey = tuple[str, str, str, int, int]
"""Connector, source, destination, reference, total: the parts of one long MO message."""


async def add_inbound(on: Runner, batch: Sequence[NewInbound], now: datetime) -> None:
    for company_id, rows in by_company((m.company_id, m) for m in batch).items():
        await on.execute(
            SQL["add_inbound"],
            company_id,
            now,
            *columns([astuple(m)[1:] for m in rows], 10),
        )


async def add_inbound_parts(
    on: Runner, batch: Sequence[tuple[str, Inbound]], now: datetime
) -> None:
    if batch:
        rows = [
            (
                connector,
                m.source[:64].replace("\x00", ""),
                m.destination[:64].replace("\x00", ""),
                m.reference,
                m.total,
                m.number,
                m.text.replace("\x00", ""),
            )
            for connector, m in batch
        ]
        await on.execute(SQL["add_inbound_parts"], now, *columns(rows, 7))


async def whole_inbound(on: Runner, cutoff: datetime, limit: int) -> list[PartKey]:
    """Long MO messages that are complete, or of which a part came before `cutoff`."""
    return [tuple(row) for row in await on.fetch(SQL["whole_inbound"], cutoff, limit)]


async def take_whole_inbound(on: Runner, keys: Sequence[PartKey]) -> list[Whole]:
    rows = await on.fetch(SQL["take_whole_inbound"], *columns(keys, 5))
    return [Whole(*row) for row in rows]


async def add_strays(on: Runner, batch: Sequence[Whole]) -> None:
    if batch:
        rows = [(new_id(), w.connector, w.source, w.destination, w.text) for w in batch]
        await on.execute(SQL["add_strays"], *columns(rows, 5))


async def last_sent(
    on: Runner, company_id: int, asked: Sequence[tuple[UUID, str, int]], since: UUID
) -> list[tuple[int, LastSent]]:
    """For (sender, subscriber, position) the last message sent since then, by position."""
    rows = await on.fetch(SQL["last_sent_to"], company_id, *columns(asked, 3), since)
    return [
        (
            row["position"],
            LastSent(row["id"], row["sender_id"], row["application_id"], row["conversation_id"]),
        )
        for row in rows
    ]


async def beat(
    on: Runner, node_id: UUID, name: str, roles: Sequence[str], expires_at: datetime
) -> None:
    await on.execute(SQL["beat"], node_id, name, roles, expires_at)


async def remove_node(on: Runner, node_id: UUID) -> None:
    await on.execute(SQL["remove_node"], node_id)


async def forget_all_nodes(on: Runner) -> None:
    await on.execute(SQL["forget_all_nodes"])


async def forget_nodes(on: Runner, before: datetime) -> None:
    await on.execute(SQL["forget_nodes"], before)


async def count_live_nodes(on: Runner, role: str, now: datetime) -> int:
    return len(await on.fetch(SQL["live_nodes"], role, now))


async def lease_binds(
    on: Runner,
    connector: str,
    *,
    binds: int,
    share: int,
    node_id: UUID,
    now: datetime,
    expires_at: datetime,
) -> list[int]:
    rows = await on.fetch(SQL["lease_binds"], connector, binds, share, node_id, now, expires_at)
    return [row["slot"] for row in rows]


async def count_bind_holders(on: Runner, connector: str, now: datetime) -> int:
    count: int = await on.fetchval(SQL["bind_holders"], connector, now)
    return count


async def release_binds(on: Runner, connector: str, node_id: UUID, keep: Sequence[int]) -> None:
    await on.execute(SQL["release_binds"], connector, node_id, keep)


class OrphanedClaim(Struct, frozen=True):
    """What a node that is gone had in its hands."""

    company_id: int
    connector: str
    priority: int
    messages: list[UUID]
    attempts: list[int]


async def take_orphaned_claims(
    on: Runner, connectors: Sequence[str], now: datetime, limit: int
) -> list[OrphanedClaim]:
    rows = await on.fetch(SQL["orphaned_claims"], connectors, now, limit)
    return [OrphanedClaim(*row) for row in rows]


async def parts_taken(on: Runner, company_id: int, messages: Sequence[UUID]) -> dict[UUID, int]:
    """Bits of the parts that a carrier is known to have."""
    rows = await on.fetch(SQL["parts_taken"], company_id, messages)
    return {row["message_id"]: row["parts"] for row in rows}


class HeldRequest(Struct, frozen=True):
    """A request as its client's changes need it."""

    id: UUID
    solo_message_id: UUID | None
    state: str
    version: int
    sender_id: UUID


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
    await on.execute(SQL["set_request_state"], company_id, request_id, was, state.value, now)


async def end_pause(on: Runner, company_id: int, request_id: UUID, now: datetime) -> None:
    """A paused request becomes TRANSMITTING, or COMPLETED; any other is left as it is."""
    await on.execute(SQL["end_pause"], company_id, request_id, now)


async def reject_request(
    on: Runner, company_id: int, request_id: UUID, now: datetime, details: str
) -> None:
    """A request that cannot be expanded any further."""
    await on.execute(SQL["reject_request"], company_id, request_id, now, details)


async def delete_request(on: Runner, company_id: int, request_id: UUID, now: datetime) -> None:
    await on.execute(SQL["delete_request"], company_id, request_id, now)


async def messages_in_state(
    on: Runner, company_id: int, span: tuple[UUID, UUID], states: list[str], limit: int
) -> list[tuple[UUID, datetime | None]]:
    """(id, scheduled time) of messages after the first id up to the last, in those states."""
    rows = await on.fetch(SQL["messages_in_state"], company_id, *span, states, limit)
    return [(row["id"], row["scheduled_at"]) for row in rows]


async def queue_resumed(
    on: Runner,
    company_id: int,
    connector: str,
    priority: int,
    now: datetime,
    messages: Sequence[UUID],
) -> None:
    await on.execute(SQL["queue_resumed"], company_id, connector, priority, now, messages)


async def unqueue_scheduled(on: Runner, company_id: int, messages: Sequence[UUID]) -> None:
    if messages:
        await on.execute(SQL["unqueue_scheduled"], company_id, messages)


class HeldMessage(Struct, frozen=True):
    """A message as its client's changes need it."""

    id: UUID
    direction: str
    state: str
    version: int


async def lock_message(on: Runner, company_id: int, message_id: UUID) -> HeldMessage | None:
    row = await on.fetchrow(SQL["lock_message"], company_id, message_id)
    return HeldMessage(*row) if row else None


async def process_inbound(on: Runner, company_id: int, message_id: UUID, now: datetime) -> None:
    await on.execute(SQL["process_inbound"], company_id, message_id, now)


async def delete_message(on: Runner, company_id: int, message_id: UUID, now: datetime) -> None:
    await on.execute(SQL["delete_message"], company_id, message_id, now)


class Expansion(Struct, frozen=True):
    """How far a request with many recipients has come."""

    company_id: int
    request_id: UUID
    next: int
    sequence: int


async def take_expansions(
    on: Runner, node_id: UUID, now: datetime, limit: int, *, in_hand: Sequence[UUID]
) -> list[Expansion]:
    """`in_hand`: what this node has and knows; what it has without knowing is taken too."""
    rows = await on.fetch(SQL["take_expansions"], node_id, now, limit, in_hand)
    return [Expansion(*row) for row in rows]


async def read_expansion(on: Runner, company_id: int, request_id: UUID) -> asyncpg.Record | None:
    return await on.fetchrow(SQL["read_expansion"], company_id, request_id)


async def add_messages(
    on: Runner,
    company_id: int,
    request_id: UUID,
    rows: Sequence[tuple[object, ...]],
    *,
    route: Route,
    content: Content,
    priority: int,
    now: datetime,
) -> None:
    """Messages of one request, as `message_rows` makes them."""
    ids, _, *others = columns(rows, _MESSAGE_COLUMNS)
    await on.execute(
        SQL["add_messages"], company_id, request_id, ids, *others, route.sender_address,
        content.encoding, content.fragments, route.connector, priority, now,
    )  # fmt: skip


async def count_prepared(
    on: Runner,
    company_id: int,
    request_id: UUID,
    *,
    recipients: int,
    duplicates: int,
    pending: int,
    failed: int,
    now: datetime,
) -> None:
    await on.execute(
        SQL["count_prepared"], company_id, request_id, recipients, duplicates, pending, failed, now
    )


async def lock_expansion(
    on: Runner, company_id: int, request_id: UUID, node_id: UUID
) -> int | None:
    """The mark, held; None when the expansion is over, or another node's by now."""
    mark: int | None = await on.fetchval(SQL["lock_expansion"], company_id, request_id, node_id)
    return mark


async def advance_expansion(
    on: Runner, company_id: int, request_id: UUID, next: int, sequence: int
) -> None:
    await on.execute(SQL["advance_expansion"], company_id, request_id, next, sequence)


async def finish_expansion(on: Runner, company_id: int, request_id: UUID, now: datetime) -> None:
    await on.execute(SQL["finish_expansion"], company_id, request_id, now)


async def drop_expansion(on: Runner, company_id: int, request_id: UUID) -> None:
    await on.execute(SQL["drop_expansion"], company_id, request_id)


async def companies_with_expiry(on: Runner, now: datetime) -> list[int]:
    return [row["company_id"] for row in await on.fetch(SQL["companies_with_expiry"], now)]


async def expire_queued(on: Runner, company_id: int, now: datetime, limit: int) -> list[UUID]:
    """Take messages past their time out of the queue."""
    rows = await on.fetch(SQL["expire_queued"], company_id, now, limit)
    return [row["message_id"] for row in rows]


async def paused_past_time(
    on: Runner, now: datetime, since: datetime, limit: int
) -> list[tuple[int, UUID]]:
    rows = await on.fetch(SQL["paused_past_time"], now, since, limit)
    return [(row["company_id"], row["id"]) for row in rows]


async def queues(on: Runner, now: datetime) -> list[tuple[str, int, datetime]]:
    """(connector, messages due, since when) of every connector with a queue."""
    rows = await on.fetch(SQL["queue_by_connector"], now)
    return [(row["connector"], row["depth"], row["oldest"]) for row in rows]

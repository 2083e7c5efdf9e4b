"""A checked request as the statements take it that store it (store/requests.py).

What many requests of a batch have in common is their kind, which they share; the rest is their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from clarion.engine.messages.model import Content, NewRequest, Recipient, RequestState, Route
from clarion.engine.messages.wishes import content_and_labels, rules, times_and_options
from clarion.kit import ids

Kind = tuple[object, ...]
Leaving = tuple[UUID, str, str | None]  # message, the subscriber's number, its country


class Ready(Struct, frozen=True, gc=False):
    """What sending a request's messages takes."""

    route: Route
    content: Content
    body: str
    expires_at: datetime | None
    leaving: Sequence[Leaving]  # now


class Prepared(Struct, frozen=True, gc=False):
    """One request, ready to be stored: of one message, of several, or planned."""

    kind: Kind
    request_id: UUID
    company_id: int
    connector: str
    queued: int  # messages that go into the outbound queue, now or when expanded
    refused: int = 0  # messages that failed before they reached a connector
    sender_id: UUID | None = None  # whose queue it adds to; None: nobody knows yet
    attachments: tuple[UUID, ...] = ()  # to be linked in the transaction that stores it
    alone: tuple[object, ...] | None = None  # accept_alone's row, of one message that leaves now
    request: tuple[object, ...] = ()  # accept_requests' row, without the number of its kind
    messages: Sequence[tuple[object, ...]] = ()  # and its messages; none where recipients are many
    planned: tuple[object, ...] | None = None  # accept_planned's row
    ready: Ready | None = None  # set where whatever is queued is due now
    told: bool = False  # not all of its messages are CREATED: whoever has subscribed hears of it


def is_alone(new: NewRequest, recipients: Sequence[Recipient], duplicates: int) -> bool:
    """Whether a request is one message that leaves now, as most are."""
    return (
        len(recipients) == 1
        and recipients[0].state == "CREATED"
        and not duplicates
        and new.pause_expires_at is None
    )


def prepared_alone(
    new: NewRequest,
    owner: tuple[int, int],
    *,
    route: Route,
    content: Content,
    to: Recipient,
    now: datetime,
) -> Prepared:
    """A request of which `is_alone` is true."""
    request_id = ids.new_request_id(at_ms=int(now.timestamp() * 1000))
    message_id = ids.message_id(request_id, 1)
    return Prepared(
        kind=(
            *owner, route.sender_id, new.consent_requirement, new.content_type,
            *_carriage(route, content),
        ),
        request_id=request_id,
        company_id=owner[0],
        connector=route.connector,
        queued=1,
        sender_id=route.sender_id,
        alone=(
            request_id, message_id, to.peer_address, to.country, *content_and_labels(new),
            new.scheduled_at, new.scheduled_zone, new.expires_at, new.options,
        ),
        ready=Ready(
            route, content, new.body, new.expires_at,
            ((message_id, to.peer_address, to.country),),
        ),
    )  # fmt: skip


def message_rows(
    request_id: UUID, recipients: Sequence[Recipient], first: int
) -> list[tuple[object, ...]]:
    """Rows for recipients whose sequence begins at `first`."""
    return [
        (
            ids.message_id(request_id, first + i),
            request_id,
            r.state,
            r.peer_address,
            r.country,
            r.failure_code,
            r.failure_details,
        )
        for i, r in enumerate(recipients)
    ]


def count_states(recipients: Sequence[Recipient]) -> tuple[int, int, int]:
    """(pending, failed, queued) among recipients."""
    pending = failed = queued = 0
    for recipient in recipients:
        if recipient.state in ("CREATED", "SCHEDULED"):
            pending += 1
            queued += 1
        elif recipient.state == "PAUSED":
            pending += 1
        elif recipient.state in ("FAILED", "EXPIRED"):
            failed += 1
    return pending, failed, queued


def prepared_request(
    new: NewRequest,
    owner: tuple[int, int],
    *,
    route: Route,
    content: Content,
    recipients: list[Recipient],
    duplicates: int,
    now: datetime,
) -> Prepared:
    """Any request, with its messages unless its recipients are many."""
    request_id = ids.new_request_id(at_ms=int(now.timestamp() * 1000))
    pending, failed, queued = count_states(recipients)
    state = _request_state(new, recipients, pending, failed)
    messages = message_rows(request_id, recipients, 1)
    solo = messages[0][0] if len(recipients) == 1 else None
    due = new.scheduled_at is None or new.scheduled_at <= now
    ready = None
    if due and recipients:
        ready = Ready(route, content, new.body, new.expires_at, _leaving(request_id, recipients))
    return Prepared(
        kind=(
            *owner, state.value, route.sender_id, *rules(new), len(recipients), duplicates,
            pending, failed, *_carriage(route, content),
        ),
        request=(request_id, solo, *content_and_labels(new), *times_and_options(new, now)),
        messages=messages,
        request_id=request_id,
        company_id=owner[0],
        connector=route.connector,
        queued=queued if recipients else len(new.recipients),
        refused=failed,
        sender_id=route.sender_id,
        ready=ready,
        told=queued < len(recipients) or (queued > 0 and not due),
    )  # fmt: skip


def _leaving(request_id: UUID, recipients: Sequence[Recipient]) -> list[Leaving]:
    return [
        (ids.message_id(request_id, n), r.peer_address, r.country)
        for n, r in enumerate(recipients, 1)
        if r.state == "CREATED"
    ]


def _carriage(route: Route, content: Content) -> tuple[object, ...]:
    """connector, sender_address, encoding, fragments, priority"""
    return (
        route.connector,
        route.sender_address,
        content.encoding,
        content.fragments,
        route.priority,
    )


def _request_state(
    new: NewRequest, recipients: list[Recipient], pending: int, failed: int
) -> RequestState:
    if not recipients:
        return RequestState.PREPARING
    if failed == len(recipients):
        return RequestState.REJECTED
    if not pending:
        return RequestState.COMPLETED
    if new.pause_before_transmit:
        return RequestState.PAUSED
    return RequestState.TRANSMITTING

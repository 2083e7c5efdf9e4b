"""The life of a message as a table: (state, input) -> state, and what each move counts.

The same rows run the SQL: a batch of inputs is joined with them (`advance_messages`), so state,
time stamps and the request's counters change in one statement, whatever came late, twice or out
of order. A pair that is not in the table changes nothing.
"""

from __future__ import annotations

from enum import Enum
from functools import cache

from msgspec import Struct

from clarion.engine.messages.model import PENDING, MessageState, RequestState
from clarion.engine.messages.ports import ReceiptState

S = MessageState


class Input(Enum):
    """What can happen to an MT message."""

    TAKEN = "taken"  # the carrier accepted every part
    REFUSED = "refused"  # the carrier will not take it, or tries are used up
    DELIVERED = "delivered"  # receipt DELIVRD
    UNDELIVERABLE = "undeliverable"  # receipt UNDELIV, REJECTD or DELETED
    LAPSED = "lapsed"  # receipt EXPIRED: the carrier gave up in time
    NO_NEWS = "no news"  # receipt ENROUTE, ACCEPTD or UNKNOWN
    PUT_OFF = "put off"  # its delivery window closed before it left
    EXPIRE = "expire"  # its time ran out before it left
    CANCEL = "cancel"  # the client canceled the request
    RESUME = "resume"  # the client resumed the paused request
    RESUME_LATER = "resume later"  # the same, for a message that is scheduled
    CONVERT = "convert"  # the recipient acted: the client says so, or a tracked link was opened
    READ = "read"  # receipt READ, or a tracked link was opened
    CLICK = "click"  # a tracked link was opened; READ goes before it, CONVERT follows


RECEIPT_INPUT = {
    ReceiptState.DELIVERED: Input.DELIVERED,
    ReceiptState.UNDELIVERABLE: Input.UNDELIVERABLE,
    ReceiptState.REJECTED: Input.UNDELIVERABLE,
    ReceiptState.DELETED: Input.UNDELIVERABLE,
    ReceiptState.EXPIRED: Input.LAPSED,
    ReceiptState.ENROUTE: Input.NO_NEWS,
    ReceiptState.ACCEPTED: Input.NO_NEWS,
    ReceiptState.UNKNOWN: Input.NO_NEWS,
    ReceiptState.READ: Input.READ,
    ReceiptState.DEAD_ADDRESS: Input.UNDELIVERABLE,
}

TRANSITIONS: dict[Input, dict[MessageState, MessageState]] = {
    Input.TAKEN: {
        S.CREATED: S.SENT,
        S.SCHEDULED: S.SENT,
        S.CANCELED: S.SENT,  # canceled while in the carrier's hands: it went out all the same
        S.EXPIRED: S.SENT,  # likewise
        S.FAILED: S.SENT,  # given up as uncertain, and the answer came after all
        S.CONVERTED: S.CONVERTED,  # keeps its state, gains its sent date
    },
    Input.REFUSED: {S.CREATED: S.FAILED, S.SCHEDULED: S.FAILED},
    Input.DELIVERED: {
        S.SENT: S.DELIVERED,
        S.FAILED: S.DELIVERED,  # a carrier that first said UNDELIV and then delivered
        S.EXPIRED: S.DELIVERED,  # likewise
        S.READ: S.READ,  # late: keeps the later state, gains its delivered date
        S.CONVERTED: S.CONVERTED,  # likewise
    },
    Input.UNDELIVERABLE: {S.SENT: S.FAILED},
    Input.LAPSED: {S.SENT: S.EXPIRED},
    Input.NO_NEWS: {},
    Input.PUT_OFF: {S.CREATED: S.SCHEDULED, S.SCHEDULED: S.SCHEDULED},
    Input.EXPIRE: {S.CREATED: S.EXPIRED, S.SCHEDULED: S.EXPIRED, S.PAUSED: S.EXPIRED},
    Input.CANCEL: {S.CREATED: S.CANCELED, S.SCHEDULED: S.CANCELED, S.PAUSED: S.CANCELED},
    Input.RESUME: {S.PAUSED: S.CREATED},
    Input.RESUME_LATER: {S.PAUSED: S.SCHEDULED},
    Input.CONVERT: {
        S.CREATED: S.CONVERTED,
        S.SENT: S.CONVERTED,
        S.DELIVERED: S.CONVERTED,
        S.READ: S.CONVERTED,
        S.CANCELED: S.CONVERTED,
        S.SCHEDULED: S.CONVERTED,
        S.PAUSED: S.CONVERTED,
    },
    Input.READ: {
        S.SENT: S.READ,
        S.DELIVERED: S.READ,
        S.FAILED: S.READ,  # a carrier that said UNDELIV and delivered all the same
        S.EXPIRED: S.READ,  # likewise
        S.CONVERTED: S.CONVERTED,  # late: keeps its state, gains its read date
    },
    Input.CLICK: {S.READ: S.READ, S.CONVERTED: S.CONVERTED},  # only a date
}

USUAL = {Input.TAKEN: S.CREATED, Input.DELIVERED: S.SENT}
"""Where a message mostly is when that comes: nothing else has happened to it. Such a move sets a
date, and neither fails nor cancels anything (`advance_usual`)."""

NEWS_ENOUGH = frozenset({S.DELIVERED, S.READ, S.CONVERTED})
"""No SMS follows a push that has come so far: its request has waited for it until then."""

STAMP = {
    Input.TAKEN: "sent",
    Input.DELIVERED: "delivered",
    Input.CONVERT: "converted",
    Input.READ: "read",
    Input.CLICK: "clicked",
}
"""The date that an input sets, once; the request counts messages that have it."""

DATES = STAMP | {Input.PUT_OFF: "scheduled"}  # that again and again


class Move(Struct, frozen=True):
    """One row of the table as the SQL joins it: deltas are for the request's counters."""

    state: str
    stamped: bool  # whether the input's date was set before
    next: str
    pending: int
    stamps: int
    canceled: int
    failed: int
    held: int  # in place of `pending`, for a push that an SMS may follow
    was: str  # the state of its request, if that has no other message
    becomes: str  # and after; empty: CANCELED or COMPLETED, as the request itself was canceled


@cache
def moves(input: Input) -> tuple[Move, ...]:
    """The table's rows for one input."""
    return tuple(
        Move(
            state=state.value,
            stamped=stamped,
            next=following.value,
            pending=(following in PENDING) - (state in PENDING),
            stamps=int(input in STAMP and not stamped),
            canceled=(following is S.CANCELED) - (state is S.CANCELED),
            failed=_failed(following) - _failed(state),
            held=(state in NEWS_ENOUGH) - (following in NEWS_ENOUGH),
            was=solo_request(state).value,
            becomes="" if _canceled(state, following) else solo_request(following).value,
        )
        for state, following in TRANSITIONS[input].items()
        for stamped in (False, True)
        if not (stamped and input not in STAMP)
        if not (stamped and state is following)  # nothing left to change
        if not (stamped and input is Input.TAKEN)  # taken before: a copy of what a receipt ended
    )


@cache
def usual_move(input: Input) -> Move | None:
    """The one that most messages make, whose date is not yet set."""
    return next((m for m in moves(input) if m.state == USUAL.get(input) and not m.stamped), None)


def _failed(state: MessageState) -> bool:
    return state in {S.FAILED, S.EXPIRED}


def _canceled(state: MessageState, following: MessageState) -> bool:
    return following is S.CANCELED and state is not S.CANCELED


def solo_request(state: MessageState) -> RequestState:
    """What a request of one recipient is while its message is that, as message_request_now has it;
    that its client has canceled the request itself is the request's own to say."""
    if state in (S.CREATED, S.SCHEDULED):
        return RequestState.TRANSMITTING
    return RequestState.PAUSED if state is S.PAUSED else RequestState.COMPLETED

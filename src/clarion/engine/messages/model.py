"""Message requests and messages: their states and the rules about their data."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class RequestState(StrEnum):
    """States of a message request (SCG reference, Message Request, `state`)."""

    SUBMITTED = "SUBMITTED"  # stored, nothing prepared yet
    ACCEPTED = "ACCEPTED"  # the reference's name for a checked request; ours pass through at once
    REJECTED = "REJECTED"  # no recipient could be prepared
    PREPARING = "PREPARING"  # recipients are becoming messages; recipient_count grows
    TRANSMITTING = "TRANSMITTING"  # messages are leaving; sent_count grows
    COMPLETED = "COMPLETED"  # nothing is left to send
    PAUSED = "PAUSED"  # prepared, waiting for the client's word
    CANCELED = "CANCELED"  # the client stopped it


class MessageState(StrEnum):
    """States of a message (SCG reference, Message, `state`); DELETED is a mark beside them."""

    CREATED = "CREATED"  # in the outbound queue
    SCHEDULED = "SCHEDULED"  # in the outbound queue, due later
    PAUSED = "PAUSED"  # prepared, not in the queue
    TEST = "TEST"  # made by a test request; never sent
    SENT = "SENT"  # the carrier took it
    DELIVERED = "DELIVERED"  # a receipt says that it arrived
    READ = "READ"  # the handset says that it was read
    CONVERTED = "CONVERTED"  # the recipient acted on it
    FAILED = "FAILED"  # it will not arrive
    EXPIRED = "EXPIRED"  # too old to be sent, or the carrier gave up in time
    CANCELED = "CANCELED"  # its request was canceled before it left
    RECEIVED = "RECEIVED"  # MO: stored
    PROCESSED = "PROCESSED"  # MO: the client has dealt with it


class Direction(StrEnum):
    MT = "MT"  # to a subscriber
    MO = "MO"  # from a subscriber


PENDING = frozenset({MessageState.CREATED, MessageState.SCHEDULED, MessageState.PAUSED})
"""States from which a message may still leave."""


class FailureCode(StrEnum):
    """Why a message failed, as real clients see it: numeric text (the reference's name beside)."""

    INVALID_RECIPIENT = "1002"  # INVALID_RECIPIENT
    EXPIRED = "1007"  # OTHER
    DELIVERY_FAILURE = "1009"  # OTHER
    INVALID_SENDER = "1015"  # OTHER


class NewRequest(Struct, kw_only=True):
    """A message request as a client gives it, after a door has read its wire form."""

    sender: str  # bare id, `sender_id:<id>` or the sender's own address
    recipients: list[str]
    body: str
    subject: str | None = None
    external_id: str | None = None
    conversation_id: str | None = None
    campaign_id: str | None = None
    program_id: str | None = None
    reply_to: UUID | None = None
    consent_requirement: str = "NONE"
    content_type: str | None = None
    test: bool = False
    pause_before_transmit: bool = False
    pause_expires_at: datetime | None = None
    scheduled_at: datetime | None = None
    scheduled_zone: str | None = None
    expires_at: datetime | None = None
    options: dict[str, object] | None = None  # attributes that are kept, shown and not acted on


class Recipient(Struct, frozen=True, gc=False):
    """One recipient as prepared: the message's address and state, or why it failed."""

    state: str
    peer_address: str
    country: str | None
    failure_code: str | None = None
    failure_details: str | None = None


class Route(Struct, frozen=True, gc=False):
    """The way that a request's messages will leave."""

    sender_id: UUID
    sender_address: str
    connector: str


class Content(Struct, frozen=True, gc=False):
    """What a body is on the air."""

    encoding: int  # as stored: 0 GSM 03.38, 1 Latin-1, 2 UCS-2
    fragments: int

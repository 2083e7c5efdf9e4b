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
    REJECTED = "REJECTED"  # preparing it has left nothing to send
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
    NO_SENDER = "1003"  # OTHER: no sender id can carry it there, all of it, or not at that price
    NO_CONSENT = "1005"  # NO_CONSENT
    TEMPLATE = (
        "1006"  # OTHER: its text could not be made, or is not one that the sender id may send
    )
    EXPIRED = "1007"  # OTHER
    DELIVERY_FAILURE = "1009"  # OTHER
    TOO_LONG = "1012"  # OTHER
    INVALID_SENDER = "1015"  # OTHER
    NO_CREDIT = "4020"  # OTHER


class Options(Struct, kw_only=True, omit_defaults=True):
    """What a client can ask for beyond what every request has; stored with the request as JSON."""

    criteria: str | None = None  # in place of recipients
    attachments: list[str] = []  # ids
    media_urls: list[str] = []
    price_threshold: float | None = None  # a message
    sender_id_sort_criteria: list[str] = []
    contact_delivery_address_priority: list[str] = []
    src_language: str | None = None
    dst_language: str | None = None
    translate: bool | None = None
    failover: str | None = None  # SMS: where a push fails
    group_mms: bool | None = None  # one conversation of all recipients
    options: dict[str, object] = {}  # for the carriers of a medium, such as `push:badge`
    auto_reply: bool = False  # ours to an MO message: it waits for nothing
    contact: str | None = None  # whose number the one recipient is: of ours to an MO message

    def need_steps(self) -> bool:
        """Whether they change what recipients get: the rest only matters beside those."""
        return bool(
            self.criteria or self.attachments or self.media_urls or self.translate
            or self.failover or self.group_mms or self.auto_reply
        )  # fmt: skip


class NewRequest(Struct, kw_only=True):
    """A message request as a client gives it, after a door has read its wire form."""

    sender: str  # bare id, `sender_id:<id>`, `channel:<id>` or the sender's own address
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
    options: Options | None = None


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
    priority: int = 1  # 0 high, 1 normal, 2 low


class Content(Struct, frozen=True, gc=False):
    """What a body is on the air."""

    encoding: int  # as stored: 0 GSM 03.38, 1 Latin-1, 2 UCS-2
    fragments: int

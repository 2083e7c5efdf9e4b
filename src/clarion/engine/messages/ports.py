"""The contract between the engine and whatever carries messages.

A connector takes parts of messages and answers each with exactly one Outcome, in any order,
through CarrierEvents. It brings receipts and inbound messages the same way and answers the carrier
only when it is told that they are settled, that is, committed. It knows no company, no database.

A message is an SMS unless `medium` says otherwise; one of another medium is a single part.

These types cross the hot path by the hundred thousand: msgspec structs are a tenth of the cost of
frozen dataclasses to make.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum, StrEnum
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from clarion.kit.segments import Encoding

__all__ = [
    "CarrierEvents",
    "Connector",
    "Encoding",
    "Failure",
    "FailureKind",
    "Health",
    "Inbound",
    "Media",
    "Medium",
    "Outcome",
    "Receipt",
    "ReceiptState",
    "Submission",
]


class Medium(StrEnum):
    """What a message is (SCG reference, Message, `type`)."""

    SMS = "SMS"
    MMS = "MMS"
    PSH = "PSH"  # push to an application's token
    EMAIL = "EMAIL"


class FailureKind(Enum):
    """The closed set of ways in which a part can fail to be taken."""

    REFUSED = "refused"  # permanent: trying again cannot help
    INVALID_RECIPIENT = "invalid recipient"  # permanent, and the recipient is why
    DEAD_ADDRESS = "dead address"  # permanent: the token or mailbox is gone, use it no more
    TEMPORARY = "temporary"  # the carrier said: later
    THROTTLED = "throttled"  # the carrier said: slower, and later
    NOT_SENT = "not sent"  # it never left us; no try is counted
    UNCERTAIN = "uncertain"  # it left us and no answer came: the carrier may have it


class Failure(Struct, frozen=True):
    """Why a part was not taken. `code` is the protocol's own name; `words` are for the user."""

    kind: FailureKind
    code: str
    words: str


class Media(Struct, frozen=True, omit_defaults=True):
    """Something that travels beside the text: in our file store under `key`, or at `url`."""

    name: str
    mime_type: str | None = None
    size: int | None = None  # bytes
    url: str | None = None
    key: str | None = None


class Submission(Struct, frozen=True, gc=False):
    """One message, or those parts of it that the carrier has not taken yet."""

    message_id: UUID
    source: str  # sender address as stored: digits, up to 11 letters and digits, or an e-mail's
    destination: str  # E.164 with its plus sign; PSH: "apn:<token>", "fcm:<token>"; e-mail address
    parts: tuple[str, ...]  # the text of every part, in order; one, unless it is an SMS
    pending: tuple[int, ...]  # numbers (from 1) of the parts to submit now
    encoding: Encoding
    reference: int  # concatenation reference, 0 to 255, the same on every try
    expires_at: datetime | None  # becomes the carrier's validity period
    priority: int  # 0 high, 1 normal, 2 low
    medium: str = "SMS"  # a Medium
    subject: str | None = None
    media: tuple[Media, ...] = ()
    content_type: str | None = None  # of the text, where the client named one
    options: Mapping[str, object] | None = None  # what the client asked of this medium's carrier
    group: tuple[str, ...] = ()  # of a group MMS: all its recipients, `destination` among them


class Outcome(Struct, frozen=True, gc=False):
    """What became of one part: taken under `external_id`, or `failure`."""

    message_id: UUID
    number: int  # the part, from 1
    external_id: str | None
    failure: Failure | None


class ReceiptState(Enum):
    """What a receipt says (SMPP 3.4, 5.2.28 and appendix B; the last two are other media's)."""

    ENROUTE = "ENROUTE"
    DELIVERED = "DELIVRD"
    EXPIRED = "EXPIRED"
    DELETED = "DELETED"
    UNDELIVERABLE = "UNDELIV"
    ACCEPTED = "ACCEPTD"
    UNKNOWN = "UNKNOWN"
    REJECTED = "REJECTD"
    READ = "READ"  # its recipient has opened it
    DEAD_ADDRESS = "DEAD"  # undeliverable, since the token or mailbox is gone: use it no more


class Receipt(Struct, frozen=True, gc=False):
    """A carrier's word on a part that it took earlier."""

    external_id: str  # as the carrier spells it
    state: ReceiptState
    error: str | None  # the carrier's own code
    at: datetime | None  # when the carrier says it happened; None: it did not say


class Inbound(Struct, frozen=True, gc=False):
    """A message, or one part of a long one, from a subscriber."""

    source: str  # the subscriber, as the carrier spells it
    destination: str  # our address
    text: str
    reference: int | None  # set for a part of a long message
    total: int
    number: int
    medium: str = "SMS"  # a Medium
    subject: str | None = None
    media: tuple[Media, ...] = ()


class Health(Struct, frozen=True):
    """How a connector is: for `doctor`, `/readyz`, metrics and people."""

    ready: bool
    binds: int  # open now
    wanted: int  # held open when all is well
    in_flight: int  # parts submitted and not answered
    words: str  # "bound to smsc.example:2775", "refused: ESME_RINVPASWD", ...


class CarrierEvents(Protocol):
    """What the engine lets a connector tell it. Calls return at once and never raise.

    `settled` is called once for its batch: True after the commit, when the carrier may be
    answered; False when nothing was stored and the carrier should try again.
    """

    def outcomes(self, connector: str, batch: Sequence[Outcome]) -> None: ...

    def receipts(
        self, connector: str, batch: Sequence[Receipt], settled: Callable[[bool], None]
    ) -> None: ...

    def inbound(
        self, connector: str, batch: Sequence[Inbound], settled: Callable[[bool], None]
    ) -> None: ...

    def room_changed(self, connector: str) -> None:
        """More can be submitted than at the last look."""


class Connector(Protocol):
    """One way to a carrier."""

    name: str
    media: frozenset[str]  # the Mediums that it carries

    async def start(self, events: CarrierEvents) -> None:
        """Begin to connect; returns without waiting for the carrier."""

    async def stop(self) -> None:
        """Take nothing more, wait (bounded) for answers under way, part from the carrier."""

    def hold_binds(self, count: int) -> None:
        """Hold so many binds open from now on; this node has leased them."""

    def room(self) -> int:
        """Parts that can be submitted now without waiting."""

    def submit(self, batch: Sequence[Submission]) -> None:
        """Hand over a batch whose pending parts fit in `room()`, save those of its last message.
        Never blocks, never raises: each pending part is answered by one Outcome."""

    def health(self) -> Health: ...

"""Magic numbers: which virtual handset behaves how. `docs/sandbox.md` prints this table.

Every number that exists nowhere in the table takes what it is sent and confirms it. The magic ones
begin with +1 555 999: area code 555 is not assigned, so they can belong to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from msgspec import Struct

from clarion.engine.messages.ports import Failure, FailureKind, ReceiptState

MAGIC_PREFIX = "+1555999"
LATE = 60.0  # seconds until the receipt of a phone that was switched off


class Answer(Enum):
    """What a handset sends back by itself."""

    ECHO = "echo"  # the text it got, and what was beside it
    STOP = "stop"  # the word STOP
    LONG = "long"  # a text of several parts, which arrive in the wrong order


class Handset(Struct, frozen=True, kw_only=True):
    """How a virtual handset, and the carrier on the way to it, behave."""

    words: str
    failure: Failure | None = None  # in place of taking a part
    once: bool = False  # the failure comes once for each part, then it is taken
    only_media: bool = False  # the failure comes only where something is beside the text
    silent: bool = False  # the carrier does not answer at all
    receipts: tuple[ReceiptState, ...] = (ReceiptState.DELIVERED,)
    error: str | None = None  # the carrier's code in the receipts
    late: float = 0.0  # seconds added to the receipt delay
    early: bool = False  # the receipt overtakes the carrier's response
    answer: Answer | None = None


def fails(
    words: str, kind: FailureKind, code: str, *, once: bool = False, only_media: bool = False
) -> Handset:
    """A carrier that does not take what is sent there."""
    failure = Failure(kind, code, f"the sandbox carrier {words}")
    then = ", once; the next try is taken" if once else ""
    then += "; without, it is taken" if only_media else ""
    return Handset(
        words=f"The carrier {words}{then}.", failure=failure, once=once, only_media=only_media
    )


def reports(words: str, *states: ReceiptState, error: str | None = None) -> Handset:
    """A carrier that takes it and says this of it later."""
    return Handset(words=words, receipts=states, error=error)


ORDINARY = Handset(words="Takes the message and confirms its delivery.")

MAGIC: Mapping[str, Handset] = MappingProxyType(
    {
        "0001": fails("refuses the message for good", FailureKind.REFUSED, "REFUSED"),
        "0002": fails(
            "knows no such recipient", FailureKind.INVALID_RECIPIENT, "INVALID_RECIPIENT"
        ),
        "0003": fails("asks to send slower", FailureKind.THROTTLED, "THROTTLED", once=True),
        "0004": fails("has trouble", FailureKind.TEMPORARY, "SYSTEM_BUSY", once=True),
        "0005": fails("has trouble every time", FailureKind.TEMPORARY, "SYSTEM_BUSY"),
        "0006": Handset(
            words="The carrier never answers: nobody knows whether it has the message.",
            silent=True,
        ),
        "0011": reports("The receipt says undelivered.", ReceiptState.UNDELIVERABLE, error="027"),
        "0012": reports("The receipt says expired.", ReceiptState.EXPIRED, error="034"),
        "0013": reports("The receipt says rejected.", ReceiptState.REJECTED, error="008"),
        "0014": reports("The receipt says deleted.", ReceiptState.DELETED, error="072"),
        "0015": reports("The receipt says unknown.", ReceiptState.UNKNOWN, error="255"),
        "0016": Handset(
            words=f"The receipt comes {LATE:.0f} seconds late, as from a phone switched off.",
            late=LATE,
        ),
        "0017": reports("No receipt ever comes."),
        "0018": reports("The receipt comes twice.", ReceiptState.DELIVERED, ReceiptState.DELIVERED),
        "0019": Handset(words="The receipt comes before the carrier's response.", early=True),
        "0020": reports(
            "Receipts say en route, accepted, then delivered.",
            ReceiptState.ENROUTE,
            ReceiptState.ACCEPTED,
            ReceiptState.DELIVERED,
        ),
        "0021": reports(
            "Receipts say delivered, then read.", ReceiptState.DELIVERED, ReceiptState.READ
        ),
        "0022": fails(
            "refuses a message with media",
            FailureKind.REFUSED,
            "UNSUPPORTED_MEDIA",
            only_media=True,
        ),
        "0031": Handset(words="Answers with the text that it got.", answer=Answer.ECHO),
        "0032": Handset(words="Answers STOP.", answer=Answer.STOP),
        "0033": Handset(
            words="Answers with a long text, whose parts arrive in the wrong order.",
            answer=Answer.LONG,
        ),
    }
)


def magic_ending(destination: str) -> str:
    """The last four digits if they make `destination` magic, else nothing."""
    if not destination.startswith(MAGIC_PREFIX):
        return ""
    ending = destination[len(MAGIC_PREFIX) :]
    return ending if ending in MAGIC else ""

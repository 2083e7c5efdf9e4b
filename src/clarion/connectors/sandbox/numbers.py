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

    ECHO = "echo"  # the text it got
    STOP = "stop"  # the word STOP
    LONG = "long"  # a text of several parts, which arrive in the wrong order


class Handset(Struct, frozen=True, kw_only=True):
    """How a virtual handset, and the carrier on the way to it, behave."""

    words: str
    failure: Failure | None = None  # in place of taking a part
    once: bool = False  # the failure comes once for each part, then it is taken
    silent: bool = False  # the carrier does not answer at all
    receipts: tuple[ReceiptState, ...] = (ReceiptState.DELIVERED,)
    error: str | None = None  # the carrier's code in the receipts
    late: float = 0.0  # seconds added to the receipt delay
    early: bool = False  # the receipt overtakes the carrier's response
    answer: Answer | None = None


def _fails(words: str, kind: FailureKind, code: str, *, once: bool = False) -> Handset:
    failure = Failure(kind, code, f"the sandbox carrier {words}")
    then = ", once; the next try is taken" if once else ""
    return Handset(words=f"The carrier {words}{then}.", failure=failure, once=once)


def _reports(words: str, *states: ReceiptState, error: str | None = None) -> Handset:
    return Handset(words=words, receipts=states, error=error)


ORDINARY = Handset(words="Takes the message and confirms its delivery.")

MAGIC: Mapping[str, Handset] = MappingProxyType(
    {
        "0001": _fails("refuses the message for good", FailureKind.REFUSED, "REFUSED"),
        "0002": _fails(
            "knows no such recipient", FailureKind.INVALID_RECIPIENT, "INVALID_RECIPIENT"
        ),
        "0003": _fails("asks to send slower", FailureKind.THROTTLED, "THROTTLED", once=True),
        "0004": _fails("has trouble", FailureKind.TEMPORARY, "SYSTEM_BUSY", once=True),
        "0005": _fails("has trouble every time", FailureKind.TEMPORARY, "SYSTEM_BUSY"),
        "0006": Handset(
            words="The carrier never answers: nobody knows whether it has the message.",
            silent=True,
        ),
        "0011": _reports("The receipt says undelivered.", ReceiptState.UNDELIVERABLE, error="027"),
        "0012": _reports("The receipt says expired.", ReceiptState.EXPIRED, error="034"),
        "0013": _reports("The receipt says rejected.", ReceiptState.REJECTED, error="008"),
        "0014": _reports("The receipt says deleted.", ReceiptState.DELETED, error="072"),
        "0015": _reports("The receipt says unknown.", ReceiptState.UNKNOWN, error="255"),
        "0016": Handset(
            words=f"The receipt comes {LATE:.0f} seconds late, as from a phone switched off.",
            late=LATE,
        ),
        "0017": _reports("No receipt ever comes."),
        "0018": _reports(
            "The receipt comes twice.", ReceiptState.DELIVERED, ReceiptState.DELIVERED
        ),
        "0019": Handset(words="The receipt comes before the carrier's response.", early=True),
        "0020": _reports(
            "Receipts say en route, accepted, then delivered.",
            ReceiptState.ENROUTE,
            ReceiptState.ACCEPTED,
            ReceiptState.DELIVERED,
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


def handset_of(ending: str) -> Handset:
    return MAGIC.get(ending, ORDINARY)

"""Magic tokens and mailboxes: which application and which mailbox behaves how. `docs/sandbox.md`
prints these tables, beside that of the numbers.

Tokens begin with `sandbox-`, mailboxes are in the domain sandbox.test, which can exist nowhere
(RFC 2606). What follows a hyphen or a plus sign is the user's, so that each can be had many times:
`sandbox-dead-1`, `bounce+ann@sandbox.test`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from clarion.connectors.sandbox.numbers import (
    LATE,
    MAGIC,
    ORDINARY,
    Answer,
    Handset,
    fails,
    magic_ending,
    reports,
)
from clarion.engine.messages.ports import FailureKind, Medium, ReceiptState

APPLICATION = "sandbox-"
MAILBOX_DOMAIN = "sandbox.test"

K, R = FailureKind, ReceiptState
_READ = (R.DELIVERED, R.READ)
_LATER = f"{LATE:.0f} seconds late"

TOKENS: Mapping[str, Handset] = MappingProxyType(
    {
        "dead": fails(
            "knows that the application is gone: the token is dead",
            K.DEAD_ADDRESS,
            "UNREGISTERED",
        ),
        "bad": fails("knows no such token", K.INVALID_RECIPIENT, "BAD_DEVICE_TOKEN"),
        "refused": fails("refuses the push for good", K.REFUSED, "FORBIDDEN"),
        "large": fails("finds the push too large", K.REFUSED, "PAYLOAD_TOO_LARGE"),
        "media": fails(
            "refuses a push with media", K.REFUSED, "UNSUPPORTED_MEDIA", only_media=True
        ),
        "throttled": fails("asks to send slower", K.THROTTLED, "TOO_MANY_REQUESTS", once=True),
        "busy": fails("has trouble", K.TEMPORARY, "SERVICE_UNAVAILABLE", once=True),
        "down": fails("has trouble every time", K.TEMPORARY, "SERVICE_UNAVAILABLE"),
        "silent": Handset(
            words="The carrier never answers: nobody knows whether it has the push.", silent=True
        ),
        "lost": reports("The application reports that it could not show it.", R.UNDELIVERABLE),
        "expired": reports("The device was off for too long: expired.", R.EXPIRED),
        "removed": reports(
            "The application turns out to be gone after the push was taken: the token is dead.",
            R.DEAD_ADDRESS,
            error="UNREGISTERED",
        ),
        "late": Handset(words=f"The application confirms {_LATER}.", late=LATE),
        "mute": reports("The application confirms nothing."),
        "read": reports("The application confirms the push, then that it was read.", *_READ),
    }
)

MAILBOXES: Mapping[str, Handset] = MappingProxyType(
    {
        "refused": fails("refuses the mail for good", K.REFUSED, "550 5.7.1"),
        "unknown": fails("knows no such mailbox: the address is dead", K.DEAD_ADDRESS, "550 5.1.1"),
        "bad": fails("finds the address impossible", K.INVALID_RECIPIENT, "553 5.1.3"),
        "full": fails("finds the mailbox full every time", K.TEMPORARY, "452 4.2.2"),
        "busy": fails("asks to come back later", K.TEMPORARY, "451 4.7.1", once=True),
        "throttled": fails("asks to send slower", K.THROTTLED, "421 4.7.0", once=True),
        "large": fails("finds the mail too large", K.REFUSED, "552 5.3.4"),
        "media": fails("refuses a mail with attachments", K.REFUSED, "550 5.6.1", only_media=True),
        "silent": Handset(
            words="The carrier never answers: nobody knows whether it has the mail.", silent=True
        ),
        "bounce": reports("The mail comes back.", R.UNDELIVERABLE, error="5.0.0"),
        "gone": reports(
            "The mail comes back since the mailbox is gone: the address is dead.",
            R.DEAD_ADDRESS,
            error="5.1.1",
        ),
        "expired": reports("The mail comes back after too many tries.", R.EXPIRED, error="4.4.7"),
        "late": Handset(words=f"The delivery is confirmed {_LATER}.", late=LATE),
        "mute": reports("Nothing is ever confirmed."),
        "read": reports("The delivery is confirmed, then that the mail was read.", *_READ),
        "echo": Handset(words="Answers with the text and subject that it got.", answer=Answer.ECHO),
        "stop": Handset(words="Answers STOP.", answer=Answer.STOP),
        "long": Handset(words="Answers with a long text.", answer=Answer.LONG),
    }
)

_BY_KEY: Mapping[str, Handset] = MappingProxyType(
    {
        **MAGIC,
        **{f"p{word}": handset for word, handset in TOKENS.items()},
        **{f"m{word}": handset for word, handset in MAILBOXES.items()},
    }
)


def key_of(destination: str, medium: str) -> str:
    """What an external id remembers of a magic destination; nothing of an ordinary one."""
    if medium == Medium.PSH:
        return _keyed("p", _token_word(destination.partition(":")[2]))
    if medium == Medium.EMAIL:
        return _keyed("m", _mailbox_word(destination))
    return magic_ending(destination)


def handset_of(key: str) -> Handset:
    """Who is behind the key."""
    return _BY_KEY.get(key, ORDINARY)


def _keyed(kind: str, word: str) -> str:
    return kind + word if kind + word in _BY_KEY else ""


def _token_word(token: str) -> str:
    if not token.startswith(APPLICATION):
        return ""
    return token.removeprefix(APPLICATION).partition("-")[0]


def _mailbox_word(address: str) -> str:
    local, _, domain = address.lower().rpartition("@")
    return local.partition("+")[0] if domain == MAILBOX_DOMAIN else ""

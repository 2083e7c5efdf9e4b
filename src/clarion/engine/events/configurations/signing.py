"""Secrets that bodies are signed with (Standard Webhooks 1.0): `whsec_` and base64 of the key.

While secrets change hands a body has a signature of each, so a receiver can take the new one
whenever it likes until the old one ends.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from datetime import datetime, timedelta
from secrets import token_bytes

from msgspec import Struct

from clarion.errors import InvalidInput

PREFIX = "whsec_"
MIN_BYTES, MAX_BYTES = 24, 64  # of a key, as the standard says
MAX_SECRETS = 5
OVERLAP = timedelta(days=1)
"""How long a secret still signs when a new one has been made."""

_SHOWN = 4


class Secret(Struct, frozen=True):
    """One of them, as it is sealed."""

    value: str
    until: datetime | None = None  # None: until there is a newer one

    def __repr__(self) -> str:
        return f"Secret({masked(self.value)!r}, until={self.until})"


def new_secret() -> str:
    return PREFIX + b64encode(token_bytes(32)).decode()


def check_secret(text: str) -> str:
    """A secret of somebody's own making. Raises InvalidInput."""
    try:
        if not text.startswith(PREFIX):
            raise ValueError
        size = len(b64decode(text.removeprefix(PREFIX), validate=True))
    except (ValueError, Base64Error):
        words = f"secrets: {PREFIX} and base64 behind it are expected."
        raise InvalidInput(words, field="secrets") from None
    if not MIN_BYTES <= size <= MAX_BYTES:
        words = f"secrets: a key has {MIN_BYTES} to {MAX_BYTES} bytes."
        raise InvalidInput(words, field="secrets")
    return text


def with_newer(secrets: Sequence[Secret], value: str, *, at: datetime) -> list[Secret]:
    """A new one first; the others end after the OVERLAP, or when they would have ended."""
    end = at + OVERLAP
    kept = [
        Secret(each.value, min(each.until or end, end))
        for each in current(secrets, at=at)
        if each.value != value
    ]
    return [Secret(value), *kept][:MAX_SECRETS]


def current(secrets: Sequence[Secret], *, at: datetime) -> list[Secret]:
    """Those that sign at this time."""
    return [each for each in secrets if each.until is None or each.until > at]


def masked(secret: str) -> str:
    """Enough to tell which one it is."""
    return secret[: len(PREFIX) + _SHOWN] + "***"

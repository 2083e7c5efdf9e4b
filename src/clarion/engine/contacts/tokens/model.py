"""Tokens of contacts: their values, limits, and the form of the credential that a device shows.

SCG reference, Contact Application Token and Contact Access Token. An access token is its id and a
secret in one text; only a hash of the secret is kept, so lists show the id alone.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from clarion.errors import InvalidInput, ValueTooLong
from clarion.kit import ids

MAX_ADDRESS = 255
MAX_TOKEN = 1024
MAX_TOKENS = 100  # of each kind, a contact
DEFAULT_DURATION = 24 * 3600
MAX_DURATION = 10 * 366 * 24 * 3600
_ID_LENGTH = 22
_SECRET_BYTES = 24
_WHOLE_LENGTH = _ID_LENGTH + _SECRET_BYTES * 4 // 3


class Provider(StrEnum):
    APN = "APN"  # Apple
    GCM = "GCM"  # Google, by its old name
    FCM = "FCM"  # Google


class TokenState(StrEnum):
    ACTIVE = "ACTIVE"  # to be sent to
    INVALID = "INVALID"  # the provider has refused it


class NewToken(Struct, kw_only=True):
    """Where an application on a contact's device is reached."""

    sender_id_address: str
    message_delivery_provider: Provider
    token: str


class TokenChange(Struct, kw_only=True):
    """What an update sets; the rest stays."""

    version: int | None = None
    sender_id_address: str | UnsetType = UNSET
    message_delivery_provider: Provider | UnsetType = UNSET
    token: str | UnsetType = UNSET


class Holder(Struct, frozen=True):
    """The contact that an access token speaks for."""

    company_id: int
    contact_id: UUID
    application_id: int | None  # that made the token


class Issued(Struct, frozen=True):
    """An access token, which is shown this once."""

    id: UUID
    text: str
    expires_at: datetime


def check_token(sender_id_address: str, token: str) -> None:
    """InvalidInput or ValueTooLong names the attribute."""
    _check("sender_id_address", sender_id_address, MAX_ADDRESS)
    _check("token", token, MAX_TOKEN)


def _check(name: str, text: str, longest: int) -> None:
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidInput(f"{name}: ASCII characters without blanks.", field=name)
    if len(text) > longest:
        raise ValueTooLong(f"{name}: at most {longest} characters.", field=name)


def read_duration(value: object) -> int:
    """Seconds, as a number or as digits. ValueError says what is wrong."""
    text = str(value).strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 10:
        raise ValueError("a whole number of seconds")
    seconds = int(text)
    if not 1 <= seconds <= MAX_DURATION:
        raise ValueError(f"1 to {MAX_DURATION} seconds")
    return seconds


# ---------------------------------------------------------------- the text of an access token


def new_secret() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)


def token_text(id: UUID, secret: str) -> str:
    return ids.show(id) + secret


def token_id(text: str) -> UUID | None:
    """The id in an access token, or in its first part alone."""
    return ids.parse(text[:_ID_LENGTH]) if len(text) in (_ID_LENGTH, _WHOLE_LENGTH) else None


def is_contact_token(text: str) -> bool:
    """Whether it has the form of an access token, whole."""
    return len(text) == _WHOLE_LENGTH and token_id(text) is not None


def token_secret(text: str) -> str:
    return text[_ID_LENGTH:]


def digest(secret: str) -> bytes:
    """What is stored in place of a secret: with 192 random bits one SHA-256 protects it."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def matches(secret: str, stored: bytes) -> bool:
    """Compares in constant time."""
    return hmac.compare_digest(digest(secret), stored)

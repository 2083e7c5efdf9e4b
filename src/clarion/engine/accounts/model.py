"""Companies, applications, access tokens and users: frozen data, and the rules about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct

from clarion.errors import InvalidInput

MAX_NAME = 200
MAX_LOGIN = 200
MIN_PASSWORD = 10
MAX_PASSWORD = 1024  # hashing cost grows with length
MAX_VALIDITY = timedelta(days=36_500)
MAX_WEIGHT = 100


class Caller(Struct, frozen=True):
    """Who a request comes from, as its credential says."""

    company_id: int
    application_id: int
    rate_limit: float | None = None  # requests a second; None: as the settings say

    def record(self, id: UUID, now: datetime) -> dict[str, Any]:
        """What a row that the caller makes now has, whatever it is."""
        return {
            "company_id": self.company_id,
            "id": id,
            "application_id": self.application_id,
            "updated_at": now,
        }


@dataclass(frozen=True)
class Company:
    """A tenant: everything else belongs to one."""

    id: int
    name: str
    weight: int  # share of fair turns
    created_at: datetime


@dataclass(frozen=True)
class Application:
    """A program of a company's that calls the API."""

    company_id: int
    id: int
    name: str
    consumer_key: str
    rate_limit: float | None
    created_at: datetime


@dataclass(frozen=True)
class NewApplication:
    """An application with its consumer secret, which is shown this once: only a hash is kept."""

    application: Application
    consumer_secret: str = field(repr=False)


@dataclass(frozen=True)
class NewToken:
    """An access token, which is shown this once: only a hash is kept."""

    token: str = field(repr=False)
    expires_at: datetime | None  # None: does not expire

    def validity_s(self, now: datetime) -> int:
        """Whole seconds it has left; 0: it does not expire, as on input."""
        if self.expires_at is None:
            return 0
        return max(1, int((self.expires_at - now).total_seconds()))


@dataclass(frozen=True)
class User:
    """A person who may sign in for a company."""

    company_id: int
    id: UUID
    login: str
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True)
class Credentials:
    """What a first client needs: the parts of `clarion run`'s credentials file."""

    company_id: int
    application_id: int
    consumer_key: str
    consumer_secret: str = field(repr=False)
    token: str = field(repr=False)


def check_name(name: str, *, what: str = "name") -> str:
    """A name as people may choose it: something printable, of bounded length."""
    stripped = name.strip()
    if not stripped or len(stripped) > MAX_NAME or not stripped.isprintable():
        raise InvalidInput(f"A {what} has 1 to {MAX_NAME} printable characters.", field=what)
    return stripped


def check_password(password: str) -> None:
    """Length is what makes a password good (NIST SP 800-63B, 3.1.1.2)."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidInput(
            f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.", field="password"
        )


def expiry(now: datetime, validity_s: float) -> datetime | None:
    """When a token made now expires; 0 seconds: never."""
    if not 0 <= validity_s <= MAX_VALIDITY.total_seconds():
        raise InvalidInput("validity is a number of seconds, 0 for ever.", field="validity")
    return now + timedelta(seconds=validity_s) if validity_s else None

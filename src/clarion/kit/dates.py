"""Dates as clients of the SCG API write them, and the two forms in which they are answered.

Clients send epoch milliseconds or seconds (as a number or as digits), ISO 8601 with or without
milliseconds and zone, a day alone, or the date form of HTTP and mail (RFC 1123). A time without a
zone is UTC; a day alone is its midnight.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

FIRST_YEAR, LAST_YEAR = 1970, 2286

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 9_999_999_999_999  # thirteen digits end in the year 2286
_MAX_LENGTH = 64
_DIGITS = re.compile(r"[0-9]+")
_ISO = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:[.,](?P<fraction>[0-9]{1,9}))?"
    r" ?(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)


def parse_date(value: object) -> datetime | None:
    """The instant that `value` names, in UTC; None for None and blank text.

    ValueError says in words what is wrong with it.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return _from_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise ValueError("a date is text or a whole number")
    if not 0 <= value <= _LAST_MS:
        raise ValueError(f"a date is epoch milliseconds up to the year {LAST_YEAR}")
    return _from_epoch(str(int(value)))


def to_epoch_ms(at: datetime) -> int:
    """Unix time in whole milliseconds."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def from_epoch_ms(ms: int) -> datetime:
    """The instant of a Unix time in milliseconds."""
    return _EPOCH + timedelta(milliseconds=ms)


def to_iso(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds: 2026-11-22T09:30:00.000Z."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def to_short_iso(at: datetime) -> str:
    """The same without the milliseconds of a whole second: 2026-11-22T09:30:00Z."""
    return to_iso(at).replace(".000Z", "Z")


def _from_text(text: str) -> datetime | None:
    if not text:
        return None
    if len(text) > _MAX_LENGTH:
        raise ValueError(f"a date has at most {_MAX_LENGTH} characters")
    if _DIGITS.fullmatch(text):
        return _from_epoch(text)
    iso = _ISO.fullmatch(text)
    return _bounded(_from_iso(iso, text) if iso else _from_rfc1123(text), text)


def _from_epoch(digits: str) -> datetime:
    """Thirteen digits are milliseconds, ten are seconds; others name no date of our time."""
    if len(digits) == 13:
        return from_epoch_ms(int(digits))
    if len(digits) == 10:
        return from_epoch_ms(int(digits) * 1000)
    raise ValueError(
        f"{digits[:20]} is not a date: write epoch milliseconds (13 digits) or seconds (10)"
    )


def _from_iso(iso: re.Match[str], text: str) -> datetime:
    day, time = iso["day"], iso["time"] or "00:00"
    fraction = (iso["fraction"] or "0")[:6].ljust(6, "0")
    try:
        at = datetime.fromisoformat(f"{day}T{time}").replace(microsecond=int(fraction))
    except ValueError as error:
        raise ValueError(f"{text} is not a date: {error}") from None
    return _bounded(at.replace(tzinfo=UTC), text) - _offset(iso["zone"], text)


def _offset(zone: str | None, text: str) -> timedelta:
    if zone is None or zone in "Zz":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[3:].lstrip(":") or 0)
    if hours > 14 or minutes > 59:
        raise ValueError(f"{text} is not a date: no zone is {zone} from UTC")
    ahead = timedelta(hours=hours, minutes=minutes)
    return -ahead if zone[0] == "-" else ahead


def _from_rfc1123(text: str) -> datetime:
    try:
        at = parsedate_to_datetime(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, IndexError, TypeError):
        raise ValueError(
            f"{text} is not a date: write epoch milliseconds, ISO 8601 "
            "(2026-11-22T09:30:00Z) or RFC 1123 (Sun, 22 Nov 2026 09:30:00 GMT)"
        ) from None


def _bounded(at: datetime, text: str) -> datetime:
    if FIRST_YEAR <= at.year <= LAST_YEAR:
        return at
    raise ValueError(f"{text} is out of range: years {FIRST_YEAR} to {LAST_YEAR} are taken")

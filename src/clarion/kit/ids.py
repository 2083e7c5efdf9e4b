"""Identifiers: uuid v7 (RFC 9562, section 5.7), shown as 22 characters of base64url.

A message request and its messages share one stem. The request's id ends in 24 zero bits; message
n of the request (n from 1) has the same id with n in those bits. So the messages of a request are
one range of the primary key, a message's request needs no look-up, and expanding a request a
second time after a crash meets the same keys.
"""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from random import getrandbits  # reseeded in every forked process; an id is no secret
from secrets import randbits
from uuid import UUID

from asyncpg.pgproto.pgproto import UUID as FastUUID  # 4x quicker to make; equal to uuid.UUID

SEQUENCE_BITS = 24
MAX_SEQUENCE = (1 << SEQUENCE_BITS) - 1
_VERSION = 0x7 << 76
_VARIANT = 0x2 << 62
_COUNTER_BITS = 12
_COUNTER_START_BITS = 11  # a random start in the lower half leaves 2,048 ids a millisecond at least


class _Order:
    """Ids of one process ascend also within a millisecond (RFC 9562, section 6.2, method 1), so
    that what came first is sent first. A clock that goes back starts a new count."""

    def __init__(self) -> None:
        self._ms = 0
        self._counter = 0

    def next(self, ms: int) -> tuple[int, int]:
        """The millisecond and counter of the next id."""
        if ms == self._ms and self._counter + 1 < 1 << _COUNTER_BITS:
            self._counter += 1
        else:
            self._ms = ms
            self._counter = getrandbits(_COUNTER_START_BITS)
        return ms, self._counter


_order = _Order()


def new_id(*, at_ms: int | None = None) -> UUID:
    """A fresh uuid v7; `at_ms` is Unix time in milliseconds."""
    ms, counter = _order.next(time.time_ns() // 1_000_000 if at_ms is None else at_ms)
    return _uuid((ms << 80) | _VERSION | (counter << 64) | _VARIANT | getrandbits(62))


def new_secret_id() -> UUID:
    """A fresh uuid v7 that nobody can guess: 74 of its bits are from the system's own source."""
    ms = time.time_ns() // 1_000_000
    return _uuid((ms << 80) | _VERSION | (randbits(12) << 64) | _VARIANT | randbits(62))


def new_request_id(*, at_ms: int | None = None) -> UUID:
    """A fresh uuid v7 whose last 24 bits are free for the sequence of its messages."""
    ms, counter = _order.next(time.time_ns() // 1_000_000 if at_ms is None else at_ms)
    stem = getrandbits(62 - SEQUENCE_BITS) << SEQUENCE_BITS
    return _uuid((ms << 80) | _VERSION | (counter << 64) | _VARIANT | stem)


def message_id(request_id: UUID, sequence: int) -> UUID:
    """The id of the request's message number `sequence` (1 to 16,777,215)."""
    if not 1 <= sequence <= MAX_SEQUENCE:
        raise ValueError(f"sequence {sequence} is out of range")
    return _uuid(request_id.int | sequence)


def request_id_of(message_id: UUID) -> UUID:
    """The request that an MT message belongs to."""
    return _uuid(message_id.int & ~MAX_SEQUENCE)


def requests_of(messages: Iterable[UUID]) -> list[UUID]:
    """The requests that MT messages belong to, each once."""
    return [_uuid(stem << SEQUENCE_BITS) for stem in {m.int >> SEQUENCE_BITS for m in messages}]


def last_message_id(request_id: UUID) -> UUID:
    """The highest id that a message of this request can have."""
    return _uuid(request_id.int | MAX_SEQUENCE)


def floor_id(at: datetime) -> UUID:
    """The lowest uuid v7 of that instant: the bound of a time range over ids. None is before
    1970."""
    ms = max(0, int(at.timestamp() * 1000))
    return _uuid((ms << 80) | _VERSION | _VARIANT)


def created_ms(id: UUID) -> int:
    """Unix milliseconds at which the id was made."""
    return id.int >> 80


def created_at(id: UUID) -> datetime:
    """The instant at which the id was made, to the millisecond."""
    return datetime.fromtimestamp(created_ms(id) / 1000, UTC)


def show(id: UUID) -> str:
    """22 characters of base64url."""
    return urlsafe_b64encode(id.bytes)[:22].decode("ascii")


def parse(text: str) -> UUID | None:
    """The id that `text` shows, or None: an unreadable id names nothing, as an unknown one does."""
    if len(text) != 22:
        return None
    try:
        raw = urlsafe_b64decode(text + "==")
    except ValueError:
        return None
    # The last character carries four unused bits: only the canonical spelling is an id.
    if len(raw) != 16 or urlsafe_b64encode(raw)[:22].decode("ascii") != text:
        return None
    return _uuid(int.from_bytes(raw, "big"))


def _uuid(value: int) -> UUID:
    made: UUID = FastUUID(value.to_bytes(16, "big"))
    return made

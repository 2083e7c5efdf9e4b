"""Which MIME types messages of a sender id type may carry (SCG reference, Sender ID Type,
`allowed_mime_types`, `blocked_mime_types`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

import asyncpg

from clarion.engine.senders.store import SQL
from clarion.errors import InvalidInput, NotFound
from clarion.storage.database import Database

MOST = 200  # of one list
_NAME = r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
_MIME_TYPE = re.compile(f"{_NAME}/{_NAME}")  # RFC 6838, 4.2


@lru_cache(1000)
def first_refused(
    allowed: tuple[str, ...], blocked: tuple[str, ...], types: tuple[str | None, ...]
) -> int | None:
    """The place of the first of `types` that the lists of a type refuse; None: of none. One that
    nobody knows (None) is refused where only some are allowed."""
    only, never = set(map(plain_type, allowed)), set(map(plain_type, blocked))
    for place, given in enumerate(types):
        known = plain_type(given or "")
        if known in never or (only and known not in only):
            return place
    return None


def plain_type(text: str) -> str:
    """As types are compared: without parameters, in small letters."""
    return text.partition(";")[0].strip().lower()


async def types(db: Database) -> list[asyncpg.Record]:
    """Every type, with its lists."""
    return await db.fetch(SQL["types"])


async def set_mime_types(
    db: Database,
    type_id: str,
    *,
    allowed: Sequence[str] | None = None,
    blocked: Sequence[str] | None = None,
) -> asyncpg.Record:
    """Change what messages of a type may carry; None leaves a list as it is. Answers the type.
    Raises InvalidInput, NotFound."""
    lists = _checked("allowed_mime_types", allowed), _checked("blocked_mime_types", blocked)
    row = await db.fetchrow(SQL["set_mime_types"], type_id, *lists, datetime.now(UTC))
    if row is None:
        raise NotFound(f"There is no sender id type {type_id}.")
    return row


def _checked(name: str, given: Sequence[str] | None) -> list[str] | None:
    """Each once, in the order given."""
    if given is None:
        return None
    found = list(dict.fromkeys(text.strip().lower() for text in given))
    if len(found) > MOST:
        raise InvalidInput(f"{name}: at most {MOST}.", field=name)
    for text in found:
        if not _MIME_TYPE.fullmatch(text):
            words = f"{text[:100]!r} is not a MIME type such as image/png, without parameters"
            raise InvalidInput(f"{name}: {words}.", field=name)
    return found

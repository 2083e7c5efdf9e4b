"""What an answer says, as text that can be kept and seconds to wait."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

from clarion.engine.events.delivering.ports import MAX_ANSWER

MAX_DIGITS = 9


def kept_text(raw: bytes) -> str:
    """The first MAX_ANSWER bytes, without what a database cannot keep."""
    raw = raw[:MAX_ANSWER]
    if raw.isascii():
        return raw.decode("ascii").replace("\0", "?")
    text = raw.decode("utf-8", errors="replace").replace("\0", "?")
    return text.encode()[:MAX_ANSWER].decode("utf-8", errors="ignore")


def seconds_of(retry_after: str) -> float | None:
    """Of a Retry-After header: a number, or a date. None: it says neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:MAX_DIGITS])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(0.0, at.timestamp() - time.time())

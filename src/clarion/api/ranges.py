"""Parts of a body, as a Range header asks for them (RFC 9110, section 14).

One range is served; of several at once, and of units other than bytes, the whole body is, which the
standard allows.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from clarion.errors import ClarionError

_ONE = re.compile(r"bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.IGNORECASE | re.ASCII)


class Span(NamedTuple):
    """Bytes from `start` up to, without, `end`."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.start}-{self.end - 1}"


class NothingThere(ClarionError):
    """The range lies outside of the content."""


def asked_span(header: str | None, size: int) -> Span | None:
    """The part of `size` bytes that is asked for; None: all of them. Raises NothingThere."""
    found = _ONE.fullmatch(header.strip()) if header else None
    if found is None:
        return None
    first, last = found[1], found[2]
    if first:
        return _from_first(int(first), last, size)
    if not last:
        return None
    if int(last) == 0 or size == 0:
        raise NothingThere
    return Span(max(0, size - int(last)), size)


def _from_first(first: int, last: str, size: int) -> Span | None:
    if last and int(last) < first:
        return None  # the header is to be ignored
    if first >= size:
        raise NothingThere
    return Span(first, min(int(last) + 1, size) if last else size)

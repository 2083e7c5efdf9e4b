"""Texts that are dates, compared as instants."""

from __future__ import annotations

import re
from datetime import datetime

from clarion.kit.dates import parse_date

_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9:.,]+ ?(?:[Zz]|[+-][0-9:]+)?)?")


def instant_of(text: str) -> datetime | None:
    """The instant that an ISO 8601 text names; None: it is no such text."""
    if text[4:5] != "-" or not _ISO.fullmatch(text):
        return None
    try:
        return parse_date(text)
    except ValueError:
        return None

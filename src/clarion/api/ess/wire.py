"""What the resources of the ESS door share: ids of digits, ranges with a dash, event bodies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from clarion.api.call import Call
from clarion.api.shape import Attribute
from clarion.errors import InvalidInput
from clarion.storage.listing import Bound

Name = Annotated[str, Meta(min_length=1, max_length=255)]

READ_ONLY = Attribute(read_only=True)
AS_TEXT = Attribute(read_only=True, show=str)

_DATE = r"(?:\d{4}-\d{2}-\d{2}(?:[T ][\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?|\d{10}|\d{13})"
_DASHED = re.compile(rf"\[\s*({_DATE})?\s*-\s*({_DATE})?\s*\]", re.IGNORECASE)
_MAX_DIGITS = 18


def number_key(text: str) -> int | None:
    """The id in a path, for resources whose ids are digits."""
    if not (text.isascii() and text.isdigit()) or len(text) > _MAX_DIGITS:
        return None
    return int(text)


def comma_range(text: str) -> str:
    """A range as lists take it, `[from,to]`: the reference writes `[from-]` and `[from-to]`."""
    return _DASHED.sub(lambda found: f"[{found[1] or ''},{found[2] or ''}]", text)


async def comma_ranges(_: Call, query: dict[str, str]) -> list[Bound]:
    """The ranges of a query, as a Resource rewrites it."""
    for name, value in query.items():
        if "[" in value:
            query[name] = comma_range(value)
    return []


def pretty(body: str) -> str:
    """An event's fields as the reference shows them: a text of JSON on several lines."""
    return msgspec.json.format(body, indent=2)


def required(query: Mapping[str, str], name: str, longest: int = 4000) -> str:
    """A parameter that has to be there."""
    value = query.get(name, "").strip()
    if not value:
        raise InvalidInput(f"{name}: it is required.", field=name)
    if len(value) > longest:
        raise InvalidInput(f"{name}: at most {longest} characters.", field=name)
    return value


def shown_date(call: Call, at: datetime | None) -> Any:
    """A date on this wire; None stays None."""
    return None if at is None else call.form.date(at)

"""What the resources of the ESS door share: ids of digits, ranges with a dash, event bodies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from clarion.api.call import Call
from clarion.api.operation import Parameter
from clarion.api.shape import Attribute
from clarion.errors import InvalidInput
from clarion.storage.filters import ranges
from clarion.storage.listing import MAX_LIMIT, Bound

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


def asked_range(query: Mapping[str, str], name: str) -> tuple[datetime | None, datetime | None]:
    """From when and until when, both inclusive; one range, one day or one instant."""
    text = comma_range(query.get(name, "").strip())
    if not text:
        return None, None
    try:
        found = ranges(text)
        if len(found) != 1:
            raise ValueError("one range is expected")
    except ValueError as error:
        raise InvalidInput(f"{name}: {error}.", field=name) from error
    since, behind = found[0]
    return since, behind and behind - timedelta(microseconds=1)


def pretty(body: str) -> str:
    """An event's fields as the reference shows them: a text of JSON on several lines."""
    return msgspec.json.format(body, indent=2)


def required(query: Mapping[str, str], name: str, longest: int) -> str:
    """A parameter that has to be there."""
    value = query.get(name, "").strip()
    if not value:
        raise InvalidInput(f"{name}: it is required.", field=name)
    if len(value) > longest:
        raise InvalidInput(f"{name}: at most {longest} characters.", field=name)
    return value


def paging(default: int, *, highest: int = MAX_LIMIT) -> tuple[Parameter, ...]:
    """What the document says of the pages of a list that no Listing makes."""
    at_most = f"{default} where it is absent; at most {highest}."
    return (
        Parameter("offset", "Rows to pass over.", required=False),
        Parameter("limit", f"Rows to answer: {at_most}", required=False),
    )

"""One list filter, from the text a client sent to a condition with bound values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING

from clarion.errors import InvalidInput
from clarion.kit import ids
from clarion.kit.dates import parse_date
from clarion.kit.e164 import spellings

if TYPE_CHECKING:
    from clarion.storage.listing import Column

Bind = Callable[[object], str]

MAX_VALUES = 1000
MAX_BIGINT = 2**63 - 1
_MILLISECOND = timedelta(milliseconds=1)  # as fine as dates are on the wire
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_LOST_PLUS = re.compile(r"(?<=\d) (?=\d{2}:?\d{2}$)")  # of a zone, behind a time
_RANGE_OR_VALUE = re.compile(r"\[([^\[\]]*)\]|([^\[\],]+)")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def condition(column: Column, text: str, bind: Bind) -> str:
    """The condition for `column=text`. InvalidInput names the column."""
    if len(text) > 2 and text.count(",") >= MAX_VALUES:
        raise InvalidInput(f"{column.name}: at most {MAX_VALUES} values.", field=column.name)
    try:
        return _BY_KIND[column.kind](column, text, bind)
    except ValueError as error:
        raise InvalidInput(f"{column.name}: {error}.", field=column.name) from error


def split(text: str) -> list[str]:
    """The values between the commas."""
    return [value.strip() for value in text.split(",") if value.strip()]


def _text(column: Column, text: str, bind: Bind) -> str:
    text = text.strip()
    values = {*split(text), text}  # the whole as well: the value may have a comma of its own
    if "\0" in text:
        raise ValueError("a zero character is in no text")
    if len(values) == 1:  # one value and then the key: an index can have both in order
        return f"{column.sql} = {bind(text)}::text"
    return f"{column.sql} = any({bind(sorted(values))}::text[])"


def _text_array(column: Column, text: str, bind: Bind) -> str:
    if "\0" in text:
        raise ValueError("a zero character is in no text")
    return f"{column.sql} && {bind(split(text))}::text[]"


def _integer(column: Column, text: str, bind: Bind) -> str:
    return f"{column.sql} = any({bind([_whole(value) for value in split(text)])}::bigint[])"


def _whole(value: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,19}", value) or abs(int(value)) > MAX_BIGINT:
        raise ValueError(f"{value[:50]!r} is not a whole number")
    return int(value)


def _number(column: Column, text: str, bind: Bind) -> str:
    numbers = []
    for value in split(text):
        try:
            number = float(value)
        except ValueError:
            raise ValueError(f"{value[:50]!r} is not a number") from None
        if not isfinite(number):
            raise ValueError(f"{value[:50]!r} is not a number")
        numbers.append(number)
    return f"{column.sql} = any({bind(numbers)}::float8[])"


def _boolean(column: Column, text: str, bind: Bind) -> str:
    try:
        values = [_BOOLEANS[value.lower()] for value in split(text)]
    except KeyError:
        raise ValueError("true or false") from None
    return f"{column.sql} = any({bind(values)}::boolean[])"


def _id(column: Column, text: str, bind: Bind) -> str:
    """An unreadable id names nothing, as an unknown one does."""
    found = [id for value in split(text) if (id := ids.parse(value)) is not None]
    return f"{column.sql} = any({bind(found)}::uuid[])"


def _enum(column: Column, text: str, bind: Bind) -> str:
    values = [value.upper() for value in split(text)]
    for value in values:
        if column.choices and value not in column.choices:
            raise ValueError(f"{value[:50]!r} is not one of {', '.join(sorted(column.choices))}")
    cast = f"::{column.enum}[]" if column.enum else ""
    return f"{column.sql} = any({bind(values)}::text[]{cast})"


def _msisdn(column: Column, text: str, bind: Bind) -> str:
    forms = {form for value in text.split(",") for form in spellings(value)}
    if "\0" in text:
        raise ValueError("a zero character is in no number")
    return f"{column.sql} = any({bind(sorted(forms))}::text[])"


def _timestamp(column: Column, text: str, bind: Bind) -> str:
    return _any_range(column.sql, text, lambda at: f"{bind(at)}::timestamptz")


def _day(column: Column, text: str, bind: Bind) -> str:
    """Days as they are written, of any century; an instant is the day that it lies in."""
    alternatives = []
    for low, high in _pairs(text):
        ends = [f"{column.sql} >= {bind(_whole_day(low))}::date"] if low.strip() else []
        ends += [f"{column.sql} <= {bind(_whole_day(high))}::date"] if high.strip() else []
        alternatives.append(" and ".join(ends))
    return " or ".join(f"({alternative})" for alternative in alternatives)


def _whole_day(text: str) -> date:
    text = text.strip()
    if _DAY.fullmatch(text):
        return date.fromisoformat(text)
    at = _span(text)[0]
    assert at is not None  # it is not blank
    return at.date()


def _created(column: Column, text: str, bind: Bind) -> str:
    return _any_range(column.sql, text, lambda at: f"{bind(ids.floor_id(at))}::uuid")


def _any_range(sql: str, text: str, bind_date: Callable[[datetime], str]) -> str:
    alternatives = []
    for low, high in ranges(text):
        ends = [f"{sql} >= {bind_date(low)}"] if low else []
        ends += [f"{sql} < {bind_date(high)}"] if high else []
        alternatives.append(" and ".join(ends))
    return " or ".join(f"({alternative})" for alternative in alternatives)


def ranges(text: str) -> list[tuple[datetime | None, datetime | None]]:
    """From each range or value the first instant and the first one behind it. ValueError says what
    is wrong."""
    return [(_span(low)[0], _span(high)[1]) for low, high in _pairs(text)]


def _pairs(text: str) -> list[tuple[str, str]]:
    """Both ends of each range, as they are written; of a single value twice the same."""
    found = []
    if _RANGE_OR_VALUE.sub("", text).strip(", "):
        raise ValueError("a range of dates is [from,to], [from,] or [,to]")
    for inner, single in _RANGE_OR_VALUE.findall(text):
        if single.isspace():
            continue
        if single:
            found.append((single, single))
            continue
        low, comma, high = inner.partition(",")
        if not comma or not (low.strip() or high.strip()):
            raise ValueError("a range of dates is [from,to], [from,] or [,to]")
        found.append((low, high))
    if not found:
        raise ValueError("a date is missing")
    return found


def _span(text: str) -> tuple[datetime | None, datetime | None]:
    """A day is all of it; an instant is its millisecond."""
    text = _LOST_PLUS.sub("+", text.strip()) if "T" in text.upper() else text.strip()
    at = parse_date(text)
    if at is None:
        return None, None
    return at, at + (timedelta(days=1) if _DAY.fullmatch(text) else _MILLISECOND)


_BY_KIND: Mapping[str, Callable[[Column, str, Bind], str]] = MappingProxyType(
    {
        "text": _text,
        "integer": _integer,
        "number": _number,
        "boolean": _boolean,
        "timestamp": _timestamp,
        "created": _created,
        "day": _day,
        "id": _id,
        "enum": _enum,
        "text_array": _text_array,
        "msisdn": _msisdn,
    }
)

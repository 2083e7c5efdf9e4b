"""What the events of a type may carry: checked before an event is taken in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from types import MappingProxyType

import msgspec

from clarion.engine.events.model import EventType, FieldType, Value
from clarion.errors import InvalidInput
from clarion.kit.dates import parse_date, to_iso

MAX_FIELDS = 200
MAX_NAME = 100
MAX_TEXT = 65_536
MAX_BODY = 262_144  # characters of all names and texts
MAX_INTEGER = 2**63 - 1
MAX_DEPTH = 16  # of lists and objects in one another


def check_fields(type: EventType, fields: Mapping[str, object]) -> dict[str, Value]:
    """The fields as they are kept: without those that are null, dates in ISO 8601.

    InvalidInput names the field that is missing, unknown to a strict type, or of another kind.
    """
    if len(fields) > MAX_FIELDS:
        raise InvalidInput(f"An event has {MAX_FIELDS} fields at most.")
    kept = {
        name: _checked(type, name, value) for name, value in fields.items() if value is not None
    }
    missing = sorted(
        name for name in type.fields if type.fields[name].mandatory and name not in kept
    )
    if missing:
        raise _fault(missing[0], f"events of type {type.code} must have it")
    if sum(len(name) + _size(value) for name, value in kept.items()) > MAX_BODY:
        raise InvalidInput(f"The fields of an event have {MAX_BODY} characters at most.")
    return kept


def _checked(type: EventType, name: str, value: object) -> Value:
    known = type.fields.get(name)
    try:
        if known is not None:
            return _CHECKS[known.type](value)
        if type.strict:
            raise ValueError(f"there is no such field in events of type {type.code}")
        return _additional(name, value)
    except ValueError as error:
        raise _fault(name, str(error)) from None


def _fault(name: str, words: str) -> InvalidInput:
    return InvalidInput(f"{name[:MAX_NAME]}: {words}.", field=name[:MAX_NAME])


def _size(value: Value) -> int:
    if isinstance(value, msgspec.Raw):
        return len(bytes(value))
    return len(value) if isinstance(value, str) else 8


# ---------------------------------------------------------------- by kind


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is expected")
    if len(value) > MAX_TEXT:
        raise ValueError(f"a text has {MAX_TEXT} characters at most")
    if "\0" in value:
        raise ValueError("a zero character is in no text")
    return value


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("a whole number is expected")
    if abs(value) > MAX_INTEGER:
        raise ValueError("the number is out of range")
    return value


def _decimal(value: object) -> int | float:
    if isinstance(value, float):
        if not isfinite(value):
            raise ValueError("the number is out of range")
        return value
    try:
        return _integer(value)
    except ValueError as error:
        raise ValueError(str(error).replace("whole number", "number")) from None


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false is expected")
    return value


def _date(value: object) -> str:
    """A text that is ISO 8601 stays as it is; the other forms of a date become it."""
    at = parse_date(value)
    if at is None:
        raise ValueError("a date is expected, as in 2026-11-22T09:30:00Z")
    return value.strip() if isinstance(value, str) and value.strip()[4:5] == "-" else to_iso(at)


def _additional(name: str, value: object) -> Value:
    """A field that the type does not know."""
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise ValueError(f"a field's name has 1 to {MAX_NAME} printable characters")
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float):
        return _decimal(value)
    return _whole(value)


def _whole(value: object) -> msgspec.Raw:
    """A list or an object is kept as it was written; criteria do not look into it."""
    inner = [value]
    for _ in range(MAX_DEPTH):
        inner = [each for one in inner for each in _parts(one) if isinstance(each, list | dict)]
    if inner:
        raise ValueError(f"lists and objects are {MAX_DEPTH} deep at most")
    text = msgspec.json.encode(value)
    if len(text) > MAX_TEXT:
        raise ValueError(f"a list or an object has {MAX_TEXT} bytes at most")
    return msgspec.Raw(text)


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


_CHECKS: Mapping[FieldType, Callable[[object], Value]] = MappingProxyType(
    {
        FieldType.TEXT: _text,
        FieldType.INTEGER: _integer,
        FieldType.DECIMAL: _decimal,
        FieldType.BOOLEAN: _boolean,
        FieldType.DATE: _date,
    }
)

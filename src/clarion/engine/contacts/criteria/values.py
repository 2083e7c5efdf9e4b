"""How the columns of a contact are compared, by kind of column.

Each test takes the column, the operator ($eq, $in, an order or $prefix), the values that the
client wrote, and how to bind a parameter; it answers a condition that is null or false for a
contact without a value. An array of one is the rule for $eq, so that $in is the same with more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from clarion.engine.contacts.criteria.attributes import Kind
from clarion.engine.contacts.criteria.model import ORDER, Operator, Place, fault
from clarion.kit import ids
from clarion.kit.countries import ALPHA_2
from clarion.kit.dates import parse_date
from clarion.kit.e164 import parse_address
from clarion.kit.mailbox import parse_mailbox

Bind = Callable[[object, str], str]
ColumnTest = Callable[[str, Operator, Sequence[object], Place, Bind], str]

MAX_BIGINT = 2**63 - 1
_MILLISECOND = timedelta(milliseconds=1)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DIGITS = re.compile(r"\+?[0-9]{1,20}")


def _text(
    column: str, operator: Operator, values: Sequence[object], place: Place, bind: Bind
) -> str:
    """By code points, whatever the language of the database: as the indexes are."""
    texts = [_as_text(value, place) for value in values]
    if operator is Operator.PREFIX:
        return f'{column} collate "C" ^@ {bind(texts[0], "text")}'
    return _ordered(f'{column} collate "C"', operator, texts, bind, "text")


def _mdn(
    column: str, operator: Operator, values: Sequence[object], place: Place, bind: Bind
) -> str:
    texts = [_as_text(value, place) for value in values]
    if operator in (Operator.EQ, Operator.IN):
        return _text(column, operator, [_number(text) for text in texts], place, bind)
    return _text(column, operator, [_plus(text) for text in texts], place, bind)


def _mailbox(
    column: str, operator: Operator, values: Sequence[object], place: Place, bind: Bind
) -> str:
    texts = [_as_text(value, place) for value in values]
    if operator in (Operator.EQ, Operator.IN):
        texts = [_address(text) for text in texts]
    return _text(column, operator, texts, place, bind)


def _country(
    column: str, operator: Operator, values: Sequence[object], place: Place, bind: Bind
) -> str:
    codes = [_as_text(value, place).upper() for value in values]
    if operator in (Operator.EQ, Operator.IN):
        codes = [ALPHA_2.get(code, code) for code in codes]
    return _text(column, operator, codes, place, bind)


def _day(
    column: str, operator: Operator, values: Sequence[object], place: Place, bind: Bind
) -> str:
    days = [_as_day(value, place) for value in values]
    _no_prefix(operator, place)
    return _ordered(column, operator, days, bind, "date")


def _whole(
    column: str, operator: Operator, values: Sequence[object], place: Place, bind: Bind
) -> str:
    numbers = [_as_whole(value, place) for value in values]
    _no_prefix(operator, place)
    return _ordered(column, operator, numbers, bind, "bigint")


def _id(column: str, operator: Operator, values: Sequence[object], place: Place, bind: Bind) -> str:
    """An id that cannot be read names nothing, as an unknown one does."""
    if operator not in (Operator.EQ, Operator.IN):
        raise fault(place, "ids are equal or not; they have no order")
    texts = [_as_text(value, place) for value in values]
    found = [id for text in texts if (id := ids.parse(text)) is not None]
    return f"{column} = any({bind(found, 'uuid[]')})"


def _instant(
    column: str, operator: Operator, values: Sequence[object], place: Place, bind: Bind
) -> str:
    spans = [_as_span(value, place) for value in values]
    _no_prefix(operator, place)
    return _in_spans(column, operator, spans, lambda at: bind(at, "timestamptz"))


def _created(
    column: str, operator: Operator, values: Sequence[object], place: Place, bind: Bind
) -> str:
    """The instant is in the id: the range is one of the primary key."""
    spans = [_as_span(value, place) for value in values]
    _no_prefix(operator, place)
    return _in_spans(column, operator, spans, lambda at: bind(_floor(at), "uuid"))


COLUMN_TESTS: Mapping[Kind, ColumnTest] = MappingProxyType(
    {
        Kind.TEXT: _text,
        Kind.MDN: _mdn,
        Kind.MAILBOX: _mailbox,
        Kind.COUNTRY: _country,
        Kind.DAY: _day,
        Kind.INSTANT: _instant,
        Kind.CREATED: _created,
        Kind.WHOLE: _whole,
        Kind.ID: _id,
    }
)


# ---------------------------------------------------------------- conditions


def _ordered(
    column: str, operator: Operator, values: Sequence[object], bind: Bind, kind: str
) -> str:
    if operator in (Operator.EQ, Operator.IN):
        if len(values) == 1:  # one value: an index has its contacts in the order of their ids
            return f"{column} = {bind(values[0], kind)}"
        return f"{column} = any({bind(list(values), kind + '[]')})"
    return f"{column} {ORDER[operator]} {bind(values[0], kind)}"


_Span = tuple[datetime, datetime]
"""The first instant that a value means and the first one behind it."""


def _in_spans(
    column: str, operator: Operator, spans: Sequence[_Span], bind: Callable[[datetime], str]
) -> str:
    if operator in (Operator.EQ, Operator.IN):
        parts = [f"{column} >= {bind(low)} and {column} < {bind(high)}" for low, high in spans]
        return " or ".join(f"({part})" for part in parts) or "false"
    low, high = spans[0]
    if operator is Operator.GT:
        return f"{column} >= {bind(high)}"
    if operator is Operator.LTE:
        return f"{column} < {bind(high)}"
    return f"{column} {ORDER[operator]} {bind(low)}"


def _no_prefix(operator: Operator, place: Place) -> None:
    if operator is Operator.PREFIX:
        raise fault(place, "$prefix is for texts")


# ---------------------------------------------------------------- values


def _as_text(value: object, place: Place) -> str:
    if isinstance(value, str):
        return value
    raise fault(place, "the attribute is a text: write the value in quotation marks")


def _number(text: str) -> str:
    """The E.164 form of a number; what is none stays and matches nothing."""
    try:
        return parse_address(text).e164
    except ValueError:
        return text


def _address(text: str) -> str:
    """An e-mail address as it is stored; what is none stays likewise."""
    try:
        return parse_mailbox(text)
    except ValueError:
        return text


def _plus(text: str) -> str:
    """The beginning of a number: numbers are stored with a plus sign."""
    return "+" + text.removeprefix("+") if _DIGITS.fullmatch(text) else text


def _as_day(value: object, place: Place) -> date:
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise fault(place, 'a day is expected, as in "1999-12-31"')


def _as_whole(value: object, place: Place) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_BIGINT:
        return value
    raise fault(place, "a whole number is expected")


def _as_span(value: object, place: Place) -> _Span:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise fault(place, 'a date is expected, as in "2026-11-22T09:30:00Z"')
    try:
        low = parse_date(value)
    except ValueError as error:
        raise fault(place, str(error)) from None
    if low is None:
        raise fault(place, "a date is expected")
    is_day = isinstance(value, str) and _DAY.fullmatch(value.strip())
    return low, low + (timedelta(days=1) if is_day else _MILLISECOND)


def _floor(at: datetime) -> UUID:
    return ids.floor_id(at)

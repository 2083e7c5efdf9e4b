"""From the text of a query to its JSON, with limits, and with the line and column of a fault.

Objects stay pairs: JSON allows a name twice, a query does not, and whoever walks it knows where.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import NoReturn

from clarion.engine.contacts.criteria.model import MAX_BYTES
from clarion.errors import InvalidCriteria

MAX_DIGITS = 30  # of a number
MAX_EXPONENT = 100


class Members(tuple[tuple[str, object], ...]):
    """A JSON object, as the pairs that were written."""

    __slots__ = ()


def read_json(text: str) -> object:
    """The JSON value that `text` is: Members, list, str, int, Decimal, bool or None."""
    _check_text(text)
    try:
        return json.loads(
            text,
            object_pairs_hook=Members,
            parse_int=_whole,
            parse_float=_decimal,
            parse_constant=_no_number,
        )
    except json.JSONDecodeError as error:
        raise _fault(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise _fault("it is nested too deeply") from None


def trouble_with(text: str) -> str | None:
    """Why the database could not hold a text, if it could not; escapes can write such texts."""
    if "\0" in text:
        return "no text may hold the character U+0000"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"character {error.start + 1} is half of a pair"
    return None


def _check_text(text: str) -> None:
    if words := trouble_with(text):
        raise _fault(words)
    size = len(text.encode())
    if size > MAX_BYTES:
        raise _fault(f"it has {size} bytes, and at most {MAX_BYTES} are allowed")


def _whole(digits: str) -> int:
    return int(_short(digits))


def _decimal(digits: str) -> Decimal:
    number = Decimal(_short(digits))
    if number and abs(number.adjusted()) > MAX_EXPONENT:
        raise _fault(f"the number {digits} is out of range")
    return number


def _short(digits: str) -> str:
    if len(digits) > MAX_DIGITS:
        raise _fault(f"the number {digits[:MAX_DIGITS]}... has more than {MAX_DIGITS} characters")
    return digits


def _no_number(word: str) -> NoReturn:
    raise _fault(f"{word} is not JSON")


def _fault(words: str) -> InvalidCriteria:
    return InvalidCriteria(f"criteria: {words}.", field="criteria")

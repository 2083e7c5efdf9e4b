"""Calls for tracking in a body, and the codes that short links end in."""

from __future__ import annotations

import re
from secrets import randbelow
from uuid import UUID

from msgspec import Struct

from clarion.errors import BadTrackingUrl
from clarion.kit.weblinks import clean_url

MAX_CALLS = 20  # in one body
MAX_LABEL = 255
SECRET_DIGITS = 10
CODE_SPACE = 62**SECRET_DIGITS
"""60 bits: of 100 million links that are live, one is hit by eight billion guesses."""

MARK = "#track"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_CALL = re.compile(r"#track(?P<labelled>url)?[ \t]*\(")
_STRING = re.compile(r"""[ \t]*(?:"(?P<double>[^"\n]*)"|'(?P<single>[^'\n]*)')[ \t]*""")
_MAX_COMPANY = 2**31 - 1


class TrackCall(Struct, frozen=True):
    """One call in a body, from `start` to, without, `end`."""

    start: int
    end: int
    url: str  # as it will be opened
    label: str | None  # what #trackurl calls it


class NewLink(Struct, frozen=True):
    """A short link of a message, to be stored."""

    message_id: UUID
    code: int
    url: str
    label: str | None


class Link(Struct, frozen=True):
    """A short link as it is opened."""

    company_id: int
    code: int
    message_id: UUID
    url: str


def has_track_calls(body: str) -> bool:
    """Whether there may be something to track. Costs next to nothing."""
    return MARK in body


def find_track_calls(body: str, *, template: bool = False) -> tuple[TrackCall, ...]:
    """Every call in a body. Raises BadTrackingUrl: a call that cannot be read, or an address that
    cannot be tracked. `template`: addresses that have variables in them are not judged yet."""
    if MARK not in body:
        return ()
    found: list[TrackCall] = []
    for opening in _CALL.finditer(body):
        if len(found) == MAX_CALLS:
            raise BadTrackingUrl(f"body: at most {MAX_CALLS} links can be tracked", field="body")
        found.append(_read_call(body, opening, template=template))
    return tuple(found)


def _read_call(body: str, opening: re.Match[str], *, template: bool) -> TrackCall:
    """The call whose parenthesis opens there."""
    place = opening.end()
    url, place = _read_string(body, place)
    label: str | None = None
    if opening["labelled"] and body[place : place + 1] == ",":
        label, place = _read_string(body, place + 1)
    if body[place : place + 1] != ")":
        raise _unreadable(body, opening.start())
    if label is not None and len(label) > MAX_LABEL:
        raise BadTrackingUrl(f"body: a label has at most {MAX_LABEL} characters", field="body")
    if not (template and "$" in url):
        url = _checked(url)
    return TrackCall(start=opening.start(), end=place + 1, url=url, label=label)


def _read_string(body: str, place: int) -> tuple[str, int]:
    found = _STRING.match(body, place)
    if found is None:
        raise _unreadable(body, body.rindex(MARK, 0, place))
    text = found["double"] if found["double"] is not None else found["single"]
    return text, found.end()


def _checked(url: str) -> str:
    try:
        return clean_url(url)
    except ValueError as error:
        raise BadTrackingUrl(
            f"body: the address of a tracked link: {error}", field="body"
        ) from error


def _unreadable(body: str, place: int) -> BadTrackingUrl:
    words = 'it must be #track("<url>") or #trackurl("<url>","<label>")'
    return BadTrackingUrl(f"body: at character {place + 1}: {words}", field="body")


# ---------------------------------------------------------------- codes


def new_code() -> int:
    """One that nobody can guess."""
    return randbelow(CODE_SPACE)


def show_code(company_id: int, code: int) -> str:
    """What a short link ends in: the company, then ten digits that are secret."""
    return _base62(company_id) + _base62(code).rjust(SECRET_DIGITS, "0")


def read_code(text: str) -> tuple[int, int] | None:
    """Company and code; None for what no link ends in."""
    if not SECRET_DIGITS < len(text) <= SECRET_DIGITS + 6:
        return None
    company = _value(text[:-SECRET_DIGITS])
    code = _value(text[-SECRET_DIGITS:])
    if company is None or code is None or company > _MAX_COMPANY or text[0] == "0":
        return None
    return company, code


def _base62(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits or "0"


def _value(text: str) -> int | None:
    number = 0
    for character in text:
        digit = _VALUES.get(character)
        if digit is None:
            return None
        number = number * 62 + digit
    return number

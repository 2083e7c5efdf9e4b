"""What can be wrong with a request before any engine function sees it.

These are about HTTP, so they live here and not in errors.py; each door shows them as its own.
"""

from __future__ import annotations

import re

from clarion.errors import ClarionError, InvalidInput, ValueTooLong

_AT = re.compile(r"^(?P<words>.*) - at `(?:key in )?\$(?P<path>.*)`$", re.DOTALL)
_MISSING = re.compile(r"missing required field `(?P<name>[^`]*)`$")
_TOO_LONG = re.compile(r"^Expected `str` of length <= ")
_KIND = re.compile(r"^Expected `(?P<wanted>[a-z |]+)`, got `(?P<given>[a-z]+)`$")
_LENGTH = re.compile(
    r"^Expected `(?P<kind>str|array)(?: \| null)?` of length (?P<bound><=|>=) (?P<size>\d+)$"
)
_RANGE = re.compile(
    r"^Expected `(?:int|float)(?: \| null)?` (?P<bound><=|>=|<|>) (?P<value>[-\d.e+]+)$"
)
_NAMES = {  # what msgspec calls by Python's names, in those of JSON
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
_UNITS = {"str": "characters", "array": "entries"}
_BOUNDS = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}


class HttpProblem(ClarionError):
    """The request does not fit HTTP."""

    status = 400


class NoSuchPath(HttpProblem):
    """There is nothing at this address."""

    status = 404


class MethodNotAllowed(HttpProblem):
    """This method is not allowed at this address."""

    status = 405

    def __init__(self, allow: str) -> None:
        super().__init__()
        self.allow = allow


class BodyTooLarge(HttpProblem):
    """The request body is larger than allowed."""

    status = 413


class BodyTooSlow(HttpProblem):
    """The rest of the request body did not come in time."""

    status = 408


class UnsupportedMediaType(HttpProblem):
    """The body must be JSON, with the header Content-Type: application/json."""

    status = 415


class ClientGone(Exception):
    """The client went away before its request was complete; nobody waits for an answer."""


def input_problem(error: Exception) -> InvalidInput:
    """A decoding error in the words of the wire: the attribute at fault, and what is wrong."""
    missing = _MISSING.search(str(error))
    if missing:
        return InvalidInput(f"{missing['name']}: it is required.", field=missing["name"])
    found = _AT.match(str(error))
    if found is None:
        return InvalidInput(f"The body cannot be read: {_in_words_of_json(str(error))}")
    name = found["path"].lstrip(".").split("[")[0].split(".")[0] or None
    words = found["words"]
    kind = ValueTooLong if _TOO_LONG.match(words) else InvalidInput
    words = _in_words_of_json(words)
    return kind(f"{name}: {words}" if name else words, field=name)


def _in_words_of_json(words: str) -> str:
    """What msgspec finds wrong, for somebody who writes JSON and no Python."""
    if found := _KIND.match(words):
        wanted = [_NAMES.get(each, each) for each in found["wanted"].split(" | ")]
        kinds = [each for each in wanted if each != "null"] or wanted
        return f"it must be {' or '.join(kinds)}, not {_NAMES.get(found['given'], found['given'])}."
    if found := _LENGTH.match(words):
        return f"{_BOUNDS[found['bound']]} {found['size']} {_UNITS[found['kind']]}."
    if found := _RANGE.match(words):
        return f"it must be {_BOUNDS[found['bound']]} {found['value']}."
    return words

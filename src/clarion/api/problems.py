"""What can be wrong with a request before any engine function sees it.

These are about HTTP, so they live here and not in errors.py; each door shows them as its own.
"""

from __future__ import annotations

import re

from clarion.errors import ClarionError, InvalidInput, ValueTooLong

_AT = re.compile(r"^(?P<words>.*) - at `(?:key in )?\$(?P<path>.*)`$", re.DOTALL)
_MISSING = re.compile(r"missing required field `(?P<name>[^`]*)`$")
_TOO_LONG = re.compile(r"^Expected `str` of length <= ")


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
        return InvalidInput(f"The body cannot be read: {error}")
    name = found["path"].lstrip(".").split("[")[0].split(".")[0] or None
    words = found["words"]
    kind = ValueTooLong if _TOO_LONG.match(words) else InvalidInput
    return kind(f"{name}: {words}" if name else words, field=name)

"""How the doors show errors: `{"error_code": "<digits>", "error_description": "..."}`.

That is the body of the SCG reference; the ESS reference has none of its own. Codes are the SCG
reference's: the HTTP status itself, or 1001 (stale version), 1011 (unique key), 1012 (message too
long), 1017 (criteria), 1019 (content too large), 1020 (tracked link), 1023 (value too long).
Clients parse the code as a number. Of criteria that cannot be understood, `position` is the
character at fault, the first being 1.
"""

from __future__ import annotations

import math

from clarion.api.call import Answer, Header, json_answer
from clarion.api.problems import HttpProblem, MethodNotAllowed
from clarion.errors import (
    AlreadyExists,
    BadTrackingUrl,
    ClarionError,
    Conflict,
    ContentTooLarge,
    InvalidCriteria,
    InvalidInput,
    MessageTooLong,
    NotAllowed,
    NotAuthenticated,
    NotEnoughCredit,
    NotFound,
    StaleVersion,
    TooManyRequests,
    Unavailable,
    ValueTooLong,
)

CODES: dict[type[ClarionError], tuple[int, str]] = {
    InvalidInput: (400, "400"),
    InvalidCriteria: (400, "1017"),
    ContentTooLarge: (400, "1019"),
    BadTrackingUrl: (400, "1020"),
    MessageTooLong: (400, "1012"),
    ValueTooLong: (400, "1023"),
    NotAuthenticated: (401, "401"),
    NotEnoughCredit: (402, "402"),
    NotAllowed: (403, "403"),
    NotFound: (404, "404"),
    Conflict: (409, "409"),
    StaleVersion: (409, "1001"),
    AlreadyExists: (409, "1011"),
    TooManyRequests: (429, "429"),
    Unavailable: (503, "503"),
}


def problem(error: Exception, request_id: str = "") -> Answer:
    """The answer to a request that failed; `request_id` finds a surprise in the log."""
    if not isinstance(error, ClarionError):
        words = f"Something unexpected happened; the log has it under request {request_id}."
        return _answer(500, "500", words, ((b"x-request-id", request_id.encode()),))
    if isinstance(error, HttpProblem):
        return _answer(error.status, str(error.status), error.message, _headers(error))
    status, code = _found(error)
    position = error.position if isinstance(error, InvalidCriteria) else None
    return _answer(status, code, error.message, _headers(error), position)


def code_of(error: ClarionError) -> str:
    """The error_code that a client sees."""
    return str(error.status) if isinstance(error, HttpProblem) else _found(error)[1]


def _found(error: ClarionError) -> tuple[int, str]:
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), (500, "500"))


def _answer(
    status: int, code: str, words: str, headers: tuple[Header, ...], position: int | None = None
) -> Answer:
    body: dict[str, str | int] = {"error_code": code, "error_description": words}
    if position is not None:
        body["position"] = position
    return json_answer(body, status=status, headers=headers)


def _headers(error: ClarionError) -> tuple[Header, ...]:
    if isinstance(error, MethodNotAllowed):
        return ((b"allow", error.allow.encode()),)
    if isinstance(error, NotAuthenticated):
        return ((b"www-authenticate", b"Bearer"),)
    if isinstance(error, TooManyRequests | Unavailable):
        seconds = max(1, math.ceil(error.retry_after))
        return ((b"retry-after", b"%d" % seconds),)
    return ()

"""GET /saop-rest-data/v1/apptoken-refresh: a new access token for an old one.

Clients call it when an answer is 401, with their application's consumer key and secret. Its
errors have a shape of their own: `{"errorCode": 1, "moreInfo": ..., "userMsg": ...}`, status 400
for a missing parameter and 500 for a wrong key or secret.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Door, Route, json_answer
from clarion.api.operation import Operation, Parameter
from clarion.api.problems import HttpProblem, MethodNotAllowed
from clarion.api.wire import PLAIN
from clarion.engine.accounts.tokens import refresh_token
from clarion.errors import ClarionError, InvalidInput, Unavailable


class RefreshedToken(Struct):
    """A token in place of an old one."""

    accessToken: str  # noqa: N815 - the wire's name
    validityTime: Annotated[int, Meta(description="Seconds; 0 is for ever.")]  # noqa: N815


class TokenError(Struct):
    """What went wrong."""

    errorCode: int  # noqa: N815
    moreInfo: str  # noqa: N815
    userMsg: str  # noqa: N815


_REQUIRED = ("consumerkey", "consumersecret", "oldtoken")
_MAX_VALUE = 512


async def refresh(call: Call) -> Answer:
    """The new token and its validity in seconds; 0 is for ever."""
    key, secret, old = (_required(call, name) for name in _REQUIRED)
    fresh = await refresh_token(
        call.services.db, key=key, secret=secret, old_token=old, validity_s=_validity(call)
    )
    validity = fresh.validity_s(datetime.now(UTC))
    return json_answer(RefreshedToken(fresh.token, validity))


def problem(error: Exception, request_id: str = "") -> Answer:
    """An error in this address's own shape."""
    status, words = 500, f"Something unexpected happened; see the log, request {request_id}."
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if isinstance(error, ClarionError):
        words = error.message
        if isinstance(error, InvalidInput):
            status = 400
        elif isinstance(error, HttpProblem):
            status = error.status
        elif isinstance(error, Unavailable):
            status, headers = 503, ((b"retry-after", b"2"),)
    if isinstance(error, MethodNotAllowed):
        headers = ((b"allow", error.allow.encode()),)
    return json_answer(TokenError(1, words, words), status=status, headers=headers)


def _required(call: Call, name: str) -> str:
    value = call.query.get(name, "")
    if not value or len(value) > _MAX_VALUE:
        raise InvalidInput(f"The parameter {name} is missing or too long.", field=name)
    return value


def _validity(call: Call) -> int:
    text = call.query.get("validity", "")
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()) or len(text) > 10:
        raise InvalidInput("The parameter validity must be seconds; 0 is for ever.")
    return int(text)


_REFRESH = Operation(
    summary="Refresh access token",
    tag="Access token",
    about="A new access token for an old one, which dies at once.",
    answer=RefreshedToken,
    parameters=(
        Parameter("consumerkey", "Of the application."),
        Parameter("consumersecret", "Of the application."),
        Parameter("oldtoken", "The token that is to be replaced."),
        Parameter("validity", "Seconds; 0 or absent: for ever.", required=False),
    ),
    error=TokenError,
)


def door() -> Door:
    """Open: the consumer key and secret are the credential."""
    routes = (Route("GET", "/apptoken-refresh", refresh, open=True, about=_REFRESH),)
    return Door("tokens", "/saop-rest-data/v1", routes, problem, PLAIN, title="Access tokens")

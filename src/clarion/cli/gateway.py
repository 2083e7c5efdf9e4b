"""A client of the running gateway's own API, for the commands that send, watch and listen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import BadStatusLine, HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Annotated, Any
from urllib.parse import SplitResult, urlencode, urlsplit

import msgspec
import typer

from clarion.cli import files, running
from clarion.cli.place import Place
from clarion.engine.accounts.model import Credentials
from clarion.errors import ClarionError, NotAuthenticated, NotFound, Unavailable

API = "/scg-external-api/api/v1"
EVENTS = "/ess/v1"
_PATIENCE = 30.0
_MAX_ANSWER = 64_000_000

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        envvar="CLARION_URL",
        show_envvar=True,
        help="The gateway. Default: the one that runs on the data directory.",
    ),
]
TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="TOKEN",
        envvar="CLARION_TOKEN",
        show_envvar=True,
        help="An access token. Default: the one of `clarion run`.",
    ),
]


@dataclass(frozen=True)
class Gateway:
    """Where it is and who we are there."""

    base_url: str
    token: str = field(repr=False)

    def get(self, path: str, **query: object) -> Any:
        """The answer's JSON. Raises Unavailable, NotAuthenticated, ClarionError."""
        words = urlencode({k: v for k, v in query.items() if v is not None})
        return self._call("GET", f"{path}?{words}" if words else path, None)

    def post(self, path: str, body: object) -> Any:
        return self._call("POST", path, msgspec.json.encode(body))

    def delete(self, path: str) -> None:
        self._call("DELETE", path, None)

    def follow(self, path: str) -> Iterator[bytes]:
        """The lines of an answer that does not end, as they come; empty ones are signs of life.
        Unavailable: it has broken off."""
        with self._answer("GET", path, None) as response:
            if response.status >= 400:
                _read(response.status, response.read(_MAX_ANSWER))
            yield from response

    def _call(self, method: str, path: str, body: bytes | None) -> Any:
        with self._answer(method, path, body) as response:
            return _read(response.status, response.read(_MAX_ANSWER))

    @contextmanager
    def _answer(self, method: str, path: str, body: bytes | None) -> Iterator[HTTPResponse]:
        url = urlsplit(self.base_url)
        connection = _connection(url)
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, url.path.rstrip("/") + path, body=body, headers=headers)
            yield connection.getresponse()
        except (OSError, HTTPException) as error:
            raise Unavailable(f"{self.base_url} does not answer: {reason(error)}") from error
        finally:
            connection.close()


def find_gateway(place: Place, url: str | None, token: str | None) -> Gateway:
    """The gateway that these options mean. Raises Unavailable when none is known to run."""
    if url is None:
        found = running.find(place)
        if found is None:
            words = f"No gateway runs on {place.data}. Start `clarion run`, or name one with --url."
            raise Unavailable(words)
        url = found.base_url
    if urlsplit(url).scheme not in ("http", "https"):
        raise ClarionError(f"{url!r} is not an address like http://127.0.0.1:8080.")
    if token is None:
        known = files.read(place.credentials, Credentials)
        token = known.token if known else None
    if token is None:
        raise NotAuthenticated("No access token is known: give one with --token.")
    return Gateway(url, token)


def reason(error: Exception) -> str:
    """Why there was no answer, without numbers of errors."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, BadStatusLine) and not isinstance(error, OSError):
        return "What comes is not HTTP"
    return str(error) or "the connection was closed"


def _connection(url: SplitResult) -> HTTPConnection:
    kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
    return kind(url.hostname or "", url.port, timeout=_PATIENCE)


def _read(status: int, body: bytes) -> Any:
    try:
        answer = msgspec.json.decode(body) if body else None
    except msgspec.DecodeError:
        answer = None
    if status < 400:
        return answer
    words = answer.get("error_description") if isinstance(answer, dict) else None
    words = str(words or f"the gateway answered {status}")
    if status == 401:
        raise NotAuthenticated(words)
    if status == 503:
        raise Unavailable(words)
    if status == 404:
        raise NotFound(words)
    raise ClarionError(f"{status}: {words}")

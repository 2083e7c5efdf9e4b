"""What a door's handler is given and what it gives back.

    async def create(call: Call) -> Answer: ...

A Route binds a handler to a method and a path; a Door is a set of routes that share an address
prefix, a wire form and a way to show errors.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Mapping,
    MutableMapping,
)
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs

import msgspec
from msgspec import Struct

from clarion.api.problems import UnsupportedMediaType, input_problem
from clarion.engine.accounts.model import Caller
from clarion.errors import InvalidInput

if TYPE_CHECKING:
    from clarion.api.services import Services
    from clarion.api.wire import WireForm

T = TypeVar("T")
Header = tuple[bytes, bytes]
MAX_QUERY_FIELDS = 200
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # PostgreSQL's text cannot hold it

JSON: tuple[Header, ...] = ((b"content-type", b"application/json"),)
_encode = msgspec.json.Encoder().encode


class Answer(Struct, frozen=True, gc=False):
    """A whole response; a large body comes in chunks, with its length among the headers."""

    status: int = 200
    body: bytes = b""
    headers: tuple[Header, ...] = ()
    chunks: AsyncGenerator[bytes, None] | None = None  # in place of `body`; see streams.py


def json_answer(value: Any, *, status: int = 200, headers: tuple[Header, ...] = ()) -> Answer:
    """`value` as a JSON body."""
    return Answer(status, _encode(value), JSON + headers if headers else JSON)


NO_CONTENT = Answer(204)


class Reply(Struct, frozen=True, gc=False):
    """An answer that waits for one thing: what a handler on the hot path gives back in the place of
    a coroutine. If that is a Future, the request needs no task."""

    coming: Awaitable[Any]
    answer: Callable[[asyncio.Future[Any]], Answer]
    """From `coming`, done or failed; it may raise."""

    def __await__(self) -> Generator[Any, None, Answer]:
        coming = asyncio.ensure_future(self.coming)
        with suppress(Exception):  # which `answer` sees
            yield from coming
        return self.answer(coming)


async def read_already() -> MutableMapping[str, Any]:
    """In the place of `receive` where there is nothing to read."""
    raise RuntimeError("the body is read already; the route is not a streamed one")


class Call(Struct, kw_only=True, eq=False):
    """One request, authenticated and read whole, unless its route is streamed."""

    services: Services
    door: Door
    scope: Mapping[str, Any]
    params: Mapping[str, str]
    caller: Caller  # of an open route: nobody, company 0
    body: bytes
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]] = read_already  # see streams.py
    parsed_query: dict[str, str] | None = None

    @property
    def form(self) -> WireForm:
        """The wire form of the door that the request came through."""
        return self.door.form

    @property
    def query(self) -> dict[str, str]:
        """The query parameters; of one that is repeated, all values joined by a comma."""
        if self.parsed_query is None:
            self.parsed_query = _parse_query(self.scope["query_string"])
        return self.parsed_query

    def header(self, name: bytes) -> str | None:
        """A request header by its lower-case name."""
        for key, value in self.scope["headers"]:
            if key == name:
                return str(value.decode("latin-1"))
        return None

    def read(self, decoder: msgspec.json.Decoder[T]) -> T:
        """The JSON body as the decoder's type. InvalidInput names the attribute at fault."""
        kind = self.media_type()
        if kind not in ("", "application/json") and not kind.endswith("+json"):
            raise UnsupportedMediaType
        if not self.body:
            raise InvalidInput("The body is empty; it must be JSON.")
        if b"\\u0000" in self.body and _NUL.search(self.body):
            raise InvalidInput("No text may hold the character U+0000.")
        try:
            return decoder.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise input_problem(error) from error

    def media_type(self) -> str:
        """The body's media type in lower case, without parameters; empty if none is named."""
        for key, value in self.scope["headers"]:
            if key == b"content-type":
                if value == b"application/json":
                    return "application/json"
                return str(value.partition(b";")[0].strip().lower().decode("latin-1"))
        return ""


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True)
class Route:
    """A handler under a method and a path below its door's prefix ("/things/{id}")."""

    method: str
    path: str
    handler: Handler
    open: bool = False  # answered without a token
    streamed: bool = False  # it reads its body, or answers, by the piece: see streams.py
    about: Any = None  # an openapi.Operation; routes without one are not documented


@dataclass(frozen=True)
class Door:
    """Routes that share a prefix, a wire form and the way errors look."""

    name: str
    prefix: str
    routes: Iterable[Route]
    problem: Callable[[Exception, str], Answer]
    form: WireForm
    title: str = ""
    description: str = field(default="", repr=False)


def read_pairs(raw: bytes, *, limit: int) -> dict[str, list[str]]:
    """The fields of a query string or of a form-encoded body."""
    try:
        pairs = parse_qs(
            raw.decode("utf-8"), keep_blank_values=True, max_num_fields=limit, errors="strict"
        )
    except (ValueError, UnicodeDecodeError) as error:
        raise InvalidInput("The query string or the form cannot be read.") from error
    if any("\0" in value for values in pairs.values() for value in values):
        raise InvalidInput("No text may hold the character U+0000.")
    return pairs


def _parse_query(raw: bytes) -> dict[str, str]:
    if not raw:
        return {}
    pairs = read_pairs(raw, limit=MAX_QUERY_FIELDS)
    return {name: ",".join(values) for name, values in pairs.items()}

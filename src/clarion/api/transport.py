"""uvicorn's HTTP protocol, with a short way for short requests.

A request whose body is small and comes with its length needs no ASGI messages: when it is whole the
application is asked once and the response leaves in one system call, which saves about a sixth of
a request's CPU. All else (chunked or large bodies, `Expect`, HTTP/1.0, pipelining, streamed routes)
is uvicorn's, and so are keep-alive, time-outs and the shutdown of both. An answer that comes before
the end of its request is followed by what lingering.py says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from clarion.api.call import Answer, Header
from clarion.api.errors import problem
from clarion.api.lingering import Lingering
from clarion.errors import InvalidInput

if TYPE_CHECKING:
    from clarion.api.router import Found
    from clarion.api.server import Application

SHORT = 64 * 1024
"""Bytes of body; most requests have a few hundred."""

_METHODS = (b"GET", b"POST", b"PUT", b"DELETE")


class HttpProtocol(HttpToolsProtocol):
    """For uvicorn's `http` setting; the application is an api.server.Application."""

    _length: int  # of the body, as its head says
    _odd: bool  # something in its head makes it a request for uvicorn
    _body: bytes
    _lingering: Lingering

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._lingering = Lingering(transport.close)
        super().connection_made(_Gathering(transport, self._linger))  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._lingering.stop()

    def _linger(self) -> bool:
        """Whether some of a request is still to come behind its answer; it is thrown away."""
        cycle = self.cycle
        if self._lingering.is_under_way or not (cycle and cycle.response_complete):
            return False  # the next request comes, and waits for its own answer
        if not getattr(cycle, "more_body", False):
            return False
        self._lingering.begin()
        self.flow.resume_reading()
        return True

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._linger()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, in the words of the doors."""
        answer = problem(InvalidInput("This is not a well-formed HTTP/1.1 request."))
        more = [*self.server_state.default_headers, (b"connection", b"close")]
        self.transport.write(_octets(answer, more))
        self.transport.close()

    def on_message_begin(self) -> None:
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._length = 0
        self._odd = False
        self._body = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name == b"content-length":
            self._length = int(value)
        elif name == b"expect":
            self._odd = True
            self.expect_100_continue = value.lower() == b"100-continue"
        elif name in (b"transfer-encoding", b"upgrade"):
            self._odd = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.transport.is_closing():
            self._odd = True  # nobody would hear the answer
            return
        method = self.parser.get_method()
        if (
            self._odd
            or self._length > SHORT
            or method not in _METHODS
            or (self.cycle is not None and not self.cycle.response_complete)
            or not self.parser.should_keep_alive()
            or self.parser.get_http_version() != "1.1"
        ):
            self._go_the_long_way()
            return
        scope = _scope(self, method)
        found = cast("Application", self.app).find(scope["method"], scope["path"])
        if found.streamed:
            self._go_the_long_way()
            return
        self.cycle = cast("Any", _Short(self, scope, found))

    def _go_the_long_way(self) -> None:
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expect
        self.scope["headers"] = headers
        self._odd = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._odd:
            self._lingering.heard()
            super().on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        if self._odd:
            super().on_message_complete()
            if self._lingering.is_under_way:
                self._end_lingering()
        else:
            cast("_Short", self.cycle).body = self._body  # another request may come before the task
            self._start_asgi_task(self.cycle, self.app)

    def _end_lingering(self) -> None:
        """The request is whole at last."""
        self._lingering.stop()
        self.cycle.more_body = False  # what comes for an answered request is not told to it
        if self.transport.is_closing():
            self.transport.close()
        else:  # as behind any response
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )


def _scope(protocol: HttpProtocol, method: bytes) -> dict[str, Any]:
    """What handlers read of an ASGI scope."""
    url = httptools.parse_url(protocol.url)
    path = url.path.decode("ascii")
    return {
        "type": "http",
        "method": method.decode("ascii"),
        "path": unquote(path) if "%" in path else path,
        "query_string": url.query or b"",
        "headers": protocol.headers,
        "client": protocol.client,
        "scheme": protocol.scheme,
    }


class _Short:
    """One short request and its response, in the place of uvicorn's RequestResponseCycle."""

    __slots__ = (
        "_found", "_protocol", "_scope", "body", "disconnected", "keep_alive", "message_event",
        "response_complete",
    )  # fmt: skip

    def __init__(self, protocol: HttpProtocol, scope: dict[str, Any], found: Found) -> None:
        self._protocol = protocol
        self._scope = scope
        self._found = found
        self.body = b""
        self.disconnected = False
        self.keep_alive = True  # uvicorn's shutdown sets it to False
        self.message_event = _Deaf()
        self.response_complete = False

    async def run_asgi(self, app: Application) -> None:
        protocol = self._protocol
        answer = await app.respond(self._scope, self._found, self.body)
        self.response_complete = True
        if not self.disconnected:
            more = protocol.server_state.default_headers
            if not self.keep_alive:
                more = [*more, (b"connection", b"close")]
            protocol.transport.write(_octets(answer, more))
            if not self.keep_alive:
                protocol.transport.close()
        protocol.on_response_complete()


class _Deaf:
    """For uvicorn to set when a connection ends: a short request waits for nothing."""

    def set(self) -> None:
        pass


def _octets(answer: Answer, more: Iterable[Header]) -> bytes:
    parts = [STATUS_LINE[answer.status]]
    for name, value in more:
        parts += (name, b": ", value, b"\r\n")
    for name, value in answer.headers:
        parts += (name, b": ", value, b"\r\n")
    if answer.status != 204:
        parts.append(b"content-length: %d\r\n" % len(answer.body))
    parts += (b"\r\n", answer.body)
    return b"".join(parts)


class _Gathering:
    """A transport whose writes wait for the end of the turn: uvicorn writes the head of a response
    and its body one after the other, and each would be a packet of its own. To close it ends our
    side alone if `linger` says that more is to come; to close it again ends it."""

    __slots__ = ("_call_soon", "_closing", "_linger", "_transport", "_waiting")

    def __init__(self, transport: asyncio.Transport, linger: Callable[[], bool]) -> None:
        self._transport = transport
        self._linger = linger
        self._call_soon = asyncio.get_running_loop().call_soon
        self._closing = False
        self._waiting: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._closing or self._transport.is_closing()

    def write(self, octets: bytes) -> None:
        if self._closing:
            return
        if not self._waiting:
            self._call_soon(self._flush)
        self._waiting.append(octets)

    def close(self) -> None:
        self._flush()
        if self.is_closing() or not self._linger():
            self._transport.close()
        elif self._transport.can_write_eof():
            self._transport.write_eof()
        self._closing = True

    def _flush(self) -> None:
        octets = b"".join(self._waiting)
        self._waiting.clear()
        if octets and not self._transport.is_closing():
            self._transport.write(octets)

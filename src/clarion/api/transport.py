"""uvicorn's HTTP protocol, with a short way for short requests.

A request whose body is small and comes with its length needs no ASGI messages: when it is whole the
application is asked once and the response leaves in one system call. One that comes whole and with
a head that has come before (heads.py) does without the parser, too. All else (chunked or large
bodies, `Expect`, HTTP/1.0, pipelining, streamed routes, a client that does not read) is uvicorn's,
and so is the shutdown of both; the keep-alive timer of a connection in use is looked at when it
ends. An answer that comes before the end of its request is followed by what lingering.py says.
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
from clarion.api.heads import END, Head, Heads
from clarion.api.lingering import Lingering
from clarion.errors import InvalidInput

if TYPE_CHECKING:
    from clarion.api.server import Application

SHORT = 64 * 1024
"""Bytes of body; most requests have a few hundred."""

_METHODS = (b"GET", b"POST", b"PUT", b"DELETE")


class HttpProtocol(HttpToolsProtocol):
    """For uvicorn's `http` setting; the application is an api.server.Application."""

    _length: int  # of the body, as its head says
    _odd: bool  # something in its head makes it a request for uvicorn
    _body: bytes
    _upgrades: bool  # it asks for another protocol; it gets an answer in HTTP, and no other
    _lingering: Lingering
    _gathering: _Gathering
    heads: Heads
    _amid: bool = False  # the parser is inside a request
    _octets: bytes = b""  # the last that came, if a request began with them
    _active_at: float = 0.0  # by the loop's clock
    _common: tuple[list[Header], bytes] = ([], b"")  # headers of all answers, and those as octets

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._lingering = Lingering(transport.close)
        self._gathering = _Gathering(transport, self._linger)
        self.heads = cast("Application", self.app).heads
        super().connection_made(self._gathering)  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._lingering.stop()

    def data_received(self, data: bytes) -> None:
        """The usual request comes whole, alone, and with a head that is known."""
        cycle = self.cycle
        self._octets = b""
        if not self._amid and (cycle is None or cycle.response_complete):
            end = data.find(END) + len(END)
            octets = data[:end]
            head = self.heads.get(octets)
            if head is not None and len(data) == end + head.length and self._is_heard():
                self._answer(head, octets, data[end:], is_known=True)
                return
            self._octets = data
        super().data_received(data)

    def _is_heard(self) -> bool:
        """Whether an answer that is made now has somewhere to go."""
        return not (self.flow.write_paused or self._gathering.is_closing())

    def _answer(self, head: Head, octets: bytes, body: bytes, *, is_known: bool) -> None:
        scope = head.scope.copy()
        scope["client"] = self.client
        short = _Short(self, scope, head, octets, is_known=is_known)
        self.cycle = cast("Any", short)
        short.begin(body)

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

    def send_whole(self, answer: Answer, *, keep_alive: bool) -> None:
        """Head and body of a response."""
        headers = self.server_state.default_headers  # a new list each second, for the date
        if self._common[0] is not headers:
            self._common = headers, _lines(headers)
        if keep_alive:
            self._gathering.send(_octets(answer, self._common[1]))
        else:
            self._gathering.send(_octets(answer, self._common[1] + b"connection: close\r\n"))
            self._gathering.close()

    def on_response_complete(self) -> None:
        self._active_at = self.loop.time()
        short = type(cast("Any", self.cycle)) is _Short
        if short and self.timeout_keep_alive_task and not self.pipeline:
            self.server_state.total_requests += 1  # all else is as it was
        else:
            super().on_response_complete()
            self._linger()

    def timeout_keep_alive_handler(self) -> None:
        """Short requests leave the timer alone: what has come since is looked at here."""
        left = self._active_at + self.timeout_keep_alive - self.loop.time()
        if self.cycle is not None and not self.cycle.response_complete:
            left = self.timeout_keep_alive
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(
                left, self.timeout_keep_alive_handler
            )
        else:
            super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, in the words of the doors."""
        answer = problem(InvalidInput("This is not a well-formed HTTP/1.1 request."))
        self.send_whole(answer, keep_alive=False)

    def on_message_begin(self) -> None:
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        self._amid = True
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._length = 0
        self._odd = False
        self._upgrades = False
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
            self._upgrades = self._upgrades or name == b"upgrade"
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
            or self.flow.write_paused
            or not self.parser.should_keep_alive()
            or self.parser.get_http_version() != "1.1"
        ):
            self._go_the_long_way()
            return
        self._scope = _scope(self, method)
        self._found = cast("Application", self.app).find(self._scope["method"], self._scope["path"])
        if self._found.streamed:
            self._go_the_long_way()

    def _go_the_long_way(self) -> None:
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expect
        self.scope["headers"] = headers
        self._odd = True
        super().on_headers_complete()
        if self._upgrades:  # what comes behind may be of that other protocol
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        if self._odd:
            self._lingering.heard()
            super().on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        self._amid = False
        if self._odd:
            super().on_message_complete()
            if self._lingering.is_under_way:
                self._end_lingering()
            return
        head = Head(self._scope, self._found, self._length)
        self._answer(head, self._octets, self._body, is_known=False)
        self._octets = b""

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
    """What handlers read of an ASGI scope, but for `client`."""
    url = httptools.parse_url(protocol.url)
    path = url.path.decode("ascii")
    return {
        "type": "http",
        "method": method.decode("ascii"),
        "path": unquote(path) if "%" in path else path,
        "query_string": url.query or b"",
        "headers": protocol.headers,
        "scheme": protocol.scheme,
    }


class _Short:
    """One short request and its response, in the place of uvicorn's RequestResponseCycle."""

    __slots__ = (
        "_head", "_is_known", "_octets", "_protocol", "_scope", "disconnected", "keep_alive",
        "message_event", "response_complete",
    )  # fmt: skip

    def __init__(
        self,
        protocol: HttpProtocol,
        scope: dict[str, Any],
        head: Head,
        octets: bytes,
        *,
        is_known: bool,
    ) -> None:
        """`octets`: of a head that is known; else what came, if it began with this request."""
        self._protocol = protocol
        self._scope = scope
        self._head = head
        self._octets = octets
        self._is_known = is_known
        self.disconnected = False
        self.keep_alive = True  # uvicorn's shutdown sets it to False
        self.message_event = _DEAF
        self.response_complete = False

    def begin(self, body: bytes) -> None:
        protocol = self._protocol
        app = cast("Application", protocol.app)
        task = app.begin(self._scope, self._head.found, body, self.answered)
        if task is not None:  # uvicorn waits for it, or cancels it, when it stops
            protocol.tasks.add(task)
            task.add_done_callback(protocol.tasks.discard)

    def answered(self, answer: Answer) -> None:
        """The whole answer, which leaves in one system call."""
        protocol = self._protocol
        self.response_complete = True
        if not self.disconnected:
            protocol.send_whole(answer, keep_alive=self.keep_alive)
        if not self._is_known:
            if self._octets and answer.status < 300:
                protocol.heads.keep(self._octets, self._head)
        elif answer.status == 401:
            protocol.heads.forget(self._octets)
        protocol.on_response_complete()


class _Deaf:
    """For uvicorn to set when a connection ends: a short request waits for nothing."""

    def set(self) -> None:
        pass


_DEAF = _Deaf()


def _lines(headers: Iterable[Header]) -> bytes:
    return b"".join(b"%s: %s\r\n" % header for header in headers)


def _octets(answer: Answer, more: bytes) -> bytes:
    parts = [STATUS_LINE[answer.status], more]
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

    def send(self, octets: bytes) -> None:
        """Write at once, unless something waits."""
        if self._waiting:
            self.write(octets)
        elif not self.is_closing():
            self._transport.write(octets)

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

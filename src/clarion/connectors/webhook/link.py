"""One connection to a receiver: a request is written, its answer is parsed, the next one may go.

No task, no stream, no future: the answer's last byte calls `Owner.answered`, which may write the
next request at once. What an answer may be is bounded in every direction; time is bounded by
whoever sent the request.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

import httptools
from msgspec import Struct

from clarion.connectors.webhook.answers import seconds_of
from clarion.connectors.webhook.reasons import not_http, why_lost

MAX_HEAD = 32 << 10  # bytes of status and headers
MAX_READ = 64 << 10  # of an answer: past that the connection is given up, and what came counts
MAX_KEPT = 64 << 10
MAX_RETRY_AFTER = 100  # characters


class Reply(Struct):
    """What a receiver has answered. `status` None: nothing that counts, `words` say why."""

    status: int | None
    body: bytes
    words: str = ""
    retry_after: float | None = None
    silent: bool = False  # not a byte came: the connection was closed already, perhaps


class Owner(Protocol):
    """Who has a link."""

    def answered(self, link: Link, reply: Reply) -> None:
        """To the request that is under way. The link is free for another, if it is `open`."""

    def closed(self, link: Link) -> None:
        """A link that was free is no more."""


class Link(asyncio.Protocol):
    """A connection. Use `send` only while it is open and no request is under way."""

    __slots__ = (
        "_body", "_done", "_headers_read", "_keep", "_owner", "_parser", "_read", "_retry_after",
        "_transport", "born", "busy", "job", "open",
    )  # fmt: skip

    def __init__(self, owner: Owner, now: float) -> None:
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self.born = now
        self.job: object = None  # the owner's, of what is under way
        self.open = False
        self.busy = False
        self._read = 0  # bytes of the answer under way
        self._body = b""
        self._headers_read = False
        self._done = self._keep = False
        self._retry_after = b""

    def send(self, request: bytes) -> None:
        assert self._transport is not None
        self.busy = True
        self._reset()
        self._transport.write(request)

    def cut(self) -> None:
        """End it now: nothing is told to the owner."""
        self.open = self.busy = False
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------ told by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self._parser = httptools.HttpResponseParser(self)
        self.open = True

    def data_received(self, data: bytes) -> None:
        if not self.busy or self._parser is None:
            self._end()  # nothing was asked: an answer now would be taken for the next one's
            return
        self._read += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("The receiver wants another protocol.")
            return
        except (httptools.HttpParserError, ValueError) as error:
            self._fail(not_http(error))
            return
        if self._done:
            self._answer()
        elif self._headers_read:
            if self._read > MAX_READ:
                self._end()
                self._answer()
        elif self._read > MAX_HEAD:
            self._fail("The answer's headers have no end.")

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        if not self.busy:
            self._owner.closed(self)
        elif self._headers_read:  # a body that ends with the connection, or is cut off
            self._answer()
        else:
            silent = self._read == 0
            words = why_lost(error)
            self._tell(Reply(status=None, body=b"", words=words, silent=silent))
        self._parser = None

    # ------------------------------------------------------------ told by the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(name) == 11 and name.lower() == b"retry-after":
            self._retry_after = value

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self._headers_read = self._parser.get_status_code() >= 200

    def on_body(self, body: bytes) -> None:
        if len(self._body) < MAX_KEPT:
            self._body += body

    def on_message_complete(self) -> None:
        if not self._headers_read:
            return  # 100 Continue and its like: the answer is still to come
        if self._done:
            self.open = False  # more than one answer
        self._done = True
        assert self._parser is not None
        self._keep = self._parser.should_keep_alive()  # afterwards it speaks of the next one

    # ------------------------------------------------------------

    def _reset(self) -> None:
        self._read = 0
        self._body = b""
        self._headers_read = False
        self._done = self._keep = False
        self._retry_after = b""

    def _answer(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        if not self.open or not self._keep:
            self._end()
        after = self._retry_after[:MAX_RETRY_AFTER].decode("latin-1")
        wait = seconds_of(after) if after else None
        self._tell(Reply(status=status, body=self._body, retry_after=wait))

    def _fail(self, words: str) -> None:
        self._end()
        self._tell(Reply(status=None, body=b"", words=words))

    def _tell(self, reply: Reply) -> None:
        self.busy = False
        self._owner.answered(self, reply)

    def _end(self) -> None:
        self.open = False
        if self._transport is not None:
            self._transport.abort()

"""The ASGI application: find the route, know the caller, read the body, call, answer.

Ours and small because every message passes through it: a router of regular expressions and a
stack of middleware would cost more than the rest of a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import partial
from time import perf_counter
from typing import Any

from clarion.api.auth import Authenticator
from clarion.api.call import Answer, Call, Door, Reply, read_already
from clarion.api.doors import all_doors
from clarion.api.errors import problem
from clarion.api.heads import Heads
from clarion.api.limits import RateLimiter
from clarion.api.problems import BodyTooLarge, ClientGone, MethodNotAllowed, NoSuchPath
from clarion.api.router import NOTHING, Bound, Found, Router
from clarion.api.services import Services
from clarion.api.streams import send_stream
from clarion.engine.accounts.model import Caller
from clarion.errors import ClarionError, Unavailable
from clarion.kit import ids
from clarion.log import get_logger
from clarion.metrics import HttpDoor

REQUEST_FAILED = "http.request_failed"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

NOBODY = Caller(company_id=0, application_id=0)
"""The caller of an open route; no row carries company 0."""

_BODYLESS = ("GET", "HEAD")
log = get_logger(__name__)


def create_app(services: Services, doors: Iterable[Door] | None = None) -> Application:
    """All doors as one application; tests may name other doors."""
    return Application(services, Router(all_doors(services) if doors is None else doors))


class Application:
    """An ASGI application. For short requests transport.py spares itself the ASGI messages: `find`
    says what a request leads to, `begin` answers it."""

    def __init__(self, services: Services, router: Router) -> None:
        http = services.settings.http
        self._services = services
        self._router = router
        self._max_body = http.max_body_bytes
        self._authenticator = Authenticator(services.tokens, http.trusted_networks)
        self._limiter = RateLimiter(http.rate_limit, http.rate_burst)
        self._figures = {door.name: HttpDoor(door.name) for door in router.doors}
        self.find = router.find
        self.heads = Heads()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _other_protocol(scope, receive, send)
            return
        found = self.find(scope["method"], scope["path"])
        try:
            answer = await self._respond(scope, found, receive=receive)
        except ClientGone:
            return
        if answer.chunks is None:
            await _send(send, answer)
        else:
            await send_stream(send, receive, answer, head=scope["method"] == "HEAD")

    def begin(
        self, scope: Scope, found: Found, body: bytes, answered: Callable[[Answer], None]
    ) -> asyncio.Task[Any] | None:
        """Answer a request whose body is here: `answered` is called with the answer once, now or
        later. The task that works on it, if it takes one."""
        begun = perf_counter()
        bound = found.bound
        caller = None
        if bound is not None and not bound.route.open and len(body) <= self._max_body:
            caller = self._authenticator.known(scope)
        if bound is None or caller is None:
            task = asyncio.create_task(self._respond(scope, found, body))
            task.add_done_callback(partial(_pass_on, answered))
            return task
        try:
            scope["caller"] = caller
            self._limiter.check(caller)
            made = bound.route.handler(self._call(scope, found, bound, caller, body))
        except Exception as error:
            answered(self._refused(bound.door, error, scope, begun))
            return None
        reply = made if type(made) is Reply else Reply(made, _result)
        done = partial(self._finish, scope, bound.door, begun, reply, answered)
        if isinstance(reply.coming, asyncio.Future):
            reply.coming.add_done_callback(done)
            return None
        working = asyncio.ensure_future(reply.coming)
        working.add_done_callback(done)
        return working

    def _finish(
        self,
        scope: Scope,
        door: Door,
        begun: float,
        reply: Reply,
        answered: Callable[[Answer], None],
        coming: asyncio.Future[Any],
    ) -> None:
        """What a handler waited for is done."""
        try:
            answer = reply.answer(coming)
        except asyncio.CancelledError:
            answer = self._refused(door, _stopping(), scope, begun)
        except Exception as error:
            answer = self._refused(door, error, scope, begun)
        else:
            self._count(door, scope, answer, begun)
        answered(answer)

    def _refused(self, door: Door, error: Exception, scope: Scope, begun: float) -> Answer:
        answer = _problem(door, error, scope)
        self._count(door, scope, answer, begun)
        return answer

    def _count(self, door: Door, scope: Scope, answer: Answer, begun: float) -> None:
        self._figures[door.name].answered(scope["method"], answer.status, perf_counter() - begun)

    async def _respond(
        self, scope: Scope, found: Found, body: bytes = b"", *, receive: Receive | None = None
    ) -> Answer:
        """The answer to a request: an error's too. `receive`: where the body is still to be read.
        Raises ClientGone."""
        begun = perf_counter()
        door = found.bound.door if found.bound else self._door(found, scope["path"])
        try:
            answer = await self._answer(scope, found, body, receive)
        except ClientGone:
            raise
        except Exception as error:
            return self._refused(door, error, scope, begun)
        self._count(door, scope, answer, begun)
        return answer

    async def _answer(
        self, scope: Scope, found: Found, body: bytes, receive: Receive | None
    ) -> Answer:
        bound = found.bound
        if bound is None:
            methods = found.methods
            raise MethodNotAllowed(", ".join(sorted(methods))) if methods else NoSuchPath
        caller = NOBODY
        if not bound.route.open:
            caller = self._authenticator.known(scope) or await self._authenticator.caller(scope)
            scope["caller"] = caller  # for the log, should something go wrong
            self._limiter.check(caller)
        if len(body) > self._max_body:
            raise BodyTooLarge
        if receive is not None and not bound.route.streamed and scope["method"] not in _BODYLESS:
            body = await self._read(scope, receive)
        call = self._call(scope, found, bound, caller, body)
        call.receive = receive or read_already
        return await bound.route.handler(call)

    def _call(self, scope: Scope, found: Found, bound: Bound, caller: Caller, body: bytes) -> Call:
        return Call(
            services=self._services,
            door=bound.door,
            scope=scope,
            params=dict(zip(bound.names, found.values, strict=True)) if bound.names else NOTHING,
            caller=caller,
            body=body,
        )

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body, which mostly comes in one piece."""
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            if len(body) > self._max_body:
                raise BodyTooLarge
            return body
        return await self._read_on(body, scope, receive)

    async def _read_on(self, first: bytes, scope: Scope, receive: Receive) -> bytes:
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > self._max_body:
                raise BodyTooLarge
        parts, size, more = [first], len(first), True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                raise ClientGone
            part = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(part)
            if size > self._max_body:
                raise BodyTooLarge
            parts.append(part)
        return b"".join(parts)

    def _door(self, found: Found, path: str) -> Door:
        if found.methods:
            return next(iter(found.methods.values())).door
        return self._router.door_of(path)


def _pass_on(answered: Callable[[Answer], None], task: asyncio.Task[Answer]) -> None:
    answered(problem(_stopping()) if task.cancelled() else task.result())


def _stopping() -> Unavailable:
    """Nobody else cancels what a request waits for."""
    return Unavailable("The gateway stops; whether the request was carried out is not known.")


def _result(coming: asyncio.Future[Answer]) -> Answer:
    return coming.result()


def _problem(door: Door, error: Exception, scope: Scope) -> Answer:
    if isinstance(error, ClarionError):
        return door.problem(error, "")
    request_id = ids.show(ids.new_id())
    caller = scope.get("caller", NOBODY)
    log.error(
        REQUEST_FAILED,
        request_id=request_id,
        company_id=caller.company_id,
        application_id=caller.application_id,
        method=scope["method"],
        path=scope["path"],
        exc_info=error,
    )
    return door.problem(error, request_id)


async def _send(send: Send, answer: Answer) -> None:
    length = (b"content-length", b"%d" % len(answer.body))
    headers = [*answer.headers, length] if answer.status != 204 else list(answer.headers)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _other_protocol(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
        return
    while True:  # lifespan: app.py starts and stops things, there is nothing to do here
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return

"""What the doors cost around a handler: `python -m bench.doors`.

The application is called as uvicorn calls it, without a socket: routing, token, body, JSON, answer
and figures are ours; intake is one that answers at once. The floor is an empty ASGI application.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast
from uuid import UUID

from clarion import settings
from clarion.api.server import create_app
from clarion.api.services import Services
from clarion.engine.accounts.model import Caller
from clarion.kit import ids

CALLS = 20_000
ROUNDS = 5
CALLER = Caller(company_id=1000, application_id=1000)
BODY = (
    b'{"from":"sender_id:AZqxJr1Jd7-abcdefghijk","to":["+4915112345678"],'
    b'"body":"Hello there, this is a message","external_id":"abc-1234","campaign_id":"c1"}'
)
HEADERS = [
    (b"host", b"127.0.0.1:8080"),
    (b"accept", b"*/*"),
    (b"user-agent", b"bench/1"),
    (b"authorization", b"Bearer 0123456789012345678901234567890123456789"),
    (b"content-type", b"application/json"),
    (b"content-length", b"%d" % len(BODY)),
]

Message = MutableMapping[str, Any]
App = Callable[..., Awaitable[None]]


class _Known:
    """One token, known at once, and an intake that stores nothing."""

    def cached(self, _: str) -> Caller:
        return CALLER

    async def accept(self, _: Caller, __: object) -> UUID:
        return ids.new_request_id()


async def _receive() -> Message:
    return {"type": "http.request", "body": BODY, "more_body": False}


async def _send(_: Message) -> None:
    pass


async def _floor(_: Message, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS[:2]})
    await send({"type": "http.response.body", "body": b'{"id":"AZqxJr1Jd7-abcdefghijk"}'})


async def _cost(app: App) -> float:
    """CPU microseconds a call, the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(CALLS):
            scope = {
                "type": "http",
                "method": "POST",
                "path": "/scg-external-api/api/v1/messaging/message_requests",
                "query_string": b"",
                "headers": HEADERS,
                "client": ("127.0.0.1", 1),
            }
            await app(scope, _receive, _send)
        best = min(best, (time.process_time() - begun) / CALLS * 1e6)
    return best


async def main() -> None:
    nothing = cast(Any, None)
    known = cast(Any, _Known())
    services = Services(
        settings=settings.Settings(),
        db=nothing,
        tokens=known,
        intake=known,
        senders=nothing,
        files=nothing,
        vault=nothing,
    )
    floor, ours = await _cost(_floor), await _cost(cast(App, create_app(services)))
    print(f"empty ASGI application   {floor:6.1f} us")
    print(f"POST message_requests    {ours:6.1f} us")
    print(f"the doors' own part      {ours - floor:6.1f} us   (budget 25)")


if __name__ == "__main__":
    asyncio.run(main())

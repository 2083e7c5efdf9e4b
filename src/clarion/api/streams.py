"""Bodies that are too large to hold: read and written piece by piece.

Only a Route with `streamed=True` can: its body is unread, `body_chunks(call, limit=...)` reads it,
and an Answer with `chunks` is written as the iterator gives them. Neither end may be silent for
longer than IDLE_SECONDS, and no more is taken from the one than the other has room for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing, suppress
from typing import Any

from clarion.api.call import Answer, Call
from clarion.api.problems import BodyTooLarge, BodyTooSlow, ClientGone
from clarion.log import get_logger

IDLE_SECONDS = 60.0
STREAM_FAILED = "http.stream_failed"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

log = get_logger(__name__)


async def body_chunks(
    call: Call, *, limit: int, idle: float = IDLE_SECONDS
) -> AsyncGenerator[bytes, None]:
    """The body of a streamed route as it arrives. BodyTooLarge: it is over `limit` bytes; if the
    client names its length, that is known before the first byte is read."""
    length = call.header(b"content-length")
    if length is not None and int(length) > limit:
        raise BodyTooLarge
    size, more = 0, True
    while more:
        message = await _received(call.receive, idle)
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge
        if chunk:
            yield chunk


async def _received(receive: Receive, idle: float) -> Message:
    try:
        async with asyncio.timeout(idle):
            message = await receive()
    except TimeoutError as error:
        raise BodyTooSlow from error
    if message["type"] != "http.request":
        raise ClientGone
    return message


async def send_stream(
    send: Send, receive: Receive, answer: Answer, *, head: bool, idle: float = IDLE_SECONDS
) -> None:
    """Write an answer whose body comes in chunks. What fails in between breaks the connection:
    the client sees that the body is not whole."""
    assert answer.chunks is not None
    start = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
    async with aclosing(answer.chunks) as chunks:
        await send(start)
        if not head:
            gone = asyncio.create_task(_until_gone(receive))
            try:
                if not await _write(send, chunks, gone, idle):
                    return
            finally:
                gone.cancel()
                with suppress(asyncio.CancelledError):
                    await gone
    await send({"type": "http.response.body", "body": b""})


async def _write(
    send: Send, chunks: AsyncGenerator[bytes, None], gone: asyncio.Task[None], idle: float
) -> bool:
    """Whether all was written."""
    try:
        async for chunk in chunks:
            async with asyncio.timeout(idle):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await asyncio.sleep(0)  # what is written leaves at the end of the loop's turn
            if gone.done():
                return False
    except TimeoutError:
        return False
    except Exception:
        log.exception(STREAM_FAILED)
        return False
    return True


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

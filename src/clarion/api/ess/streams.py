"""/delivery-configurations/{id}/stream: events for a client that is connected, line by line.

Each line is the document that would be posted, with the event's key in `event-key`; an empty line
now and then says that the connection is alive.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import msgspec

from clarion.api.call import Answer, Call, Route
from clarion.api.ess.configurations import CONFIGURATIONS, TAG
from clarion.api.operation import Operation
from clarion.engine.events.bodies import json_body
from clarion.engine.events.streaming.desk import StreamDesk
from clarion.engine.events.streaming.store import Waiting
from clarion.errors import Unavailable

_HEADERS = (
    (b"content-type", b"application/x-ndjson"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)


async def stream(call: Call) -> Answer:
    """Open until either end goes."""
    desk = call.services.streams
    if desk is None:
        raise Unavailable("This process serves no streams.")
    place = call.caller.company_id, CONFIGURATIONS.id_of(call)
    await desk.admit(*place)
    return Answer(200, headers=_HEADERS, chunks=_chunks(desk, *place))


async def _chunks(
    desk: StreamDesk, company_id: int, configuration_id: int
) -> AsyncGenerator[bytes, None]:
    yield b"\n"  # the head leaves now, and not with the first event
    async with aclosing(desk.follow(company_id, configuration_id)) as batches:
        async for batch in batches:
            yield _lines(batch) or b"\n"


def _lines(batch: Sequence[Waiting]) -> bytes:
    return b"".join(_line(each) for each in batch)


def _line(waiting: Waiting) -> bytes:
    """White space outside of texts may hold a line's end; inside of them it cannot."""
    event = waiting.event
    assert event is not None
    body = json_body(event, waiting.attempt).replace(b"\n", b" ").replace(b"\r", b" ")
    key = msgspec.json.encode(event.key)
    return body[:-1] + b',"event-key":' + key + b"}\n"


_STREAM = Operation(
    summary="Follow events",
    tag=TAG,
    about="Of a configuration with the protocol STREAM: a JSON document a line, as they come. "
    "A delivery is a success once its line is written and the connection stands a moment later. A "
    "configuration that no client has followed for an hour is deleted.",
    gives_file=True,
)


def routes() -> list[Route]:
    path = f"{CONFIGURATIONS.path}/{{{CONFIGURATIONS.parameter}}}/stream"
    return [Route("GET", path, stream, streamed=True, about=_STREAM)]

"""/events: what a company publishes itself.

An event is written as receivers get it, `{"topic", "event": {"evt-tp", "timestamp",
"fld-val-list"}, "event-id"}`, or with what is in `event` beside the others. Several are an array.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Route, json_answer
from clarion.api.operation import Operation
from clarion.engine.events.matching.publishing import (
    MAX_EVENTS,
    Published,
    PublishResult,
    publish,
)
from clarion.errors import InvalidInput
from clarion.kit.dates import parse_date

Text = Annotated[str, Meta(max_length=255)]
Fields = Annotated[dict[str, Any], Meta(max_length=1000, description="Values by field.")]
Date = Annotated[
    str, Meta(max_length=64, description="When it happened, up to an hour ahead; absent: now.")
]


class Content(Struct, rename="kebab", omit_defaults=True, kw_only=True):
    """What happened."""

    evt_tp: Annotated[Text | None, Meta(description="The event type.")] = None
    timestamp: Date | None = None
    fld_val_list: Fields | None = None


class NewEvent(Content, rename="kebab", omit_defaults=True, kw_only=True):
    """An event."""

    topic: Annotated[Text | None, Meta(description="Absent: its type's.")] = None
    event: Annotated[Content | None, Meta(description="In place of the same beside it.")] = None
    event_id: Annotated[
        Text | None,
        Meta(description="The publisher's own: with it the event is taken in once."),
    ] = None
    event_key: Annotated[
        Text | None, Meta(description="What it is about. Absent: a number or so of its fields.")
    ] = None


class Taken(Struct, rename="kebab"):
    """What became of one event."""

    event_id: str
    repeated: Annotated[bool, Meta(description="It had been published before.")]
    deliveries: Annotated[
        int, Meta(description="To so many delivery configurations; of a repeated one 0.")
    ]


class TakenIn(Struct):
    """In the order of the request."""

    events: list[Taken]


_Body: Any = list[NewEvent] | NewEvent
_decode = msgspec.json.Decoder(_Body)


async def publish_events(call: Call) -> Answer:
    """All of them or none; they are stored when this returns."""
    body = call.read(_decode)
    given = body if isinstance(body, list) else [body]
    done = await publish(
        call.services.db,
        call.caller.company_id,
        call.caller.application_id,
        [_published(each, place) for place, each in enumerate(given, 1)],
        interests=call.services.interests,
        express=call.services.express,
    )
    return json_answer(TakenIn(_shown(done)))


def _published(given: NewEvent, place: int) -> Published:
    content = given.event or given
    if not content.evt_tp:
        raise InvalidInput(f"Event {place}: evt-tp: it is required.", field="evt-tp")
    return Published(
        type=content.evt_tp,
        fields=content.fld_val_list or {},
        topic=given.topic,
        key=given.event_key,
        id=given.event_id,
        at=_date(content.timestamp, place),
    )


def _date(text: str | None, place: int) -> datetime | None:
    try:
        return parse_date(text)
    except ValueError as error:
        words = f"Event {place}: timestamp: {error}."
        raise InvalidInput(words, field="timestamp") from error


def _shown(done: Sequence[PublishResult]) -> list[Taken]:
    return [Taken(each.id, each.repeated, each.deliveries) for each in done]


def routes() -> list[Route]:
    about = Operation(
        summary="Publish events",
        tag="Event",
        about=f"One, or an array of up to {MAX_EVENTS}: all are taken in, or none. Fields are held "
        "against the event type. `company-id` and `application_id` are filled in. An event-id that "
        "was used for the same event before makes it a repeated one; for another event, a 409.",
        request=_Body,
        answer=TakenIn,
    )
    return [Route("POST", "/events", publish_events, about=about)]

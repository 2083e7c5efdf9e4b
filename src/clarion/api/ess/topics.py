"""/topics and /event-types: what can happen; everybody's, and a company's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from enum import Enum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Route, json_answer
from clarion.api.ess.wire import Name, paging
from clarion.api.operation import Created, Operation
from clarion.api.resource import DONE, page_answer
from clarion.engine.events.model import EventType, Field, FieldType
from clarion.engine.events.types import service
from clarion.errors import NotFound
from clarion.storage.listing import Page, asked_page

TOPICS_LIMIT = 10_000_000
"""The reference lists topics to the last one; no company has more than some hundred."""
TYPES_LIMIT = 50


class Validation(Enum):
    STRICT = "strict"
    OPEN = "allow-additional-fields"


class TopicShown(Struct, rename="kebab", omit_defaults=True, kw_only=True):
    """A subject that events are of."""

    topic_nm: str
    svc_nm: Annotated[str | None, Meta(description="The service whose events these are.")] = None
    description: str | None = None
    evt_tp_list: list[str]


class FieldShown(Struct):
    """What one field of an event holds."""

    type: FieldType
    mandatory: bool


class EventTypeShown(Struct, rename="kebab", kw_only=True):
    """What events of a type carry."""

    id: str
    validation_type: Annotated[
        Validation, Meta(description="Whether fields that are not listed are refused or kept.")
    ]
    fields: dict[str, FieldShown]


class EventTypes(Struct, rename="kebab"):
    """The event types of a topic."""

    event_types: list[EventTypeShown]


class NewTopic(Struct, rename="kebab", kw_only=True):
    """A topic of a company's own."""

    topic_nm: Annotated[Name, Meta(description="Letters, digits, underscores, hyphens, dots.")]
    description: Annotated[str, Meta(max_length=1000)] | None = None


class NewField(Struct):
    """What one field of an event holds."""

    type: FieldType
    mandatory: bool = False


class NewEventType(Struct, rename="kebab", kw_only=True):
    """An event type of a company's own."""

    id: Name
    validation_type: Validation = Validation.STRICT
    fields: dict[str, NewField] = {}


class ChangedEventType(Struct, rename="kebab", kw_only=True):
    """An event type's fields, anew."""

    validation_type: Validation = Validation.STRICT
    fields: dict[str, NewField] = {}


_decode_topic = msgspec.json.Decoder(NewTopic)
_decode_type = msgspec.json.Decoder(NewEventType)
_decode_change = msgspec.json.Decoder(ChangedEventType)


# ---------------------------------------------------------------- topics


async def list_topics(call: Call) -> Answer:
    """All that the company sees, by name."""
    db, company_id = call.services.db, call.caller.company_id
    codes: dict[str | None, list[str]] = defaultdict(list)
    for type in await service.types(db, company_id):
        codes[type.topic].append(type.code)
    shown = [
        TopicShown(
            topic_nm=topic.name,
            svc_nm=topic.service,
            description=topic.description,
            evt_tp_list=codes[topic.name],
        )
        for topic in await service.topics(db, company_id)
    ]
    return _page(call, shown, "topics", TOPICS_LIMIT, highest=TOPICS_LIMIT)


async def create_topic(call: Call) -> Answer:
    new = call.read(_decode_topic)
    made = await service.create_topic(call.services.db, call.caller, new.topic_nm, new.description)
    return json_answer({"id": made.name})


async def delete_topic(call: Call) -> Answer:
    await service.delete_topic(call.services.db, call.caller, word(call, "ID"))
    return DONE


async def known_topic(call: Call) -> str:
    """The topic in the path. NotFound."""
    name = word(call, "ID")
    if await service.topic_of(call.services.db, call.caller.company_id, name) is None:
        raise NotFound("There is no such topic.")
    return name


def word(call: Call, parameter: str) -> str:
    """A name in the path; no name holds a zero character."""
    name = call.params[parameter]
    if "\0" in name:
        raise NotFound
    return name


# ---------------------------------------------------------------- event types


async def list_types(call: Call) -> Answer:
    """All that the company sees, by id."""
    found = await service.types(call.services.db, call.caller.company_id)
    return _page(call, [_shown(each) for each in found], "event-types", TYPES_LIMIT)


async def types_of_topic(call: Call) -> Answer:
    """Those of one topic, by id; all of them, unless a page is asked for."""
    topic = await known_topic(call)
    offset, limit = asked_page(call.query, TOPICS_LIMIT, highest=TOPICS_LIMIT)
    found = await service.types_of_topic(call.services.db, call.caller.company_id, topic)
    return json_answer(EventTypes([_shown(each) for each in found[offset : offset + limit]]))


async def get_type(call: Call) -> Answer:
    return json_answer(_shown(await _known_type(call)))


async def create_type(call: Call) -> Answer:
    new = call.read(_decode_type)
    made = EventType(
        code=new.id,
        topic=word(call, "ID"),
        strict=new.validation_type is Validation.STRICT,
        fields=_fields(new.fields),
    )
    await service.create_type(call.services.db, call.caller, made)
    return json_answer({"id": made.code})


async def replace_type(call: Call) -> Answer:
    new = call.read(_decode_change)
    known = await _known_type(call)
    changed = EventType(
        code=known.code,
        topic=known.topic,
        strict=new.validation_type is Validation.STRICT,
        fields=_fields(new.fields),
    )
    await service.replace_type(call.services.db, call.caller, changed)
    return json_answer({"id": known.code})


async def delete_type(call: Call) -> Answer:
    await service.delete_type(call.services.db, call.caller, word(call, "CODE"))
    return DONE


async def _known_type(call: Call) -> EventType:
    code = word(call, "CODE")
    found = await service.type_of(call.services.db, call.caller.company_id, code)
    if found is None:
        raise NotFound("There is no such event type.")
    return found


def _fields(given: Mapping[str, NewField]) -> dict[str, Field]:
    return {name: Field(each.type, each.mandatory) for name, each in given.items()}


def _shown(type: EventType) -> EventTypeShown:
    return EventTypeShown(
        id=type.code,
        validation_type=Validation.STRICT if type.strict else Validation.OPEN,
        fields={name: FieldShown(each.type, each.mandatory) for name, each in type.fields.items()},
    )


def _page(
    call: Call, found: list[TopicShown] | list[EventTypeShown], name: str, default: int, **more: int
) -> Answer:
    offset, limit = asked_page(call.query, default, **more)
    page = Page([], len(found), offset, limit)
    return page_answer(call, found[offset : offset + limit], page, name)


# ---------------------------------------------------------------- routes

TOPIC, TYPE = "Topic", "Event Type"
_LIST_TOPICS = Operation(
    summary="List topics",
    tag=TOPIC,
    about="Everybody's and the company's own, by name.",
    answer=TopicShown,
    many=True,
    collection="topics",
    parameters=paging(TOPICS_LIMIT, highest=TOPICS_LIMIT),
)
_LIST_TYPES = Operation(
    summary="List event types",
    tag=TYPE,
    answer=EventTypeShown,
    many=True,
    collection="event-types",
    parameters=paging(TYPES_LIMIT),
)
_CREATE_TOPIC = Operation(
    summary="Create topic",
    tag=TOPIC,
    about="For events of a company's own. Its name is its id.",
    request=NewTopic,
    answer=Created,
)
_CREATE_TYPE = Operation(
    summary="Create event type",
    tag=TYPE,
    about="In a topic of the company's own, or in one of everybody's.",
    request=NewEventType,
    answer=Created,
)
_REPLACE_TYPE = Operation(
    summary="Replace event type",
    tag=TYPE,
    about="One of the company's own gets other fields. Subscriptions to it stay.",
    request=ChangedEventType,
    answer=Created,
)


def routes() -> list[Route]:
    return [
        Route("GET", "/topics", list_topics, about=_LIST_TOPICS),
        Route("POST", "/topics", create_topic, about=_CREATE_TOPIC),
        Route(
            "DELETE",
            "/topics/{ID}",
            delete_topic,
            about=Operation(
                summary="Delete topic",
                tag=TOPIC,
                about="One of the company's own, once it has no event types and no subscriptions.",
            ),
        ),
        Route(
            "GET",
            "/topics/{ID}/event-types",
            types_of_topic,
            about=Operation(
                summary="List event types of topic",
                tag=TYPE,
                answer=EventTypes,
                parameters=paging(TOPICS_LIMIT, highest=TOPICS_LIMIT),
            ),
        ),
        Route("POST", "/topics/{ID}/event-types", create_type, about=_CREATE_TYPE),
        Route("GET", "/event-types", list_types, about=_LIST_TYPES),
        Route(
            "GET",
            "/event-types/{CODE}",
            get_type,
            about=Operation(summary="Get event type", tag=TYPE, answer=EventTypeShown),
        ),
        Route("PUT", "/event-types/{CODE}", replace_type, about=_REPLACE_TYPE),
        Route(
            "DELETE",
            "/event-types/{CODE}",
            delete_type,
            about=Operation(
                summary="Delete event type",
                tag=TYPE,
                about="One of the company's own, once nobody subscribes to it.",
            ),
        ),
    ]

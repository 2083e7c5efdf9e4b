"""/topic-subscriptions/mdn, /uniqueMdnCount and dumps: subscriptions by what they ask for."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Route, json_answer
from clarion.api.ess.subscriptions import TAG
from clarion.api.ess.topics import known_topic
from clarion.api.ess.wire import paging, required
from clarion.api.operation import Operation, Parameter
from clarion.api.problems import MethodNotAllowed
from clarion.api.resource import page_answer
from clarion.engine.events.criteria.model import MAX_LENGTH
from clarion.engine.events.files.model import Compression
from clarion.engine.events.files.service import dump
from clarion.engine.events.subscriptions import service
from clarion.engine.events.types.service import topic_of
from clarion.errors import InvalidInput, NotFound
from clarion.storage.listing import Page, asked_page

DEFAULT_LIMIT = 50
_BOOLEANS = {
    "true": True,
    "1": True,
    "yes": True,
    "": False,
    "false": False,
    "0": False,
    "no": False,
}


class Taker(Struct, rename="kebab"):
    """A delivery configuration, and the event types that it gets."""

    delivery_cfg_id: str
    delivery_cfg_nm: str
    events: list[str]


class Takers(Struct, rename="kebab"):
    """A page of them."""

    paged_result: dict[str, int]
    mdn: Annotated[str, Meta(description="The criterion.")]
    topic_name: str
    subscriptions: list[Taker]


class UniqueCount(Struct, rename={"topic_name": "topic-name", "active_count": "activeCount"}):
    """How many different values subscriptions name."""

    topic_name: str
    active_count: int


class Dump(Struct, rename={"reference_id": "referenceId"}):
    """A file that is going to be written."""

    reference_id: Annotated[str, Meta(description="The file's id.")]


async def takers(call: Call) -> Answer:
    """Who gets the events that a criterion is about."""
    topic = required(call.query, "topicId", 255)
    criterion = required(call.query, "matchingCriteria", MAX_LENGTH)
    offset, limit = asked_page(call.query, DEFAULT_LIMIT)
    found = await service.for_criterion(call.services.db, call.caller.company_id, topic, criterion)
    shown = [
        Taker(str(each.configuration_id), each.configuration_name, list(each.types))
        for each in found[offset : offset + limit]
    ]
    about = {"mdn": criterion, "topic-name": topic}
    return page_answer(call, shown, Page([], len(found), offset, limit), "subscriptions", **about)


async def unique_count(call: Call) -> Answer:
    """How many numbers subscriptions name; or values of another field, in another topic."""
    db, company_id = call.services.db, call.caller.company_id
    topic = call.query.get("topicId", "").strip() or service.NUMBERS[0]
    field = call.query.get("field", "").strip() or service.NUMBERS[1]
    if await topic_of(db, company_id, topic) is None:
        raise NotFound("There is no such topic.")
    count = await service.unique_count(db, company_id, topic, field)
    return json_answer(UniqueCount(topic, count))


async def dump_subscriptions(call: Call) -> Answer:
    """Begins the work; an event tells when the file is there."""
    if call.scope["method"] == "HEAD":
        raise MethodNotAllowed("GET")
    topic = await known_topic(call)
    id = await dump(call.services.db, call.caller.company_id, topic, _compression(call))
    return json_answer(Dump(str(id)))


def _compression(call: Call) -> Compression | None:
    wanted = _BOOLEANS.get(call.query.get("compression", "").strip().lower())
    if wanted is None:
        raise InvalidInput("compression: true or false.", field="compression")
    kind = call.query.get("compressionType", "").strip().upper()
    if kind and kind not in Compression.__members__:
        among = ", ".join(Compression.__members__)
        raise InvalidInput(f"compressionType: one of {among}.", field="compressionType")
    return Compression[kind or "GZIP"] if wanted else None


_TOPIC = Parameter("topicId", "A topic's name; absent: NIS-Events.", required=False)


def routes() -> list[Route]:
    return [
        Route(
            "GET",
            "/topic-subscriptions/mdn",
            takers,
            about=Operation(
                summary="Get who subscribes to a number",
                tag=TAG,
                about="By delivery configuration: the event types that it gets of what the "
                "criterion is about.",
                answer=Takers,
                parameters=(
                    Parameter("topicId", "A topic's name."),
                    Parameter("matchingCriteria", "Such as `number = '+12345678901'`."),
                    *paging(DEFAULT_LIMIT),
                ),
            ),
        ),
        Route(
            "GET",
            "/topic-subscriptions/uniqueMdnCount",
            unique_count,
            about=Operation(
                summary="Count numbers subscribed to",
                tag=TAG,
                answer=UniqueCount,
                parameters=(
                    _TOPIC,
                    Parameter("field", "Whose values; absent: number.", required=False),
                ),
            ),
        ),
        Route(
            "GET",
            "/topics/{ID}/dump-subscriptions",
            dump_subscriptions,
            about=Operation(
                summary="Dump subscriptions to topic",
                tag=TAG,
                about="Into a file, in the background. `event_file_complete` of MSS-Messages tells "
                "when and where it can be downloaded.",
                answer=Dump,
                parameters=(
                    Parameter("compression", "true or false.", required=False),
                    Parameter("compressionType", "gzip or zip; absent: gzip.", required=False),
                ),
            ),
        ),
    ]

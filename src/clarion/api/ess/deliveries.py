"""/event-deliveries: what became of each event at each delivery configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Route, json_answer
from clarion.api.ess.configurations import buffer_addresses
from clarion.api.ess.wire import asked_range, number_key, paging, pretty
from clarion.api.operation import Operation, Parameter
from clarion.api.resource import page_answer
from clarion.engine.events.bodies import shown_id
from clarion.engine.events.model import DeliveryStatus
from clarion.engine.events.tracking.model import Attempt, Delivery, Wanted
from clarion.engine.events.tracking.service import deliveries, retry_delivery, tracking_of
from clarion.errors import InvalidInput, NotFound
from clarion.storage.listing import Page, asked_page

DEFAULT_LIMIT = 50
TAG = "Event Delivery"
ONE = "/event-deliveries/{EVT_ID}:{DEL_CFG_ID}"
_ONE_NAME = "EVT_ID:DEL_CFG_ID"


class EventDelivery(Struct, rename="kebab", omit_defaults=True, kw_only=True):
    """An event on its way to a delivery configuration."""

    event_id: str
    topic: str
    event_type: str
    delivery_point: Annotated[str | None, Meta(description="Absent: a client takes them.")] = None
    del_cfg_id: int
    del_cfg_nm: str
    delivery_status: DeliveryStatus
    timestamp: Annotated[str, Meta(description="When it happened.")]
    event_body: Annotated[str, Meta(description="The event's fields: a text of JSON.")]
    attempts: Annotated[int, Meta(description="So many so far.")]
    handled: Annotated[
        str | None, Meta(description="When somebody saw to it that it had failed.")
    ] = None


class DeliveryAttempt(Struct, rename="kebab", omit_defaults=True, kw_only=True):
    """One try."""

    attempt_number: int
    status: Annotated[DeliveryStatus, Meta(description="SUCCESS or FAILED.")]
    response_status: Annotated[
        int | None, Meta(description="Of HTTP; absent: there was no answer.")
    ] = None
    response_details: Annotated[
        str, Meta(description="The receiver's words, or why there are none.")
    ]
    attempt_timestamp: str
    milliseconds: int


class Tracking(Struct, rename="kebab", kw_only=True):
    """A delivery's tries."""

    event_id: str
    delivery_status: DeliveryStatus
    delivery_attempts: list[DeliveryAttempt]


# ---------------------------------------------------------------- handlers


async def list_deliveries(call: Call) -> Answer:
    """The newest event first."""
    offset, limit = asked_page(call.query, DEFAULT_LIMIT)
    wanted = wanted_of(call.query)
    found = await deliveries(
        call.services.db, call.caller.company_id, wanted, offset=offset, limit=limit + 1
    )
    page = Page([], offset + len(found), offset, limit)
    return page_answer(call, await shown(call, found[:limit]), page, "event-deliveries")


async def tracking(call: Call) -> Answer:
    """Every try of one delivery."""
    event_id, configuration_id = named(call)
    found = await tracking_of(call.services.db, call.caller.company_id, event_id, configuration_id)
    return json_answer(
        Tracking(
            event_id=shown_id(found.delivery.event),
            delivery_status=found.delivery.status,
            delivery_attempts=[_shown_attempt(call, each) for each in found.attempts],
        )
    )


async def retry(call: Call) -> Answer:
    """Once more, now."""
    event_id, configuration_id = named(call)
    found = await retry_delivery(
        call.services.db, call.caller.company_id, event_id, configuration_id
    )
    return json_answer((await shown(call, [found]))[0])


# ---------------------------------------------------------------- what is asked


def named(call: Call) -> tuple[str, int]:
    """The event and the configuration in the path; the event's id may have colons of its own."""
    event_id, colon, configuration = call.params[_ONE_NAME].rpartition(":")
    id = number_key(configuration)
    if not colon or not event_id or "\0" in event_id or id is None:
        raise NotFound
    return event_id, id


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """Which deliveries a query means."""
    since, until = asked_range(query, "timestamp")
    id, words = None, query.get("del-cfg-id", "").strip()
    if words:
        id = number_key(words)
        if id is None:
            raise InvalidInput(f"del-cfg-id: digits, not {words[:50]!r}.", field="del-cfg-id")
    return Wanted(
        event_id=_text(query, "event-id"),
        topic=_text(query, "topic"),
        event_type=_text(query, "event-type"),
        configuration_id=id,
        configuration_name=_text(query, "del-cfg-nm"),
        status=_status(query),
        since=since,
        until=until,
    )


def _text(query: Mapping[str, str], name: str) -> str | None:
    return query.get(name, "").strip() or None


def _status(query: Mapping[str, str]) -> DeliveryStatus | None:
    word = (query.get("delivery-status") or query.get("status") or "").strip().upper()
    if not word:
        return None
    if word not in DeliveryStatus.__members__:
        among = ", ".join(DeliveryStatus.__members__)
        raise InvalidInput(f"delivery-status: one of {among}.", field="delivery-status")
    return DeliveryStatus[word]


# ---------------------------------------------------------------- what is shown


async def shown(call: Call, found: Sequence[Delivery]) -> list[EventDelivery]:
    """Deliveries on this wire."""
    collecting = await buffer_addresses(
        call, {each.configuration_id for each in found if each.address is None}
    )
    return [
        EventDelivery(
            event_id=shown_id(each.event),
            topic=each.event.topic,
            event_type=each.event.type,
            delivery_point=each.address or collecting.get(each.configuration_id),
            del_cfg_id=each.configuration_id,
            del_cfg_nm=each.configuration_name,
            delivery_status=each.status,
            timestamp=str(call.form.date(each.event.at)),
            event_body=pretty(each.event.body),
            attempts=each.attempts,
            handled=str(call.form.date(each.handled_at)) if each.handled_at else None,
        )
        for each in found
    ]


def _shown_attempt(call: Call, attempt: Attempt) -> DeliveryAttempt:
    return DeliveryAttempt(
        attempt_number=attempt.number,
        status=DeliveryStatus.SUCCESS if attempt.succeeded else DeliveryStatus.FAILED,
        response_status=attempt.http_status,
        response_details=attempt.answer,
        attempt_timestamp=str(call.form.date(attempt.at)),
        milliseconds=attempt.milliseconds,
    )


# ---------------------------------------------------------------- routes

FILTERS = (
    Parameter("event-id", "Of the publisher, or ours.", required=False),
    Parameter("topic", "A topic's name.", required=False),
    Parameter("event-type", "An event type's id.", required=False),
    Parameter("del-cfg-id", "A delivery configuration's id.", required=False),
    Parameter("del-cfg-nm", "A delivery configuration's name.", required=False),
    Parameter("delivery-status", ", ".join(DeliveryStatus.__members__) + ".", required=False),
    Parameter("status", "The same as delivery-status.", required=False),
    Parameter(
        "timestamp",
        "When the event happened: a date, or a range [from,to]; ends may lack.",
        required=False,
    ),
)


def routes() -> list[Route]:
    return [
        Route(
            "GET",
            "/event-deliveries",
            list_deliveries,
            about=Operation(
                summary="List event deliveries",
                tag=TAG,
                about="The newest event first.",
                answer=EventDelivery,
                many=True,
                collection="event-deliveries",
                parameters=(*FILTERS, *paging(DEFAULT_LIMIT)),
            ),
        ),
        Route(
            "GET",
            f"{ONE}/tracking",
            tracking,
            about=Operation(summary="Get every try of a delivery", tag=TAG, answer=Tracking),
        ),
        Route(
            "POST",
            f"{ONE}/retry",
            retry,
            about=Operation(
                summary="Deliver once more",
                tag=TAG,
                about="Now, whatever became of it; its schedule of retries begins anew.",
                answer=EventDelivery,
            ),
        ),
    ]

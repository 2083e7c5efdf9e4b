"""/event-delivery-attempts: every try to deliver anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from clarion.api.call import Call, Route
from clarion.api.ess.wire import asked_range, comma_ranges, pretty
from clarion.api.operation import Parameter
from clarion.api.resource import Resource
from clarion.api.shape import Attribute, Row, Shape
from clarion.engine.events.model import MAX_AHEAD, DeliveryStatus
from clarion.errors import InvalidInput
from clarion.kit import ids
from clarion.storage.listing import Bound, Column, Listing

RESULTS = (DeliveryStatus.SUCCESS.value, DeliveryStatus.FAILED.value)


class DeliveryAttempt(Struct, rename="kebab", kw_only=True):
    """One try to deliver an event."""

    event_id: str = ""
    event_type: str = ""
    event_body: Annotated[str, Meta(description="The event's fields: a text of JSON.")] = ""
    event_timestamp: Annotated[datetime | None, Meta(description="When it happened.")] = None
    topic: str = ""
    delivery_status: Annotated[
        DeliveryStatus, Meta(description="What has become of the delivery since.")
    ] = DeliveryStatus.PENDING
    del_cfg_id: int = 0
    del_cfg_nm: str = ""
    del_addr: str = ""
    attempt_number: int = 0
    attempt_result: Annotated[str, Meta(description="SUCCESS or FAILED.")] = ""
    attempt_timestamp: datetime | None = None
    attempt_http_response_status: Annotated[
        int | None, Meta(description="Absent: there was no answer.")
    ] = None
    attempt_http_response_body: Annotated[
        str, Meta(description="The receiver's words, or why there are none.")
    ] = ""
    attempt_milliseconds: int = 0


SHAPE = Shape(
    DeliveryAttempt,
    {
        "event-id": Attribute(column="event_id"),
        "event-type": Attribute(column="type"),
        "event-body": Attribute(column="body", show=pretty),
        "event-timestamp": Attribute(column="event_at"),
        "delivery-status": Attribute(column="status"),
        "del-cfg-id": Attribute(column="configuration_id"),
        "del-cfg-nm": Attribute(column="name"),
        "del-addr": Attribute(column="address"),
        "attempt-number": Attribute(column="number"),
        "attempt-result": Attribute(
            column="succeeded", show=lambda succeeded: RESULTS[not succeeded]
        ),
        "attempt-timestamp": Attribute(column="at"),
        "attempt-http-response-status": Attribute(column="http_status"),
        "attempt-http-response-body": Attribute(column="answer"),
        "attempt-milliseconds": Attribute(column="milliseconds"),
    },
)
LISTING = Listing(
    source="delivery_attempt a "
    "cross join lateral (select * from event where company_id = a.company_id "
    "and id = a.event_id limit 1) e "
    "cross join lateral (select status from event_delivery where company_id = a.company_id "
    "and event_id = a.event_id and configuration_id = a.configuration_id limit 1) d "
    "cross join lateral (select name from delivery_configuration where company_id = a.company_id "
    "and id = a.configuration_id limit 1) c",  # look-ups by key, whatever the planner knows
    tenant="a.company_id",
    key="a.event_id",
    order="a.event_id desc, a.configuration_id desc, a.number desc",
    select="e.external_id, a.event_id, e.type, e.body, "
    "e.at as event_at, e.topic, d.status::text, a.configuration_id, c.name, a.address, a.number, "
    "a.succeeded, a.at, a.http_status, a.answer, a.milliseconds",
    limit=50,
    counted=False,
    columns=(
        Column("topic", "e.topic", sortable=False),
        Column("event-type", "e.type", sortable=False),
        Column("event-timestamp", "e.at", "timestamp", sortable=False),
        Column(
            "delivery-status",
            "d.status",
            "enum",
            choices=frozenset(DeliveryStatus.__members__),
            enum="delivery_status",
            sortable=False,
        ),
        Column("del-cfg-id", "a.configuration_id", "integer", sortable=False),
        Column("del-cfg-nm", "c.name", sortable=False),
        Column("del-addr", "a.address", sortable=False),
        Column("attempt-number", "a.number", "integer", sortable=False),
        Column("attempt-timestamp", "a.at", "timestamp", sortable=False),
        Column("attempt-http-response-status", "a.http_status", "integer", sortable=False),
    ),
)


async def complete(_: Call, rows: Sequence[Row]) -> list[Row]:
    """Events are called as their publishers call them."""
    return [
        dict(row) | {"event_id": row["external_id"]} if row["external_id"] else row for row in rows
    ]


async def rewrite(call: Call, query: dict[str, str]) -> list[Bound]:
    """What no column answers alone; a time range of events also bounds their ids, which is what the
    rows are in the order of."""
    if "timestamp" in query:  # as deliveries call it
        query.setdefault("event-timestamp", query["timestamp"])
    await comma_ranges(call, query)
    also = []
    if event_id := query.get("event-id", "").strip():
        also.append(_of_event(call.caller.company_id, event_id))
    if result := query.get("attempt-result", "").strip().upper():
        if result not in RESULTS:
            raise InvalidInput("attempt-result: SUCCESS or FAILED.", field="attempt-result")
        also.append(Bound("a.succeeded = {}", result == RESULTS[0]))
    since = asked_range(query, "event-timestamp")[0]
    if since is not None:
        also.append(Bound("a.event_id >= {}", ids.floor_id(since - MAX_AHEAD)))
    return also


def _of_event(company_id: int, shown: str) -> Bound:
    own = ids.parse(shown)
    return Bound(
        "a.event_id = any(array(select x.id from event x where x.company_id = {0}::integer "
        "and x.external_id = {1}::text) || {2}::uuid[])",
        company_id,
        shown,
        [own] if own else [],
    )


ATTEMPTS = Resource(
    name="Event Delivery Attempt",
    path="/event-delivery-attempts",
    shape=SHAPE,
    listing=LISTING,
    about="Every try to deliver an event; of the newest event the last one comes first.",
    collection="attempts",
    complete=complete,
    rewrite=rewrite,
)


_MORE = (
    Parameter("event-id", "Of the publisher, or ours.", required=False),
    Parameter("attempt-result", ", ".join(RESULTS) + ".", required=False),
    Parameter("timestamp", "The same as event-timestamp.", required=False),
)
"""Filters that no column answers alone: see `rewrite`."""


def routes() -> list[Route]:
    """They are only listed."""
    listed = ATTEMPTS.routes()[0]
    return [replace(listed, about=replace(listed.about, parameters=_MORE))]

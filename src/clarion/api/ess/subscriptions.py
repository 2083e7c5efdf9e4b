"""/topics/{ID}/subscriptions and /topic-subscriptions: which events go where.

The reference shows `del-cfg-id` as an integer of one subscription and as text in lists; so do we.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Handler, Route, json_answer
from clarion.api.ess.topics import known_topic, word
from clarion.api.ess.wire import AS_TEXT, comma_ranges, number_key
from clarion.api.operation import Created, Operation
from clarion.api.resource import Resource, Values
from clarion.api.shape import Attribute, Shape, Version
from clarion.engine.events.criteria.model import MAX_LENGTH
from clarion.engine.events.subscriptions import service
from clarion.engine.events.subscriptions.model import NewSubscription, SubscriptionChange
from clarion.errors import InvalidInput
from clarion.kit.dates import parse_date
from clarion.storage.listing import Bound, Column, Listing

TAG = "Subscription"
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
"""The start-date of a subscription that has none."""

Text = Annotated[str, Meta(max_length=255)]
Criteria = Annotated[
    str,
    Meta(
        max_length=MAX_LENGTH,
        description="Which events: `new_state = 'FAILED' and to_address like '+49%'`. Empty: all.",
    ),
]


class _Common(Struct, kw_only=True, rename="kebab"):
    id: str
    topic_nm: str = ""
    del_cfg_nm: str = ""
    evt_tp: Annotated[Text | None, Meta(description="Absent: every type of the topic.")] = None
    match_crt: Criteria = ""
    start_date: Annotated[datetime, Meta(description="Absent or empty: always.")] = ALWAYS
    end_date: Annotated[datetime | None, Meta(description="Null: for ever.")] = None
    last_updated_date: datetime | None = None
    version_number: Version | None = None


class Subscription(_Common, kw_only=True, rename="kebab"):
    """Which events of a topic go to a delivery configuration."""

    del_cfg_id: Annotated[int, Meta(description="Text is taken as well.")] = 0


class ListedSubscription(_Common, kw_only=True, rename="kebab"):
    """A subscription in a list."""

    del_cfg_id: str = ""


def _configuration(value: Any) -> int:
    id = value if isinstance(value, int) else number_key(value.strip())
    if id is None or id < 0:
        raise ValueError("there is no such delivery configuration")
    return id


def _type(value: str) -> str | None:
    return value.strip() or None


def _start(value: Any) -> datetime:
    return parse_date(value) or ALWAYS


_ATTRIBUTES = {
    "id": AS_TEXT,
    "topic-nm": Attribute(read_only=True, column="topic"),
    "del-cfg-id": Attribute(column="configuration_id", take=_configuration, wire_type=int | str),
    "del-cfg-nm": Attribute(read_only=True, column="name"),
    "evt-tp": Attribute(column="event_type", take=_type, wire_type=str),
    "match-crt": Attribute(column="criteria"),
    "start-date": Attribute(column="starts_at", take=_start, wire_type=str | int),
    "end-date": Attribute(column="ends_at"),
    "last-updated-date": Attribute(read_only=True, column="updated_at"),
    "version-number": Attribute(column="version"),
}
LISTING = Listing(
    source="subscription s join delivery_configuration c "
    "on c.company_id = s.company_id and c.id = s.configuration_id and c.deleted_at is null",
    tenant="s.company_id",
    key="s.id",
    select="s.id, s.topic, s.configuration_id, c.name, s.event_type, s.criteria, s.starts_at, "
    "s.ends_at, s.updated_at, s.version",
    limit=1000,
    counted=False,
    columns=(
        Column("id", "s.id", "integer"),
        Column("topic-nm", "s.topic"),
        Column("del-cfg-id", "s.configuration_id", "integer"),
        Column("del-cfg-nm", "c.name"),
        Column("evt-tp", "s.event_type"),
        Column("match-crt", "s.criteria"),
        Column("start-date", "s.starts_at", "timestamp"),
        Column("end-date", "s.ends_at", "timestamp"),
        Column("last-updated-date", "s.updated_at", "timestamp"),
    ),
)


# ---------------------------------------------------------------- handlers


async def within(call: Call) -> Sequence[Bound]:
    return [Bound("s.topic = {}::text", word(call, "ID"))]


async def create(call: Call, values: Values) -> str:
    values.pop("version", None)  # of what does not exist yet
    new = NewSubscription(**values)
    made = await service.create(call.services.db, call.caller, word(call, "ID"), new)
    _forget(call)
    return str(made)


async def one_or_many(create_one: Handler, call: Call) -> Answer:
    """An object is one subscription; of an array all are made, or none."""
    if not call.body.lstrip().startswith(b"["):
        return await create_one(call)
    new = [_new(values, n) for n, values in enumerate(SHAPE.read_many(call, TAG), 1)]
    if not 0 < len(new) <= service.MAX_AT_ONCE:
        raise InvalidInput(f"1 to {service.MAX_AT_ONCE:,} subscriptions can be made at once.")
    made = await service.create_many(call.services.db, call.caller, word(call, "ID"), new)
    _forget(call)
    return json_answer([Created(str(id)) for id in made])


def _new(values: Values, place: int) -> NewSubscription:
    try:
        values = SUBSCRIPTIONS.given(values)
    except InvalidInput as error:
        raise error.at(f"{TAG} {place}") from None
    values.pop("version", None)  # of what does not exist yet
    return NewSubscription(**values)


async def change(call: Call) -> Answer:
    """What the body names; whoever sends back all that was read names the rest as it is."""
    id, values = SUBSCRIPTIONS.id_of(call), SHAPE.read(call, form_encoded=True)
    change = SubscriptionChange(**{k: v for k, v in values.items() if k in _CHANGED})
    await service.change(call.services.db, call.caller, word(call, "ID"), id, change=change)
    _forget(call)
    return json_answer({"id": call.params[SUBSCRIPTIONS.parameter]})


async def delete(call: Call, id: int) -> None:
    await service.delete(call.services.db, call.caller, word(call, "ID"), id)
    _forget(call)


def _forget(call: Call) -> None:
    """What this process publishes next meets the subscriptions as they are; others hear of it."""
    if call.services.interests is not None:
        call.services.interests.forget(str(call.caller.company_id))


async def list_of_topic(call: Call) -> Answer:
    return await ALL.page(call, [Bound("s.topic = {}::text", await known_topic(call))])


_CHANGED = frozenset(SubscriptionChange.__struct_fields__)
SHAPE = Shape(Subscription, _ATTRIBUTES)
SUBSCRIPTIONS = Resource(
    name=TAG,
    path="/topics/{ID}/subscriptions",
    shape=SHAPE,
    listing=LISTING,
    about="Which events of a topic go to a delivery configuration.",
    key=number_key,
    parameter="SUBSCRIPTION_NUMBER",
    collection="topic-subscriptions",
    within=within,
    required=("del-cfg-id",),
    create=create,
    delete=delete,
)
ALL = Resource(
    name="Subscriptions to all topics",
    path="/topic-subscriptions",
    shape=Shape(
        ListedSubscription,
        _ATTRIBUTES | {"del-cfg-id": Attribute(column="configuration_id", show=str)},
    ),
    listing=LISTING,
    about="The company's subscriptions to all topics.",
    collection="topic-subscriptions",
    rewrite=comma_ranges,
)


class GivenSubscription(Struct, kw_only=True, rename="kebab", omit_defaults=True):
    """Which events of the topic go to a delivery configuration."""

    del_cfg_id: int | Text
    evt_tp: Annotated[Text | None, Meta(description="Absent: every type of the topic.")] = None
    match_crt: Criteria = ""
    start_date: Annotated[str | None, Meta(description="Absent or empty: always.")] = None
    end_date: Annotated[str | None, Meta(description="Null: for ever.")] = None


class ChangedSubscription(Struct, kw_only=True, rename="kebab", omit_defaults=True):
    """What is left out stays. `evt-tp` and `del-cfg-id` may be sent back as they are."""

    match_crt: Criteria | None = None
    start_date: str | None = None
    end_date: str | None = None
    version_number: Version | None = None


_Given: Any = list[GivenSubscription] | GivenSubscription
_Made: Any = list[Created] | Created


def routes() -> list[Route]:
    listed, _ = ALL.routes()
    _, created, one, deleted = SUBSCRIPTIONS.routes()
    of_topic = replace(listed.about, summary="List subscriptions to topic", tag=TAG)
    made = Operation(
        summary="Create subscriptions",
        tag=TAG,
        about=f"One; or an array of up to {service.MAX_AT_ONCE:,}, all of which are made or none. "
        "The answer to an array is an array, in its order.",
        request=_Given,
        answer=_Made,
    )
    changed = Operation(
        summary="Change subscription",
        tag=TAG,
        request=ChangedSubscription,
        may_be_form=True,
        answer=Created,
    )
    return [
        Route("GET", listed.path, listed.handler, about=replace(listed.about, tag=TAG)),
        Route("GET", created.path, list_of_topic, about=of_topic),
        Route("POST", created.path, partial(one_or_many, created.handler), about=made),
        one,
        Route("PUT", one.path, change, about=changed),
        deleted,
    ]

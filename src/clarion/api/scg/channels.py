"""/messaging/channels: groups of sender ids, and the sender ids in them.

A company sees its own channels and those that the operator offers. Sender ids are added by a list
of their ids and removed by their address or by a list; what cannot be added is told one by one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Route, json_answer
from clarion.api.operation import Operation, Parameter
from clarion.api.resource import DONE, Resource, Values
from clarion.api.scg.records import RECORD, hide_operator, record_columns
from clarion.api.scg.sender_ids import SENDER_IDS
from clarion.api.shape import Shape, Version
from clarion.engine.accounts.model import Caller
from clarion.engine.senders.channels.model import (
    MAX_DESCRIPTION,
    MAX_SENDERS,
    ChannelChange,
    ChannelOwnership,
    NewChannel,
    Priority,
)
from clarion.engine.senders.channels.service import (
    add_senders,
    change_channel,
    create_channel,
    delete_channel,
    remove_senders,
)
from clarion.engine.senders.model import MAX_NAME
from clarion.errors import InvalidInput, NotFound
from clarion.kit import ids
from clarion.storage.database import Database
from clarion.storage.listing import Bound, Column, Listing


class Channel(Struct, kw_only=True):
    """A group of sender ids that messages leave through."""

    id: str
    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME)] = ""
    priority: Annotated[
        Priority, Meta(description="HIGH, NORMAL or LOW, in any case: what leaves first.")
    ] = Priority.NORMAL
    description: Annotated[str, Meta(max_length=MAX_DESCRIPTION)] | None = None
    ownership: Annotated[
        ChannelOwnership,
        Meta(description="PRIVATE; the operator's own can be SHARED or PUBLIC."),
    ] = ChannelOwnership.PRIVATE
    application_id: int | None = None
    company_id: int | None = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: Version | None = None


class Members(Struct):
    """Sender ids by their ids."""

    sender_ids: Annotated[
        list[str] | str | None, Meta(description="An array, or a list joined by commas.")
    ] = None
    sender_id: str | None = None


class Added(Struct, kw_only=True, omit_defaults=True):
    """The channel, and what is wrong with those that were left out."""

    id: str
    errors: dict[str, str] = {}


SHAPE = Shape(Channel, RECORD)
LISTING = Listing(
    source="channel c",
    tenant="c.company_id = $1 or c.company_id = (select id from operator_company) "
    "and c.ownership in ('SHARED', 'PUBLIC')",
    key="c.id",
    select="c.*",
    always="c.deleted_at is null",
    columns=(
        Column("id", "c.id", "id"),
        Column("name", "c.name"),
        Column("priority", "c.priority", "enum", choices=frozenset(Priority)),
        Column("description", "c.description"),
        Column("ownership", "c.ownership", "enum", choices=frozenset(ChannelOwnership)),
        *record_columns("c"),
        Column("version_number", "c.version", "integer"),
    ),
)
_IN_CHANNEL = (
    "exists (select from channel_sender cs where cs.company_id = s.company_id "
    "and cs.channel_id = {} and cs.sender_id = s.id)"
)


async def create(call: Call, values: Values) -> str:
    return ids.show(await create_channel(call.services.db, call.caller, NewChannel(**values)))


async def update(call: Call, id: UUID, values: Values) -> None:
    await change_channel(call.services.db, call.caller, id, ChannelChange(**values))


async def replace(call: Call, id: UUID, values: Values) -> None:
    bare = {
        "priority": Priority.NORMAL,
        "description": None,
        "ownership": ChannelOwnership.PRIVATE,
    }
    await update(call, id, bare | values)


async def delete(call: Call, id: UUID) -> None:
    await delete_channel(call.services.db, call.caller, id)


CHANNELS = Resource(
    name="Channel",
    path="/messaging/channels",
    shape=SHAPE,
    listing=LISTING,
    about="A group of sender ids that messages leave through.",
    complete=hide_operator,
    required=("name",),
    create=create,
    update=update,
    replace=replace,
    delete=delete,
)


async def members(call: Call) -> Answer:
    """The channel's sender ids that the caller may see."""
    id = CHANNELS.id_of(call)
    await CHANNELS.find(call, id)
    return await SENDER_IDS.page(call, also=[Bound(_IN_CHANNEL, id)])


async def add(call: Call) -> Answer:
    """Put the sender ids that the body lists into the channel."""
    errors = await _each(call, _named(call.read(_MEMBERS)), add_senders)
    return json_answer(Added(id=call.params["id"], errors=errors))


async def remove(call: Call) -> Answer:
    """Take the sender ids that the body or the query lists out of the channel."""
    query = call.query
    given = call.read(_MEMBERS) if call.body.strip() else Members()
    asked = query.get("sender_ids") or query.get("sender_id") or query.get("id")
    named = _named(given if given.sender_ids or given.sender_id else Members(sender_ids=asked))
    errors = await _each(call, named, remove_senders)
    return json_answer(Added(id=call.params["id"], errors=errors)) if errors else DONE


async def remove_one(call: Call) -> Answer:
    """Take one sender id out of the channel."""
    if await _each(call, [call.params["sender_id"]], remove_senders):
        raise NotFound("There is no such sender id in the channel.")
    return DONE


async def _each(
    call: Call,
    named: Sequence[str],
    work: Callable[[Database, Caller, UUID, Sequence[UUID]], Awaitable[set[UUID]]],
) -> dict[str, str]:
    """Do it with all that can be ids; answers what is wrong with each of the others."""
    found = {text: ids.parse(text) for text in named}
    known = [id for id in found.values() if id is not None]
    missing = await work(call.services.db, call.caller, CHANNELS.id_of(call), known)
    return {
        text: f"Unknown document: {text}"
        for text, id in found.items()
        if id is None or id in missing
    }


def _named(given: Members) -> list[str]:
    """The ids in any of the ways that they can be given."""
    several = given.sender_ids or given.sender_id or []
    texts = several.split(",") if isinstance(several, str) else several
    named = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
    if not named:
        raise InvalidInput("sender_ids: it is required.", field="sender_ids")
    if len(named) > MAX_SENDERS:
        raise InvalidInput(f"sender_ids: at most {MAX_SENDERS} at once.", field="sender_ids")
    return named


def routes() -> list[Route]:
    path = f"{CHANNELS.path}/{{id}}/sender_ids"
    return [
        *CHANNELS.routes(),
        Route("GET", path, members, about=_LIST),
        Route("POST", path, add, about=_ADD),
        Route("DELETE", path, remove, about=_REMOVE),
        Route("DELETE", f"{path}/{{sender_id}}", remove_one, about=_REMOVE_ONE),
    ]


_MEMBERS = msgspec.json.Decoder(Members, strict=False)
_LIST = Operation(
    summary="List Sender IDs of Channel",
    tag="Channel",
    answer=SENDER_IDS.shape,
    many=True,
    filters=SENDER_IDS.listing.columns,
)
_ADD = Operation(
    summary="Add Sender IDs to Channel",
    tag="Channel",
    about="Those that cannot be added are named in `errors`; the others are in the channel.",
    request=Members,
    required=("sender_ids",),
    answer=Added,
)
_REMOVE = Operation(
    summary="Remove Sender IDs from Channel",
    tag="Channel",
    about="Named in the query, or in a body as for adding. Those that were not in the channel are "
    "named in `errors`.",
    parameters=(Parameter("sender_ids", "Ids joined by commas.", required=False),),
)
_REMOVE_ONE = Operation(summary="Remove Sender ID from Channel", tag="Channel")

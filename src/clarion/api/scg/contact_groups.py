"""/contact_groups: contacts that messages are sent to together, by hand or by criteria."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Route, json_answer
from clarion.api.operation import Operation
from clarion.api.resource import Resource, Values
from clarion.api.scg import contacts
from clarion.api.scg.records import READ_ONLY, RECORD, record_columns
from clarion.api.shape import Attribute, Row, Shape, Version
from clarion.engine.contacts.groups.model import GroupChange, GroupStatus, GroupType, NewGroup
from clarion.engine.contacts.groups.service import (
    add_members,
    change_group,
    count_matching,
    create_group,
    delete_group,
    membership,
    remove_member,
)
from clarion.engine.contacts.service import create_contact
from clarion.errors import InvalidInput, NotFound
from clarion.kit import ids
from clarion.storage.listing import Bound, Column, Listing

MAX_ADDED = 10_000  # contacts of one call
COUNTING_SECONDS = 5.0  # in which the contacts of the DYNAMIC groups of one answer are counted


class ContactGroup(Struct, kw_only=True):
    """A list of contacts, or criteria that choose them."""

    id: str
    external_id: Annotated[str, Meta(max_length=255)] | None = None
    name: Annotated[str, Meta(max_length=255)] | None = None
    description: Annotated[str, Meta(max_length=4000)] | None = None
    type: Annotated[
        GroupType,
        Meta(description="Whether members are added and removed, or are whoever matches."),
    ] = GroupType.STATIC
    criteria: Annotated[
        str | None,
        Meta(description="A query for contacts, as JSON. It fills a STATIC group when it is made."),
    ] = None
    status: Annotated[str, Meta(description="Processing while it is being filled, or Ready.")] = ""
    member_count: Annotated[
        int | None,
        Meta(description="Left out of a DYNAMIC group if counting would take too long."),
    ] = None
    application_id: int | None = None
    company_id: int | None = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: Version | None = None


class NewMembers(Struct):
    """Contacts to add."""

    contacts: list[str] | str | None = None


class Added(Struct, omit_defaults=True):
    """The id of the group, or of a contact that was made; or what could not be added and why."""

    id: str | None = None
    errors: dict[str, str] | None = None


def _criteria(value: Any) -> str | None:
    """Clients give a string that holds JSON, as the reference says, or the object itself."""
    return (value or None) if isinstance(value, str) else msgspec.json.encode(value).decode()


SHAPE = Shape(
    ContactGroup,
    {
        **RECORD,
        "criteria": Attribute(take=_criteria, wire_type=str | dict[str, Any]),
        "status": READ_ONLY,
        "member_count": READ_ONLY,
    },
)
LISTING = Listing(
    source="contact_group g",
    tenant="g.company_id",
    key="g.id",
    select="g.*",
    always="g.deleted_at is null",
    columns=(
        Column("id", "g.id", "id"),
        Column("external_id", "g.external_id"),
        Column("name", "g.name"),
        Column("type", "g.type", "enum", choices=frozenset(GroupType)),
        Column(
            "status",
            "upper(g.status)",
            "enum",
            choices=frozenset(status.upper() for status in GroupStatus),
        ),
        *record_columns("g"),
        Column("version_number", "g.version", "integer"),
    ),
)


async def create(call: Call, values: Values) -> str:
    return ids.show(await create_group(call.services.db, call.caller, NewGroup(**values)))


async def update(call: Call, id: UUID, values: Values) -> None:
    await change_group(call.services.db, call.caller, id, GroupChange(**values))


async def put(call: Call, id: UUID, values: Values) -> None:
    """What is not given is emptied, but for what makes the group what it is."""
    emptied: Values = {"name": None, "external_id": None, "description": None}
    await change_group(call.services.db, call.caller, id, GroupChange(**emptied | values))


async def delete(call: Call, id: UUID) -> None:
    await delete_group(call.services.db, call.caller, id)


async def complete(call: Call, rows: Sequence[Row]) -> list[Row]:
    """The members of DYNAMIC groups are counted now."""
    dynamic = {row["id"]: row["criteria"] for row in rows if row["type"] == GroupType.DYNAMIC}
    counts: dict[UUID, int] = {}
    if dynamic:
        counts = await count_matching(
            call.services.db, call.caller.company_id, dynamic, seconds=COUNTING_SECONDS
        )
    return [
        dict(row) | {"member_count": counts.get(row["id"])} if row["id"] in dynamic else row
        for row in rows
    ]


GROUPS = Resource(
    name="Contact Group",
    path="/contact_groups",
    shape=SHAPE,
    listing=LISTING,
    about="Contacts that messages are sent to together.",
    complete=complete,
    create=create,
    update=update,
    replace=put,
    delete=delete,
)


# ---------------------------------------------------------------- members


async def in_group(call: Call) -> Sequence[Bound]:
    """The condition that a contact is in the group of the path."""
    group = _group_id(call)
    condition = await membership(call.services.db, call.caller.company_id, group)
    return [Bound(condition.template, *condition.args)]


async def add(call: Call) -> Answer:
    """Add contacts by their ids; a body that is a contact makes it first."""
    group = _group_id(call)
    given = call.read(_NEW_MEMBERS).contacts
    if given is None:
        return await _add_new(call, group)
    asked = _asked(given)
    found = {text: id for text in asked if (id := ids.parse(text)) is not None}
    unknown = await add_members(call.services.db, call.caller, group, list(found.values()))
    errors = {
        text: f"Unknown document: {text}"
        for text in asked
        if text not in found or found[text] in unknown
    }
    return json_answer(Added(errors=errors) if errors else Added(id=call.params["group_id"]))


def _asked(given: list[str] | str) -> list[str]:
    texts = given.split(",") if isinstance(given, str) else given
    if len(texts) > MAX_ADDED:
        raise InvalidInput(f"contacts: at most {MAX_ADDED} in one call.", field="contacts")
    return list(dict.fromkeys(text.strip() for text in texts))


async def _add_new(call: Call, group: UUID) -> Answer:
    """The reference's own form: the body is the contact. It is made and added, or neither."""
    values = {name: v for name, v in contacts.SHAPE.read(call).items() if v is not None}
    values.pop("version", None)
    if not values:
        raise InvalidInput("contacts: it is required.", field="contacts")
    written = contacts.sealed(call, values)
    made = await create_contact(call.services.db, call.caller, written, group_id=group)
    return json_answer(Added(id=ids.show(made)))


async def remove(call: Call, id: UUID) -> None:
    await remove_member(call.services.db, call.caller, _group_id(call), id)


def _group_id(call: Call) -> UUID:
    id = ids.parse(call.params["group_id"])
    if id is None:
        raise NotFound("There is no such contact group.")
    return id


_NEW_MEMBERS = msgspec.json.Decoder(NewMembers)
_ADD_ABOUT = Operation(
    summary="Add to Contact Group",
    tag="Contact Group",
    about="Adds contacts to a STATIC group. Those that cannot be added are named in `errors`.",
    request=NewMembers,
    answer=Added,
)
MEMBERS = replace(
    contacts.CONTACTS,
    name="Contact of a Group",
    path="/contact_groups/{group_id}/contacts",
    about="A contact that is in a group.",
    within=in_group,
    create=None,
    update=None,
    replace=None,
    delete=remove,
)


def routes() -> list[Route]:
    return [
        *GROUPS.routes(),
        *MEMBERS.routes(),
        Route("POST", MEMBERS.path, add, about=_ADD_ABOUT),
    ]

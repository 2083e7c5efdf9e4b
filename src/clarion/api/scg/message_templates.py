"""/messaging/message_templates: what messages are made from, and what they must look like."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from clarion.api.call import Call
from clarion.api.resource import Resource, Values
from clarion.api.scg.records import RECORD, hide_operator, record_columns
from clarion.api.shape import Shape, Version
from clarion.engine.senders.model import MAX_NAME
from clarion.engine.senders.templates.model import (
    MAX_PATTERN,
    Designation,
    NewTemplate,
    TemplateChange,
    TemplateOwnership,
)
from clarion.engine.senders.templates.service import (
    change_template,
    create_template,
    delete_template,
)
from clarion.kit import ids
from clarion.storage.listing import Column, Listing


class MessageTemplate(Struct, kw_only=True):
    """A text with variables."""

    id: str
    name: Annotated[
        str, Meta(min_length=1, max_length=MAX_NAME, description="Unique within the company.")
    ] = ""
    designation: Annotated[
        Designation,
        Meta(description="TEMPLATE: messages are made from it. VALIDATOR: they must look like it."),
    ] = Designation.TEMPLATE
    ownership: Annotated[
        TemplateOwnership, Meta(description="PRIVATE; the operator's own can be PUBLIC.")
    ] = TemplateOwnership.PRIVATE
    pattern: Annotated[
        str, Meta(min_length=1, max_length=MAX_PATTERN, description="Velocity: `Dear $name, ...`.")
    ] = ""
    application_id: int | None = None
    company_id: int | None = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: Version | None = None


SHAPE = Shape(MessageTemplate, RECORD)
LISTING = Listing(
    source="message_template t",
    tenant="t.company_id = $1 or t.company_id = (select id from operator_company) "
    "and t.ownership = 'PUBLIC'",
    key="t.id",
    select="t.*",
    always="t.deleted_at is null",
    columns=(
        Column("id", "t.id", "id"),
        Column("designation", "t.designation", "enum", choices=frozenset(Designation)),
        Column("name", "t.name"),
        Column("ownership", "t.ownership", "enum", choices=frozenset(TemplateOwnership)),
        Column("pattern", "t.pattern"),
        *record_columns("t"),
        Column("version_number", "t.version", "integer"),
    ),
)


async def create(call: Call, values: Values) -> str:
    return ids.show(await create_template(call.services.db, call.caller, NewTemplate(**values)))


async def update(call: Call, id: UUID, values: Values) -> None:
    await change_template(call.services.db, call.caller, id, TemplateChange(**values))


async def replace(call: Call, id: UUID, values: Values) -> None:
    bare = {"designation": Designation.TEMPLATE, "ownership": TemplateOwnership.PRIVATE}
    await update(call, id, bare | values)


async def delete(call: Call, id: UUID) -> None:
    await delete_template(call.services.db, call.caller, id)


TEMPLATES = Resource(
    name="Message Template",
    path="/messaging/message_templates",
    shape=SHAPE,
    listing=LISTING,
    about="A text with variables: messages are made from it, or must look like it.",
    complete=hide_operator,
    required=("name", "pattern"),
    create=create,
    update=update,
    replace=replace,
    delete=delete,
)

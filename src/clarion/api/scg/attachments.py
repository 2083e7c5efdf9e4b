"""/messaging/attachments: files that travel with messages, or that jobs read and write."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Route, json_answer
from clarion.api.operation import Created, Operation
from clarion.api.resource import Resource, Values
from clarion.api.scg import content
from clarion.api.scg.records import READ_ONLY, RECORD, record_columns
from clarion.api.shape import Attribute, Row, Shape, Version
from clarion.engine.attachments.model import AttachmentChange, AttachmentState, NewAttachment
from clarion.engine.attachments.service import (
    change_attachment,
    create_attachment,
    delete_attachment,
)
from clarion.engine.attachments.tokens import issue_token
from clarion.kit import ids
from clarion.storage.listing import Bound, Column, Listing

Name = Annotated[str, Meta(max_length=255)]


class Attachment(Struct, kw_only=True):
    """A file that travels with a message, or that a job reads or writes."""

    id: str
    name: Name | None = None
    type: Annotated[str, Meta(max_length=255, description="MIME type, if it is known.")] | None = (
        None
    )
    size: Annotated[int | None, Meta(description="Bytes of the content.")] = None
    filename: (
        Annotated[str, Meta(max_length=255, description="The file's original name.")] | None
    ) = None
    designation: (
        Annotated[str, Meta(max_length=255, description="What it is for: CONTACTS_IMPORT, ...")]
        | None
    ) = None
    state: Annotated[str, Meta(description="CREATED, UPLOADED (it has content), DELETED")] = ""
    application_id: int | None = None
    company_id: int | None = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: Version | None = None


SHAPE = Shape(
    Attachment,
    {
        **RECORD,
        "size": READ_ONLY,
        "designation": Attribute(only="live"),
        "state": READ_ONLY,
    },
)
LISTING = Listing(
    source="attachment a",
    tenant="a.company_id = $1",
    key="a.id",
    select="a.*",
    deleted="a.deleted_at is not null",
    columns=(
        Column("id", "a.id", "id"),
        Column("name", "a.name"),
        Column("type", "a.type"),
        Column("size", "a.size", "integer"),
        Column("filename", "a.filename"),
        Column(
            "state",
            "a.state",
            "enum",
            choices=frozenset(AttachmentState),
            enum="attachment_state",
        ),
        *record_columns("a"),
        Column("version_number", "a.version", "integer"),
    ),
)


async def create(call: Call, values: Values) -> str:
    new = NewAttachment(**values)
    return ids.show(await create_attachment(call.services.db, call.caller, new))


async def update(call: Call, id: UUID, values: Values) -> None:
    change = AttachmentChange(**values)
    await change_attachment(call.services.db, call.caller.company_id, id, change)


async def delete(call: Call, id: UUID) -> None:
    services = call.services
    await delete_attachment(services.db, services.files, call.caller.company_id, id)


async def complete(_: Call, rows: Sequence[Row]) -> list[Row]:
    return [row if row["deleted_at"] is None else dict(row) | {"state": "DELETED"} for row in rows]


ATTACHMENTS = Resource(
    name="Attachment",
    path="/messaging/attachments",
    shape=SHAPE,
    listing=LISTING,
    about="A file that travels with a message, or that a job reads or writes.",
    complete=complete,
    create=create,
    update=update,
    delete=delete,
)


async def create_token(call: Call) -> Answer:
    """Clients send nothing, null or an empty object: whatever it is, there is nothing to say."""
    id = ATTACHMENTS.id_of(call)
    lifetime = call.services.settings.files.token_seconds
    made = await issue_token(call.services.db, call.caller, id, lifetime=lifetime)
    return json_answer({"id": ids.show(made.id)})


async def page_of(call: Call, owner: UUID) -> Answer:
    """The attachments of a message request, or of an MO message, as a list."""
    linked = (
        "exists (select from message_request_attachment l where l.company_id = a.company_id "
        "and l.attachment_id = a.id and l.request_id = {})"
    )
    return await ATTACHMENTS.page(call, [Bound(linked, owner)])


_TOKEN = Operation(
    summary="Create Access Token of Attachment",
    tag="Attachment",
    about="Its id stands in the address of the attachment's content, for upload and download.",
    answer=Created,
)


def routes() -> list[Route]:
    tokens = f"{ATTACHMENTS.path}/{{id}}/access_tokens"
    return [
        *ATTACHMENTS.routes(),
        Route("POST", tokens, create_token, about=_TOKEN),
        *content.routes(),
    ]


def listed_below(name: str) -> Operation:
    """What the document says of the attachments of a message or a message request."""
    return Operation(
        summary=f"List attachments of {name}",
        tag=name,
        answer=SHAPE,
        many=True,
        filters=LISTING.columns,
    )

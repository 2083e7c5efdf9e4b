"""/access_tokens: what stands in the address of an attachment's content."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Route, json_answer
from clarion.api.operation import Created, Operation
from clarion.api.resource import Resource
from clarion.api.scg.records import WRITTEN_ONCE
from clarion.api.shape import Attribute, Shape, Version, taker
from clarion.engine.attachments.tokens import delete_token, issue_token
from clarion.errors import InvalidInput, NotFound
from clarion.kit import ids
from clarion.storage.listing import Column, Listing


class AccessToken(Struct, kw_only=True):
    """A token that uploads and downloads the content of one attachment."""

    id: str
    expiry_time: Annotated[datetime | None, Meta(description="It opens nothing after that.")] = None
    application_id: int | None = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: Version | None = None


class Opens(StrEnum):
    ATTACHMENT = "ATTACHMENT"


class NewAccessToken(Struct, kw_only=True):
    """What a token is to open."""

    resource: Annotated[str, Meta(description="ATTACHMENT")] = "ATTACHMENT"
    resource_id: Annotated[str | None, Meta(description="The attachment's id.")] = None


SHAPE = Shape(
    AccessToken,
    {**WRITTEN_ONCE, "expiry_time": Attribute(read_only=True, column="expires_at")},
)
LISTING = Listing(
    source="attachment_token t",
    tenant="t.company_id = $1",
    key="t.id",
    select="t.*, 1 as version",
    columns=(
        Column("id", "t.id", "id"),
        Column("expiry_time", "t.expires_at", "timestamp"),
        Column("application_id", "t.application_id", "integer"),
        Column("created_date", "t.id", "created"),
        Column("last_updated_date", "t.id", "created"),
    ),
)
_NEW = msgspec.json.Decoder(NewAccessToken, strict=False)
_resource = taker(Opens)


async def delete(call: Call, id: UUID) -> None:
    await delete_token(call.services.db, call.caller.company_id, id)


TOKENS = Resource(
    name="Access Token",
    path="/access_tokens",
    shape=SHAPE,
    listing=LISTING,
    about="A token that uploads and downloads the content of one attachment until it expires.",
    delete=delete,
)


async def create(call: Call) -> Answer:
    asked = call.read(_NEW) if call.body.strip() else NewAccessToken()
    try:
        _resource(asked.resource)
    except ValueError as error:
        raise InvalidInput(f"resource: {error}.", field="resource") from error
    if not asked.resource_id:
        raise InvalidInput("resource_id: it is required.", field="resource_id")
    id = ids.parse(asked.resource_id.strip())
    lifetime = call.services.settings.files.token_seconds
    try:
        if id is None:
            raise NotFound
        made = await issue_token(call.services.db, call.caller, id, lifetime=lifetime)
    except NotFound as error:
        words = "resource_id: there is no such attachment."
        raise InvalidInput(words, field="resource_id") from error
    return json_answer({"id": ids.show(made.id)})


_CREATE = Operation(
    summary="Create Access Token",
    tag="Access Token",
    about="The same as /messaging/attachments/{id}/access_tokens.",
    request=NewAccessToken,
    required=("resource_id",),
    answer=Created,
)


def routes() -> list[Route]:
    return [*TOKENS.routes(), Route("POST", TOKENS.path, create, about=_CREATE)]

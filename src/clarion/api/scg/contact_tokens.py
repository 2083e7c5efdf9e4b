"""/contacts/{id}/application_tokens and .../access_tokens: what devices of a contact have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Route, json_answer
from clarion.api.operation import Created, Operation
from clarion.api.resource import Resource, Values
from clarion.api.scg.contacts import contact_of
from clarion.api.scg.records import LIVE, RECORD, record_columns
from clarion.api.shape import FORM, Attribute, Row, Shape, Version, choice
from clarion.engine.contacts.tokens.access import (
    issue_access_token,
    renew_access_token,
    revoke_access_token,
)
from clarion.engine.contacts.tokens.model import (
    NewToken,
    Provider,
    TokenChange,
    TokenState,
    read_duration,
    token_id,
)
from clarion.engine.contacts.tokens.service import change_token, create_token, delete_token
from clarion.errors import InvalidInput
from clarion.kit import ids
from clarion.storage.listing import Bound, Column, Listing

CORRECTIONS = {"GCN": "GCM"}  # as the reference prints it


class ApplicationToken(Struct, kw_only=True):
    """Where an application on a contact's device is reached by push messages."""

    id: str
    sender_id_address: Annotated[
        str, Meta(description="Of the PUSH sender id: the application's unique name.")
    ] = ""
    message_delivery_provider: Provider = Provider.APN
    token: str = ""
    state: Annotated[TokenState, Meta(description="INVALID: the provider has refused it.")] = (
        TokenState.ACTIVE
    )
    application_id: int | None = None
    company_id: int | None = None
    created_date: datetime | None = None
    last_update_date: datetime | None = None
    version_number: Version | None = None


class ContactAccessToken(Struct, kw_only=True):
    """What an application on a contact's device shows to speak for that contact."""

    id: Annotated[
        str, Meta(description="Behind it, and shown once: the secret. Both together are the token.")
    ]
    expiry_time: datetime | None = None
    duration: Annotated[int | None, Meta(description="Seconds.")] = None
    application_id: int | None = None
    company_id: int | None = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: int | None = None


class Lifetime(Struct):
    """How long an access token is good for."""

    duration: Annotated[int | str | None, Meta(description="Seconds; by default a day.")] = None
    version_number: Version | None = None


APPLICATION_SHAPE = Shape(
    ApplicationToken,
    {
        **RECORD,
        "message_delivery_provider": choice(Provider, CORRECTIONS),
        "state": LIVE,
        "last_update_date": Attribute(
            read_only=True, column="updated_at", spellings=("last_updated_date",)
        ),
    },
)
ACCESS_SHAPE = Shape(
    ContactAccessToken,
    {
        **RECORD,
        "id": Attribute(read_only=True, column="shown_id"),
        "expiry_time": Attribute(column="expires_at"),
        "duration": Attribute(only="live"),
    },
)
APPLICATION_LISTING = Listing(
    source="application_token t",
    tenant="t.company_id",
    key="t.id",
    select="t.*",
    columns=(
        Column("id", "t.id", "id"),
        Column("sender_id_address", "t.sender_id_address"),
        Column(
            "message_delivery_provider",
            "t.message_delivery_provider",
            "enum",
            choices=frozenset(Provider),
        ),
        Column("token", "t.token"),
        Column("state", "t.state", "enum", choices=frozenset(TokenState)),
        Column("application_id", "t.application_id", "integer"),
        Column("created_date", "t.id", "created"),
        Column("last_update_date", "t.updated_at", "timestamp"),
    ),
)
ACCESS_LISTING = Listing(
    source="contact_access_token t",
    tenant="t.company_id",
    key="t.id",
    select="t.*",
    columns=(
        Column("id", "t.id", "id"),
        Column("expiry_time", "t.expires_at", "timestamp"),
        *record_columns("t"),
    ),
)


async def of_contact(call: Call) -> Sequence[Bound]:
    """Tokens of the contact in the path."""
    return [Bound("t.contact_id = {}", await contact_of(call))]


# ---------------------------------------------------------------- application tokens


async def create(call: Call, values: Values) -> str:
    contact = await contact_of(call)
    new = NewToken(**values)
    return ids.show(await create_token(call.services.db, call.caller, contact, new))


async def update(call: Call, id: UUID, values: Values) -> None:
    contact = await contact_of(call)
    await change_token(call.services.db, call.caller, contact, id, TokenChange(**values))


async def delete(call: Call, id: UUID) -> None:
    await delete_token(call.services.db, call.caller, await contact_of(call), id)


APPLICATION_TOKENS = Resource(
    name="Contact Application Token",
    path="/contacts/{contact_id}/application_tokens",
    shape=APPLICATION_SHAPE,
    listing=APPLICATION_LISTING,
    about="Where an application on a contact's device is reached by push messages.",
    within=of_contact,
    required=("sender_id_address", "message_delivery_provider", "token"),
    create=create,
    update=update,
    replace=update,  # all of it is required
    delete=delete,
)


# ---------------------------------------------------------------- access tokens


async def name_as_asked(call: Call, rows: Sequence[Row]) -> list[Row]:
    """A single one has the id that it was asked for by, which may be the whole token."""
    return [dict(row) | {"shown_id": call.params.get("id", row["id"])} for row in rows]


async def issue(call: Call) -> Answer:
    """The answer's id is the token: nothing shows it again."""
    contact = await contact_of(call)
    duration, _ = _lifetime(call)
    made = await issue_access_token(call.services.db, call.caller, contact, duration)
    return json_answer({"id": made.text})


async def renew(call: Call) -> Answer:
    contact = await contact_of(call)
    duration, version = _lifetime(call)
    await renew_access_token(
        call.services.db, call.caller, contact, ACCESS_TOKENS.id_of(call),
        duration=duration, version=version,
    )  # fmt: skip
    return json_answer({"id": call.params["id"]})


async def revoke(call: Call, id: UUID) -> None:
    await revoke_access_token(call.services.db, call.caller, await contact_of(call), id)


async def by_whole_token(_: Call, query: dict[str, str]) -> Sequence[Bound]:
    """Clients know a token as its id and secret in one."""
    if "id" in query:
        found = (token_id(text.strip()) for text in query["id"].split(","))
        query["id"] = ",".join(ids.show(id) for id in found if id) or "none"
    return ()


def _lifetime(call: Call) -> tuple[int | None, int | None]:
    """Seconds and version_number of a body that may be missing altogether."""
    if call.body.strip() in (b"", b"null") or call.media_type() == FORM:
        return None, None
    given = call.read(_LIFETIME)
    if given.duration in (None, "", "null"):
        return None, given.version_number
    try:
        return read_duration(given.duration), given.version_number
    except ValueError as error:
        raise InvalidInput(f"duration: {error}.", field="duration") from error


_LIFETIME: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Lifetime, strict=False)
ACCESS_TOKENS = Resource(
    name="Contact Access Token",
    path="/contacts/{contact_id}/access_tokens",
    shape=ACCESS_SHAPE,
    listing=ACCESS_LISTING,
    about="What an application on a contact's device shows to speak for that contact.",
    key=token_id,
    complete=name_as_asked,
    rewrite=by_whole_token,
    within=of_contact,
    delete=revoke,
)
_ISSUE = Operation(
    summary="Create Contact Access Token",
    tag=ACCESS_TOKENS.name,
    about="The id in the answer is the token. It is shown this once.",
    request=Lifetime,
    answer=Created,
)
_RENEW = Operation(
    summary="Replace Contact Access Token",
    tag=ACCESS_TOKENS.name,
    about="The token is good for its duration, or another one, from now on.",
    request=Lifetime,
    answer=Created,
)


def routes() -> list[Route]:
    return [
        *APPLICATION_TOKENS.routes(),
        *ACCESS_TOKENS.routes(),
        Route("POST", ACCESS_TOKENS.path, issue, about=_ISSUE),
        Route("PUT", ACCESS_TOKENS.path + "/{id}", renew, about=_RENEW),
    ]

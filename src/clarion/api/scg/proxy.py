"""/scg-dra/proxy: what applications on contacts' devices call, each for its own contact.

Their credential is the contact's access token, in the place where companies have theirs.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Door, Route, json_answer
from clarion.api.errors import problem
from clarion.api.operation import Created, Operation
from clarion.api.scg.contact_tokens import CORRECTIONS
from clarion.api.shape import taker
from clarion.api.wire import LIVE
from clarion.engine.contacts.tokens.access import find_holder
from clarion.engine.contacts.tokens.model import Holder, NewToken, Provider
from clarion.engine.contacts.tokens.service import register_token, unregister_token
from clarion.engine.messages.confirmations.service import Confirmed, confirm_delivery
from clarion.errors import InvalidInput, NotAuthenticated, NotFound
from clarion.kit import ids

PREFIX = "/scg-dra/proxy"
_MAX_HEADER = 512
_TAG = "Device"


class PushToken(Struct):
    """Where an application on this device is reached by push messages."""

    app_id: Annotated[str, Meta(description="The address of the PUSH sender id.")]
    type: Annotated[str, Meta(description="APN, GCM or FCM")]
    token: str


class Confirmation(Struct):
    """What has become of a push message."""

    state: Annotated[str | None, Meta(description="DELIVERED, as without it, or READ")] = None


async def register(call: Call) -> Answer:
    """This device is reached there; whoever had the token before no longer is."""
    holder = await _holder(call)
    made = await register_token(call.services.db, holder, _token(call))
    return json_answer({"id": ids.show(made)})


async def unregister(call: Call) -> Answer:
    """This device is no longer reached there."""
    holder = await _holder(call)
    await unregister_token(call.services.db, holder, _token(call))
    return Answer(200)


async def confirm(call: Call) -> Answer:
    """This device has the message, or its owner has read it."""
    holder = await _holder(call)
    id = ids.parse(call.params["id"])
    if id is None:
        raise NotFound
    await confirm_delivery(call.services.db, holder, id, _confirmed(call))
    return json_answer({"id": call.params["id"]})


async def _holder(call: Call) -> Holder:
    """The contact whose token the request bears."""
    value = call.header(b"authorization") or ""
    if value[:7].lower() != "bearer " or len(value) > _MAX_HEADER:
        raise NotAuthenticated("The contact's access token is missing.")
    return await find_holder(call.services.db, value[7:].strip())


def _confirmed(call: Call) -> Confirmed:
    """Without a body, or without a state in it: the message has arrived."""
    if call.body.strip() in (b"", b"null"):
        return Confirmed.DELIVERED
    try:
        return Confirmed(_state(call.read(_CONFIRMATION).state or Confirmed.DELIVERED))
    except ValueError as error:
        raise InvalidInput(f"state: {error}.", field="state") from error


def _token(call: Call) -> NewToken:
    given = call.read(_PUSH_TOKEN)
    try:
        provider = Provider(_provider(given.type))
    except ValueError as error:
        raise InvalidInput(f"type: {error}.", field="type") from error
    if not given.app_id.strip():
        raise InvalidInput("app_id: it is required.", field="app_id")
    return NewToken(
        sender_id_address=given.app_id.strip(),
        message_delivery_provider=provider,
        token=given.token.strip(),
    )


_state = taker(Confirmed)
_CONFIRMATION: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Confirmation)
_provider = taker(Provider, CORRECTIONS)
_PUSH_TOKEN: msgspec.json.Decoder[Any] = msgspec.json.Decoder(PushToken)
_REGISTER = Operation(
    summary="Register push token",
    tag=_TAG,
    about="With the access token of a contact. The same token of another contact becomes this "
    "one's.",
    request=PushToken,
    answer=Created,
    checks_token=True,
)
_UNREGISTER = Operation(
    summary="Unregister push token",
    tag=_TAG,
    about="With the access token of a contact.",
    request=PushToken,
    checks_token=True,
)


_CONFIRM = Operation(
    summary="Confirm delivery",
    tag=_TAG,
    about="With the access token of the contact that the push message went to. What comes twice "
    "or late changes nothing.",
    request=Confirmation,
    answer=Created,
    checks_token=True,
)


def door() -> Door:
    """Open to companies' tokens and to none: the contact's token is checked here."""
    routes = (
        Route("POST", "/messages/{id}/delivery_confirmation", confirm, open=True, about=_CONFIRM),
        Route("POST", "/push_tokens/register", register, open=True, about=_REGISTER),
        Route("POST", "/push_tokens/unregister", unregister, open=True, about=_UNREGISTER),
    )
    return Door(
        "scg-devices",
        PREFIX,
        routes,
        problem,
        LIVE,
        title="SCG for devices",
        description="What applications on contacts' devices call, with a contact's access token.",
    )

"""/consent/contact_address_statuses: who has agreed to messages from which sender id."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Route
from clarion.api.operation import Operation
from clarion.api.resource import DONE, Resource, Values
from clarion.api.scg.records import RECORD, record_columns
from clarion.api.shape import Attribute, Shape, Version, taker
from clarion.engine.consent.addresses import service
from clarion.engine.consent.addresses.model import (
    MAX_ADDRESS,
    ConsentStatus,
    Way,
    Wish,
    stored_pair,
)
from clarion.engine.consent.keywords.reserved import language_of_country
from clarion.engine.consent.replies import Kind, templates_of, text_of
from clarion.engine.consent.store import first_template
from clarion.engine.messages.model import NewRequest
from clarion.engine.senders.model import Sender
from clarion.errors import AlreadyExists, InvalidInput
from clarion.kit import ids
from clarion.kit.e164 import parse_address
from clarion.storage.listing import Column, Listing

Short = Annotated[str, Meta(max_length=255)]
_PREFIX = "sender_id:"


class ContactAddressStatus(Struct, kw_only=True):
    """What an address has agreed to, of one sender id."""

    id: str
    address_type: Annotated[Short, Meta(description="MDN, EMAIL, SOCIAL, PUSH, ...")] = ""
    address: Annotated[
        Annotated[str, Meta(max_length=MAX_ADDRESS)], Meta(description="Of an MDN: the number.")
    ] = ""
    sender_id: str | None = None
    from_address: Annotated[
        Short | None, Meta(description="The sender id's address; names it where no id does.")
    ] = None
    consent_status: Annotated[
        ConsentStatus,
        Meta(description="On a create: what is known. Without it the subscriber is asked."),
    ] = ConsentStatus.NONE
    opt_in_type: Annotated[
        Way | None, Meta(description="How consent was given. SINGLE and MIGRATION are not asked.")
    ] = None
    opt_out_type: Way | None = None
    application_id: int | None = None
    company_id: int | None = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: Version | None = None


class OptOut(Struct, kw_only=True):
    """Addresses that are to get nothing more from a sender id."""

    addresses: list[Annotated[str, Meta(max_length=MAX_ADDRESS)]] | str
    sender_id: str | None = None
    from_address: str | None = None
    address_type: str | None = None
    consent_status: Annotated[str | None, Meta(description="OPTOUT or BLACKLIST.")] = None
    opt_out_type: str | None = None


_take_status = taker(
    ConsentStatus,
    {"OPT_IN": "OPTIN", "OPT-IN": "OPTIN", "OPT_OUT": "OPTOUT", "OPT-OUT": "OPTOUT"},
)
_take_way = taker(Way)


def _way(value: str) -> Way | None:
    return Way(_take_way(value)) if value else None


SHAPE = Shape(
    ContactAddressStatus,
    {
        **RECORD,
        "from_address": Attribute(only="live"),
        "consent_status": Attribute(take=_take_status, wire_type=str),
        "opt_in_type": Attribute(only="live", take=_way, wire_type=str),
        "opt_out_type": Attribute(only="live", take=_way, wire_type=str),
    },
)
LISTING = Listing(
    source="contact_address_status a "
    "left join sender_id s on s.company_id = a.company_id and s.id = a.sender_id",
    tenant="a.company_id",
    key="a.id",
    select="a.*, s.address as from_address",
    columns=(
        Column("id", "a.id", "id"),
        Column("address_type", "a.address_type"),
        Column("address", "a.address", "msisdn"),
        Column("sender_id", "a.sender_id", "id"),
        Column("consent_status", "a.consent_status", "enum", choices=frozenset(ConsentStatus)),
        *record_columns("a"),
        Column("version_number", "a.version", "integer"),
    ),
)


async def create(call: Call, values: Values) -> str:
    sender = await _sender(call, values.get("sender_id"), values.get("from_address"))
    kind, address = stored_pair(values.get("address_type"), values["address"])
    wish = Wish(
        address_type=kind,
        address=address,
        consent_status=values.get("consent_status"),
        opt_in_type=values.get("opt_in_type"),
        opt_out_type=values.get("opt_out_type"),
    )
    ask = partial(_ask, call)
    return ids.show(await service.begin(call.services.db, call.caller, sender, wish, ask))


async def update(call: Call, id: UUID, values: Values) -> None:
    wanted = service.StatusChange(
        version=values.get("version"),
        consent_status=values.get("consent_status"),
        opt_in_type=values.get("opt_in_type"),
        opt_out_type=values.get("opt_out_type"),
    )
    await service.change(call.services.db, call.caller, id, wanted)


async def delete(call: Call, id: UUID) -> None:
    await service.forget(call.services.db, call.caller, id)


async def opt_out(call: Call) -> Answer:
    """Many addresses at once, all or none of them."""
    body = call.read(_OPT_OUT)
    sender = await _sender(call, body.sender_id, body.from_address)
    given = body.addresses
    addresses = given if isinstance(given, list) else given.replace(";", ",").split(",")
    status = _taken("consent_status", _take_status, body.consent_status) or ConsentStatus.OPTOUT
    await service.refuse_many(
        call.services.db,
        call.caller,
        sender,
        [stored_pair(body.address_type, each) for each in addresses if each.strip()],
        status=status,
        how=_taken("opt_out_type", _take_way, body.opt_out_type),
    )
    return DONE


# ---------------------------------------------------------------- the steps


async def _sender(call: Call, named: str | None, address: str | None) -> Sender:
    """The sender id of the body: by its id, or by its address where that is of one only."""
    directory, company = call.services.senders, call.caller.company_id
    text = (named or "").strip().removeprefix(_PREFIX).strip()
    if text:
        id = ids.parse(text)
        found = await directory.get(company, id) if id else None
        if found is None:
            raise InvalidInput("sender_id: there is no such sender id.", field="sender_id")
        return found
    if not address:
        raise InvalidInput("sender_id: it is required.", field="sender_id")
    try:
        return await directory.resolve(company, address)
    except InvalidInput as error:
        words = error.message.replace("from:", "from_address:", 1)
        raise InvalidInput(words, field="from_address") from error


async def _ask(call: Call, question: service.Question) -> None:
    """The double opt-in message; the same question goes out once, however often it is asked."""
    services, company = call.services, call.caller.company_id
    language = language_of_country(_country(question.to))
    template = await first_template(services.db, company, templates_of(Kind.ASK, language))
    request = NewRequest(
        sender=ids.show(question.sender_id),
        recipients=[question.to],
        body=f'#parse("{template}")' if template else text_of(Kind.ASK, language),
        external_id=question.key,
    )
    with suppress(AlreadyExists):  # it went out before, in other words
        await services.intake.accept(call.caller, request)


def _country(address: str) -> str | None:
    try:
        return parse_address(address).country
    except ValueError:
        return None


def _taken(name: str, take: Any, value: str | None) -> Any:
    if not value:
        return None
    try:
        return take(value)
    except ValueError as error:
        raise InvalidInput(f"{name}: {error}", field=name) from error


_OPT_OUT = msgspec.json.Decoder(OptOut, strict=False)
STATUSES = Resource(
    name="Contact Address Status",
    path="/consent/contact_address_statuses",
    shape=SHAPE,
    listing=LISTING,
    about="What an address has agreed to, of one sender id.",
    required=("address",),
    create=create,
    update=update,
    delete=delete,
)
_OPT_OUT_ABOUT = Operation(
    summary="Opt out addresses",
    tag="Contact Address Status",
    about="Sets many addresses to OPTOUT, or to BLACKLIST. Those on a black list stay there.",
    request=OptOut,
    required=("addresses",),
)


def routes() -> list[Route]:
    return [
        *STATUSES.routes(),
        Route("POST", f"{STATUSES.path}/optout", opt_out, about=_OPT_OUT_ABOUT),
    ]

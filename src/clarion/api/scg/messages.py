"""/messaging/messages: one message to or from one subscriber.

Messages are made by message requests and by subscribers; a client can only mark them. From and to
swap sides with the direction, so their filters look at both columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Route
from clarion.api.resource import Resource, Values
from clarion.api.scg.attachments import listed_below, page_of
from clarion.api.shape import Attribute, Row, Shape, Version
from clarion.engine.attachments.service import linked_attachments
from clarion.engine.contacts.tokens.model import Provider
from clarion.engine.messages.model import Direction, FailureCode, MessageState
from clarion.engine.messages.ports import Medium
from clarion.engine.messages.reading import (
    messages_by_carrier_id,
    parts_of_messages,
    texts_of_requests,
)
from clarion.engine.messages.rich import read_media
from clarion.engine.messages.service import change_message, delete_message
from clarion.engine.senders.service import owns_address
from clarion.errors import InvalidInput
from clarion.kit import ids
from clarion.kit.countries import ALPHA_3
from clarion.kit.e164 import spellings
from clarion.storage.filters import split
from clarion.storage.listing import Bound, Column, Listing

_SIDES = ("from_address", "to_address")
_SHORT = {"from": "from_address", "to": "to_address"}  # as message requests call them
NO_CONSENT = "1005"


class FragmentInfo(Struct, kw_only=True, omit_defaults=True):
    """A part of a message, as the carrier knows it."""

    fragment_id: str
    fragment_state: str
    external_id: str | None = None
    charge: float | None = None
    failure_code: int | None = None


class Message(Struct, kw_only=True):
    """One message to (MT) or from (MO) a subscriber."""

    id: str
    message_request_id: str | None = None
    external_transaction_ids: Annotated[
        str | None, Meta(description="The carrier's ids, one a fragment, with commas between.")
    ] = None
    external_message_request_id: Annotated[
        str | None, Meta(description="external_id of its message request.")
    ] = None
    conversation_id: str | None = None
    campaign_id: str | None = None
    direction: Direction = Direction.MT
    customer_sender_id: Annotated[str | None, Meta(description="Its sender id.")] = None
    from_address: str = ""
    to_address: str = ""
    state: Annotated[str, Meta(description=f"{', '.join(MessageState)}, DELETED")] = ""
    failure_code: Annotated[
        str | None,
        Meta(description="Numeric text; INVALID_RECIPIENT, NO_CONSENT, OTHER in reference form."),
    ] = None
    failure_details: str | None = None
    subject: str | None = None
    body: str = ""
    sent_date: datetime | None = None
    delivered_date: datetime | None = None
    converted_date: datetime | None = None
    conversion_info_source: Annotated[str, Meta(max_length=255)] | None = None
    reply_to: Annotated[str | None, Meta(description="The message that this one answers.")] = None
    attachments: list[str] = []
    media_urls: Annotated[
        list[str] | None, Meta(description="Of an MO message: where else what it brought is.")
    ] = None
    scheduled_delivery_time: datetime | None = None
    expiry_time: datetime | None = None
    type: Annotated[str, Meta(description=", ".join(Medium))] = Medium.SMS
    message_delivery_provider: Annotated[
        str | None, Meta(description="Of a push: APN, GCM, FCM.")
    ] = None
    contact_id: Annotated[
        str | None,
        Meta(description="The contact that the request named, or a group; of an MO, who wrote it."),
    ] = None
    price: Annotated[float | None, Meta(description="What was charged for it.")] = None
    keyword: Annotated[
        str | None, Meta(description="Of an MO message: the name of the keyword that it matched.")
    ] = None
    destination_country: Annotated[str | None, Meta(description="ISO 3166, three letters.")] = None
    consent_requirement: str | None = None
    fragments_info: list[FragmentInfo] | None = None
    application_id: int | None = None
    company_id: int | None = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: Version | None = None
    language: str | None = None
    failed_translation: str | None = None


_WRITABLE = ("state", "converted_date", "conversion_info_source", "version_number")
_COLUMNS = {
    "message_request_id": "request_id",
    "external_message_request_id": "external_request_id",
    "customer_sender_id": "sender_id",
    "sent_date": "sent_at",
    "delivered_date": "delivered_at",
    "converted_date": "converted_at",
    "conversion_info_source": "conversion_source",
    "scheduled_delivery_time": "scheduled_at",
    "expiry_time": "expires_at",
    "last_updated_date": "updated_at",
    "version_number": "version",
}
_REFERENCE = {"contact_id": "contact-id", "failed_translation": "failedTranslation"}


def _attributes() -> dict[str, Attribute]:
    live_only = {
        "company_id",
        "destination_country",
        "consent_requirement",
        "fragments_info",
        "keyword",
        "media_urls",
    }
    return {
        name: Attribute(
            column=_COLUMNS.get(name, ""),
            reference=_REFERENCE.get(name, ""),
            read_only=name not in _WRITABLE,
            only="live" if name in live_only else "",
        )
        for name in Message.__struct_fields__
    }


SHAPE = Shape(Message, _attributes())

_FROM = "case m.direction when 'MT' then m.sender_address else m.peer_address end"
_TO = "case m.direction when 'MT' then m.peer_address else m.sender_address end"
_PROVIDER = "case m.medium when 'PSH' then upper(split_part(m.peer_address, ':', 1)) end"
_BODY = (
    "coalesce(m.body, (select r.body from message_request r "
    "where r.company_id = m.company_id and r.id = m.request_id))"
)
LISTING = Listing(
    source="message m",
    tenant="m.company_id",
    key="m.id",
    select="m.*",
    deleted="m.deleted_at is not null",
    columns=(
        Column("id", "m.id", "id"),
        Column("message_request_id", "m.request_id", "id"),
        Column("external_transaction_ids", "null::text", sortable=False),
        Column("external_message_request_id", "m.external_request_id"),
        Column("conversation_id", "m.conversation_id"),
        Column("campaign_id", "m.campaign_id"),
        Column(
            "direction",
            "m.direction",
            "enum",
            choices=frozenset(Direction),
            enum="message_direction",
        ),
        Column("customer_sender_id", "m.sender_id", "id"),
        Column("from_address", _FROM, "msisdn"),
        Column("to_address", _TO, "msisdn"),
        Column("state", "m.state", "enum", choices=frozenset(MessageState), enum="message_state"),
        Column("failure_code", "m.failure_code"),
        Column("subject", "m.subject"),
        Column("body", _BODY),
        Column("sent_date", "m.sent_at", "timestamp"),
        Column("delivered_date", "m.delivered_at", "timestamp"),
        Column("converted_date", "m.converted_at", "timestamp"),
        Column("reply_to", "m.reply_to", "id"),
        Column("scheduled_delivery_time", "m.scheduled_at", "timestamp"),
        Column("expiry_time", "m.expires_at", "timestamp"),
        Column("type", "m.medium", "enum", choices=frozenset(Medium), enum="message_medium"),
        Column("message_delivery_provider", _PROVIDER, "enum", choices=frozenset(Provider)),
        Column("contact_id", "m.contact_id", "id"),
        Column("price", "m.price", "number"),
        Column("keyword", "m.keyword"),
        Column("language", "m.language"),
        Column("application_id", "m.application_id", "integer"),
        Column("created_date", "m.id", "created"),
        Column("last_updated_date", "m.updated_at", "timestamp"),
        Column("version_number", "m.version", "integer"),
    ),
)

# ---------------------------------------------------------------- reading


async def rewrite(call: Call, query: dict[str, str]) -> list[Bound]:
    """Filters on what is not a column: failure codes by name, the carrier's ids."""
    if codes := query.get("failure_code"):
        query["failure_code"] = ",".join(_numeric(code) for code in split(codes))
    for short, name in _SHORT.items():
        if short in query:
            query.setdefault(name, query.pop(short))
    bounds = [bound for name in _SIDES if (bound := await _peers(call, query.get(name, "")))]
    shown = split(query.pop("external_transaction_ids", ""))
    if shown:
        db, company = call.services.db, call.caller.company_id
        connectors = list(call.services.settings.connectors)
        found = await messages_by_carrier_id(db, company, connectors, shown)
        bounds.append(Bound("m.id = any({}::uuid[])", found))
    return bounds + _of_request(query) + _inbound_only(query)


def _of_request(query: dict[str, str]) -> list[Bound]:
    """Messages of one request lie in one range of the key; `request_id` has no index."""
    request = ids.parse(query.get("message_request_id", "").strip())
    if request is None:
        return []
    return [Bound("m.id > {}", request), Bound("m.id <= {}", ids.last_message_id(request))]


_INBOUND = frozenset({MessageState.RECEIVED.value, MessageState.PROCESSED.value})


def _inbound_only(query: dict[str, str]) -> list[Bound]:
    """States that only MO messages have: they are few, and have an index of their own."""
    states = {state.strip().upper() for state in split(query.get("state", ""))}
    if states and states <= _INBOUND:
        return [Bound("m.direction = {}::message_direction", Direction.MO.value)]
    return []


async def _peers(call: Call, text: str) -> Bound | None:
    """What follows from an address that is no sender id's: it is the subscriber's, whose column
    has an index, as the choice of a column by direction has none."""
    forms = sorted({form for each in text.split(",") for form in spellings(each)})
    if not forms or await owns_address(call.services.db, call.caller.company_id, forms):
        return None
    return Bound("m.peer_address = any({}::text[])", forms)


async def complete(call: Call, rows: Sequence[Row]) -> list[Row]:
    """What other tables hold: parts and texts; addresses on the side that the direction says."""
    db, company = call.services.db, call.caller.company_id
    parts = await parts_of_messages(db, company, [row["id"] for row in rows])
    wanted = {row["request_id"] for row in rows if row["request_id"] is not None}
    texts = await texts_of_requests(db, company, list(wanted))
    carried = await linked_attachments(db, company, [_carrier(row) for row in rows])
    reference = call.form.reference_names
    return [
        _completed(row, parts.get(row["id"], []), texts.get(row["request_id"]), reference)
        | {"attachments": [ids.show(id) for id in carried.get(_carrier(row), ())]}
        for row in rows
    ]


def _completed(
    row: Row,
    parts: Sequence[Row],
    text: Row | None,
    reference: bool,  # noqa: FBT001
) -> dict[str, Any]:
    values = dict(row)
    outgoing = row["direction"] == Direction.MT
    ours, theirs = row["sender_address"], row["peer_address"]
    values["from_address"] = ours if outgoing else theirs.removeprefix("+")
    values["to_address"] = theirs if outgoing else ours
    values["type"] = row["medium"]
    provider = theirs.partition(":")[0].upper() if row["medium"] == Medium.PSH else None
    if provider in Provider.__members__:  # else its recipient could not be read
        values["message_delivery_provider"] = provider
    if row["price"] is not None:
        values["price"] = float(row["price"])
    values["created_date"] = ids.created_at(row["id"])
    values["destination_country"] = ALPHA_3.get(row["country"] or "")
    if row["deleted_at"] is not None:
        values["state"] = "DELETED"
    if text is not None:
        values["body"] = text["body"] if row["body"] is None else row["body"]
        values["consent_requirement"] = text["consent_requirement"]
    if reference and row["failure_code"] is not None:
        values["failure_code"] = reference_failure(row["failure_code"])
    values["media_urls"] = [m.url for m in read_media(row["media"]) if m.url] or None
    if outgoing:
        values["fragments_info"] = _fragments(row, parts)
        values["external_transaction_ids"] = ",".join(part["shown_id"] for part in parts) or None
    return values


def _fragments(row: Row, parts: Sequence[Row]) -> list[FragmentInfo]:
    """Every part: what the carrier said of it, or the message's own state."""
    taken = {part["number"]: part for part in parts}
    shown = ids.show(row["id"])
    charge = None if row["price"] is None else float(row["price"] / row["fragments"])
    infos = []
    for number in range(1, row["fragments"] + 1):
        part = taken.get(number)
        state = part["state"] if part else None
        code = (part["failure_code"] if part else None) or row["failure_code"]
        infos.append(
            FragmentInfo(
                fragment_id=f"{shown}-{number}",
                fragment_state=state or row["state"],
                external_id=part["shown_id"] if part else None,
                charge=charge,
                failure_code=int(code) if code and code.isdigit() else None,
            )
        )
    return infos


_NAMED = {FailureCode.INVALID_RECIPIENT.value: "INVALID_RECIPIENT", NO_CONSENT: "NO_CONSENT"}


def reference_failure(code: str) -> str:
    """A failure in the reference's three words."""
    return _NAMED.get(code, "OTHER")


def _numeric(code: str) -> str:
    """A failure code as it is stored, or all codes that the reference calls OTHER."""
    if code.upper() == "OTHER":
        return ",".join(known for known in FailureCode if known not in _NAMED)
    return next((number for number, name in _NAMED.items() if name == code.upper()), code)


# ---------------------------------------------------------------- changes


async def update(call: Call, id: UUID, values: Values) -> None:
    """The moves that a client may make; conversions bring their time and where it is known from."""
    state = values.get("state")
    if not state:
        raise InvalidInput("state: it is required.", field="state")
    row = await MESSAGES.find(call, id)
    if state.strip().upper() == row["state"] and values.get("version") in (None, row["version"]):
        return  # clients send back all that they have read
    await change_message(
        call.services.db,
        call.caller,
        id,
        state=state.strip().upper(),
        version=values.get("version"),
        converted_at=values.get("converted_at"),
        source=values.get("conversion_source"),
    )


async def delete(call: Call, id: UUID) -> None:
    await delete_message(call.services.db, call.caller.company_id, id)


MESSAGES = Resource(
    name="Message",
    path="/messaging/messages",
    shape=SHAPE,
    listing=LISTING,
    about="One message to or from one subscriber.",
    complete=complete,
    rewrite=rewrite,
    update=update,
    delete=delete,
)


async def attachments(call: Call) -> Answer:
    """What its request carries, or what came with an MO message."""
    row = await MESSAGES.find(call, MESSAGES.id_of(call))
    return await page_of(call, _carrier(row))


def _carrier(row: Row) -> UUID:
    """Who the attachments of a message are linked to."""
    carrier: UUID = row["request_id"] or row["id"]
    return carrier


def routes() -> list[Route]:
    return [
        *MESSAGES.routes(),
        Route(
            "GET",
            "/messaging/messages/{id}/attachments",
            attachments,
            about=listed_below("Message"),
        ),
    ]

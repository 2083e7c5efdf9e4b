"""/messaging/message_requests: messages to one recipient or a hundred thousand."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct, field

from clarion.api.call import Answer, Call, Reply, Route, json_answer
from clarion.api.errors import code_of
from clarion.api.operation import Created, Operation
from clarion.api.resource import Resource, Values
from clarion.api.scg.attachments import listed_below, page_of
from clarion.api.scg.messages import MESSAGES, reference_failure
from clarion.api.scg.requests_in import DECODER, MessageRequestBody, new_request
from clarion.api.shape import Attribute, Row, Shape, Version
from clarion.engine.attachments.service import linked_attachments
from clarion.engine.messages.amend import Labels, amend_request
from clarion.engine.messages.flush import QUEUE_CHANNEL
from clarion.engine.messages.model import RequestState
from clarion.engine.messages.service import cancel_request, delete_request, resume_request
from clarion.engine.senders.service import senders_of_addresses
from clarion.errors import ClarionError, InvalidInput
from clarion.kit import ids
from clarion.kit.changes import check_version
from clarion.kit.e164 import spellings
from clarion.metrics import REQUESTS_REFUSED
from clarion.storage.filters import split
from clarion.storage.listing import Bound, Column, Listing

LISTED_RECIPIENTS = 1000
"""Recipients of each request that a list shows; a request read by its id shows all."""

Indexed = Annotated[str, Meta(max_length=255)]


class MessageRequest(Struct, kw_only=True):
    """A message to one or many recipients."""

    id: str
    sender: Annotated[str, Meta(description="`sender_id:<id>` or `channel:<id>`")] = field(
        name="from", default=""
    )
    to: Annotated[
        list[str], Meta(description="Recipients as given; lists show the first 1,000.")
    ] = []
    conversation_id: Indexed | None = None
    campaign_id: Indexed | None = None
    program_id: Indexed | None = None
    subject: str | None = None
    application_id: Annotated[int | str | None, Meta(description="A text in reference form.")] = (
        None
    )
    company_id: int | None = None
    external_id: str | None = None
    state: Annotated[str, Meta(description=f"{', '.join(RequestState)}, DELETED")] = ""
    attachments: list[str] = []
    media_urls: list[str] = []
    body: str = ""
    consent_requirement: Annotated[str, Meta(description="NONE, OPT_IN, OPT_OUT")] = "NONE"
    criteria: str | None = None
    recipient_count: Annotated[int, Meta(description="Grows while the request is PREPARING.")] = 0
    duplicate_count: Annotated[
        int, Meta(description="Recipients left out because the request had named them before.")
    ] = 0
    sent_count: int = 0
    delivered_count: int = 0
    media_requested_count: Annotated[
        int, Meta(description="Messages with media that were fetched, that is, delivered.")
    ] = 0
    read_count: int = 0
    click_thru_count: int = 0
    converted_count: int = 0
    canceled_count: int = 0
    failed_count: Annotated[int, Meta(description="Failed and expired messages.")] = 0
    scheduled_delivery_time: datetime | None = None
    scheduled_delivery_time_zone: str | None = None
    expiry_time: datetime | None = None
    test_message_flag: bool = False
    pause_before_transmit: bool = False
    pause_expiry_time: datetime | None = None
    reply_to: str | None = None
    price: Annotated[float | None, Meta(description="What its messages were charged.")] = None
    price_threshold: float | None = None
    sender_id_sort_criteria: list[str] = []
    contact_delivery_address_priority: list[str] = []
    failover: str | None = None
    group_mms: bool | None = None
    options: dict[str, Any] | None = None
    failure_code: str | None = None
    failure_details: str | None = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: Version | None = None
    src_language: str | None = None
    dst_language: str | None = None
    translate: bool | None = None
    translations_count: int = 0
    translations_failed_count: int = 0
    translations_performed_count: int = 0
    content_type: str | None = None


_WRITABLE = ("state", "conversation_id", "campaign_id", "program_id", "version_number")
_COLUMNS = {
    "from": "sender_id",
    "to": "recipients",
    "scheduled_delivery_time": "scheduled_at",
    "scheduled_delivery_time_zone": "scheduled_zone",
    "expiry_time": "expires_at",
    "test_message_flag": "test",
    "pause_expiry_time": "pause_expires_at",
    "last_updated_date": "updated_at",
    "version_number": "version",
}
_LIVE_ONLY = (
    "company_id",
    "duplicate_count",
    "media_requested_count",
    "click_thru_count",
    "media_urls",
    "price",
    "failover",
    "group_mms",
    "options",
)
_TRANSLATIONS = (
    "translations_count",
    "translations_failed_count",
    "translations_performed_count",
)


def _attributes() -> dict[str, Attribute]:
    found = {
        name: Attribute(
            column=_COLUMNS.get(name, ""),
            read_only=name not in _WRITABLE,
            only="live" if name in _LIVE_ONLY else "",
        )
        for name in ("from", *MessageRequest.__struct_fields__)
        if name != "sender"
    }
    found["recipient_count"] = Attribute(read_only=True, spellings=("recipient_ count",))
    found["from"] = Attribute(read_only=True)
    return found


SHAPE = Shape(MessageRequest, _attributes())

_IN_LISTS = (
    *("id", "application_id", "state", "sender_id", "channel_id", "body", "subject"),
    *("external_id", "translations", "price", "media"),
    *("conversation_id", "campaign_id", "program_id", "reply_to", "consent_requirement"),
    *("content_type", "test", "pause_before_transmit", "pause_expires_at", "scheduled_at"),
    *("scheduled_zone", "expires_at", "options", "recipient_count", "duplicate_count"),
    *("sent_count", "delivered_count", "read_count", "click_thru_count", "converted_count"),
    *("canceled_count", "failed_count"),
    *("failure_code", "failure_details", "updated_at", "deleted_at", "version", "company_id"),
)

LISTING = Listing(
    source="message_request_now q",
    tenant="q.company_id",
    key="q.id",
    select=", ".join(f"q.{name}" for name in _IN_LISTS)
    + f", q.recipients[1:{LISTED_RECIPIENTS}] as recipients",
    deleted="q.deleted_at is not null",
    columns=(
        Column("id", "q.id", "id"),
        Column("from", "q.sender_id", "id"),
        Column("conversation_id", "q.conversation_id"),
        Column("to", "q.recipients", "text_array", sortable=False),
        Column("campaign_id", "q.campaign_id"),
        Column("program_id", "q.program_id"),
        Column("subject", "q.subject"),
        Column("application_id", "q.application_id", "integer"),
        Column("external_id", "q.external_id"),
        Column("state", "q.state", "enum", choices=frozenset(RequestState), enum="request_state"),
        Column("scheduled_delivery_time", "q.scheduled_at", "timestamp"),
        Column("expiry_time", "q.expires_at", "timestamp"),
        Column("test_message_flag", "q.test", "boolean"),
        Column("pause_before_transmit", "q.pause_before_transmit", "boolean"),
        Column("pause_expiry_time", "q.pause_expires_at", "timestamp"),
        Column("created_date", "q.id", "created"),
        Column("last_updated_date", "q.updated_at", "timestamp"),
        Column("version_number", "q.version", "integer"),
    ),
)

# ---------------------------------------------------------------- reading


_FROM = "q.sender_id = any({0}::uuid[]) or q.channel_id = any({0}::uuid[])"
_PREFIX = r"^(sender_id|channel)\s*[:-]\s*"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


async def rewrite(call: Call, query: dict[str, str]) -> list[Bound]:
    """`from` and `to` in all their spellings; `from` may be a sender's address."""
    bounds = []
    if senders := query.pop("from", "").strip(","):
        named = [ids.parse(re.sub(_PREFIX, "", each)) for each in split(senders)]
        forms = [form for each in senders.split(",") for form in spellings(each)]
        at = await senders_of_addresses(call.services.db, call.caller.company_id, forms)
        bounds = [Bound(_FROM, [*at, *(id for id in named if id is not None)])]
    if to := query.get("to"):
        query["to"] = ",".join(form for number in to.split(",") for form in _forms(number))
    if query.get("state", "").strip().upper() == RequestState.PAUSED:
        bounds.append(Bound("q.pause_expires_at > {}", _LONG_AGO))  # the few that have an index
    return bounds


def _forms(number: str) -> set[str]:
    """Recipients are kept as they were given: in any of the usual ways."""
    forms = spellings(number)
    bare = [form.removeprefix("+") for form in forms if form.startswith("+")]
    return forms | {f"{way}{digits}" for digits in bare for way in ("mdn:", "mdn:+", "00")}


async def complete(call: Call, rows: Sequence[Row]) -> list[Row]:
    """Counters that nothing counts yet, options by name, and no list that fills the memory."""
    company, requests = call.caller.company_id, [row["id"] for row in rows]
    carried = await linked_attachments(call.services.db, company, requests)
    reference = call.form.reference_names
    return [
        _completed(row, reference=reference)
        | {"attachments": [ids.show(id) for id in carried.get(row["id"], ())]}
        for row in rows
    ]


def _completed(row: Row, *, reference: bool) -> dict[str, Any]:
    values: dict[str, Any] = {
        "sender_id_sort_criteria": [],
        "contact_delivery_address_priority": [],
    }
    values |= dict(row) | {"options": None} | (row["options"] or {})
    values |= dict(zip(_TRANSLATIONS, row["translations"] or (0, 0, 0), strict=True))
    values["from"] = _shown_from(row)
    values["media_requested_count"] = row["delivered_count"] if row["media"] else 0
    if row["price"] is not None:
        values["price"] = float(row["price"])
    values["created_date"] = ids.created_at(row["id"])
    if row["deleted_at"] is not None:
        values["state"] = "DELETED"
    if reference:
        values["application_id"] = str(row["application_id"])
        if row["failure_code"] is not None:
            values["failure_code"] = reference_failure(row["failure_code"])
    return values


def _shown_from(row: Row) -> str:
    if row["channel_id"] is not None:
        return f"channel:{ids.show(row['channel_id'])}"
    return f"sender_id:{ids.show(row['sender_id'])}"


async def messages(call: Call) -> Answer:
    """The messages of one request: one range of their key, as ids of both share a stem."""
    id = REQUESTS.id_of(call)
    await REQUESTS.find(call, id)
    bounds = [Bound("m.id > {}", id), Bound("m.id <= {}", ids.last_message_id(id))]
    return await MESSAGES.page(call, bounds)


async def attachments(call: Call) -> Answer:
    """What its messages carry."""
    id = REQUESTS.id_of(call)
    await REQUESTS.find(call, id)
    return await page_of(call, id)


# ---------------------------------------------------------------- writing


def create(call: Call) -> Reply:
    """Accept a request; it is stored when this answers."""
    try:
        request = new_request(call.read(DECODER))
        return Reply(call.services.intake.accept(call.caller, request), _created)
    except ClarionError as error:
        REQUESTS_REFUSED.labels(code_of(error)).inc()
        raise


def _created(stored: asyncio.Future[UUID]) -> Answer:
    try:
        id = stored.result()
    except ClarionError as error:
        REQUESTS_REFUSED.labels(code_of(error)).inc()
        raise
    return json_answer({"id": ids.show(id)})


async def update(call: Call, id: UUID, values: Values) -> None:
    """Resume or cancel, or new labels; all else of a request is fixed once it is accepted."""
    version = values.pop("version", None)
    wanted = (values.pop("state", None) or "").strip().upper()
    row = await REQUESTS.find(call, id)
    check_version(version, row["version"])
    labels = Labels(**values)
    # Clients send back all that they have read. Canceling again finishes what a crash cut short.
    if wanted and (wanted != row["state"] or wanted == RequestState.CANCELED):
        await _move(call, id, wanted, labels, version)
    elif values:
        db, company = call.services.db, call.caller.company_id
        await amend_request(db, company, id, labels, version=version)


async def _move(call: Call, id: UUID, wanted: str, labels: Labels, version: int | None) -> None:
    services, company = call.services, call.caller.company_id
    if wanted in ("CANCELED", "CANCELLED"):
        await cancel_request(services.db, company, id, labels=labels, version=version)
        return
    if wanted != RequestState.TRANSMITTING:
        words = "state: a client can set TRANSMITTING (to resume) or CANCELED."
        raise InvalidInput(words, field="state")
    connectors = services.settings.connectors
    grown = await resume_request(
        services.db, services.senders, connectors, company, id, labels=labels, version=version
    )
    for connector in grown:
        services.db.hint(QUEUE_CHANNEL, connector)


async def delete(call: Call, id: UUID) -> None:
    await delete_request(call.services.db, call.caller.company_id, id)


REQUESTS = Resource(
    name="Message Request",
    path="/messaging/message_requests",
    shape=SHAPE,
    listing=LISTING,
    whole="q.*",
    about="A message to one or many recipients.",
    complete=complete,
    rewrite=rewrite,
    update=update,
    delete=delete,
)


def routes() -> list[Route]:
    path = REQUESTS.path
    return [
        *REQUESTS.routes(),
        Route("POST", path, create, about=_CREATE),
        Route("GET", f"{path}/{{id}}/messages", messages, about=_MESSAGES),
        Route("GET", f"{path}/{{id}}/attachments", attachments, about=_ATTACHMENTS),
    ]


_CREATE = Operation(
    summary="Create Message Request",
    tag="Message Request",
    about="Stores the request and answers its id; messages follow at once or when scheduled.",
    request=MessageRequestBody,
    required=("from", "to", "body"),
    answer=Created,
)
_MESSAGES = Operation(
    summary="List messages of Message Request",
    tag="Message Request",
    answer=MESSAGES.shape,
    many=True,
    filters=MESSAGES.listing.columns,
)
_ATTACHMENTS = listed_below("Message Request")

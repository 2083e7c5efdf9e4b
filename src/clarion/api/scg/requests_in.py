"""The body of POST /messaging/message_requests, read on the hot path.

Decoded straight into a Struct with the wire's names. Clients send `to` as an array, as one
recipient or as a list joined by semicolons; numbers and booleans as themselves or as text; dates in
every form that kit/dates.py knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from math import isfinite
from operator import attrgetter
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from clarion.api.shape import texts
from clarion.engine.messages.model import NewRequest, Options
from clarion.engine.messages.plan import NO_OPTIONS
from clarion.engine.messages.planning import check_options
from clarion.errors import InvalidInput
from clarion.kit import ids
from clarion.kit.dates import parse_date

Date = int | float | str | None
Indexed = Annotated[str, Meta(max_length=255)] | None
Recipients = str | int | list[str | int | list[str | int]] | None


class ConsentRequirement(StrEnum):
    NONE = "NONE"  # sent whatever the recipient said
    OPT_IN = "OPT_IN"  # sent only to those who opted in
    OPT_OUT = "OPT_OUT"  # sent to all but those who opted out


class ScheduleZone(StrEnum):
    UTC = "UTC"
    LOCAL = "LOCAL"  # of the recipient


class MessageRequestBody(Struct, kw_only=True):
    """What a client can say about a message request; anything else is ignored."""

    sender: Annotated[
        str,
        Meta(
            description="Where it leaves from: an id, `sender_id:<id>`, `channel:<id>` or a sender "
            "address."
        ),
    ] = field(name="from")
    to: Annotated[
        Recipients,
        Meta(
            description="One recipient, an array, or a list joined by semicolons: telephone "
            "numbers, e-mail addresses, `contact:<id>`, `group:<id>`, "
            "`psh:apn@<sender id>@<token>`."
        ),
    ] = None
    body: str | None = None
    subject: Indexed = None
    external_id: Annotated[
        Indexed, Meta(description="The client's own id: the same one is accepted once.")
    ] = None
    conversation_id: Indexed = None
    campaign_id: Indexed = None
    program_id: Indexed = None
    reply_to: Annotated[str | None, Meta(description="The message that this one answers.")] = None
    consent_requirement: str | None = None
    content_type: Indexed = None
    test_message_flag: bool | None = None
    pause_before_transmit: bool | None = None
    pause_expiry_time: Date = None
    scheduled_delivery_time: Date = None
    scheduled_delivery_time_zone: str | None = None
    expiry_time: Date = None
    contact_id: str | None = None
    contact_group_id: str | None = None
    criteria: Annotated[
        Any, Meta(description="Contacts by a query, in place of `to`: JSON, or JSON as text.")
    ] = None
    attachments: Annotated[
        list[str] | str | None, Meta(description="Ids of attachments: then it is an MMS.")
    ] = None
    media_urls: Annotated[
        list[str] | str | None, Meta(description="Media on the web, in place of attachments.")
    ] = None
    group_mms: Annotated[
        bool | None, Meta(description="One conversation of up to 10 numbers of the United States.")
    ] = None
    failover: Annotated[
        str | None, Meta(description="NONE, or SMS: what is sent where a push fails.")
    ] = None
    price_threshold: Annotated[
        float | None, Meta(description="What a message may cost at most.")
    ] = None
    sender_id_sort_criteria: Annotated[
        list[str] | str | None, Meta(description="DELIVERY_ADDRESS, PRICE; of a channel.")
    ] = None
    contact_delivery_address_priority: Annotated[
        list[str] | str | None, Meta(description="MDN, PUSH, EMAIL; of contacts.")
    ] = None
    translate: bool | None = None
    src_language: Indexed = None
    dst_language: Annotated[
        Indexed, Meta(description="Not given: the language that each contact prefers.")
    ] = None
    options: Annotated[
        dict[str, Any] | None, Meta(description="For carriers of a medium, such as `push:badge`.")
    ] = None


DECODER = msgspec.json.Decoder(MessageRequestBody, strict=False)
_OPTIONS = attrgetter(
    "criteria",
    "attachments",
    "media_urls",
    "group_mms",
    "failover",
    "price_threshold",
    "sender_id_sort_criteria",
    "contact_delivery_address_priority",
    "translate",
    "src_language",
    "dst_language",
    "options",
)
_NO_OPTIONS = (None,) * 12
_NO_CONSENT = ConsentRequirement.NONE.value
MAX_OPTIONS = 50
MAX_URL = 2000


def new_request(body: MessageRequestBody) -> NewRequest:
    """The engine's view of a body. InvalidInput names the attribute at fault."""
    named = recipients(body.to)
    if body.contact_id or body.contact_group_id:
        named += _more_recipients(body)
    consent, zone = body.consent_requirement, body.scheduled_delivery_time_zone
    return NewRequest(
        sender=body.sender,
        recipients=named,
        body=body.body or "",
        subject=body.subject or None,
        external_id=body.external_id or None,
        conversation_id=body.conversation_id or None,
        campaign_id=body.campaign_id or None,
        program_id=body.program_id or None,
        reply_to=_answered(body.reply_to) if body.reply_to else None,
        consent_requirement=_word("consent_requirement", consent) if consent else _NO_CONSENT,
        content_type=body.content_type or None,
        test=bool(body.test_message_flag),
        pause_before_transmit=bool(body.pause_before_transmit),
        pause_expires_at=date("pause_expiry_time", body.pause_expiry_time),
        scheduled_at=date("scheduled_delivery_time", body.scheduled_delivery_time),
        scheduled_zone=_word("scheduled_delivery_time_zone", zone) if zone else None,
        expires_at=date("expiry_time", body.expiry_time),
        options=None if _OPTIONS(body) == _NO_OPTIONS else _options(body),
    )


def recipients(to: Recipients) -> list[str]:
    """Every recipient named, one nested level of arrays and semicolons taken apart."""
    if type(to) is list:
        if len(to) == 1 and type(to[0]) is str and ";" not in to[0]:
            return [to[0].strip()] if to[0].strip() else []
        return [text for item in to for text in _each(item)]
    return list(_each(to))


def _each(item: Any) -> Iterable[str]:
    if item is None:
        return
    if isinstance(item, list):
        for inner in item:
            yield from _each(inner)
        return
    for text in str(item).split(";"):
        if stripped := text.strip():
            yield stripped


def date(name: str, value: Date) -> datetime | None:
    """A date in any form that clients use."""
    if value is None:
        return None
    try:
        return parse_date(value)
    except ValueError as error:
        raise InvalidInput(f"{name}: {error}", field=name) from error


_WORDS: dict[str, type[StrEnum]] = {
    "consent_requirement": ConsentRequirement,
    "scheduled_delivery_time_zone": ScheduleZone,
}


def _word(name: str, value: str) -> str:
    kind = _WORDS[name]
    word = value.strip().upper()
    if word not in kind.__members__:
        raise InvalidInput(f"{name}: it must be one of {', '.join(kind)}.", field=name)
    return word


def _answered(text: str) -> Any:
    found = ids.parse(text)
    if found is None:
        raise InvalidInput("reply_to: there is no such message.", field="reply_to")
    return found


def _more_recipients(body: MessageRequestBody) -> list[str]:
    """Attributes that the reference's text names beside `to`."""
    found = [f"contact:{id}" for id in _each(body.contact_id)]
    return found + [f"group:{id}" for id in _each(body.contact_group_id)]


def _options(body: MessageRequestBody) -> Options | None:
    found = Options(
        criteria=_criteria(body.criteria),
        attachments=_texts("attachments", body.attachments),
        media_urls=_texts("media_urls", body.media_urls, longest=MAX_URL),
        group_mms=body.group_mms,
        failover=_failover(body.failover),
        price_threshold=_price(body.price_threshold),
        sender_id_sort_criteria=_upper("sender_id_sort_criteria", body.sender_id_sort_criteria),
        contact_delivery_address_priority=_upper(
            "contact_delivery_address_priority", body.contact_delivery_address_priority
        ),
        translate=body.translate,
        src_language=body.src_language or None,
        dst_language=body.dst_language or None,
        options=_map(body.options),
    )
    check_options(found)
    return None if found == NO_OPTIONS else found


def _criteria(value: Any) -> str | None:
    """JSON as text, whichever way it came. {} is everybody, no text at all is nobody."""
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _texts(name: str, value: list[str] | str | None, *, longest: int = 255) -> list[str]:
    if not value:
        return []
    found = value if isinstance(value, list) else value.split(";")
    found = [text.strip() for text in found if text.strip()]
    if any(len(text) > longest for text in found):
        raise InvalidInput(f"{name}: at most {longest} characters each.", field=name)
    return list(dict.fromkeys(found))


def _upper(name: str, value: list[str] | str | None) -> list[str]:
    if not value:
        return []
    try:
        return list(dict.fromkeys(text.strip().upper() for text in texts(value)))
    except ValueError as error:
        raise InvalidInput(f"{name}: {error}", field=name) from error


def _failover(value: str | None) -> str | None:
    word = (value or "NONE").strip().upper()
    if word not in {"NONE", "SMS"}:
        raise InvalidInput("failover: it must be one of NONE, SMS.", field="failover")
    return None if word == "NONE" else word


def _price(value: float | None) -> float | None:
    if value is not None and not isfinite(value):
        raise InvalidInput("price_threshold: it must be a number.", field="price_threshold")
    return value


def _map(value: dict[str, Any] | None) -> dict[str, object]:
    if value and (len(value) > MAX_OPTIONS or len(msgspec.json.encode(value)) > MAX_URL):
        words = f"at most {MAX_OPTIONS} in {MAX_URL} bytes"
        raise InvalidInput(f"options: {words}.", field="options")
    return value or {}

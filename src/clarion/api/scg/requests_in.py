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
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from clarion.api.shape import texts
from clarion.engine.messages.model import NewRequest
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
        Meta(description="Where it leaves from: an id, `sender_id:<id>` or a sender address."),
    ] = field(name="from")
    to: Annotated[
        Recipients,
        Meta(description="One recipient, an array, or a list joined by semicolons."),
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
    attachments: list[str] | str | None = None
    criteria: str | None = None
    media_urls: list[str] | str | None = None
    price_threshold: float | UnsetType | None = UNSET
    sender_id_sort_criteria: list[str] | str | UnsetType | None = UNSET
    contact_delivery_address_priority: list[str] | str | UnsetType | None = UNSET
    src_language: Indexed | UnsetType = UNSET
    dst_language: Indexed | UnsetType = UNSET
    translate: bool | UnsetType | None = UNSET


DECODER = msgspec.json.Decoder(MessageRequestBody, strict=False)
OPTIONS = (
    "price_threshold",
    "sender_id_sort_criteria",
    "contact_delivery_address_priority",
    "src_language",
    "dst_language",
    "translate",
)
"""Attributes that are kept and shown, and that no step of the pipeline acts on yet."""

_LISTS = ("sender_id_sort_criteria", "contact_delivery_address_priority")
_NOT_CARRIED = {
    "attachments": "there is no such attachment",
    "media_urls": "the sender id cannot send media",
    "criteria": "recipients cannot be chosen by criteria; name them in `to`",
}


def new_request(body: MessageRequestBody) -> NewRequest:
    """The engine's view of a body. InvalidInput names the attribute at fault."""
    for name, words in _NOT_CARRIED.items():
        if getattr(body, name):
            raise InvalidInput(f"{name}: {words}.", field=name)
    consent = _word("consent_requirement", body.consent_requirement) or ConsentRequirement.NONE
    zone = _word("scheduled_delivery_time_zone", body.scheduled_delivery_time_zone)
    _refuse_promises(body, consent, zone)
    return NewRequest(
        sender=body.sender,
        recipients=recipients(body.to),
        body=body.body or "",
        subject=body.subject or None,
        external_id=body.external_id or None,
        conversation_id=body.conversation_id or None,
        campaign_id=body.campaign_id or None,
        program_id=body.program_id or None,
        reply_to=_answered(body.reply_to) if body.reply_to else None,
        consent_requirement=consent,
        content_type=body.content_type or None,
        test=bool(body.test_message_flag),
        pause_before_transmit=bool(body.pause_before_transmit),
        pause_expires_at=date("pause_expiry_time", body.pause_expiry_time),
        scheduled_at=date("scheduled_delivery_time", body.scheduled_delivery_time),
        scheduled_zone=zone,
        expires_at=date("expiry_time", body.expiry_time),
        options=_options(body),
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


def _refuse_promises(body: MessageRequestBody, consent: str, zone: str | None) -> None:
    """What would be taken for a promise and not be kept is refused, never ignored."""
    if consent != ConsentRequirement.NONE:
        raise InvalidInput(
            "consent_requirement: consent is not kept here yet; only NONE is possible.",
            field="consent_requirement",
        )
    if zone == ScheduleZone.LOCAL and body.scheduled_delivery_time:
        raise InvalidInput(
            "scheduled_delivery_time_zone: the recipients' own zones are not known yet; only UTC"
            " is possible.",
            field="scheduled_delivery_time_zone",
        )
    if body.translate:
        raise InvalidInput("translate: there is no translation yet.", field="translate")


_WORDS: dict[str, type[StrEnum]] = {
    "consent_requirement": ConsentRequirement,
    "scheduled_delivery_time_zone": ScheduleZone,
}


def _word(name: str, value: str | None) -> str | None:
    if not value:
        return None
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


def _options(body: MessageRequestBody) -> dict[str, object] | None:
    found: dict[str, object] = {}
    for name in OPTIONS:
        value = getattr(body, name)
        if value is UNSET or value is None or value == "":
            continue
        found[name] = _option(name, value)
    return found or None


def _option(name: str, value: Any) -> object:
    if name in _LISTS:
        try:
            return texts(value)
        except ValueError as error:
            raise InvalidInput(f"{name}: {error}", field=name) from error
    if isinstance(value, float) and not isfinite(value):
        raise InvalidInput(f"{name}: it must be a number.", field=name)
    return value

"""What a receiver gets of an event: the JSON document, or its XML form.

The XML form says the same in elements of one namespace; docs/event-delivery.xsd describes it.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import msgspec

from clarion.engine.events.model import Event, Format
from clarion.kit import ids

JSON_TYPE = "application/json; charset=UTF-8"
XML_TYPE = "application/xml; charset=UTF-8"
NAMESPACE = "urn:clarion:event-delivery:1"

_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BREAKS = {"\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def body(event: Event, attempt: int, form: Format) -> bytes:
    """The bytes that are posted. `attempt` counts from 1."""
    return json_body(event, attempt) if form is Format.JSON else xml_body(event, attempt)


def media_type(form: Format) -> str:
    return JSON_TYPE if form is Format.JSON else XML_TYPE


def shown_id(event: Event) -> str:
    """As its publisher calls it, else its own: the receiver's key for what comes twice."""
    return event.external_id or ids.show(event.id)


def timestamp(at: datetime) -> str:
    """UTC to the millisecond, as the reference writes it."""
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def json_body(event: Event, attempt: int) -> bytes:
    """{"topic", "attempt", "event": {"evt-tp", "timestamp", "fld-val-list"}, "event-id"}."""
    return (
        f'{{"topic":{_quoted(event.topic)},"attempt":{attempt},'
        f'"event":{{"evt-tp":{_quoted(event.type)},"timestamp":"{timestamp(event.at)}",'
        f'"fld-val-list":{event.body}}},"event-id":{_text(shown_id(event))}}}'
    ).encode()


def xml_body(event: Event, attempt: int) -> bytes:
    """The same as XML: a `fld` element for each field, its JSON type as an attribute."""
    fields = "".join(_field(name, value) for name, value in _decode(event.body).items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<event-delivery xmlns="{NAMESPACE}">'
        f"<topic>{_escaped(event.topic)}</topic><attempt>{attempt}</attempt>"
        f"<event><evt-tp>{_escaped(event.type)}</evt-tp>"
        f"<timestamp>{timestamp(event.at)}</timestamp>"
        f"<fld-val-list>{fields}</fld-val-list></event>"
        f"<event-id>{_escaped(shown_id(event))}</event-id></event-delivery>"
    ).encode()


def _field(name: str, value: Any) -> str:
    kind, text = _typed(value)
    return f'<fld name={quoteattr(_legal(name), _BREAKS)} type="{kind}">{_escaped(text)}</fld>'


def _typed(value: Any) -> tuple[str, str]:
    match value:
        case str():
            return "string", value
        case bool():
            return "boolean", "true" if value else "false"
        case int():
            return "integer", str(value)
        case float():
            return "decimal", f"{Decimal(repr(value)):f}"
        case None:
            return "null", ""
    return "json", _text(value)


def _text(value: Any) -> str:
    return _encode(value).decode()


@lru_cache(maxsize=1000)
def _quoted(name: str) -> str:
    return _text(name)


def _escaped(text: str) -> str:
    return escape(_legal(text), {"\r": "&#13;"})


def _legal(text: str) -> str:
    """XML has no way to say most control characters."""
    return _NO_XML.sub("\ufffd", text)

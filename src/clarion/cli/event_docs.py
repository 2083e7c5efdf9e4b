"""The parts of docs/ess.md that are made from code: `python -m clarion.cli.event_docs FILE`.

What every operation is for comes from the door, what every event carries from the catalogue of
types. Each part stands between two comments, and the rest of the page is written by hand.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from clarion.api import ess
from clarion.engine.events.model import EventType, Field, FieldType, Topic, Value
from clarion.engine.events.types.catalogue import TOPICS, TYPES

PARTS = ("operations", "payloads")

PUBLISHED = frozenset(
    {"SCG-Message", "SCG-Keyword", "SCG-Sender-ID", "SCG-Contact", "MSS-Messages", "ESS-Delivery"}
)
"""Topics whose events the gateway publishes itself."""

_OF_TYPE: Mapping[FieldType, Value] = MappingProxyType(
    {
        FieldType.TEXT: "...",
        FieldType.INTEGER: 1,
        FieldType.DECIMAL: 0.05,
        FieldType.BOOLEAN: False,
        FieldType.DATE: "2026-11-22T09:30:00.000Z",
    }
)
_ID = "AaIBRYeJcdWT_komLAAAAQ"
_FILE_URI = "https://gateway.example/ess/v1/event-buffer-files/101/content"
_OF_FIELD: Mapping[str, Value] = MappingProxyType(
    {
        "app_name": "ESS",
        "application_id": 1000,
        "associated_info": "Spring",
        "call_duration": 42,
        "carrier_id": "15799",
        "carrier_name": "PAETEC COMMUNICATIONS INC.",
        "company-id": 1000,
        "consent_status": "OPTIN",
        "contact_id": _ID,
        "del_cfg_id": "1000",
        "del_cfg_nm": "shop",
        "digit": "5",
        "digits": "1234",
        "external_id": "order-17",
        "external_message_request_id": "order-17",
        "expire_time": "2026-11-29T09:30:00.000Z",
        "file_folder": "event-buffer",
        "file_id": "101",
        "file_name": "events-101.jsonl",
        "file_retention_time": 7,
        "file_size": 18245,
        "file_status": "ARCHIVED",
        "file_tags": "1000",
        "file_uri": _FILE_URI,
        "fragments_count": 1,
        "from_address": "15550001000",
        "keyword_action": "OPTIN",
        "keyword_id": _ID,
        "keyword_value": "JOIN",
        "message_body": "Hello yourself",
        "message_id": _ID,
        "message_request_id": "AaIBRYeJcdWT_komLAAAAA",
        "new_state": "DELIVERED",
        "number": "+15557654321",
        "old_state": "ACTIVE",
        "previous_carrier_id": "",
        "previous_carrier_name": "",
        "previous_state": "SENT",
        "reason": "The receiver answered 410.",
        "recipient_address": "+15557654321",
        "sender_id_address": "15550001000",
        "sender_id_alias": "Shop",
        "sender_id_id": _ID,
        "state": "COMPLETED",
        "to_address": "+15557654321",
        "tracking_id": "1092585662",
    }
)
_OF_EVENT: Mapping[str, Mapping[str, Value]] = MappingProxyType(
    {
        "application_token_state_change": {
            "new_state": "INVALID",
            "sender_id_address": "com.example.shop",
        },
        "keyword_message_received": {"keyword_campaign_id": "autumn", "reply_sent": True},
        "message_request_state_change": {
            "previous_state": "TRANSMITTING",
            "new_state": "COMPLETED",
            "reason_code": "",
            "reason_description": "",
        },
        "message_state_change": {
            "new_state": "FAILED",
            "reason_code": "1009",
            "reason_description": "UNDELIV: absent subscriber",
            "media_urls": "https://shop.example/a.jpg,https://shop.example/b.jpg",
            "attachment_ids": _ID,
        },
        "mo_message_received": {
            "from_address": "+15557654321",
            "to_address": "15550001000",
            "message_body_content_type": "text/plain",
            "media_urls": "https://carrier.example/1.jpg",
            "attachment_ids": _ID,
        },
        "sender_id_state_change": {
            "previous_state": "PENDING_IMPLEMENTATION",
            "new_state": "IMPLEMENTED",
            "reason_code": "OPERATOR",
            "reason_description": "The operator has changed it.",
        },
    }
)
"""Where a field of one type says something else than the same field of another."""


def filled(page: str) -> str:
    """The page with its parts made anew."""
    made = {"operations": operations(), "payloads": payloads()}
    for part in PARTS:
        begin, end = f"<!-- {part}:", f"<!-- end of {part} -->"
        if page.count(begin) != 1 or page.count(end) != 1:
            raise ValueError(f"the page has no place, or several, for {part}")
        head, _, rest = page.partition(begin)
        first, _, rest = rest.partition("\n")
        page = f"{head}{begin}{first}\n{made[part]}{end}{rest.partition(end)[2]}"
    return page


def operations() -> str:
    """A row for each, in the door's order. What is said of several alike is of the resource."""
    lines = ["| operation | does |", "|---|---|"]
    routes = ess.door().routes
    said = Counter(route.about.about for route in routes)
    for route in routes:
        more = route.about.about if said[route.about.about] == 1 else ""
        words = " ".join(f"{route.about.summary}. {more}".split()).replace("|", "\\|")
        lines.append(f"| `{route.method} {route.path}` | {words} |")
    return "\n".join([*lines, ""])


def payloads() -> str:
    """Each topic's types, with their fields and an example."""
    sections = [_topic(topic) for topic in TOPICS.values()]
    bare = [type for type in TYPES.values() if type.topic is None]
    sections.append("### Of no topic\n\n" + "\n".join(_type(type) for type in bare))
    return "\n".join(sections)


def _topic(topic: Topic) -> str:
    who = "The gateway publishes them." if topic.name in PUBLISHED else "Publish them yourself."
    types = [type for type in TYPES.values() if type.topic == topic.name]
    head = f"### {topic.name}\n\n{topic.description or ''} {who}\n\n"
    return head + "\n".join(_type(type) for type in types)


def _type(type: EventType) -> str:
    return "\n".join([f"#### {_word(type.code)}", "", *_fields(type), "", *_example(type), ""])


def _word(code: str) -> str:
    """Underscores at both ends would be bold letters."""
    return f"\\{code}" if code.startswith("__") else code


def _fields(type: EventType) -> Iterator[str]:
    always = [name for name in sorted(type.fields) if type.fields[name].mandatory]
    often = [name for name in sorted(type.fields) if not type.fields[name].mandatory]
    if always:
        yield f"Always: {_listed(type, always)}."
    if often:
        yield f"{'' if not always else chr(10)}Where it is known: {_listed(type, often)}."
    if not type.strict:
        yield "\nAny other fields as well."


def _listed(type: EventType, names: list[str]) -> str:
    return ", ".join(f"`{name}` ({type.fields[name].type.value})" for name in names)


def _example(type: EventType) -> Iterator[str]:
    fields = {name: _sample(name, field) for name, field in sorted(type.fields.items())}
    fields |= _OF_EVENT.get(type.code, {})
    if not type.strict:
        fields["anything"] = "of your own"
    yield "```json"
    yield msgspec.json.format(msgspec.json.encode(fields), indent=2).decode()
    yield "```"


def _sample(name: str, field: Field) -> Value:
    value = _OF_FIELD.get(name)
    fits = {FieldType.TEXT: str, FieldType.INTEGER: int}.get(field.type)
    return value if fits is not None and isinstance(value, fits) else _OF_TYPE[field.type]


def main() -> None:
    page = Path(sys.argv[1])
    page.write_text(filled(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()

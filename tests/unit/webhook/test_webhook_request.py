"""What is written to receivers: bodies, headers, signatures, and what answers say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from lxml import etree

from clarion.connectors.webhook.answers import kept_text, seconds_of
from clarion.connectors.webhook.request import plain, rest_of
from clarion.connectors.webhook.signing import keys_of
from clarion.engine.events.bodies import json_body, xml_body
from clarion.engine.events.model import Event, Format
from clarion.kit import ids

SCHEMA = Path(__file__).parents[3] / "docs" / "event-delivery.xsd"
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
OTHER = "whsec_" + base64.b64encode(b"another secret, 24 bytes").decode()


def an_event(**more: Any) -> Event:
    body = more.pop("fields", {"from_address": "+1555", "price": 0.02, "application_id": 7})
    return Event(
        **{
            "company_id": 1,
            "id": ids.new_id(),
            "external_id": None,
            "topic": "SCG-Message",
            "type": "mo_message_received",
            "key": "+15550100",
            "at": datetime(2026, 11, 22, 9, 8, 7, 654_321, tzinfo=UTC),
            "body": json.dumps(body, ensure_ascii=False),
            **more,
        }
    )


def test_the_document_is_as_documented() -> None:
    event = an_event(external_id="order-1")
    assert json.loads(json_body(event, 3)) == {
        "topic": "SCG-Message",
        "attempt": 3,
        "event": {
            "evt-tp": "mo_message_received",
            "timestamp": "2026-11-22T09:08:07.654Z",
            "fld-val-list": {"from_address": "+1555", "price": 0.02, "application_id": 7},
        },
        "event-id": "order-1",
    }


def test_names_that_companies_choose_cannot_break_the_document() -> None:
    event = an_event(topic='a"b\\', type="c\n", external_id='"},"x":{')
    found = json.loads(json_body(event, 1))
    assert (found["topic"], found["event"]["evt-tp"]) == ('a"b\\', "c\n")
    assert found["event-id"] == '"},"x":{'


def test_headers_are_as_documented() -> None:
    head, _, body = rest_of(an_event(), attempt=1, form=Format.JSON, keys=()).partition(b"\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    assert lines == {
        "X-ESS-EVENT-KEY": "+15550100",
        "X-ESS-EVENT-TIMESTAMP": "2026-11-22T09:08:07.654Z",
        "Content-Length": str(len(body)),
    }


@pytest.mark.parametrize("key", ["a\r\nX-Evil: 1", "ключ", "a\nb", "\x00", "a\u2028b"])
def test_no_key_writes_a_header_of_its_own(key: str) -> None:
    event = an_event(key=key, external_id=key)
    raw = rest_of(event, attempt=1, form=Format.JSON, keys=keys_of([SECRET]))
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii")
    names = [line.split(":")[0] for line in head.split("\r\n")]
    assert names == [
        "X-ESS-EVENT-KEY", "X-ESS-EVENT-TIMESTAMP", "Content-Length", "webhook-id",
        "webhook-timestamp", "webhook-signature",
    ]  # fmt: skip


def test_a_signature_is_that_of_the_bytes_that_are_sent_by_each_secret() -> None:
    raw = rest_of(an_event(), attempt=1, form=Format.JSON, keys=keys_of([SECRET, OTHER]))
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    signed = f"{lines['webhook-id']}.{lines['webhook-timestamp']}.".encode() + body
    expected = []
    for secret in (SECRET, OTHER):
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.new(key, signed, hashlib.sha256).digest()
        expected.append(f"v1,{base64.b64encode(digest).decode()}")
    assert lines["webhook-signature"].split(" ") == expected


def test_the_example_of_the_standard_is_met() -> None:
    """Standard Webhooks, reference test: id, timestamp, body and signature as they publish them."""
    (key,) = keys_of(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
    signed = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
    digest = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert digest == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_plain_text_of_a_header_stays_as_it_is() -> None:
    assert plain("+1 (555) 01-00/a=b;c") == "+1 (555) 01-00/a=b;c"


# ---------------------------------------------------------------- XML


def test_xml_holds_every_value_with_its_type() -> None:
    fields = {
        "text": "a<b&c]]>\r\n\u0001😀",
        'na"me<': "x",
        "whole": 7,
        "part": 0.000_000_1,
        "yes": True,
        "none": None,
        "more": {"a": [1]},
    }
    root = ElementTree.fromstring(xml_body(an_event(fields=fields, external_id="id & <1>"), 2))
    space = "{urn:clarion:event-delivery:1}"
    found = {
        e.get("name"): (e.get("type"), e.text)
        for e in root.findall(f"{space}event/{space}fld-val-list/{space}fld")
    }
    assert found == {
        "text": ("string", "a<b&c]]>\r\n\ufffd😀"),
        'na"me<': ("string", "x"),
        "whole": ("integer", "7"),
        "part": ("decimal", "0.0000001"),
        "yes": ("boolean", "true"),
        "none": ("null", None),
        "more": ("json", '{"a":[1]}'),
    }
    assert root.findtext(f"{space}event-id") == "id & <1>"
    assert root.findtext(f"{space}attempt") == "2"


@pytest.mark.parametrize(
    "fields", [{}, {"a": "b"}, {"n": -1, "p": 1.5, "t": True, "z": None, "o": {}, "e": "", "": ""}]
)
def test_xml_is_as_the_published_schema_says(fields: dict[str, Any]) -> None:
    schema = etree.XMLSchema(file=str(SCHEMA))
    schema.assertValid(etree.fromstring(xml_body(an_event(fields=fields), 1)))
    assert not schema.validate(etree.fromstring(b"<event-delivery/>"))


# ---------------------------------------------------------------- answers


def test_an_answer_is_kept_up_to_4_kib_in_a_form_that_can_be_stored() -> None:
    assert kept_text(b"x" * 5000) == "x" * 4096
    assert kept_text("ü".encode() * 3000) == "ü" * 2048
    assert kept_text(b"a\x00b") == "a?b"
    assert "\x00" not in kept_text(b"\x00\xff")
    assert len(kept_text(b"\xff" * 5000).encode()) <= 4096


def test_retry_after_is_a_number_or_a_date() -> None:
    assert seconds_of("120") == 120
    assert seconds_of(" 0 ") == 0
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    found = seconds_of(soon)
    assert found is not None
    assert 60 < found <= 90
    assert seconds_of("Fri, 31 Dec 1999 23:59:59 GMT") == 0
    for nonsense in ("", "soon", "-5", "1e9", "٣", "9" * 400 + "x"):
        assert seconds_of(nonsense) is None

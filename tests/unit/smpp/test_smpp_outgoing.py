"""Submissions as submit_sm: a table of rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from clarion.connectors.smpp import codec, outgoing, text, tlv
from clarion.connectors.smpp.outgoing import Outgoing, Unsendable
from clarion.connectors.smpp.pdu import ShortMessage
from clarion.connectors.smpp.text import Concat
from clarion.engine.messages.ports import Encoding, FailureKind, Submission
from clarion.settings import SmppConnector

ID = UUID(int=7)


def submission(*parts: str, **more: Any) -> Submission:
    texts = parts or ("Hello",)
    facts: dict[str, Any] = {
        "message_id": ID,
        "source": "Clarion",
        "destination": "+4917112345678",
        "parts": texts,
        "pending": tuple(range(1, len(texts) + 1)),
        "encoding": Encoding.GSM7,
        "reference": 0xAB,
        "expires_at": None,
        "priority": 1,
    }
    return Submission(**{**facts, **more})


def written(sent: Submission, **settings: Any) -> list[tuple[tuple[int, ...], ShortMessage]]:
    """The parts that each submit_sm carries, and the submit_sm."""
    requests = Outgoing(SmppConnector(host="smsc", **settings)).requests(sent)
    assert all(ticket[0] == ID for ticket, _ in requests)
    return [(ticket[1], codec.read_message(body)) for ticket, body in requests]


def one(sent: Submission, **settings: Any) -> ShortMessage:
    ((numbers, message),) = written(sent, **settings)
    assert numbers == sent.pending
    return message


@pytest.mark.parametrize(
    ("source", "address", "ton", "npi"),
    [
        ("Clarion", "Clarion", 5, 0),
        ("7-Eleven", "7-Eleven", 5, 0),
        ("12345", "12345", 3, 0),
        ("12345678", "12345678", 3, 0),
        ("123456789", "123456789", 1, 1),
        ("+12345678", "12345678", 1, 1),
        ("4930123456", "4930123456", 1, 1),
        ("", "", 0, 0),
    ],
)
def test_sender_addresses(source: str, address: str, ton: int, npi: int) -> None:
    message = one(submission(source=source))
    assert (message.source, message.source_ton, message.source_npi) == (address, ton, npi)


def test_the_settings_fix_the_types_of_addresses() -> None:
    fixed = {"source_ton": 2, "source_npi": 8, "destination_ton": 4, "destination_npi": 6}
    message = one(submission(), **fixed)
    assert (message.source_ton, message.source_npi) == (2, 8)
    assert (message.destination_ton, message.destination_npi) == (4, 6)


def test_recipients_are_written_without_their_plus_sign() -> None:
    message = one(submission())
    assert message.destination == "4917112345678"
    assert (message.destination_ton, message.destination_npi) == (1, 1)


@pytest.mark.parametrize("source", ["x" * 21, "Größe", "nul\0"])
def test_a_sender_address_that_cannot_be_written_is_refused(source: str) -> None:
    with pytest.raises(Unsendable) as caught:
        written(submission(source=source))
    assert caught.value.failure.kind is FailureKind.REFUSED
    assert caught.value.failure.code == "ESME_RINVSRCADR"


@pytest.mark.parametrize("destination", ["", "+", "+" + "4" * 21, "someone", "+٣٤٥"])
def test_a_recipient_that_cannot_be_written_is_refused(destination: str) -> None:
    with pytest.raises(Unsendable) as caught:
        written(submission(destination=destination))
    assert caught.value.failure.kind is FailureKind.INVALID_RECIPIENT


@pytest.mark.parametrize(
    ("body", "encoding", "settings", "coding", "octets"),
    [
        ("@ €", Encoding.GSM7, {}, 0, b"\x00 \x1be"),
        ("hello", Encoding.GSM7, {"default_alphabet": "gsm7-packed"}, 0, b"\xe8\x32\x9b\xfd\x06"),
        ("@ ä", Encoding.GSM7, {"default_alphabet": "latin1"}, 0, b"@ \xe4"),
        ("@_", Encoding.GSM7, {"default_alphabet": "ascii"}, 0, b"@_"),
        ("€", Encoding.GSM7, {"default_alphabet": "latin1"}, 8, b"\x20\xac"),
        ("ç", Encoding.LATIN1, {"latin1": True}, 3, b"\xe7"),
        ("я", Encoding.UCS2, {}, 8, b"\x04\x4f"),
        ("😀", Encoding.UCS2, {}, 8, b"\xd8\x3d\xde\x00"),
        ("", Encoding.GSM7, {}, 0, b""),
    ],
)
def test_alphabets(
    body: str, encoding: Encoding, settings: dict[str, Any], coding: int, octets: bytes
) -> None:
    message = one(submission(body, encoding=encoding), **settings)
    assert (message.data_coding, message.content, message.esm_class) == (coding, octets, 0)


def test_a_text_that_the_smscs_alphabet_does_not_hold_is_refused_where_ucs2_has_no_room() -> None:
    with pytest.raises(Unsendable) as caught:
        written(submission("€" * 71), default_alphabet="ascii")
    assert caught.value.failure.kind is FailureKind.REFUSED
    assert "€" in caught.value.failure.words


def test_parts_with_headers() -> None:
    sent = written(submission("a" * 153, "b" * 153, "c"))
    assert [numbers for numbers, _ in sent] == [(1,), (2,), (3,)]
    for number, (_, message) in enumerate(sent, start=1):
        assert message.esm_class == 0x40
        assert text.read(message, "gsm7") == ("abc"[number - 1] * (1 if number == 3 else 153),
                                              Concat(0xAB, 3, number))  # fmt: skip


def test_packed_parts_fill_a_short_message() -> None:
    sent = written(submission("a" * 153, "b"), default_alphabet="gsm7-packed")
    assert len(sent[0][1].content) == 140
    assert text.read(sent[0][1], "gsm7-packed") == ("a" * 153, Concat(0xAB, 2, 1))


def test_parts_with_sar_parameters() -> None:
    sent = written(submission("one", "two"), concatenation="sar")
    assert [message.content for _, message in sent] == [b"one", b"two"]
    assert sent[1][1].esm_class == 0
    assert sent[1][1].tlvs == {
        tlv.SAR_MSG_REF_NUM: b"\x00\xab",
        tlv.SAR_TOTAL_SEGMENTS: b"\x02",
        tlv.SAR_SEGMENT_SEQNUM: b"\x02",
    }


def test_one_message_payload_for_all_parts() -> None:
    ((numbers, message),) = written(submission("a" * 153, "b" * 153), concatenation="payload")
    assert numbers == (1, 2)
    assert message.content == b""
    assert message.tlvs == {tlv.MESSAGE_PAYLOAD: b"a" * 153 + b"b" * 153}


def test_a_short_text_needs_no_message_payload() -> None:
    assert one(submission("one", "two"), concatenation="payload").content == b"onetwo"


@pytest.mark.parametrize("concatenation", ["udh", "payload"])
def test_only_pending_parts_are_sent_and_as_parts(concatenation: str) -> None:
    sent = written(submission("one", "two", "three", pending=(2, 3)), concatenation=concatenation)
    assert [numbers for numbers, _ in sent] == [(2,), (3,)]
    assert text.read(sent[0][1], "gsm7") == ("two", Concat(0xAB, 3, 2))


@pytest.mark.parametrize("concatenation", ["sar", "payload"])
def test_version_3_3_has_no_parameters(concatenation: str) -> None:
    sent = written(submission("one", "two"), concatenation=concatenation, interface_version="3.3")
    assert [text.read(message, "gsm7")[1] for _, message in sent] == [
        Concat(0xAB, 2, 1),
        Concat(0xAB, 2, 2),
    ]
    assert all(not message.tlvs for _, message in sent)


@pytest.mark.parametrize(("receipts", "flag"), [(True, 1), (False, 0)])
def test_receipts_are_asked_for_as_the_settings_say(receipts: bool, flag: int) -> None:  # noqa: FBT001
    assert one(submission(), receipts=receipts).registered_delivery == flag


@pytest.mark.parametrize(("priority", "flag"), [(0, 1), (1, 0), (2, 0)])
def test_priorities(priority: int, flag: int) -> None:
    assert one(submission(priority=priority)).priority == flag


def test_service_type() -> None:
    assert one(submission(), service_type="CMT").service_type == "CMT"


@pytest.mark.parametrize(
    ("left", "period"),
    [
        (timedelta(seconds=0.5), "000000000001000R"),
        (timedelta(seconds=-90), "000000000001000R"),
        (timedelta(minutes=10, seconds=0.5), "000000001000000R"),
        (timedelta(days=3, hours=4, minutes=5, seconds=6.5), "000003040506000R"),
        (timedelta(days=30, hours=23, seconds=0.5), "000030230000000R"),
        (timedelta(days=45), "000030000000000R"),
    ],
)
def test_validity_period_is_the_time_left(left: timedelta, period: str) -> None:
    assert one(submission(expires_at=datetime.now(UTC) + left)).validity == period


def test_no_expiry_is_no_validity_period() -> None:
    assert one(submission()).validity == ""
    assert outgoing.validity_period(None) == b"\0"


def test_many_senders_do_not_fill_the_memory() -> None:
    writer = Outgoing(SmppConnector(host="smsc"))
    for sender in range(20_001):
        writer.requests(submission(source=f"s{sender}"))
    assert len(writer._heads) <= 10_000

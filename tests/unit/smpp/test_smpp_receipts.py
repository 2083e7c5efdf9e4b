"""Receipts as SMSCs write them, and what only looks like one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.waiting import cpu_seconds

from clarion.connectors.smpp import incoming, receipts, tlv
from clarion.connectors.smpp.pdu import ShortMessage
from clarion.engine.messages.ports import Inbound, Receipt, ReceiptState

CORPUS = json.loads((Path(__file__).parent / "corpus" / "receipts.json").read_text("utf-8"))
USUAL = (
    "id:4711 sub:001 dlvrd:001 submit date:2601151030 done date:2601151031 "
    "stat:DELIVRD err:000 text:Hello"
)


def message(case: dict[str, Any]) -> ShortMessage:
    charset = "utf-16-be" if case.get("data_coding") == 8 else "latin-1"
    content = bytes.fromhex(case.get("header", "")) + case["text"].encode(charset)
    tlvs = {int(tag, 16): bytes.fromhex(value) for tag, value in case.get("tlvs", {}).items()}
    return ShortMessage(
        source="491711234567",
        destination="12345",
        esm_class=case.get("esm_class", 4),
        data_coding=case.get("data_coding", 0),
        content=content,
        tlvs=tlvs,
    )


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case["name"])
def test_receipts_of_real_peers(case: dict[str, Any]) -> None:
    found = incoming.read(message(case), "gsm7")
    if case["expect"] is None:
        assert found is None
        return
    external_id, state, error, at = case["expect"]
    moment = None if at is None else datetime.fromisoformat(at)
    assert found == Receipt(external_id, ReceiptState[state], error, moment)


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case["name"])
def test_receipts_of_real_peers_in_message_payload(case: dict[str, Any]) -> None:
    short = message(case)
    long = ShortMessage(
        esm_class=short.esm_class,
        data_coding=short.data_coding,
        tlvs={**short.tlvs, tlv.MESSAGE_PAYLOAD: short.content},
    )
    assert incoming.read(long, "gsm7") == incoming.read(short, "gsm7")


@pytest.mark.parametrize("esm_class", [0x00, 0x08, 0x10])
def test_a_subscriber_cannot_write_a_receipt(esm_class: int) -> None:
    written = ShortMessage(
        source="49171", destination="12345", esm_class=esm_class, content=USUAL.encode()
    )
    assert incoming.read(written, "gsm7") == Inbound("49171", "12345", USUAL, None, 1, 1)


def test_what_cannot_be_parsed_is_a_message_where_esm_class_says_so() -> None:
    odd = ShortMessage(content=b"no receipt", tlvs={tlv.RECEIPTED_MESSAGE_ID: b"\0"})
    assert incoming.read(odd, "gsm7") == Inbound("", "", "no receipt", None, 1, 1)


@given(
    esm_class=st.integers(0, 255),
    data_coding=st.integers(0, 255),
    content=st.binary(max_size=254)
    | st.text(st.sampled_from("id:stat err=DELIVRD \tdone date\0"), max_size=200).map(
        lambda text: text.encode("latin-1")
    ),
    tlvs=st.dictionaries(
        st.sampled_from((0x001E, 0x0427, 0x0423, 0x0424, 0x020C, 0x020E, 0x020F)),
        st.binary(max_size=12),
    ),
    alphabet=st.sampled_from(("gsm7", "gsm7-packed", "latin1", "ascii")),
)
def test_whatever_comes_is_something_that_can_be_stored(
    esm_class: int, data_coding: int, content: bytes, tlvs: dict[int, bytes], alphabet: Any
) -> None:
    odd = ShortMessage(esm_class=esm_class, data_coding=data_coding, content=content, tlvs=tlvs)
    found = incoming.read(odd, alphabet)
    stored = ()
    if isinstance(found, Receipt):
        stored = (found.external_id, found.error or "")
        assert found.external_id
    elif isinstance(found, Inbound):
        stored = (found.text,)
        assert (found.reference is None) == (found.total == 1)
        assert 1 <= found.number <= found.total
    for text in stored:
        assert "\0" not in text
        text.encode("utf-8")


@pytest.mark.parametrize(
    "evil",
    [
        "id" * 30_000,
        "id:" * 20_000,
        "id" + " " * 60_000,
        "submit date" * 5_000,
        "stat:" + "A" * 60_000,
    ],
)
def test_a_hostile_text_costs_no_time(evil: str) -> None:
    message = ShortMessage(esm_class=4, tlvs={tlv.MESSAGE_PAYLOAD: evil.encode()})
    # 0.2 ms at the most; what goes back and forth in such a text takes seconds.
    assert cpu_seconds(lambda: receipts.read(message)) < 0.1


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2601151031", datetime(2026, 1, 15, 10, 31, tzinfo=UTC)),
        ("260115103159", datetime(2026, 1, 15, 10, 31, 59, tzinfo=UTC)),
        ("20260115103159", datetime(2026, 1, 15, 10, 31, 59, tzinfo=UTC)),
        ("202601151031", datetime(2026, 1, 15, 10, 31, tzinfo=UTC)),
        ("0000000000", None),
        ("2602301031", None),
        ("26011510", None),
        ("", None),
        ("1" * 19, None),
    ],
)
def test_dates(written: str, read: datetime | None) -> None:
    assert receipts.date(written) == read

"""PDUs to bytes and back; and what is not a PDU."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.connectors.smpp import codec, pdu
from clarion.connectors.smpp.codec import Malformed
from clarion.connectors.smpp.pdu import (
    AlertNotification,
    Bind,
    BindResp,
    MessageResp,
    Outbind,
    Pdu,
    ShortMessage,
)

CORPUS = json.loads((Path(__file__).parent / "corpus" / "pdus.json").read_text("utf-8"))

octet = st.integers(0, 255)
number = st.integers(0, 0xFFFFFFFF)


def words(longest: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=longest)


tlvs = st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=40), max_size=6)
short_messages = st.builds(
    ShortMessage,
    service_type=words(6),
    source_ton=octet,
    source_npi=octet,
    source=words(21),
    destination_ton=octet,
    destination_npi=octet,
    destination=words(21),
    esm_class=octet,
    protocol_id=octet,
    priority=octet,
    schedule=words(17),
    validity=words(17),
    registered_delivery=octet,
    replace_if_present=octet,
    data_coding=octet,
    default_message=octet,
    content=st.binary(max_size=255),
    tlvs=tlvs,
)
data_messages = st.builds(
    ShortMessage,
    service_type=words(6),
    source_ton=octet,
    source_npi=octet,
    source=words(64),
    destination_ton=octet,
    destination_npi=octet,
    destination=words(64),
    esm_class=octet,
    registered_delivery=octet,
    data_coding=octet,
    tlvs=tlvs,
)
binds = st.builds(Bind, words(15), words(64), words(12), octet, octet, octet, words(40))
bind_responses = st.builds(BindResp, words(15), st.none() | octet)
alerts = st.builds(AlertNotification, octet, octet, words(64), octet, octet, words(64), tlvs)
bodies = st.one_of(
    st.tuples(st.sampled_from((pdu.SUBMIT_SM, pdu.DELIVER_SM)), short_messages),
    st.tuples(st.just(pdu.DATA_SM), data_messages),
    st.tuples(st.sampled_from(pdu.BINDS), binds),
    st.tuples(st.sampled_from(pdu.BINDS).map(lambda c: c | pdu.RESPONSE), bind_responses),
    st.tuples(
        st.sampled_from((pdu.SUBMIT_SM_RESP, pdu.DELIVER_SM_RESP, pdu.DATA_SM_RESP)),
        st.builds(MessageResp, words(64)),
    ),
    st.tuples(st.just(pdu.OUTBIND), st.builds(Outbind, words(15), words(9))),
    st.tuples(st.just(pdu.ALERT_NOTIFICATION), alerts),
    st.tuples(
        st.sampled_from((pdu.ENQUIRE_LINK, pdu.UNBIND, pdu.UNBIND_RESP, pdu.GENERIC_NACK)),
        st.just(b""),
    ),
)
pdus = st.builds(lambda whole, status, sequence: Pdu(whole[0], status, sequence, whole[1]),
                 bodies, number, number)  # fmt: skip


@given(pdus)
def test_every_pdu_comes_back_as_it_was(whole: Pdu) -> None:
    assert codec.decode(codec.encode(whole)) == whole


@given(st.binary(max_size=300))
def test_any_bytes_are_a_pdu_or_malformed(octets: bytes) -> None:
    with contextlib.suppress(Malformed):
        codec.decode(octets)


@given(st.sampled_from(sorted(codec._READERS)), st.binary(max_size=300))
def test_any_body_is_read_or_malformed(command_id: int, body: bytes) -> None:
    with contextlib.suppress(Malformed):
        codec.decode(codec.HEADER.pack(16 + len(body), command_id, 0, 1) + body)


@given(pdus, st.data())
def test_a_damaged_pdu_is_read_or_malformed(whole: Pdu, data: st.DataObject) -> None:
    octets = bytearray(codec.encode(whole))
    for _ in range(data.draw(st.integers(1, 8))):
        octets[data.draw(st.integers(16, len(octets) - 1)) if len(octets) > 16 else 5] = data.draw(
            octet
        )
    cut = octets[: data.draw(st.integers(16, len(octets)))]
    cut[:4] = len(cut).to_bytes(4, "big")
    with contextlib.suppress(Malformed):
        codec.decode(bytes(cut))


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case["name"])
def test_odd_pdus_of_real_peers(case: dict[str, Any]) -> None:
    octets = bytes.fromhex(case["hex"])
    if case.get("error"):
        with pytest.raises(Malformed):
            codec.decode(octets)
        return
    found = codec.decode(octets)
    assert (pdu.name(found.command_id), found.status, found.sequence) == (
        case["command"],
        case["status"],
        case["sequence"],
    )
    if isinstance(found.body, bytes):
        assert found.body.hex() == case["body"]
        return
    shown = msgspec.structs.asdict(found.body)
    for key, value in case["body"].items():
        assert _shown(shown[key]) == value


def _shown(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(tag): octets.hex() for tag, octets in value.items()}
    return value


def test_the_quick_submit_sm_equals_the_plain_one() -> None:
    quick = codec.submit_body(
        codec.submit_head("CMT", 5, 0, "Clarion"),
        b"\x01\x01491711234567\0",
        esm_class=0x40,
        priority=1,
        validity=b"000001000000000R\0",
        registered_delivery=1,
        data_coding=8,
        content=b"\x05\x00\x03\x07\x02\x01\x00A",
        tlvs=b"\x02\x04\x00\x01\x07",
    )
    assert codec.read_message(quick) == ShortMessage(
        service_type="CMT",
        source_ton=5,
        source="Clarion",
        destination_ton=1,
        destination_npi=1,
        destination="491711234567",
        esm_class=0x40,
        priority=1,
        validity="000001000000000R",
        registered_delivery=1,
        data_coding=8,
        content=b"\x05\x00\x03\x07\x02\x01\x00A",
        tlvs={0x0204: b"\x07"},
    )


def test_an_address_that_nobody_can_have_is_malformed() -> None:
    body = codec.write_message(ShortMessage(source="4" * 10_000))
    with pytest.raises(Malformed):
        codec.read_message(body)


def test_an_endless_message_id_is_cut() -> None:
    assert codec.read_message_id(b"7" * 60_000, 0, 60_000) == "7" * codec.MAX_MESSAGE_ID


def test_a_nul_cannot_be_written_into_a_string() -> None:
    with pytest.raises(ValueError, match="NUL"):
        codec.write_bind(Bind("system", "pass\0word"))

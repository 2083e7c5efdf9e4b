"""Alphabets, data_coding, user data headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.connectors.smpp import text, tlv
from clarion.connectors.smpp.pdu import ShortMessage
from clarion.connectors.smpp.text import Concat, Unencodable
from clarion.engine.messages.ports import Encoding
from clarion.kit import gsm7

ALPHABETS: tuple[text.Alphabet, ...] = ("gsm7", "gsm7-packed", "latin1", "ascii")
GSM7_TEXT = st.text(st.sampled_from(gsm7.ALPHABET.replace("\x1b", "") + "€[]{}"), max_size=100)
NO_PADDING = GSM7_TEXT.filter(lambda written: not written.endswith("\r"))
"""CR at the very end may be the padding of packed septets (23.038, 6.1.2.3.1)."""


@given(GSM7_TEXT)
def test_gsm7_comes_back(written: str) -> None:
    octets = text.encode(written, Encoding.GSM7, "gsm7")
    assert text.decode(octets, 0, "gsm7") == written


@given(
    NO_PADDING,
    st.sampled_from((None, Concat(7, 2, 1))),
)
def test_packed_gsm7_comes_back_with_and_without_a_header(
    written: str, place: Concat | None
) -> None:
    header = text.concat_header(place) if place else b""
    octets = text.pack(text.encode(written, Encoding.GSM7, "gsm7-packed"), header)
    message = ShortMessage(esm_class=0x40 if place else 0, content=octets)
    assert text.read(message, "gsm7-packed") == (written, place)


def test_packed_septets_begin_on_a_septet_boundary() -> None:
    header = text.concat_header(Concat(7, 2, 1))
    assert len(text.pack(b"a" * 153, header)) == 140
    # 6 octets are 48 bits; one fill bit makes 49, which is seven septets.
    assert text.pack(b"\x01", header)[6] == 0x02


@given(st.text(st.characters(min_codepoint=1, exclude_categories=("Cs",)), max_size=70))
def test_ucs2_comes_back(written: str) -> None:
    octets = text.encode(written, Encoding.UCS2, "gsm7")
    assert text.decode(octets, 8, "gsm7") == written


@pytest.mark.parametrize("alphabet", ["latin1", "ascii"])
def test_the_smscs_alphabet_may_hold_less(alphabet: text.Alphabet) -> None:
    assert text.encode("plain", Encoding.GSM7, alphabet) == b"plain"
    with pytest.raises(Unencodable, match="Δ"):
        text.encode("Δ", Encoding.GSM7, alphabet)


@pytest.mark.parametrize(
    ("coding", "octets", "read"),
    [
        (0x00, b"\x00\x1be", "@€"),
        (0x01, b"plain", "plain"),
        (0x01, b"\xe4", "\ufffd"),
        (0x02, b"\xe4\x00", "ä"),
        (0x03, b"\xe4", "ä"),
        (0x04, b"\x01\x02", "\x01\x02"),
        (0x06, b"\xb0", "А"),
        (0x07, b"\xe0", "א"),
        (0x08, b"\x20\xac", "€"),
        (0x08, b"\x20\xac\x20", "€"),
        (0x08, b"\xd8\x3d", "\ufffd"),
        (0x08, "😀".encode("utf-16-be"), "😀"),
        (0x0E, "가".encode("euc_kr"), "가"),
        (0x0F, b"\xe4", "ä"),
        (0x10, b"\x00", "@"),
        (0x14, b"\xe4", "ä"),
        (0x18, b"\x20\xac", "€"),
        (0xC8, b"\x00", "@"),
        (0xE0, b"\x20\xac", "€"),
        (0xF0, b"\x00", "@"),
        (0xF5, b"\xe4", "ä"),
        (0x99, b"\xe4", "ä"),
    ],
)
def test_data_codings(coding: int, octets: bytes, read: str) -> None:
    assert text.decode(octets, coding, "gsm7") == read


@given(st.binary(max_size=200), st.integers(0, 255), st.sampled_from(ALPHABETS))
def test_decoding_never_fails(octets: bytes, coding: int, alphabet: text.Alphabet) -> None:
    assert "\0" not in text.decode(octets, coding, alphabet)


@pytest.mark.parametrize(
    ("content", "read", "place"),
    [
        ("0500030A0201 6869", "hi", Concat(10, 2, 1)),
        ("0608040A0B0302 6869", "hi", Concat(0x0A0B, 3, 2)),
        ("0B0504158200000003FF0202 6869", "hi", Concat(255, 2, 2)),
        ("06050415820000 6869", "hi", None),
        ("0500030A0101 6869", "hi", None),
        ("0500030A0203 6869", "hi", None),
        ("0500030A0200 6869", "hi", None),
        ("0500030A0000 6869", "hi", None),
        ("0500040A0201 6869", "hi", None),
        ("04000305 02 6869", "hi", None),
        ("00 6869", "hi", None),
        ("", "", None),
    ],
)
def test_user_data_headers(content: str, read: str, place: Concat | None) -> None:
    message = ShortMessage(esm_class=0x40, content=bytes.fromhex(content))
    assert text.read(message, "gsm7") == (read, place)


def test_a_header_longer_than_its_message_is_text() -> None:
    message = ShortMessage(esm_class=0x40, content=b"hi")
    assert text.read(message, "gsm7") == ("hi", None)


def test_sar_parameters_and_message_payload() -> None:
    tlvs = {
        tlv.SAR_MSG_REF_NUM: b"\x01\x02",
        tlv.SAR_TOTAL_SEGMENTS: b"\x03",
        tlv.SAR_SEGMENT_SEQNUM: b"\x02",
        tlv.MESSAGE_PAYLOAD: b"hi",
    }
    assert text.read(ShortMessage(tlvs=tlvs), "gsm7") == ("hi", Concat(0x0102, 3, 2))
    del tlvs[tlv.SAR_TOTAL_SEGMENTS]
    assert text.read(ShortMessage(tlvs=tlvs), "gsm7") == ("hi", None)

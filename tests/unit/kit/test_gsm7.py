"""The GSM alphabet: the tables of 3GPP TS 23.038, and round trips over any text and bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.kit import gsm7

LETTERS = gsm7.ALPHABET.replace("\x1b", "") + "".join(gsm7.EXTENSION.values())
gsm_text = st.text(alphabet=LETTERS)

# A few rows of the standard's tables, by code.
CODES = [
    ("@", b"\x00"),
    ("£", b"\x01"),
    ("$", b"\x02"),
    ("\n", b"\x0a"),
    ("Δ", b"\x10"),
    ("_", b"\x11"),
    ("Ξ", b"\x1a"),
    ("É", b"\x1f"),
    (" ", b"\x20"),
    ("¤", b"\x24"),
    ("¡", b"\x40"),
    ("A", b"\x41"),
    ("§", b"\x5f"),
    ("¿", b"\x60"),
    ("a", b"\x61"),
    ("à", b"\x7f"),
    ("\f", b"\x1b\x0a"),
    ("€", b"\x1b\x65"),
    ("{", b"\x1b\x28"),
    ("|", b"\x1b\x40"),
    ("~", b"\x1b\x3d"),
]


@pytest.mark.parametrize(("letter", "septets"), CODES)
def test_letters_have_their_codes(letter: str, septets: bytes) -> None:
    assert gsm7.encode(letter) == septets
    assert gsm7.decode(septets) == letter
    assert gsm7.septets(letter) == len(septets)


def test_the_alphabet_has_128_different_letters() -> None:
    assert len(gsm7.ALPHABET) == len(set(gsm7.ALPHABET)) == 128


@given(gsm_text)
def test_any_text_of_the_alphabet_comes_back(text: str) -> None:
    assert gsm7.is_gsm7(text)
    septets = gsm7.encode(text)
    assert gsm7.decode(septets) == text
    assert gsm7.septets(text) == len(septets)
    assert gsm7.is_plain(text) == (len(septets) == len(text))


@given(st.text())
def test_foreign_letters_are_refused(text: str) -> None:
    if set(text) <= set(LETTERS):
        assert gsm7.is_gsm7(text)
        return
    assert not gsm7.is_gsm7(text)
    with pytest.raises(ValueError, match="encode"):
        gsm7.encode(text)


@pytest.mark.parametrize("foreign", ["`", "\0", "\x1b", "\t", "ç", "Á", "😀", "–"])
def test_letters_that_look_at_home_are_foreign(foreign: str) -> None:
    assert not gsm7.is_gsm7(foreign)
    with pytest.raises(ValueError, match="encode"):
        gsm7.encode(foreign)


@given(st.binary())
def test_any_bytes_can_be_decoded(septets: bytes) -> None:
    assert len(gsm7.decode(septets)) <= len(septets)


@pytest.mark.parametrize(
    ("septets", "text"),
    [
        (b"a\x1b", "a "),  # an escape with nothing after it
        (b"a\x1b\x1bb", "a b"),  # an escape into a further table
        (b"\x1ba", "a"),  # no such extended letter: the plain one shows
        (b"\x1b\x00", "@"),
        (b"\xe9", "\ufffd"),
        (b"\x1b\xe9", "\ufffd"),
    ],
)
def test_odd_escapes_show_as_the_standard_says(septets: bytes, text: str) -> None:
    assert gsm7.decode(septets) == text


def test_packing_gives_the_bytes_of_the_standard() -> None:
    assert gsm7.pack(gsm7.encode("hellohello")) == bytes.fromhex("E8329BFD4697D9EC37")


@given(st.binary(max_size=160), st.integers(0, 6))
def test_packed_septets_come_back(raw: bytes, fill: int) -> None:
    septets = bytes(byte & 0x7F for byte in raw)
    packed = gsm7.pack(septets, fill=fill)
    assert gsm7.unpack(packed, count=len(septets), fill=fill) == septets


@given(gsm_text.filter(lambda text: not text.endswith("\r")))
def test_packed_text_comes_back_without_its_count(text: str) -> None:
    septets = gsm7.encode(text)
    assert gsm7.unpack(gsm7.pack(septets)) == septets


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(0, 7))
def test_any_bytes_can_be_unpacked(octets: bytes, count: int, fill: int) -> None:
    assert len(gsm7.unpack(octets, count=count, fill=fill)) <= count

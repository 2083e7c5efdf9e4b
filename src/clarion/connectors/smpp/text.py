"""Text to octets and back: data_coding (SMPP 3.4, 5.2.19), user data headers, concatenation.

What data_coding 0 means is the SMSC's choice, so it comes from the settings. Decoding never
fails: a subscriber's message is worth more than the letter that a peer got wrong.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from clarion.connectors.smpp import tlv
from clarion.connectors.smpp.pdu import ShortMessage
from clarion.engine.messages.ports import Encoding
from clarion.kit import gsm7

Alphabet = Literal["gsm7", "gsm7-packed", "latin1", "ascii"]

DEFAULT, LATIN1, UCS2 = 0x00, 0x03, 0x08
UDH_INDICATOR = 0x40
"""The bit of esm_class that says: content begins with a user data header (5.2.12)."""

_CHARSETS = {
    0x01: "ascii",
    LATIN1: "latin-1",
    0x05: "shift_jis",
    0x06: "iso8859_5",
    0x07: "iso8859_8",
    0x0A: "iso2022_jp",
    0x0D: "euc_jp",
    0x0E: "euc_kr",
}
_OCTETS = "latin-1"  # what carries eight-bit data unchanged
_CONCAT_8, _CONCAT_16 = 0x00, 0x08  # information elements (3GPP TS 23.040, 9.2.3.24)


class Unencodable(ValueError):
    """The SMSC's alphabet does not hold this text."""


class Concat(NamedTuple):
    """Where a part belongs: the same reference in all `total` parts of one message."""

    reference: int
    total: int
    number: int


# ---------------------------------------------------------------- out


@lru_cache(maxsize=256)
def encode(text: str, encoding: Encoding, alphabet: Alphabet) -> bytes:
    """The octets of one part; a campaign's text is the same again and again, hence the cache.

    gsm7-packed is packed later, since a header shifts the septets. Raises Unencodable.
    """
    try:
        if encoding is Encoding.UCS2:
            return text.encode("utf-16-be", "surrogatepass")
        if encoding is Encoding.LATIN1:
            return text.encode("latin-1")
        if alphabet in ("latin1", "ascii"):
            return text.encode(alphabet)
        return gsm7.encode(text)
    except UnicodeEncodeError as error:
        letter = text[error.start]
        raise Unencodable(f"no {letter!r} in {alphabet}") from error


def data_coding(encoding: Encoding) -> int:
    return _DATA_CODINGS[encoding]


_DATA_CODINGS = {Encoding.GSM7: DEFAULT, Encoding.LATIN1: LATIN1, Encoding.UCS2: UCS2}


def concat_header(part: Concat) -> bytes:
    """The user data header of a part, with an 8-bit reference."""
    return bytes((5, _CONCAT_8, 3, part.reference & 0xFF, part.total, part.number))


def pack(septets: bytes, header: bytes) -> bytes:
    """Header and packed septets; these begin on a septet boundary (23.040, 9.2.3.24)."""
    return header + gsm7.pack(septets, fill=_fill(header)) if septets else header


def sar_tlvs(part: Concat) -> bytes:
    return tlv.write(
        {
            tlv.SAR_MSG_REF_NUM: part.reference.to_bytes(2, "big"),
            tlv.SAR_TOTAL_SEGMENTS: bytes((part.total,)),
            tlv.SAR_SEGMENT_SEQNUM: bytes((part.number,)),
        }
    )


# ---------------------------------------------------------------- in


def read(message: ShortMessage, alphabet: Alphabet) -> tuple[str, Concat | None]:
    """The text of a message from a subscriber, and its place in a long one. Never raises."""
    octets = message.content or message.tlvs.get(tlv.MESSAGE_PAYLOAD, b"")
    header, octets = split_header(message.esm_class, octets)
    concat = _concat_of_header(header) or _concat_of_tlvs(message.tlvs)
    return decode(octets, message.data_coding, alphabet, header=header), concat


def split_header(esm_class: int, octets: bytes) -> tuple[bytes, bytes]:
    """The user data header with its length octet, and the rest. A header that is longer than the
    message is none: the text is shown as it is."""
    if not esm_class & UDH_INDICATOR or not octets:
        return b"", octets
    length = octets[0] + 1
    if length > len(octets):
        return b"", octets
    return octets[:length], octets[length:]


def decode(octets: bytes, coding: int, alphabet: Alphabet, *, header: bytes = b"") -> str:
    """Text for a data_coding. NUL goes, since no text can store it."""
    kind = _kind(coding)
    if kind == "default":
        text = _decode_default(octets, alphabet, header)
    elif kind == "ucs2":
        text = octets[: len(octets) & ~1].decode("utf-16-be", "replace")
    else:
        text = octets.decode(kind, "replace")
    return text.replace("\0", "")


def _decode_default(octets: bytes, alphabet: Alphabet, header: bytes) -> str:
    if alphabet == "gsm7":
        return gsm7.decode(octets)
    if alphabet == "gsm7-packed":
        return gsm7.decode(gsm7.unpack(octets, fill=_fill(header)))
    return octets.decode("latin-1")  # of which ASCII is a part


def _kind(coding: int) -> str:
    """ "default", "ucs2", or the name of a character set."""
    if coding == DEFAULT:
        return "default"
    if coding == UCS2:
        return "ucs2"
    if coding < 0x10:
        return _CHARSETS.get(coding, _OCTETS)
    return _kind_of_gsm(coding)


def _kind_of_gsm(coding: int) -> str:
    """From 0x10 on peers pass GSM's own data coding scheme (3GPP TS 23.038, 4)."""
    group = coding >> 4
    if group in (0xC, 0xD):  # message waiting, default alphabet
        return "default"
    if group == 0xE:  # message waiting, UCS-2
        return "ucs2"
    if group == 0xF:  # a message class
        return _OCTETS if coding & 0x04 else "default"
    if group < 0x4:  # general data coding: bits 3 and 2 name the alphabet
        return ("default", _OCTETS, "ucs2", _OCTETS)[coding >> 2 & 0x03]
    return _OCTETS


def _concat_of_header(header: bytes) -> Concat | None:
    start, end = 1, len(header)
    while end - start >= 2:
        kind, length = header[start], header[start + 1]
        value = header[start + 2 : start + 2 + length]
        if (kind, length, len(value)) == (_CONCAT_8, 3, 3):
            return _checked(value[0], value[1], value[2])
        if (kind, length, len(value)) == (_CONCAT_16, 4, 4):
            return _checked(value[0] << 8 | value[1], value[2], value[3])
        start += 2 + length
    return None


def _concat_of_tlvs(tlvs: tlv.Tlvs) -> Concat | None:
    reference = tlv.number(tlvs.get(tlv.SAR_MSG_REF_NUM))
    total = tlv.number(tlvs.get(tlv.SAR_TOTAL_SEGMENTS))
    number = tlv.number(tlvs.get(tlv.SAR_SEGMENT_SEQNUM))
    if reference is None or total is None or number is None:
        return None
    return _checked(reference & 0xFFFF, total, number)


def _checked(reference: int, total: int, number: int) -> Concat | None:
    """A part outside of its message, or a message of one part, is whole in itself."""
    return Concat(reference, total, number) if 1 <= number <= total <= 255 and total > 1 else None


def _fill(header: bytes) -> int:
    return -len(header) * 8 % 7

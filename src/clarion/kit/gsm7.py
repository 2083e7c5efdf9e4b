"""The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038, 6.2.1).

A septet is one byte here, as SMPP carries it with data_coding 0; `pack` and `unpack` are for the
peers that want eight of them in seven bytes. The work is done by CPython's character maps.
"""

from __future__ import annotations

import codecs
import re

ESCAPE = 0x1B
_UNUSED = "\ufffe"  # the character maps' word for "no letter here"

ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}


def encode(text: str) -> bytes:
    """The septets of `text`, one a byte. UnicodeEncodeError (a ValueError): a foreign letter."""
    interim, _ = codecs.charmap_encode(text, "strict", _ENCODING)
    if 0 in interim:
        nul = text.index("\0")
        raise UnicodeEncodeError("gsm7", text, nul, nul + 1, "not in the alphabet")
    septets = interim.translate(_TO_SEPTETS)
    if septets.isascii():
        return septets
    return _MARKED.sub(_escape, septets)


def decode(septets: bytes) -> str:
    """The text of unpacked septets. Never raises: a byte over 0x7F becomes U+FFFD."""
    text, _ = codecs.charmap_decode(septets, "replace", ALPHABET)
    if "\x1b" not in text:
        return text
    return _ESCAPED.sub(_unescape, text)


def is_plain(text: str) -> bool:
    """Whether every letter is in the alphabet itself: one septet each."""
    return _PLAIN_LETTERS.fullmatch(text) is not None


def is_gsm7(text: str) -> bool:
    """Whether every letter is in the alphabet or its extension table."""
    return _ANY_LETTERS.fullmatch(text) is not None


def septets(text: str) -> int:
    """How many septets `text`, which is_gsm7, takes; a letter of the extension table takes two."""
    return len(text) + len(_EXTENDED_LETTER.findall(text))


def pack(septets: bytes, *, fill: int = 0) -> bytes:
    """Eight septets in seven bytes (23.038, 6.1.2.1). `fill` bits of zero go before the first."""
    bits = 0
    for position, septet in enumerate(septets):
        bits |= (septet & 0x7F) << (fill + 7 * position)
    length = fill + 7 * len(septets)
    size = (length + 7) // 8
    if septets and size * 8 - length == 7:  # a spare septet of zeros would read as @
        bits |= 0x0D << length
    return bits.to_bytes(size, "little")


def unpack(octets: bytes, *, count: int | None = None, fill: int = 0) -> bytes:
    """The septets packed in `octets`: `count` of them, or all without a padding CR."""
    room = max(len(octets) * 8 - fill, 0)
    total = room // 7 if count is None else min(count, room // 7)
    bits = int.from_bytes(octets, "little") >> fill
    found = bytes((bits >> (7 * position)) & 0x7F for position in range(total))
    padded = count is None and total and room % 7 == 0 and found[-1] == 0x0D
    return found[:-1] if padded else found


def _escape(marked: re.Match[bytes]) -> bytes:
    return bytes((ESCAPE, marked[0][0] & 0x7F))


def _unescape(found: re.Match[str]) -> str:
    letter = found[1]
    if not letter or letter == "\x1b":
        return " "  # 23.038, 6.2.1.1: an escape that is not understood shows as a space
    return _BY_PLAIN.get(letter, letter)


def _interim_table() -> str:
    """Letters by interim code: septet + 1, or 0x81 + the code of an extended letter.

    The quick kind of character map needs NUL at 0, where the alphabet has @: hence the shift.
    """
    letters = ["\0", *ALPHABET.replace("\x1b", _UNUSED), *[_UNUSED] * 127]
    for code, letter in EXTENSION.items():
        letters[0x81 + code] = letter
    return "".join(letters)


_ENCODING = codecs.charmap_build(_interim_table())
_TO_SEPTETS = bytes((code - 1) % 256 for code in range(256))
_MARKED = re.compile(rb"[\x80-\xff]")
_ESCAPED = re.compile("\x1b(.)?", re.DOTALL)
_BY_PLAIN = {ALPHABET[code]: letter for code, letter in EXTENSION.items()}
_PLAIN = re.escape(ALPHABET.replace("\x1b", ""))
_EXTENDED = re.escape("".join(EXTENSION.values()))
_PLAIN_LETTERS = re.compile(f"[{_PLAIN}]*")
_ANY_LETTERS = re.compile(f"[{_PLAIN}{_EXTENDED}]*")
_EXTENDED_LETTER = re.compile(f"[{_EXTENDED}]")

"""Which alphabet a text travels in, and the parts that it is cut into.

A short message holds 140 bytes; each part of a longer one gives six of them to its header
(3GPP TS 23.040, 9.2.3.24.1). That is 160 and 153 septets, 140 and 134 letters of Latin-1, or 70
and 67 UTF-16 code units. A cut never falls inside an escape sequence or a surrogate pair, nor,
where the part has room, between a letter and the marks and joiners that follow it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from enum import Enum

from msgspec import Struct

from clarion.kit import gsm7


class Encoding(Enum):
    """The alphabet a message travels in."""

    GSM7 = "gsm7"  # GSM 03.38 default alphabet and extension table
    LATIN1 = "latin1"  # ISO 8859-1, where the connector allows it
    UCS2 = "ucs2"  # UTF-16 big endian


class Segments(Struct, frozen=True, gc=False):
    """The parts of a text, in order; an empty text has one empty part."""

    encoding: Encoding
    parts: tuple[str, ...]


GSM7_ALONE, GSM7_PART = 160, 153
LATIN1_ALONE, LATIN1_PART = 140, 134
UCS2_ALONE, UCS2_PART = 70, 67

_MAX_CLUSTER = 24  # letters that are kept together at most; an emoji family has 7 to 11


def segment(text: str, *, latin1: bool = False) -> Segments:
    """Choose the narrowest alphabet that holds `text` and cut it as that alphabet asks."""
    if gsm7.is_plain(text):
        if len(text) <= GSM7_ALONE:
            return Segments(Encoding.GSM7, (text,))
        return Segments(Encoding.GSM7, _even(text, GSM7_PART))
    if gsm7.is_gsm7(text):
        return _cut(text, Encoding.GSM7, gsm7.septets, GSM7_ALONE, GSM7_PART)
    if latin1 and _is_latin1(text):
        return _cut(text, Encoding.LATIN1, len, LATIN1_ALONE, LATIN1_PART)
    return _cut(text, Encoding.UCS2, units, UCS2_ALONE, UCS2_PART)


def units(text: str) -> int:
    """How many UTF-16 code units `text` takes."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _is_latin1(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _even(text: str, size: int) -> tuple[str, ...]:
    return tuple(text[start : start + size] for start in range(0, len(text), size))


def _cut(
    text: str, encoding: Encoding, cost: Callable[[str], int], alone: int, part: int
) -> Segments:
    if len(text) <= alone and cost(text) <= alone:
        return Segments(encoding, (text,))
    return Segments(encoding, tuple(_parts(text, cost, part)))


def _parts(text: str, cost: Callable[[str], int], size: int) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = _furthest(text, start, cost, size)
        if end < len(text):
            end = _before_cluster(text, start, end)
        yield text[start:end]
        start = end


def _furthest(text: str, start: int, cost: Callable[[str], int], size: int) -> int:
    """The end of the longest piece from `start` that costs at most `size`. A letter costs 1 or 2,
    so what is over the limit is at least half of that many letters."""
    end = min(start + size, len(text))
    while (over := cost(text[start:end]) - size) > 0:
        end -= (over + 1) // 2
    return end


def _before_cluster(text: str, start: int, end: int) -> int:
    """`end`, or the beginning of the cluster that a cut there would tear, if it is near."""
    for place in range(end, max(end - _MAX_CLUSTER, start), -1):
        if not _continues(text[place], text[place - 1]):
            return place
    return end


def _continues(letter: str, before: str) -> bool:
    """Whether `letter` belongs to the letter before it: close to Unicode's grapheme clusters
    (UAX 29), without their tables. Flags are pairs of letters that look alike, so a run of
    flags may be torn between two letters of a pair only by a cluster that is too long to keep."""
    if letter < "\u0300":
        return letter == "\n" and before == "\r"
    if "\u200d" in (letter, before):  # zero width joiner
        return True
    if "\U0001f3fb" <= letter <= "\U0001f3ff":  # skin tones
        return True
    if "\U0001f1e6" <= letter <= "\U0001f1ff":  # the second letter of a flag
        return "\U0001f1e6" <= before <= "\U0001f1ff"
    return unicodedata.category(letter) in ("Mn", "Mc", "Me")

"""Rows of a CSV file as it streams in, each with its line, and how far into the file they reach.

Where a row ends only the parser can tell, since quoted fields hold line breaks: so a window of
whole lines is parsed, a row whose quotation is open at its end is left for the next window, and
the bytes of the lines that the others took are counted. The memory that this needs is the
window's, however long the file is.

Text is UTF-8, with or without a byte order mark. The first line with a byte above 127 shows
whether it is; if not, the file is taken for Windows-1252, which is what spreadsheets write for
Western Europe, and holds Latin-1. Bytes that do not fit are marked: their row has Row.trouble.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from msgspec import Struct

from clarion.errors import InvalidInput

WINDOW = 256 * 1024  # bytes of lines that are parsed at once
WINDOW_ROWS = 1000
MAX_RECORD = 1024 * 1024  # bytes of one row
UTF8, WINDOWS = "utf-8", "cp1252"
UNCLOSED = "a quotation mark is opened and not closed"
_AT_END = "unexpected end of data"  # how the parser says so
DELIMITERS = (",", ";", "\t")
_BOM = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # how UTF-16 and UTF-32 begin
_ENCODING_WORDS = {UTF8: "UTF-8", WINDOWS: "Windows-1252 (or Latin-1)"}


class Row(Struct, frozen=True, gc=False):
    """One row, or what is wrong with it."""

    line: int  # where it begins; the first is 1
    cells: list[str]
    trouble: str | None = None


@dataclass(frozen=True)
class Mark:
    """How far a file is dealt with: what a restart needs to go on."""

    position: int = 0  # bytes
    line: int = 0  # lines
    encoding: str | None = None  # None: nothing but ASCII so far


class RowReader:
    """The rows behind a mark. `chunks` begins at the mark's position."""

    def __init__(self, chunks: AsyncIterator[bytes], mark: Mark, delimiter: str) -> None:
        self._chunks = chunks
        self._buffer = bytearray()
        self._ended = False
        self._delimiter = delimiter
        self.mark = mark

    async def read(self) -> list[Row]:
        """The next rows; none: the file has ended. Empty lines are no rows."""
        window = WINDOW
        while await self._fill(window):
            rows = self._parse(window)
            if rows:
                return rows
            if rows is None and window > MAX_RECORD:
                return [await self._drop_line()]
            if rows is None:  # one row fills the window
                window *= 2
        return []

    async def _fill(self, size: int) -> bool:
        while len(self._buffer) < size and not self._ended:
            chunk = await anext(self._chunks, None)
            if chunk is None:
                self._ended = True
            else:
                self._buffer += chunk
        return bool(self._buffer)

    async def _drop_line(self) -> Row:
        """The next line is too long, or opens a quotation that is: it is no row."""
        words = UNCLOSED
        size = self._buffer.find(b"\n") + 1
        dropped = 0
        while not size and not (self._ended and not self._buffer):
            words = f"the line has more than {MAX_RECORD} bytes"
            dropped += len(self._buffer)
            self._buffer.clear()
            await self._fill(WINDOW)
            size = self._buffer.find(b"\n") + 1
        row = Row(self.mark.line + 1, [], words)
        del self._buffer[:size]
        self._advance(dropped + size, 1)
        return row

    def _parse(self, window: int) -> list[Row] | None:
        """The rows of a window, which the mark is moved behind. None: it has no whole row."""
        last = self._ended and len(self._buffer) <= window
        data = bytes(self._buffer[:window])
        if not last:
            data = data[: data.rfind(b"\n") + 1]
        lines = io.BytesIO(data).readlines()
        limit = WINDOW_ROWS * (window // WINDOW)
        if len(lines) > limit:
            lines, last = lines[:limit], False
        rows, taken = self._rows(lines, last=last)
        if taken == 0:
            return None
        size = sum(map(len, lines[:taken]))
        del self._buffer[:size]
        self._advance(size, taken)
        return [row for row in rows if row.cells or row.trouble]

    def _rows(self, lines: list[bytes], *, last: bool) -> tuple[list[Row], int]:
        """The rows that are there as a whole, and how many lines they take."""
        text, doubtful = self._decoded(b"".join(lines))
        rows: list[Row] = []
        begin = 0
        for begin, cells, complaint in _parsed(text, self._delimiter):
            trouble = complaint or (self._undecodable(cells) if doubtful else None)
            rows.append(Row(self.mark.line + 1 + begin, cells, trouble))
        if not rows or rows[-1].trouble != UNCLOSED:
            return rows, len(lines)
        if last:
            return rows, begin + 1  # what the quotation swallowed are rows
        return rows[:-1], begin

    def _decoded(self, data: bytes) -> tuple[str, bool]:
        """The text, and whether some of it may not be what the file's encoding has."""
        encoding = self.mark.encoding
        if encoding is None:
            if data.isascii():
                return data.decode("ascii"), False
            encoding = _encoding_of(data)
            self.mark = Mark(self.mark.position, self.mark.line, encoding)
        try:
            return data.decode(encoding), False
        except UnicodeDecodeError:
            return data.decode(encoding, errors="surrogateescape"), True

    def _undecodable(self, cells: list[str]) -> str | None:
        try:
            "".join(cells).encode()
        except UnicodeEncodeError:
            name = _ENCODING_WORDS[self.mark.encoding or UTF8]
            return f"it is not {name}, as the file is up to here"
        return None

    def _advance(self, size: int, lines: int) -> None:
        mark = self.mark
        self.mark = Mark(mark.position + size, mark.line + lines, mark.encoding)


def _parsed(text: str, delimiter: str) -> Iterator[tuple[int, list[str], str | None]]:
    """Each row with the number of lines before it, or the parser's complaint about it."""
    parser = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter, strict=True)
    while True:
        begin = parser.line_num
        try:
            yield begin, next(parser), None
        except StopIteration:
            return
        except csv.Error as error:
            yield begin, [], UNCLOSED if str(error) == _AT_END else str(error)


def _encoding_of(data: bytes) -> str:
    """What the first line with a byte above 127 shows."""
    line = next(line for line in io.BytesIO(data) if not line.isascii())
    try:
        line.decode(UTF8)
    except UnicodeDecodeError:
        return WINDOWS
    return UTF8


# ---------------------------------------------------------------- the beginning of a file


@dataclass(frozen=True)
class Beginning:
    """A file's first row, how its fields are separated, and where the rest begins."""

    names: list[str]
    delimiter: str
    mark: Mark


async def read_beginning(chunks: AsyncIterator[bytes]) -> Beginning:
    """InvalidInput says why a file cannot be read at all."""
    head = await _head(chunks)
    if head.startswith(_WIDE) or b"\0" in head:
        raise InvalidInput("the file is UTF-16, or no text: save it as UTF-8 with commas between")
    skipped = len(_BOM) if head.startswith(_BOM) else 0
    encoding = UTF8 if skipped else None
    line, found, _ = head[skipped:].partition(b"\n")
    if len(line) >= MAX_RECORD:
        raise InvalidInput("the first line, which names the attributes, is too long")
    if not line.strip():
        raise InvalidInput("the first line must name the attributes, and is empty")
    if encoding is None and not line.isascii():
        encoding = _encoding_of(line)
    text = line.decode(encoding or UTF8, errors="replace").rstrip("\r")
    delimiter = max(DELIMITERS, key=text.count)
    names = next(csv.reader([text], delimiter=delimiter))
    position = skipped + len(line) + len(found)
    return Beginning(names, delimiter, Mark(position, 1, encoding))


async def _head(chunks: AsyncIterator[bytes]) -> bytes:
    """The file up to its first line break, and somewhat more."""
    head = bytearray()
    async for chunk in chunks:
        head += chunk
        if b"\n" in chunk or len(head) > MAX_RECORD:
            break
    return bytes(head)

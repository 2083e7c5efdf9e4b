"""CSV as it streams in: any cut of the file gives the same rows, and any mark the rest of them."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clarion.engine.contacts.jobs import csv_reading
from clarion.engine.contacts.jobs.csv_reading import Mark, Row, RowReader, read_beginning
from clarion.errors import InvalidInput


async def chunked(data: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def rows_of(
    data: bytes, *, mark: Mark | None = None, size: int = 7, delimiter: str = ","
) -> tuple[list[Row], list[Mark]]:
    """All rows, and where each read ended."""
    start = mark or Mark()
    reader = RowReader(chunked(data[start.position :], size), start, delimiter)
    rows: list[Row] = []
    marks = [start]
    while found := await reader.read():
        rows += found
        marks.append(reader.mark)
    return rows, [*marks, reader.mark]


def brief(rows: list[Row]) -> list[Any]:
    return [row.trouble or row.cells for row in rows]


@pytest.fixture(params=[(12, 3), (64, 5), (1 << 18, 2000)])
def windows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(csv_reading, "WINDOW", request.param[0])
    monkeypatch.setattr(csv_reading, "WINDOW_ROWS", request.param[1])
    monkeypatch.setattr(csv_reading, "MAX_RECORD", 2000)
    return iter(())


_cells = st.lists(
    st.text(st.sampled_from('ab ,;"\n\r\té🙂\u2028\x0b'), max_size=6), min_size=1, max_size=3
)


@settings(max_examples=60)
@given(st.lists(_cells, max_size=12), st.integers(1, 40), st.sampled_from(["\r\n", "\n"]))
@pytest.mark.parametrize("window", [8, 100])
async def test_however_a_file_is_cut_its_rows_are_the_same(
    window: int, table: list[list[str]], size: int, ending: str
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows(table)
    data = text.getvalue().encode()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(csv_reading, "WINDOW", window)
        patched.setattr(csv_reading, "WINDOW_ROWS", 4)
        rows, marks = await rows_of(data, size=size)
        assert brief(rows) == table
        assert marks[-1].position == len(data)
        for mark in marks:
            rest, _ = await rows_of(data, mark=mark, size=size)
            assert rest == [row for row in rows if row.line > mark.line]


@settings(max_examples=150)
@given(st.binary(max_size=200) | st.lists(st.sampled_from([b'"', b",", b"\n", b"a", b"\xe9"])).map(
    b"".join))  # fmt: skip
async def test_any_bytes_are_rows_or_have_trouble(data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(csv_reading, "WINDOW", 16)
        patched.setattr(csv_reading, "MAX_RECORD", 64)
        rows, marks = await rows_of(data)
    assert marks[-1].position == len(data)
    for row in rows:
        "".join(row.cells).encode() if row.trouble is None else row.trouble.encode()


@pytest.mark.usefixtures("windows")
async def test_lines_are_counted_and_empty_ones_are_no_rows() -> None:
    rows, marks = await rows_of(b'a,b\n\n"x\ny",2\r\n\r\nlast,3')
    assert [(row.line, row.cells) for row in rows] == [
        (1, ["a", "b"]), (3, ["x\ny", "2"]), (6, ["last", "3"])
    ]  # fmt: skip
    assert marks[-1].line == 6


@pytest.mark.usefixtures("windows")
async def test_a_quotation_that_is_not_closed_fails_its_line_alone() -> None:
    data = b'a,1\n"b,2\nc,3\nd,4\n'
    rows, _ = await rows_of(data)
    assert brief(rows) == [["a", "1"], csv_reading.UNCLOSED, ["c", "3"], ["d", "4"]]
    long = data + b"e,5\n" * 1000
    rows, _ = await rows_of(long)
    assert len(rows) == 1004
    assert [row.line for row in rows if row.trouble] == [2]


async def test_a_line_that_is_too_long_is_dropped_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reading, "WINDOW", 64)
    monkeypatch.setattr(csv_reading, "MAX_RECORD", 2000)
    rows, marks = await rows_of(b"a,1\n" + b"x" * 50_000 + b"\nc,3\n", size=1000)
    assert brief(rows) == [["a", "1"], "the line has more than 2000 bytes", ["c", "3"]]
    assert [row.line for row in rows] == [1, 2, 3]
    assert marks[-1].position == 50_009


async def test_text_behind_a_quotation_is_trouble_of_its_row() -> None:
    rows, _ = await rows_of(b'a\n"b"c\nd\n')
    assert brief(rows)[::2] == [["a"], ["d"]]
    assert "expected after" in str(rows[1].trouble)


async def test_memory_does_not_grow_with_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reading, "WINDOW", 16 * 1024)
    line = b"c1,+12125550100,Ann,Lee,Main Street\n"

    async def peak(count: int) -> int:
        async def stream() -> AsyncIterator[bytes]:
            for _ in range(count // 1000):
                yield line * 1000

        reader = RowReader(stream(), Mark(), ",")
        tracemalloc.start()
        while await reader.read():
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert reader.mark.line == count
        return found

    assert await peak(50_000) < 1.5 * await peak(5000)


# ---------------------------------------------------------------- encodings


@pytest.mark.usefixtures("windows")
async def test_utf8_is_kept_to_once_it_has_been_seen() -> None:
    rows, marks = await rows_of("a\nZoë\n".encode() + b"Zo\xeb\nb\n")
    assert brief(rows) == [["a"], ["Zoë"], "it is not UTF-8, as the file is up to here", ["b"]]
    assert marks[-1].encoding == "utf-8"


@pytest.mark.usefixtures("windows")
async def test_what_is_not_utf8_is_taken_for_windows_1252() -> None:
    rows, marks = await rows_of(b"a\nZo\xeb\n\x80 5\n\x81\nb\n")
    assert brief(rows)[:3] == [["a"], ["Zoë"], ["€ 5"]]
    assert rows[3].trouble == "it is not Windows-1252 (or Latin-1), as the file is up to here"
    rest, _ = await rows_of(b"a\nZo\xeb\n\x80 5\n", mark=Mark(6, 2, marks[-1].encoding))
    assert brief(rest) == [["€ 5"]]


# ---------------------------------------------------------------- the beginning


@pytest.mark.parametrize(
    ("data", "names", "delimiter", "mark"),
    [
        (b"a,b\n1,2\n", ["a", "b"], ",", Mark(4, 1)),
        (b"\xef\xbb\xbfa;b\r\n1", ["a", "b"], ";", Mark(8, 1, "utf-8")),
        (b"a\tb", ["a", "b"], "\t", Mark(3, 1)),
        (b'"a, b",c\n', ["a, b", "c"], ",", Mark(9, 1)),
        ("é\n".encode(), ["é"], ",", Mark(3, 1, "utf-8")),
        (b"\xe9\n", ["é"], ",", Mark(2, 1, "cp1252")),
    ],
)
async def test_the_first_row_is_found(
    data: bytes, names: list[str], delimiter: str, mark: Mark
) -> None:
    found = await read_beginning(chunked(data))
    assert (found.delimiter, found.mark) == (delimiter, mark)
    assert mark.encoding == "cp1252" or found.names == names


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n\na,b\n", "is empty"),
        ("a,b\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04\0\0", "no text"),
        (b"a" * (2 << 20), "too long"),
    ],
)
async def test_a_file_that_cannot_be_read_says_why(data: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        await read_beginning(chunked(data, 100_000))

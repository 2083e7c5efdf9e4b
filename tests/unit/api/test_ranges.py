"""Range headers, by RFC 9110, section 14.1.2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.api.ranges import NothingThere, Span, asked_span


@pytest.mark.parametrize(
    ("header", "size", "span"),
    [
        (None, 100, None),
        ("", 100, None),
        ("bytes=0-0", 100, (0, 1)),
        ("bytes=0-99", 100, (0, 100)),
        ("bytes=0-100", 100, (0, 100)),
        ("bytes=50-", 100, (50, 100)),
        ("bytes=-30", 100, (70, 100)),
        ("bytes=-300", 100, (0, 100)),
        ("  BYTES = 1 - 2 ", 100, (1, 3)),
        ("bytes=2-1", 100, None),
        ("bytes=-", 100, None),
        ("bytes=", 100, None),
        ("bytes=a-b", 100, None),
        ("bytes=0-1,3-4", 100, None),
        ("bytes=\u0661-\u0662", 100, None),
        ("items=0-1", 100, None),
        ("bytes=0-" + "9" * 19, 100, (0, 100)),
        ("bytes=0-" + "9" * 30, 100, None),
    ],
)
def test_one_range_of_bytes_is_understood(
    header: str | None, size: int, span: tuple[int, int] | None
) -> None:
    assert asked_span(header, size) == span


@pytest.mark.parametrize(
    ("header", "size"),
    [("bytes=100-", 100), ("bytes=100-200", 100), ("bytes=-0", 100), ("bytes=0-", 0),
     ("bytes=-5", 0)],
)  # fmt: skip
def test_a_range_without_a_byte_in_it_cannot_be_satisfied(header: str, size: int) -> None:
    with pytest.raises(NothingThere):
        asked_span(header, size)


def test_a_span_is_shown_with_its_last_byte() -> None:
    assert str(Span(0, 10)) == "0-9"


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 200))
def test_a_span_is_never_empty_nor_beyond_the_end(first: int, last: int, size: int) -> None:
    for header in (f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{last}"):
        try:
            span = asked_span(header, size)
        except NothingThere:
            continue
        assert span is None or 0 <= span.start < span.end <= size

"""The file in a multipart body, however the network cuts it."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.api.multipart import FilePart, boundary_of, file_in
from clarion.errors import InvalidInput

BOUNDARY = "b0undary"
CONTENT = b"one\r\n--b0undar\r\n--b0undar no\r\nlast"  # all but a boundary
BODY = (
    b"preamble\r\n--b0undary\r\n"
    b'Content-Disposition: form-data; name="comment"\r\n\r\nhello\r\n--b0undary\r\n'
    b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n'
    b"content-type: Text/Plain; charset=utf-8\r\n\r\n%s\r\n--b0undary\r\n"
    b'Content-Disposition: form-data; name="more"; filename="b.txt"\r\n\r\nother\r\n'
    b"--b0undary--\r\nepilogue"
) % CONTENT


async def cut(body: bytes, *sizes: int) -> AsyncGenerator[bytes, None]:
    at = turn = 0
    while at < len(body):
        size = sizes[turn % len(sizes)]
        yield body[at : at + size]
        at, turn = at + size, turn + 1


async def read(body: bytes, *sizes: int) -> tuple[FilePart, bytes]:
    part = await file_in(cut(body, *sizes), BOUNDARY)
    return part, b"".join([chunk async for chunk in part.chunks])


@given(st.lists(st.integers(1, 90), min_size=1, max_size=20))
async def test_the_first_file_is_the_content_wherever_the_body_is_cut(sizes: list[int]) -> None:
    part, content = await read(BODY, *sizes)
    assert content == CONTENT
    assert (part.media_type, part.filename) == ("text/plain", "a.txt")


@pytest.mark.parametrize("end", [20, 150, len(BODY) - 30, len(BODY) - 12])
async def test_half_a_body_is_never_taken_for_a_whole_one(end: int) -> None:
    with pytest.raises(InvalidInput, match="multipart"):
        await read(BODY[:end], 7)


async def test_a_large_part_comes_in_pieces() -> None:
    body = BODY.replace(CONTENT, b"x" * 500_000)
    part = await file_in(cut(body, 10_000), BOUNDARY)
    sizes = [len(chunk) async for chunk in part.chunks]
    assert sum(sizes) == 500_000
    assert max(sizes) <= 20_000


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", "abc"),
        ('multipart/form-data; charset=x; boundary="a b:c"', "a b:c"),
        ("Multipart/Form-Data; Boundary=abc", "abc"),
    ],
)
def test_the_boundary_is_read_from_the_content_type(content_type: str, boundary: str) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\xe9",
     "multipart/form-data; boundary=" + "x" * 201],
)  # fmt: skip
def test_a_boundary_that_cannot_be_used_is_refused(content_type: str) -> None:
    with pytest.raises(InvalidInput):
        boundary_of(content_type)

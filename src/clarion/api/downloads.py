"""Files that clients download: whole, in parts, or not at all where they have them already.

Range, If-Range, If-None-Match and HEAD are understood (RFC 9110). What a file holds is data of
somebody's: no browser may run it as a page of ours.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from clarion.api.call import Answer, Call, Header, json_answer
from clarion.api.ranges import NothingThere, Span, asked_span

BINARY = "application/octet-stream"
MEDIA_TYPE = re.compile(
    r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127}"
    r'(?:; ?[\w-]{1,40}=(?:[\w.+-]{1,80}|"[\w.+ -]{1,80}")){0,3}',
    re.ASCII,
)
_GUARDS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"cache-control", b"private, no-cache"),
    (b"accept-ranges", b"bytes"),
)

Read = Callable[[Span | None], Awaitable[AsyncGenerator[bytes, None]]]


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file as a client sees it."""

    size: int
    tag: str  # another one whenever the content is another one
    media_type: str | None
    name: str | None


async def download(call: Call, file: Download, read: Read) -> Answer:
    """The answer of a streamed route; `read` is called for content that is sent."""
    headers, tag = _headers(file), f'"{file.tag}"'
    if _is_known(call, tag):
        return Answer(304, headers=headers, chunks=_none())
    if call.scope["method"] == "HEAD":
        return Answer(200, headers=(*headers, _length(file.size)), chunks=_none())
    try:
        span = asked_span(call.header(b"range"), file.size) if _is_same(call, tag) else None
    except NothingThere as error:
        return _nothing_there(error, file.size)
    chunks = await read(span)
    if span is None:
        return Answer(200, headers=(*headers, _length(file.size)), chunks=chunks)
    part = (b"content-range", f"bytes {span}/{file.size}".encode())
    return Answer(206, headers=(*headers, _length(span.end - span.start), part), chunks=chunks)


def disposition(name: str | None) -> bytes:
    """Content-Disposition of a file to keep under this name (RFC 6266)."""
    if not name:
        return b"attachment"
    plain = "".join(c if " " <= c <= "~" and c not in '"\\%' else "_" for c in name)
    words = f'attachment; filename="{plain}"'
    if plain != name:
        words += f"; filename*=UTF-8''{quote(name, safe='')}"
    return words.encode("ascii")


def _headers(file: Download) -> tuple[Header, ...]:
    kind = file.media_type or ""
    if not MEDIA_TYPE.fullmatch(kind):
        kind = BINARY
    return (
        (b"content-type", kind.encode("ascii")),
        (b"content-disposition", disposition(file.name)),
        (b"etag", f'"{file.tag}"'.encode("ascii")),
        *_GUARDS,
    )


def _length(size: int) -> Header:
    return (b"content-length", b"%d" % size)


def _is_same(call: Call, tag: str) -> bool:
    """Whether the range is asked of the content that is there (If-Range)."""
    condition = call.header(b"if-range")
    return condition is None or condition.strip() == tag


def _is_known(call: Call, tag: str) -> bool:
    """Whether the client has what is there (If-None-Match)."""
    known = (call.header(b"if-none-match") or "").split(",")
    return any(each.strip().removeprefix("W/") in ("*", tag) for each in known)


def _nothing_there(error: NothingThere, size: int) -> Answer:
    body = {"error_code": "416", "error_description": error.message}
    headers = ((b"content-range", f"bytes */{size}".encode()),)
    return json_answer(body, status=416, headers=headers)


async def _none() -> AsyncGenerator[bytes, None]:
    no_chunks: tuple[bytes, ...] = ()
    for chunk in no_chunks:
        yield chunk

"""The file in a multipart/form-data body (RFC 7578), as it arrives.

    part = await file_in(body, boundary)
    async for chunk in part.chunks: ...

The body is read to its end, so that half a body is never taken for a whole one. Parts that are no
files are passed over.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from urllib.parse import unquote

from multipart import (
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from clarion.errors import InvalidInput

MEDIA_TYPE = "multipart/form-data"
MAX_PARTS = 20
MAX_BOUNDARY = 200  # RFC 2046, section 5.1.1, allows 70
OVERHEAD = 64 * 1024  # what a body may have beside its file
FIELD = "file-upload"  # under which published clients send the file, named or not

_ENCODED = re.compile(r"filename\*\s*=\s*utf-8''([^\s;]*)", re.IGNORECASE | re.ASCII)

Events = AsyncGenerator[MultipartSegment | bytes | None, None]


@dataclass(frozen=True)
class FilePart:
    """One file; `chunks` can be read once."""

    media_type: str | None
    filename: str | None
    chunks: AsyncGenerator[bytes, None]


def boundary_of(content_type: str) -> str:
    """What stands between the parts. Raises InvalidInput."""
    _, options = parse_options_header(content_type)
    boundary = str(options.get("boundary", ""))
    if not 0 < len(boundary) <= MAX_BOUNDARY or not boundary.isascii():
        raise InvalidInput("The Content-Type names no boundary that can be used.")
    return boundary


async def file_in(body: AsyncGenerator[bytes, None], boundary: str) -> FilePart:
    """The first file of the body. Raises InvalidInput."""
    events = _events(body, boundary)
    async for event in events:
        if isinstance(event, MultipartSegment) and _is_file(event):
            kind = event.content_type
            return FilePart(str(kind) if kind else None, _filename(event), _content(events))
    raise InvalidInput("The multipart body has no part with a file.")


async def _events(body: AsyncGenerator[bytes, None], boundary: str) -> Events:
    parser = PushMultipartParser(boundary, max_segment_count=MAX_PARTS)
    try:
        async for chunk in body:
            for event in parser.parse(chunk):
                yield event
        parser.close()
    except MultipartError as error:
        raise InvalidInput(f"The multipart body cannot be read: {error}.") from error


async def _content(events: Events) -> AsyncGenerator[bytes, None]:
    inside = True
    async for event in events:
        if event is None:
            inside = False
        elif inside and not isinstance(event, MultipartSegment):
            yield bytes(event)


def _filename(part: MultipartSegment) -> str | None:
    """Some clients say it as RFC 5987 has it, though RFC 7578 would not."""
    found = _ENCODED.search(part.header("Content-Disposition", ""))
    return unquote(found[1]) if found else part.filename


def _is_file(part: MultipartSegment) -> bool:
    """Clients that name no file say its type; fields of a form have none, or that of a text."""
    if _filename(part) is not None or part.name == FIELD:
        return True
    return part.content_type not in (None, "text/plain")

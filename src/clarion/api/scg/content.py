"""The content of attachments: where it is uploaded and downloaded.

SCG reference, Attachment. The address holds an access token in the place of a credential:
/scg-attachment/api/v1/messaging/attachments/{token}/content. With an application's own token, it is
/messaging/attachments/{id}/content as well. Clients send the bytes as they are, or one file in a
multipart/form-data body.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote

from clarion.api.call import Answer, Call, Door, Header, Route, json_answer
from clarion.api.errors import problem
from clarion.api.multipart import MEDIA_TYPE, OVERHEAD, boundary_of, file_in
from clarion.api.operation import Operation
from clarion.api.problems import BodyTooLarge
from clarion.api.ranges import NothingThere, asked_span
from clarion.api.shape import FORM
from clarion.api.streams import body_chunks
from clarion.api.wire import LIVE
from clarion.engine.attachments.content import Upload, find_content, store_content
from clarion.engine.attachments.model import StoredFile, Target
from clarion.engine.attachments.tokens import open_token
from clarion.errors import ContentTooLarge, NotFound
from clarion.kit import ids

PREFIX = "/scg-attachment/api/v1"
PATH = "/messaging/attachments/{id}/content"
BINARY = "application/octet-stream"

_MEDIA_TYPE = re.compile(
    r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127}"
    r'(?:; ?[\w-]{1,40}=(?:[\w.+-]{1,80}|"[\w.+ -]{1,80}")){0,3}',
    re.ASCII,
)
_UNSAID = frozenset({"", BINARY, FORM})  # what clients send that do not know the type
_MAX_NAME = 255
_GUARDS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"cache-control", b"private, no-cache"),
    (b"accept-ranges", b"bytes"),
)
"""What somebody has uploaded is data: no browser may run it as a page of ours."""


# ---------------------------------------------------------------- handlers


async def upload_by_token(call: Call) -> Answer:
    return await _upload(call, await _opened(call))


async def download_by_token(call: Call) -> Answer:
    return await _download(call, await _opened(call))


async def upload(call: Call) -> Answer:
    return await _upload(call, _named(call))


async def download(call: Call) -> Answer:
    return await _download(call, _named(call))


async def _opened(call: Call) -> Target:
    return await open_token(call.services.db, ids.parse(call.params["token"]))


def _named(call: Call) -> Target:
    id = ids.parse(call.params["id"])
    if id is None:
        raise NotFound
    return Target(call.caller.company_id, id)


# ---------------------------------------------------------------- in


async def _upload(call: Call, target: Target) -> Answer:
    services = call.services
    limit = services.settings.files.max_bytes
    try:
        chunks, said = await _sent(call, limit)
        await store_content(
            services.db,
            services.files,
            target.company_id,
            target.attachment_id,
            chunks,
            limit=limit,
            upload=said,
        )
    except BodyTooLarge as error:
        raise ContentTooLarge(f"The content is larger than {limit} bytes.") from error
    return json_answer({"id": ids.show(target.attachment_id)})


async def _sent(call: Call, limit: int) -> tuple[AsyncGenerator[bytes, None], Upload]:
    kind = call.media_type()
    if kind != MEDIA_TYPE:
        return body_chunks(call, limit=limit), Upload(_type(kind), None)
    boundary = boundary_of(call.header(b"content-type") or "")
    part = await file_in(body_chunks(call, limit=limit + OVERHEAD), boundary)
    return part.chunks, Upload(_type(part.media_type), _name(part.filename))


def _type(sent: str | None) -> str | None:
    kind = (sent or "").strip().lower()
    return kind if kind not in _UNSAID and _MEDIA_TYPE.fullmatch(kind) else None


def _name(sent: str | None) -> str | None:
    """A file's name without the directories that some clients put before it."""
    name = re.split(r"[/\\]", sent or "")[-1]
    return "".join(filter(str.isprintable, name))[:_MAX_NAME] or None


# ---------------------------------------------------------------- out


async def _download(call: Call, target: Target) -> Answer:
    services = call.services
    found = await find_content(services.db, target.company_id, target.attachment_id)
    headers, tag = _headers(found), _tag(found)
    if _is_known(call, tag):
        return Answer(304, headers=headers, chunks=_none())
    size, key = found.size or 0, found.key or ""
    if call.scope["method"] == "HEAD":
        return Answer(200, headers=(*headers, _length(size)), chunks=_none())
    try:
        span = asked_span(call.header(b"range"), size) if _is_same(call, tag) else None
    except NothingThere as error:
        return _nothing_there(error, size)
    if span is None:
        return Answer(200, headers=(*headers, _length(size)), chunks=await services.files.get(key))
    part = (b"content-range", f"bytes {span}/{size}".encode())
    chunks = await services.files.get(key, start=span.start, end=span.end)
    return Answer(206, headers=(*headers, _length(span.end - span.start), part), chunks=chunks)


def _tag(found: StoredFile) -> str:
    """A new one for each upload."""
    return f'"{(found.key or "").rpartition("/")[2]}"'


def _length(size: int) -> Header:
    return (b"content-length", b"%d" % size)


def _headers(found: StoredFile) -> tuple[Header, ...]:
    kind = found.mime_type or ""
    if not _MEDIA_TYPE.fullmatch(kind):
        kind = BINARY
    return (
        (b"content-type", kind.encode("ascii")),
        (b"content-disposition", disposition(found.filename or found.name)),
        (b"etag", _tag(found).encode("ascii")),
        *_GUARDS,
    )


def disposition(name: str | None) -> bytes:
    """Content-Disposition of a file to keep under this name (RFC 6266)."""
    if not name:
        return b"attachment"
    plain = "".join(c if " " <= c <= "~" and c not in '"\\%' else "_" for c in name)
    words = f'attachment; filename="{plain}"'
    if plain != name:
        words += f"; filename*=UTF-8''{quote(name, safe='')}"
    return words.encode("ascii")


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


# ---------------------------------------------------------------- routes


def _about(summary: str, about: str, **more: Any) -> Operation:
    return Operation(summary=summary, tag="Attachment", about=about, **more)


_UP = _about(
    "Upload the content of an attachment",
    "The bytes as they are, or one file in a multipart/form-data body. It can be replaced until a "
    "message request or a job uses the attachment (409). Content that is too large is error 1019.",
    takes_file=True,
)
_DOWN = _about(
    "Download the content of an attachment",
    "With the attachment's type. Range, If-Range, If-None-Match and HEAD are understood.",
    gives_file=True,
)


def _routes(path: str, up: Any, down: Any, *, is_open: bool) -> list[Route]:
    return [
        Route("POST", path, up, open=is_open, streamed=True, about=_UP),
        Route("GET", path, down, open=is_open, streamed=True, about=_DOWN),
    ]


def routes() -> list[Route]:
    """With an application's access token."""
    return _routes(PATH, upload, download, is_open=False)


def door() -> Door:
    """With an attachment's access token in the address."""
    return Door(
        "scg-attachment",
        PREFIX,
        _routes(PATH.replace("{id}", "{token}"), upload_by_token, download_by_token, is_open=True),
        problem,
        LIVE,
        title="SCG attachment content",
        description="Content of attachments; the access token in the address is the credential.",
    )

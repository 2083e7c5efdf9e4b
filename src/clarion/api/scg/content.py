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

from clarion.api.call import Answer, Call, Door, Route, json_answer
from clarion.api.downloads import BINARY, MEDIA_TYPE, Download, download
from clarion.api.errors import problem
from clarion.api.multipart import MEDIA_TYPE as MULTIPART
from clarion.api.multipart import OVERHEAD, boundary_of, file_in
from clarion.api.operation import Operation
from clarion.api.problems import BodyTooLarge
from clarion.api.ranges import Span
from clarion.api.shape import FORM
from clarion.api.streams import body_chunks
from clarion.api.wire import LIVE
from clarion.engine.attachments.content import Upload, find_content, store_content
from clarion.engine.attachments.model import Target
from clarion.engine.attachments.tokens import open_token
from clarion.errors import ContentTooLarge, NotFound
from clarion.kit import ids

PREFIX = "/scg-attachment/api/v1"
PATH = "/messaging/attachments/{id}/content"

_UNSAID = frozenset({"", BINARY, FORM})  # what clients send that do not know the type
_MAX_NAME = 255


# ---------------------------------------------------------------- handlers


async def upload_by_token(call: Call) -> Answer:
    return await _upload(call, await _opened(call))


async def download_by_token(call: Call) -> Answer:
    return await _download(call, await _opened(call))


async def upload(call: Call) -> Answer:
    return await _upload(call, _named(call))


async def fetch(call: Call) -> Answer:
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
    if kind != MULTIPART:
        return body_chunks(call, limit=limit), Upload(_type(kind), None)
    boundary = boundary_of(call.header(b"content-type") or "")
    part = await file_in(body_chunks(call, limit=limit + OVERHEAD), boundary)
    return part.chunks, Upload(_type(part.media_type), _name(part.filename))


def _type(sent: str | None) -> str | None:
    kind = (sent or "").strip().lower()
    return kind if kind not in _UNSAID and MEDIA_TYPE.fullmatch(kind) else None


def _name(sent: str | None) -> str | None:
    """A file's name without the directories that some clients put before it."""
    name = re.split(r"[/\\]", sent or "")[-1]
    return "".join(filter(str.isprintable, name))[:_MAX_NAME] or None


# ---------------------------------------------------------------- out


async def _download(call: Call, target: Target) -> Answer:
    services = call.services
    found = await find_content(services.db, target.company_id, target.attachment_id)
    key = found.key or ""

    async def read(span: Span | None) -> AsyncGenerator[bytes, None]:
        if span is None:
            return await services.files.get(key)
        return await services.files.get(key, start=span.start, end=span.end)

    file = Download(
        size=found.size or 0,
        tag=key.rpartition("/")[2],  # a new one for each upload
        media_type=found.mime_type,
        name=found.filename or found.name,
    )
    return await download(call, file, read)


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
    return _routes(PATH, upload, fetch, is_open=False)


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

"""/event-buffer-files: events that were collected into files, and how files are downloaded."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from clarion.api.call import Answer, Call, Route
from clarion.api.downloads import Download, download
from clarion.api.ess.wire import AS_TEXT, comma_ranges, number_key
from clarion.api.operation import Operation
from clarion.api.ranges import Span
from clarion.api.resource import Resource
from clarion.api.shape import Attribute, Shape
from clarion.engine.events.files.model import FileKind, FileStatus
from clarion.engine.events.files.service import delete_file, find_file, read_file
from clarion.storage.listing import Bound, Column, Listing

TAG = "Event Buffer File"


class EventFile(Struct, kw_only=True, rename="kebab"):
    """A file of collected events."""

    file_id: int = 0
    kind: Annotated[
        FileKind, Meta(description="BUFFER: events. DUMP: the subscriptions to a topic.")
    ] = FileKind.BUFFER
    del_cfg_id: str | None = None
    del_cfg_nm: str | None = None
    topic_nm: Annotated[str | None, Meta(description="Of a DUMP.")] = None
    file_status: FileStatus = FileStatus.PENDING
    opened: Annotated[datetime | None, Meta(description="Since when it collects.")] = None
    closed: Annotated[datetime | None, Meta(description="Until when it collected.")] = None
    rows: Annotated[int, Meta(description="So many events or subscriptions are in it.")] = 0
    size: Annotated[int | None, Meta(description="Bytes.")] = None
    expires: Annotated[datetime | None, Meta(description="It is kept until then.")] = None


LISTING = Listing(
    source="event_file f left join delivery_configuration c "
    "on c.company_id = f.company_id and c.id = f.configuration_id",
    tenant="f.company_id",
    key="f.id",
    select="f.id, f.kind, f.configuration_id, c.name, f.topic, f.status, f.opened_at, f.closed_at, "
    "f.rows, f.size, f.expires_at",
    limit=1000,
    counted=False,
    columns=(
        Column("kind", "f.kind", "enum", choices=frozenset(FileKind)),
        Column("file-id", "f.id", "integer"),
        Column("del-cfg-id", "f.configuration_id", "integer"),
        Column("del-cfg-nm", "c.name"),
        Column("topic-nm", "f.topic"),
        Column("file-status", "f.status", "enum", choices=frozenset(FileStatus)),
        Column("opened", "f.opened_at", "timestamp"),
        Column("closed", "f.closed_at", "timestamp"),
    ),
)


async def delete(call: Call, id: int) -> None:
    services = call.services
    address = services.settings.http.address
    await delete_file(services.db, services.files, call.caller.company_id, id, address=address)


FILES = Resource(
    name=TAG,
    path="/event-buffer-files",
    shape=Shape(
        EventFile,
        {
            "file-id": Attribute(column="id"),
            "del-cfg-id": Attribute(column="configuration_id", show=AS_TEXT.show),
            "del-cfg-nm": Attribute(column="name"),
            "topic-nm": Attribute(column="topic"),
            "file-status": Attribute(column="status"),
            "opened": Attribute(column="opened_at"),
            "closed": Attribute(column="closed_at"),
            "expires": Attribute(column="expires_at"),
        },
    ),
    listing=LISTING,
    about="A file of events that a delivery configuration with a cron-expression has collected. "
    "Dumps of subscriptions are listed with kind=DUMP.",
    key=number_key,
    parameter="FILE_ID",
    collection="files",
    rewrite=comma_ranges,
    delete=delete,
)


async def list_files(call: Call) -> Answer:
    """Collected events, unless another kind is asked for: clients of the reference know no dumps
    in this list, whose rows have no configuration."""
    collected = Bound("f.kind = {}", FileKind.BUFFER.value)
    return await FILES.page(call, () if call.query.get("kind", "").strip() else [collected])


async def content(call: Call) -> Answer:
    """The file itself."""
    services, id = call.services, FILES.id_of(call)
    found = await find_file(services.db, call.caller.company_id, id)

    async def read(span: Span | None) -> AsyncGenerator[bytes, None]:
        start, end = (span.start, span.end) if span else (0, None)
        address = services.settings.http.address
        return await read_file(
            services.db, services.files, found, address=address, start=start, end=end
        )

    file = Download(
        size=found.size or 0,
        tag=(found.file_key or "").rpartition("/")[2],
        media_type=found.media_type,
        name=found.name,
    )
    return await download(call, file, read)


_DELETE = "With what is in it. One that is being written has to be waited for: 409."
_CONTENT = Operation(
    summary="Download a file",
    tag=TAG,
    about="JSON lines or XML. Range, If-Range, If-None-Match and HEAD are understood.",
    gives_file=True,
)


def routes() -> list[Route]:
    listed, one, deleted = FILES.routes()
    return [
        Route("GET", listed.path, list_files, about=listed.about),
        one,
        replace(deleted, about=replace(deleted.about, summary="Delete a file", about=_DELETE)),
        Route("GET", f"{one.path}/content", content, streamed=True, about=_CONTENT),
    ]

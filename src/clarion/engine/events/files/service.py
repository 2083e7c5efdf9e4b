"""Files, as companies ask for them and read them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import asyncpg
from msgspec import structs

from clarion.engine.events.announcing import ANNOUNCED_CHANNEL
from clarion.engine.events.files import store
from clarion.engine.events.files.announcements import announce_delete, announce_download
from clarion.engine.events.files.model import (
    FILES_CHANNEL,
    Compression,
    EventFile,
    FileStatus,
)
from clarion.errors import Conflict, NotFound, TooManyRequests
from clarion.storage.database import Database
from clarion.storage.files import FileStore

MAX_PENDING = 5
MAX_DUMPS = 100
"""Dumps that a company has at once: so many not yet written, and in all."""

MAX_ENDING = 50
"""Older ones that are about to be deleted."""


async def dump(
    db: Database, company_id: int, topic: str, compression: Compression | None = None
) -> int:
    """The id of a file that is going to hold the subscriptions to `topic`; event_file_complete
    tells when it is there. It takes the place of the oldest one where there are many.
    TooManyRequests: they come too fast. The topic is looked at by the caller."""

    async def work(tx: asyncpg.Connection) -> int:
        now = datetime.now(UTC)
        kept, pending = await store.count_dumps(tx, company_id)
        if pending >= MAX_PENDING:
            raise TooManyRequests(f"{pending} dumps are being made; wait for them.")
        if kept >= MAX_DUMPS + MAX_ENDING:
            raise TooManyRequests(f"There are {kept} dumps; old ones are gone in a minute or so.")
        if kept >= MAX_DUMPS:
            await store.end_old_dumps(tx, company_id, MAX_DUMPS - 1 - pending, now)
        return await store.insert_dump(tx, company_id, topic, compression, now)

    id = await db.run(work)
    db.hint(FILES_CHANNEL)
    return id


async def find_file(on: store.Source, company_id: int, id: int) -> EventFile:
    """Raises NotFound: there is none that could be downloaded."""
    file = await store.find(on, company_id, id)
    if file is None or file.status is not FileStatus.ARCHIVED:
        raise NotFound
    return file


async def delete_file(
    db: Database, files: FileStore, company_id: int, id: int, *, address: str
) -> None:
    """Its content, then the file itself, which is announced: whoever is cut off between the two
    asks again. `address`: the installation's public one. Raises NotFound; Conflict: events wait to
    be written into it."""
    file = await store.find(db, company_id, id)
    if file is None:
        raise NotFound
    if file.status is FileStatus.PENDING:
        raise Conflict("The file is being written; it can be deleted once it is there.")
    if file.file_key is not None:
        await files.delete(file.file_key)

    async def work(tx: asyncpg.Connection) -> None:
        gone = await store.delete(tx, company_id, id)
        if gone is not None and gone.status is FileStatus.ARCHIVED:
            now = datetime.now(UTC)
            ended = structs.replace(gone, status=FileStatus.DELETED, updated_at=now)
            await announce_delete(tx, ended, address)

    await db.run(work)
    db.hint(ANNOUNCED_CHANNEL)


async def read_file(
    db: Database,
    files: FileStore,
    file: EventFile,
    *,
    address: str,
    start: int = 0,
    end: int | None = None,
) -> AsyncGenerator[bytes, None]:
    """The bytes of a file, or of a part of it. Whoever begins at the start downloads it, and that
    is announced. `address`: the installation's public one. Raises NotFound: it is gone."""
    assert file.file_key is not None
    chunks = await files.get(file.file_key, start=start, end=end)
    if start == 0:
        await announce_download(db, file, address, at=datetime.now(UTC))
        db.hint(ANNOUNCED_CHANNEL)
    return chunks

"""The content of attachments: into the file store and out of it.

An upload goes to a place of its own, which is noted before the first byte is written: whatever
happens in between, that place is either the attachment's or it is emptied later. So a reader never
meets half a file, and what is replaced can still be read by those who have begun to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
from msgspec import Struct

from clarion.engine.attachments import store
from clarion.engine.attachments.model import AttachmentState, StoredFile, file_key
from clarion.errors import Conflict, InvalidInput, NotFound, Unavailable
from clarion.kit import ids
from clarion.log import get_logger
from clarion.storage.database import Database
from clarion.storage.files import FileStore

UPLOAD_SECONDS = 3600.0
ABANDONED = timedelta(days=1)  # after which an upload that was not finished never will be
READERS = timedelta(hours=1)  # in which those who read what was replaced come to its end

REMOVAL_WAITS = "files.removal_waits"

log = get_logger(__name__)


class Upload(Struct, frozen=True):
    """What the client says of the content, apart from the bytes."""

    media_type: str | None = None  # goes before what was declared: it came with the bytes
    filename: str | None = None  # fills in what is not known yet


async def store_content(
    db: Database,
    files: FileStore,
    company_id: int,
    id: UUID,
    chunks: AsyncIterable[bytes],
    *,
    limit: int,
    upload: Upload | None = None,
) -> int:
    """Give an attachment its content; the size. It is durable and UPLOADED when this returns, or
    as it was. Raises NotFound, Conflict (it is in use), ContentTooLarge, InvalidInput (no bytes).
    """
    key = file_key(company_id, ids.new_id())
    await _begin(db, company_id, id, key)
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            size = await files.put(key, chunks, limit=limit, owner=company_id)
        if size == 0:
            raise InvalidInput("The content is empty.")
        await _finish(db, company_id, id, key, size, upload or Upload())
    except TimeoutError as error:
        raise InvalidInput("The upload took too long.") from error
    except (InvalidInput, NotFound, Conflict):
        await remove_file(db, files, company_id, key)
        raise
    return size


async def find_content(source: store.Source, company_id: int, id: UUID) -> StoredFile:
    """An attachment that has content. Raises NotFound, InvalidInput (it has none yet)."""
    found = (await store.stored_files(source, company_id, [id])).get(id)
    if found is None:
        raise NotFound
    if found.state is not AttachmentState.UPLOADED:
        raise InvalidInput("The attachment has no content yet.")
    return found


async def remove_file(db: Database, files: FileStore, company_id: int, key: str) -> bool:
    """Remove a file whose removal is planned. Whether it is gone; if not, it stays planned."""
    try:
        await files.delete(key)
        await db.execute(store.SQL["forget_removal"], company_id, key)
    except Unavailable as error:
        log.warning(REMOVAL_WAITS, company_id=company_id, key=key, reason=error.message)
        return False
    return True


# ---------------------------------------------------------------- the steps


async def _begin(db: Database, company_id: int, id: UUID, key: str) -> None:
    due = datetime.now(UTC) + ABANDONED

    async def work(tx: asyncpg.Connection) -> None:
        await _open_for_content(tx, company_id, id)
        await tx.execute(store.SQL["plan_removal"], company_id, key, due)

    await db.run(work)


async def _finish(
    db: Database, company_id: int, id: UUID, key: str, size: int, upload: Upload
) -> None:
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        row = await _open_for_content(tx, company_id, id)
        if await tx.fetchval(store.SQL["forget_removal"], company_id, key) is None:
            raise Conflict("The upload took too long; what was sent is gone.")
        if row["file_key"] is not None:
            await tx.execute(store.SQL["plan_removal"], company_id, row["file_key"], now + READERS)
        await tx.execute(
            store.SQL["set_content"],
            company_id,
            id,
            key,
            size,
            upload.media_type,
            upload.filename,
            now,
        )

    await db.run(work)


async def _open_for_content(tx: asyncpg.Connection, company_id: int, id: UUID) -> store.Row:
    row = await store.lock(tx, company_id, id)
    if row is None:
        raise NotFound
    if row["used_at"] is not None:
        raise Conflict("The attachment is in use; its content cannot be replaced.")
    return row

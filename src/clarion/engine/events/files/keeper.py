"""The work on files: close what is due, write what is closed, tell that it is there.

Any number of nodes may do it. A file is in the hands of one node, while that node's lease holds; a
node that dies leaves its file to another, which throws away what was written and begins again. The
file, the SUCCESS of its deliveries and its announcement are committed together, so that each event
is in exactly one file that is there.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from clarion.engine.events.announcing import ANNOUNCED_CHANNEL
from clarion.engine.events.files import collecting, store
from clarion.engine.events.files.announcements import address_of, announce_complete
from clarion.engine.events.files.collecting import BufferContent
from clarion.engine.events.files.dumping import DumpContent
from clarion.engine.events.files.model import (
    FILES_CHANNEL,
    MAX_EVENTS,
    MAX_FILE,
    EventFile,
    FileKind,
    Stopped,
    Written,
    file_key,
)
from clarion.engine.events.files.packing import packed
from clarion.engine.events.files.store import Due
from clarion.engine.events.model import DeliveryStatus
from clarion.errors import ContentTooLarge, NotFound, TooManyRequests
from clarion.kit import cron, ids
from clarion.log import get_logger
from clarion.storage.database import Database
from clarion.storage.files import FileStore

CLOSED_AT_ONCE = 100

AT_ONCE = 2
"""Files that one node works on side by side."""

FILE_WRITTEN = "event_file.written"
FILE_FAILED = "event_file.failed"
FILE_STOPPED = "event_file.stopped"
FILE_WAITS = "event_file.waits"
CRON_UNUSABLE = "event_file.cron_unusable"

log = get_logger(__name__)


class FileKeeper:
    """Works on files; `step` may be called several times at once."""

    def __init__(
        self,
        db: Database,
        files: FileStore,
        *,
        node_id: UUID,
        address: str,
        kept_days: int,
        most: int = MAX_EVENTS,
    ) -> None:
        """`address`: the installation's public one. `kept_days`: how long files are kept. `most`:
        events in one file."""
        self._db = db
        self._files = files
        self._node_id = node_id
        self._address = address
        self._kept_days = kept_days
        self._most = most
        self._in_hand: set[int] = set()
        self._taking = asyncio.Lock()
        self._last_company = 0

    async def step(self) -> bool:
        """Close what is due, and write one file; whether there was anything to do."""
        closed = await self._close()
        file = await self._take()
        if file is None:
            return closed > 0
        try:
            await self._write(file)
        except Stopped:
            log.info(FILE_STOPPED, company_id=file.company_id, file_id=file.id)
        except TooManyRequests as error:  # uploads have all of the store's room
            log.warning(FILE_WAITS, company_id=file.company_id, reason=error.message)
            return False
        finally:
            self._in_hand.discard(file.id)
        return True

    async def _take(self) -> EventFile | None:
        """Companies have their turns one after another."""
        async with self._taking:
            file = await store.take(
                self._db,
                self._node_id,
                datetime.now(UTC),
                in_hand=list(self._in_hand),
                after=self._last_company,
            )
            if file is not None:
                self._in_hand.add(file.id)
                self._last_company = file.company_id
            return file

    # ------------------------------------------------------------ closing

    async def _close(self) -> int:
        """Files whose time has come; how many configurations had theirs. Closing again is harmless:
        the next file collects from where this one ended."""
        now = datetime.now(UTC)

        async def work(tx: asyncpg.Connection) -> int:
            due = await store.due_buffers(tx, now, CLOSED_AT_ONCE)
            if due:
                await store.close_buffers(tx, due, now)
                await store.open_buffers(tx, due, [_next(each, now) for each in due])
            return len(due)

        return await self._db.run(work)

    # ------------------------------------------------------------ writing

    async def _write(self, file: EventFile) -> None:
        address = address_of(self._address, file)
        if file.file_key is not None:  # whoever had it before has not come to the end
            await self._files.delete(file.file_key)
        if file.kind is FileKind.BUFFER:
            await collecting.collect(
                self._db, file, self._node_id, address=address, most=self._most
            )
        key = file_key(file.company_id, ids.new_id())
        if not await store.name_key(self._db, file, self._node_id, key, datetime.now(UTC)):
            raise Stopped
        try:
            written = await self._put(file, key)
        except ContentTooLarge as error:
            await self._fail(file, address, error.message)
            return
        except NotFound as error:  # another node has the file by now, and removed what was there
            raise Stopped from error
        try:
            await self._finish(file, written, address)
        except Stopped:
            await self._files.delete(key)
            raise

    async def _put(self, file: EventFile, key: str) -> Written:
        kind = BufferContent if file.kind is FileKind.BUFFER else DumpContent
        content = kind(self._db, file)
        inside = file.name.removesuffix(".zip")
        chunks = packed(content.pieces(), file.compression, name=inside)
        size = await self._files.put(key, chunks, limit=MAX_FILE)
        return Written(key, content.rows, size)

    async def _finish(self, file: EventFile, written: Written, address: str) -> None:
        now = datetime.now(UTC)
        expires_at = now + timedelta(days=self._kept_days)

        async def work(tx: asyncpg.Connection) -> bool:
            done = await store.archive(
                tx, file, self._node_id, written, expires_at=expires_at, now=now
            )
            if done is None:
                raise Stopped
            if file.kind is FileKind.BUFFER:
                await collecting.settle(tx, file, DeliveryStatus.SUCCESS, address=address)
            await announce_complete(tx, done, self._address, kept_days=self._kept_days)
            return file.kind is FileKind.BUFFER and await store.open_rest(tx, file, now)

        if await self._db.run(work):
            self._db.hint(FILES_CHANNEL)
        self._db.hint(ANNOUNCED_CHANNEL)
        log.info(
            FILE_WRITTEN,
            company_id=file.company_id,
            file_id=file.id,
            kind=file.kind,
            rows=written.rows,
            size=written.size,
        )

    async def _fail(self, file: EventFile, address: str, reason: str) -> None:
        async def work(tx: asyncpg.Connection) -> None:
            if not await store.fail(tx, file, self._node_id, datetime.now(UTC)):
                raise Stopped
            if file.kind is FileKind.BUFFER:
                await collecting.settle(tx, file, DeliveryStatus.FAILED, address=address)

        await self._db.run(work)
        log.warning(FILE_FAILED, company_id=file.company_id, file_id=file.id, reason=reason)


def _next(due: Due, now: datetime) -> datetime | None:
    """When the next file is closed; ticks that nobody was there for are not made up for."""
    try:
        return cron.next_time(due.cron_expression, now)
    except ValueError as error:
        log.warning(CRON_UNUSABLE, company_id=due.company_id, reason=str(error))
        return None

"""A BUFFER: events that a cron configuration has collected, in one file.

First the deliveries move out of the queue to the file's entries, some thousands a transaction; from
then on what the file holds is settled, and whoever writes it anew after a crash writes the same.
JSON: the document of each event, as it would be posted, on a line of its own. XML: the same
elements under one root.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from clarion.engine.events import bodies
from clarion.engine.events.files import store
from clarion.engine.events.files.model import MAX_EVENTS, EventFile, Stopped
from clarion.engine.events.model import DeliveryStatus, Event, Format
from clarion.storage.database import Database

WINDOW = 5000  # deliveries
WRITE_WINDOW = 1000  # events
ATTEMPT = 1
COLLECTED = "It is in file {}."
SUPERSEDED = "A newer event of its key is in file {}."
FAILED = "File {} could not be written."

_START = UUID(int=0)
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_ROOT = f'<event-deliveries xmlns="{bodies.NAMESPACE}">\n'.encode()
_ROOT_END = b"</event-deliveries>\n"


async def collect(
    db: Database, file: EventFile, node_id: UUID, *, address: str, most: int = MAX_EVENTS
) -> None:
    """Give the file what waits for it, up to `most` events. Stopped: another node works on it."""
    latest_only = await store.wants_latest(db, file)
    held = await store.count_entries(db, file)
    while held < most:
        limit = min(WINDOW, most - held)

        async def work(tx: asyncpg.Connection, limit: int = limit) -> tuple[int, int]:
            if not await store.lock(tx, file, node_id):
                raise Stopped
            taken = await store.take_waiting(tx, file, limit)
            if latest_only:
                return len(taken), await _keep_latest(tx, file, taken, address)
            await store.insert_entries(tx, file, taken, [None] * len(taken))
            return len(taken), len(taken)

        taken, more = await db.run(work)
        held += more
        if taken < limit:
            return


async def _keep_latest(
    tx: asyncpg.Connection, file: EventFile, taken: list[UUID], address: str
) -> int:
    """How many more the file holds."""
    keys = await store.event_keys(tx, file.company_id, taken)
    await store.insert_entries(tx, file, list(keys), list(keys.values()))
    old = await store.drop_superseded(tx, file, sorted(set(keys.values())))
    await store.settle(
        tx,
        file,
        old,
        DeliveryStatus.SUCCESS,
        address=address,
        words=SUPERSEDED.format(file.id),
        now=datetime.now(UTC),
    )
    return len(keys) - len(old)


class BufferContent:
    """The bytes of a BUFFER, and how many events have gone into them."""

    def __init__(self, db: Database, file: EventFile) -> None:
        self._db = db
        self._file = file
        self.rows = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        is_xml = self._file.format is Format.XML
        if is_xml:
            yield _DECLARATION + _ROOT
        after = _START
        while ids := await store.entry_window(self._db, self._file, after, WRITE_WINDOW):
            found = await store.events(self._db, self._file.company_id, ids)
            yield b"".join(map(_xml_line if is_xml else _json_line, found))
            self.rows += len(found)
            after = ids[-1]
        if is_xml:
            yield _ROOT_END


async def settle(
    tx: asyncpg.Connection, file: EventFile, status: DeliveryStatus, *, address: str
) -> None:
    """All deliveries of the file, in the transaction that says what has become of it."""
    words = COLLECTED if status is DeliveryStatus.SUCCESS else FAILED
    now = datetime.now(UTC)
    while events := await store.take_entries(tx, file, WINDOW):
        await store.settle(
            tx, file, events, status, address=address, words=words.format(file.id), now=now
        )


def _json_line(event: Event) -> bytes:
    return bodies.json_body(event, ATTEMPT) + b"\n"


def _xml_line(event: Event) -> bytes:
    return bodies.xml_body(event, ATTEMPT).removeprefix(_DECLARATION) + b"\n"

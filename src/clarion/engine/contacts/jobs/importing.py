"""An import: a CSV file becomes contacts, a batch of rows a transaction.

With its contacts a batch commits how far into the file it reaches: after a crash another node goes
on from there, and nothing is done twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
from msgspec import Struct

from clarion.engine.attachments.content import find_content
from clarion.engine.attachments.model import StoredFile
from clarion.engine.contacts.accounts import seal_accounts
from clarion.engine.contacts.bulk import Outcome, upsert_contacts
from clarion.engine.contacts.fast_access.store import read_rules
from clarion.engine.contacts.groups import store as groups
from clarion.engine.contacts.groups.service import join_group
from clarion.engine.contacts.jobs import store
from clarion.engine.contacts.jobs.abreast import Abreast
from clarion.engine.contacts.jobs.columns import BadRow, Columns, read_columns
from clarion.engine.contacts.jobs.csv_reading import (
    Beginning,
    Mark,
    Row,
    RowReader,
    read_beginning,
)
from clarion.engine.contacts.jobs.failures import failed, store_failures
from clarion.engine.contacts.jobs.model import Failure, Job, Stopped
from clarion.errors import InvalidInput, NotFound
from clarion.kit.vault import Vault
from clarion.storage.database import Database
from clarion.storage.files import FileStore

NAP = 200  # rows that are read at a stretch; then others have the thread
FIRST_LINE = 1

Contact = dict[str, Any]


class _Batch(Struct, frozen=True):
    """Some rows of the file, and where they are in it."""

    rows: list[Row]  # those that are contacts
    contacts: list[Contact]
    failures: list[Failure]
    start: int  # bytes of the file that are dealt with before it
    end: Mark


async def run_import(db: Database, files: FileStore, vault: Vault, job: Job, node_id: UUID) -> None:
    """All of it. Stopped: it was canceled, or is another node's."""
    names: Sequence[str] = ()
    try:
        content = await find_content(db, job.company_id, job.attachment_id)
        beginning = await _beginning(files, content)
        names = beginning.names
        columns = read_columns(names, await read_rules(db, job.company_id))
        await _Import(db, vault, job, columns, node_id).run(files, content, beginning)
    except (NotFound, InvalidInput) as error:
        await _refuse(db, job, node_id, error.message)
    await store_failures(db, files, job, node_id, names)


async def _beginning(files: FileStore, content: StoredFile) -> Beginning:
    async with aclosing(await files.get(_key(content))) as chunks:
        return await read_beginning(chunks)


def _key(content: StoredFile) -> str:
    assert content.key is not None  # it is uploaded
    return content.key


async def _refuse(db: Database, job: Job, node_id: UUID, words: str) -> None:
    """The file cannot be read, or is gone: that is the one failure of its first line."""

    async def work(tx: asyncpg.Connection) -> None:
        if await store.lock(tx, job, node_id) is None:
            raise Stopped
        await _note(tx, job, [Failure(FIRST_LINE, [], words)])

    await db.run(work)


class _Import:
    """The rows of one job's file, on their way into the database."""

    def __init__(
        self, db: Database, vault: Vault, job: Job, columns: Columns, node_id: UUID
    ) -> None:
        self._db = db
        self._vault = vault
        self._job = job
        self._columns = columns
        self._node_id = node_id
        self._read_up_to = job.mark.position

    async def run(self, files: FileStore, content: StoredFile, beginning: Beginning) -> None:
        """From where the job has come to, to the end of the file."""
        start = max(self._job.mark, beginning.mark, key=lambda mark: mark.position)
        if start.position == content.size:
            return  # stores refuse to read from behind the last byte
        async with aclosing(await files.get(_key(content), start=start.position)) as chunks:
            reader = RowReader(chunks, start, beginning.delimiter)
            await self._all(reader)

    async def _all(self, reader: RowReader) -> None:
        """The next batch is read while others are stored."""
        batches = Abreast(self._db, self._upsert, self._settle)
        try:
            while (batch := await self._read(reader)) is not None:
                await batches.put(batch)
            await batches.finish()
        finally:
            await batches.stop()

    async def _read(self, reader: RowReader) -> _Batch | None:
        rows = await reader.read()
        if not rows:
            return None
        batch = _Batch([], [], [], self._read_up_to, reader.mark)
        self._read_up_to = reader.mark.position
        for at, row in enumerate(rows):
            self._sort(row, batch)
            if at % NAP == NAP - 1:
                await asyncio.sleep(0)
        return batch

    def _sort(self, row: Row, batch: _Batch) -> None:
        """A row is a contact or a failure."""
        try:
            if row.trouble is not None:
                raise BadRow(row.trouble)
            contact = self._columns.contact(row.cells)
            batch.contacts.append(seal_accounts(self._vault, self._job.company_id, contact))
            batch.rows.append(row)
        except BadRow as error:
            batch.failures.append(failed(row, str(error)))

    async def _upsert(self, tx: asyncpg.Connection, batch: _Batch) -> list[Outcome]:
        job = self._job
        return await upsert_contacts(tx, job.company_id, job.application_id, batch.contacts)

    async def _settle(self, tx: asyncpg.Connection, batch: _Batch, outcomes: list[Outcome]) -> None:
        """What commits with the contacts: their group, what failed, and how far it has come."""
        if await store.lock(tx, self._job, self._node_id) != batch.start:
            raise Stopped
        found = [id for id in outcomes if isinstance(id, UUID)]
        failures = batch.failures + [
            failed(row, outcome)
            for row, outcome in zip(batch.rows, outcomes, strict=True)
            if isinstance(outcome, str)
        ]
        await self._join(tx, found)
        await _note(tx, self._job, failures, imported=len(found), end=batch.end)

    async def _join(self, tx: asyncpg.Connection, contacts: list[UUID]) -> None:
        """They become members of the job's group, unless it is deleted since."""
        group, company_id = self._job.group_id, self._job.company_id
        if group is None or await groups.read(tx, company_id, group) is None:
            return
        await join_group(tx, company_id, group, contacts)


async def _note(
    tx: asyncpg.Connection,
    job: Job,
    failures: list[Failure],
    *,
    imported: int = 0,
    end: Mark | None = None,
) -> None:
    """Count what was done; keep what failed."""
    fresh = await store.add_failures(tx, job, failures) if failures else 0
    await store.advance(
        tx, job, imported=imported, failed=fresh, mark=end or job.mark, now=datetime.now(UTC)
    )

"""Rows of an import that are no contacts: kept in the database, in a file once the job ends.

The file has the columns of the import, and the line and the reason behind them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import asyncpg

from clarion.engine.accounts.model import Caller
from clarion.engine.attachments.content import store_content
from clarion.engine.attachments.model import NewAttachment
from clarion.engine.attachments.service import create_attachment, delete_attachment
from clarion.engine.contacts.jobs import store
from clarion.engine.contacts.jobs.columns import LINE_COLUMN, REASON_COLUMN
from clarion.engine.contacts.jobs.csv_reading import Row
from clarion.engine.contacts.jobs.model import CSV_TYPE, MAX_FILE, Failure, Job, Stopped
from clarion.errors import NotFound
from clarion.storage.database import Database
from clarion.storage.files import FileStore

SLICE = 2000
REMOVED = 10_000  # in one transaction
MAX_REASON = 1000
_NAME = "contact import failures"


def failed(row: Row, reason: str) -> Failure:
    """A row and why it is no contact; bytes that are no text are shown as such."""
    cells = [cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
             for cell in row.cells]  # fmt: skip
    return Failure(row.line, cells, reason[:MAX_REASON])


async def store_failures(
    db: Database, files: FileStore, job: Job, node_id: UUID, names: Sequence[str]
) -> None:
    """Make the file, if there are failures. May run again: the file is then written anew."""
    if not await store.failure_slice(db, job, 0, 1):
        return
    attachment_id = job.failures_id or await _attachment(db, job, node_id)
    await store_content(
        db, files, job.company_id, attachment_id, _file(db, job, names), limit=MAX_FILE
    )


async def remove_failures(db: Database, job: Job) -> None:
    """What the file has need not be kept any longer."""
    while await store.remove_failures(db, job, REMOVED) == REMOVED:
        pass


async def discard_file(db: Database, files: FileStore, job: Job) -> None:
    """The file of a job that nobody has seen the end of."""
    if job.failures_id is None:
        return
    try:
        await delete_attachment(db, files, job.company_id, job.failures_id)
    except NotFound:
        return


async def _attachment(db: Database, job: Job, node_id: UUID) -> UUID:
    """A place for the file, noted with the job in one transaction."""
    caller = Caller(company_id=job.company_id, application_id=job.application_id)
    new = NewAttachment(name=_NAME, type=CSV_TYPE, filename="failures.csv")

    async def work(tx: asyncpg.Connection) -> UUID:
        id = await create_attachment(tx, caller, new)
        if not await store.plan_failures(tx, job, node_id, id):
            raise Stopped
        return id

    return await db.run(work)


async def _file(db: Database, job: Job, names: Sequence[str]) -> AsyncIterator[bytes]:
    yield _lines([[*names, LINE_COLUMN, REASON_COLUMN]])
    after = 0
    while failures := await store.failure_slice(db, job, after, SLICE):
        yield _lines([_cells(failure, len(names)) for failure in failures])
        after = failures[-1].line


def _cells(failure: Failure, count: int) -> list[str]:
    """As many as the file has columns, then ours."""
    filled = [*failure.cells, *[""] * count][:count]
    return [*filled, str(failure.line), failure.reason]


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()

"""Import and export jobs, as clients begin and end them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import asyncpg

from clarion.engine.accounts.model import Caller
from clarion.engine.attachments import store as attachments
from clarion.engine.attachments.content import find_content
from clarion.engine.attachments.model import NewAttachment
from clarion.engine.attachments.service import create_attachment, discard, mark_used
from clarion.engine.contacts.groups import store as groups
from clarion.engine.contacts.groups.model import GroupType
from clarion.engine.contacts.groups.service import CONTACT_WORK_CHANNEL
from clarion.engine.contacts.jobs import store
from clarion.engine.contacts.jobs.model import CSV_TYPE, JobKind
from clarion.errors import Conflict, InvalidInput, NotFound
from clarion.kit import ids
from clarion.kit.dates import to_epoch_ms
from clarion.storage.database import Database

PURGED = 200  # jobs in one transaction


async def create_import(
    db: Database, caller: Caller, attachment_id: UUID, group_id: UUID | None
) -> UUID:
    """A job that makes contacts of an uploaded CSV file, and members of a STATIC group of them."""

    async def work(tx: asyncpg.Connection) -> UUID:
        await _check_group(tx, caller, group_id, static=True)
        await _check_content(tx, caller, attachment_id)
        await mark_used(tx, caller.company_id, attachment_id)
        return await _insert(tx, caller, JobKind.IMPORT, attachment_id, group_id)

    return await _begun(db, await db.run(work))


async def create_export(
    db: Database, caller: Caller, attachment_id: UUID | None, group_id: UUID | None
) -> UUID:
    """A job that puts contacts, all or a group's, into an attachment as CSV. Without one it makes
    one."""

    async def work(tx: asyncpg.Connection) -> UUID:
        await _check_group(tx, caller, group_id, static=False)
        target = attachment_id
        if target is None:
            new = NewAttachment(name="contacts", type=CSV_TYPE, filename="contacts.csv")
            target = await create_attachment(tx, caller, new)
        else:
            await _check_free(tx, caller, target)
        return await _insert(tx, caller, JobKind.EXPORT, target, group_id)

    return await _begun(db, await db.run(work))


async def cancel_job(db: Database, caller: Caller, id: UUID, kind: JobKind) -> None:
    """End a job where it is; contacts that were imported stay."""
    if not await store.cancel(db, caller.company_id, id, kind, datetime.now(UTC)):
        raise NotFound
    db.hint(CONTACT_WORK_CHANNEL)


async def purge_jobs(db: Database, age: timedelta) -> int:
    """Jobs that were completed so long ago are forgotten, with their files if nothing else has
    them; how many. May run again and anywhere: it only deletes."""
    before = datetime.now(UTC) - age
    total = 0
    for company_id in await store.companies_with_old_jobs(db, before):
        while done := await db.run(partial(_purge, company_id, before)):
            total += done
    return total


# ---------------------------------------------------------------- the steps


async def _purge(company_id: int, before: datetime, tx: asyncpg.Connection) -> int:
    jobs, attachments_left = await store.purge(tx, company_id, before, PURGED)
    await discard(tx, company_id, attachments_left)
    return jobs


async def _check_group(
    tx: asyncpg.Connection, caller: Caller, group_id: UUID | None, *, static: bool
) -> None:
    if group_id is None:
        return
    group = await groups.read(tx, caller.company_id, group_id)
    if group is None:
        raise InvalidInput("contact_group_id: there is no such group.", field="contact_group_id")
    if static and group.type is GroupType.DYNAMIC:
        words = "contact_group_id: contacts cannot be added to a DYNAMIC group."
        raise InvalidInput(words, field="contact_group_id")


async def _check_content(tx: asyncpg.Connection, caller: Caller, attachment_id: UUID) -> None:
    field = "import_attachment_id"
    try:
        await find_content(tx, caller.company_id, attachment_id)
    except NotFound as error:
        raise _no_attachment(field) from error
    except InvalidInput as error:
        raise InvalidInput(f"{field}: its file is not uploaded.", field=field) from error


async def _check_free(tx: asyncpg.Connection, caller: Caller, attachment_id: UUID) -> None:
    field = "export_attachment_id"
    row = await attachments.lock(tx, caller.company_id, attachment_id)
    if row is None:
        raise _no_attachment(field)
    if row["used_at"] is not None:
        words = f"{field}: the attachment is in use; its content cannot be replaced."
        raise Conflict(words, field=field)


def _no_attachment(field: str) -> InvalidInput:
    return InvalidInput(f"{field}: there is no such attachment.", field=field)


async def _insert(
    tx: asyncpg.Connection,
    caller: Caller,
    kind: JobKind,
    attachment_id: UUID,
    group_id: UUID | None,
) -> UUID:
    now = datetime.now(UTC)
    id = ids.new_id(at_ms=to_epoch_ms(now))
    await store.insert(
        tx,
        caller.company_id,
        id,
        kind,
        application_id=caller.application_id,
        group_id=group_id,
        attachment_id=attachment_id,
        now=now,
    )
    return id


async def _begun(db: Database, id: UUID) -> UUID:
    db.hint(CONTACT_WORK_CHANNEL)
    return id

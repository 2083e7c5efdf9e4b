"""What can be done with attachments: make, change, delete them, and give them to messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from clarion.engine.accounts.model import Caller
from clarion.engine.attachments import store
from clarion.engine.attachments.content import remove_file
from clarion.engine.attachments.model import (
    MAX_LINKED,
    AttachmentChange,
    AttachmentState,
    Brought,
    Link,
    NewAttachment,
    StoredFile,
)
from clarion.errors import InvalidInput, NotFound
from clarion.kit import ids
from clarion.kit.changes import changes_of
from clarion.kit.dates import to_epoch_ms
from clarion.storage.database import Database
from clarion.storage.files import FileStore


async def create_attachment(source: store.Source, caller: Caller, new: NewAttachment) -> UUID:
    """An attachment of the caller's company, without content."""
    now = datetime.now(UTC)
    made = ids.new_id(at_ms=to_epoch_ms(now))
    await source.execute(
        store.SQL["insert_attachment"],
        caller.company_id,
        made,
        caller.application_id,
        new.name,
        new.type,
        new.filename,
        new.designation,
        now,
    )
    return made


async def change_attachment(
    db: Database, company_id: int, id: UUID, change: AttachmentChange
) -> None:
    """Set what `change` names, if its version is current."""
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        row = await store.lock(tx, company_id, id)
        if row is None:
            raise NotFound
        after = dict(row) | changes_of(row, change)
        await tx.execute(
            store.SQL["update_attachment"],
            company_id,
            id,
            after["name"],
            after["type"],
            after["filename"],
            after["designation"],
            now,
        )

    await db.run(work)


async def discard(tx: store.Source, company_id: int, ids: Sequence[UUID]) -> None:
    """Attachments that nobody needs any more; their content is removed by the background."""
    if ids:
        await tx.execute(store.SQL["delete_attachments"], company_id, ids, datetime.now(UTC))


async def delete_attachment(db: Database, files: FileStore, company_id: int, id: UUID) -> None:
    """Mark it deleted; its tokens and its content go with it. What could not be removed from the
    store now is removed later."""
    row = await db.fetchrow(store.SQL["delete_attachments"], company_id, [id], datetime.now(UTC))
    if row is None:
        raise NotFound
    if row["file_key"] is not None:
        await remove_file(db, files, company_id, row["file_key"])


# ---------------------------------------------------------------- for messages and jobs


async def read_for_sending(
    tx: store.Source, company_id: int, ids: Sequence[UUID]
) -> list[StoredFile]:
    """Those of the attachments that the company still has, in the order of the ids."""
    found = await store.stored_files(tx, company_id, ids)
    return [found[id] for id in dict.fromkeys(ids) if id in found]


async def link_attachments(
    tx: store.Source, company_id: int, request_id: UUID, attachment_ids: Sequence[UUID]
) -> None:
    """The message request (or the MO message) carries these, in this order; their content is fixed
    from now on. InvalidInput: one of them is not there or has no content. May run again.
    """
    if not attachment_ids:
        return
    if len(attachment_ids) > MAX_LINKED:
        raise InvalidInput(f"attachments: at most {MAX_LINKED}.", field="attachments")
    await link_checked(tx, [Link(company_id, request_id, attachment_ids)])
    found = await store.stored_files(tx, company_id, attachment_ids)
    for id in attachment_ids:
        _check_usable(id, found.get(id))


async def link_checked(tx: store.Source, links: Sequence[Link]) -> None:
    """The same for many message requests, of attachments that were looked at just before: one that
    was deleted since fails its own messages, and not what is stored beside them."""
    each = [
        (link.company_id, link.request_id, id, place)
        for link in links
        for place, id in enumerate(dict.fromkeys(link.attachment_ids))
    ]
    if each:
        used = list({(company_id, id) for company_id, _, id, _ in each})
        await store.mark_used(tx, used, datetime.now(UTC))
        await store.insert_links(tx, each)


async def link_brought(tx: store.Source, brought: Sequence[Brought]) -> None:
    """Files that MO messages have brought are attachments, and those messages carry them."""
    if brought:
        await store.link_brought(tx, brought, datetime.now(UTC))


async def linked_attachments(
    source: store.Source, company_id: int, request_ids: Sequence[UUID]
) -> dict[UUID, list[UUID]]:
    """What message requests (or MO messages) carry; those without anything are left out."""
    found: dict[UUID, list[UUID]] = defaultdict(list)
    for row in await source.fetch(store.SQL["links"], company_id, request_ids):
        found[row["request_id"]].append(row["attachment_id"])
    return dict(found)


async def mark_used(tx: store.Source, company_id: int, id: UUID) -> None:
    """A job reads it: it is kept, and its content is fixed from now on."""
    await store.mark_used(tx, [(company_id, id)], datetime.now(UTC))


def _check_usable(id: UUID, found: StoredFile | None) -> None:
    shown = ids.show(id)
    if found is None:
        words = f"attachments: there is no attachment {shown}."
        raise InvalidInput(words, field="attachments")
    if found.state is not AttachmentState.UPLOADED:
        words = f"attachments: the attachment {shown} has no content yet."
        raise InvalidInput(words, field="attachments")

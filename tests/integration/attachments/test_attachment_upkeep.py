"""What has had its time goes by itself: tokens, attachments that nothing uses, links, files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from uploads import Stored, Upload, new_caller

from clarion.engine.accounts.model import Caller
from clarion.engine.attachments.model import NewAttachment
from clarion.engine.attachments.service import (
    create_attachment,
    link_attachments,
    linked_attachments,
    read_for_sending,
)
from clarion.engine.attachments.tasks import (
    attachment_jobs,
    delete_old_links,
    delete_unused,
    forget_tokens,
    remove_files,
)
from clarion.engine.attachments.tokens import issue_token, open_token
from clarion.errors import NotFound
from clarion.kit import ids
from clarion.settings import Files, Retention, Settings
from clarion.storage.database import Database
from clarion.storage.files import FileStore
from clarion.storage.partitions import partitions_of

DAY = timedelta(days=1)


async def _age(db: Database, id: UUID, *, changed: int, used: int | None = None) -> None:
    """As if it had been changed and used so many days ago."""
    now = datetime.now(UTC)
    await db.execute(
        "update attachment set updated_at = $2, used_at = $3 where id = $1",
        id,
        now - changed * DAY,
        None if used is None else now - used * DAY,
    )


async def test_tokens_that_have_expired_are_forgotten(db: Database, caller: Caller) -> None:
    id = await create_attachment(db, caller, NewAttachment())
    live = await issue_token(db, caller, id, lifetime=60)
    dead = await issue_token(db, caller, id, lifetime=-1)
    with pytest.raises(NotFound):
        await open_token(db, dead.id)
    assert await forget_tokens(db) == 1
    assert (await open_token(db, live.id)).company_id == caller.company_id


async def test_attachments_go_when_nothing_has_used_them_for_long(
    db: Database, files: FileStore, caller: Caller, upload: Upload, stored: Stored
) -> None:
    fresh, idle, used, once = [await upload() for _ in range(4)]
    never = await create_attachment(db, caller, NewAttachment())
    await _age(db, fresh, changed=9)
    await _age(db, idle, changed=11)
    await _age(db, used, changed=11, used=9)
    await _age(db, once, changed=20, used=11)
    await _age(db, never, changed=11)
    token = await issue_token(db, caller, idle, lifetime=60)
    theirs = await create_attachment(db, await new_caller(db, "Other"), NewAttachment())
    await _age(db, theirs, changed=11)

    assert await delete_unused(db, 10 * DAY) == 4
    assert await remove_files(db, files) == 2
    everything = [fresh, idle, used, once, never]
    left = [each.id for each in await read_for_sending(db, caller.company_id, everything)]
    assert left == [fresh, used]
    assert len(stored()) == 2
    with pytest.raises(NotFound):
        await open_token(db, token.id)
    assert await delete_unused(db, 10 * DAY) == 0


@pytest.mark.parametrize(
    ("unused_days", "message_days", "gone"), [(5, 3, True), (5, 7, False), (0, 3, False)]
)
async def test_the_settings_say_when_and_messages_come_first(
    db: Database, files: FileStore, caller: Caller, *, unused_days: int, message_days: int,
    gone: bool,
) -> None:  # fmt: skip
    id = await create_attachment(db, caller, NewAttachment())
    await _age(db, id, changed=6)
    settings = Settings(
        files=Files(unused_days=unused_days), retention=Retention(message_days=message_days)
    )
    jobs = {job.name: job for job in attachment_jobs(db, files, settings)}
    await jobs["unused attachments"].work()
    assert bool(await read_for_sending(db, caller.company_id, [id])) is not gone


async def test_links_go_with_the_requests_that_they_were_of(
    db: Database, caller: Caller, upload: Upload
) -> None:
    id = await upload()
    oldest = (await partitions_of(db, "message_request"))[0].low
    before = ids.new_request_id(at_ms=ids.created_ms(oldest) - 1000)
    after = ids.new_request_id()
    for request in (before, after):
        async with db.transaction() as tx:
            await link_attachments(tx, caller.company_id, request, [id])
    assert await delete_old_links(db) == 1
    assert list(await linked_attachments(db, caller.company_id, [before, after])) == [after]

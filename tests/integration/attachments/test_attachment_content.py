"""Content of attachments: whole or not there, whatever happens on the way; and who carries it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

import pytest
from tests.waiting import PATIENCE
from uploads import LIMIT, Stored, Upload, chunks, new_caller

from clarion.engine.accounts.model import Caller
from clarion.engine.attachments import content as content_module
from clarion.engine.attachments.content import find_content, store_content
from clarion.engine.attachments.model import AttachmentState, Link, NewAttachment
from clarion.engine.attachments.service import (
    create_attachment,
    delete_attachment,
    link_attachments,
    link_checked,
    linked_attachments,
    mark_used,
    read_for_sending,
)
from clarion.engine.attachments.tasks import remove_files
from clarion.engine.attachments.tokens import issue_token, open_token
from clarion.errors import Conflict, ContentTooLarge, InvalidInput, NotFound, Unavailable
from clarion.kit import ids
from clarion.storage.database import Database
from clarion.storage.files import FileStore


async def _read(files: FileStore, key: str | None) -> bytes:
    return b"".join([chunk async for chunk in await files.get(key or "")])


async def _planned(db: Database) -> int:
    return int(await db.fetchval("select count(*) from file_removal"))


async def _link(db: Database, caller: Caller, owner: UUID, wanted: list[UUID]) -> None:
    async with db.transaction() as tx:
        await link_attachments(tx, caller.company_id, owner, wanted)


# ---------------------------------------------------------------- uploads


async def test_an_upload_is_the_attachments_content_and_nothing_else_is_left(
    db: Database, files: FileStore, caller: Caller, upload: Upload, stored: Stored
) -> None:
    id = await upload(b"x" * 5000)
    found = await find_content(db, caller.company_id, id)
    assert (found.state, found.size) == (AttachmentState.UPLOADED, 5000)
    assert await _read(files, found.key) == b"x" * 5000
    assert (len(stored()), await _planned(db)) == (1, 0)


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"", InvalidInput),
        (b"x" * (LIMIT + 1), ContentTooLarge),
    ],
)
async def test_what_is_refused_leaves_nothing(
    db: Database, files: FileStore, caller: Caller, upload: Upload, stored: Stored,
    *, sent: bytes, error: type[Exception],
) -> None:  # fmt: skip
    id = await upload(b"before")
    with pytest.raises(error):
        await store_content(db, files, caller.company_id, id, chunks(sent), limit=LIMIT)
    found = await find_content(db, caller.company_id, id)
    assert await _read(files, found.key) == b"before"
    assert (len(stored()), await _planned(db)) == (1, 0)


async def test_a_source_that_breaks_leaves_the_attachment_as_it_was(
    db: Database, files: FileStore, caller: Caller, stored: Stored
) -> None:
    id = await create_attachment(db, caller, NewAttachment())

    async def broken() -> AsyncGenerator[bytes, None]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store_content(db, files, caller.company_id, id, broken(), limit=LIMIT)
    with pytest.raises(InvalidInput, match="no content yet"):
        await find_content(db, caller.company_id, id)
    assert stored() == []


async def test_content_is_in_the_store_before_the_attachment_says_so(
    db: Database, files: FileStore, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await create_attachment(db, caller, NewAttachment())
    finish = content_module._finish
    seen: list[bytes] = []

    async def watched(*args: Any) -> None:
        seen.append(await _read(files, args[3]))
        with pytest.raises(InvalidInput, match="no content yet"):
            await find_content(db, caller.company_id, id)
        await finish(*args)

    monkeypatch.setattr(content_module, "_finish", watched)
    await store_content(db, files, caller.company_id, id, chunks(b"whole"), limit=LIMIT)
    assert seen == [b"whole"]


async def test_what_a_crash_leaves_in_the_store_is_known_and_removed(
    db: Database, files: FileStore, caller: Caller, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await create_attachment(db, caller, NewAttachment())

    async def crash(*_: Any) -> None:
        raise Unavailable("the process ends here")

    with monkeypatch.context() as patched:
        patched.setattr(content_module, "_finish", crash)
        with pytest.raises(Unavailable):
            await store_content(db, files, caller.company_id, id, chunks(b"lost"), limit=LIMIT)
    assert (len(stored()), await _planned(db)) == (1, 1)
    assert await remove_files(db, files) == 0  # it might still be an upload under way
    await db.execute("update file_removal set due_at = now() - interval '1 second'")
    assert await remove_files(db, files) == 1
    assert (stored(), await _planned(db)) == ([], 0)


async def test_an_upload_that_comes_to_its_end_after_its_removal_is_refused(
    db: Database, files: FileStore, caller: Caller
) -> None:
    id = await create_attachment(db, caller, NewAttachment())

    async def slow() -> AsyncGenerator[bytes, None]:
        yield b"x"
        await db.execute("update file_removal set due_at = now() - interval '1 second'")
        await remove_files(db, files)

    with pytest.raises(Conflict):
        await store_content(db, files, caller.company_id, id, slow(), limit=LIMIT)
    with pytest.raises(InvalidInput):
        await find_content(db, caller.company_id, id)


async def test_of_two_uploads_at_once_one_is_the_content(
    db: Database, files: FileStore, caller: Caller, stored: Stored
) -> None:
    id = await create_attachment(db, caller, NewAttachment())
    sent = [bytes([65 + n]) * 50_000 for n in range(6)]
    await asyncio.gather(
        *(
            store_content(db, files, caller.company_id, id, chunks(each), limit=LIMIT)
            for each in sent
        )
    )
    found = await find_content(db, caller.company_id, id)
    assert await _read(files, found.key) in sent
    await db.execute("update file_removal set due_at = now() - interval '1 second'")
    assert await remove_files(db, files) == 5
    assert len(stored()) == 1


async def test_what_is_replaced_can_still_be_read_for_a_while(
    db: Database, files: FileStore, caller: Caller, upload: Upload
) -> None:
    id = await upload(b"first")
    before = await find_content(db, caller.company_id, id)
    await store_content(db, files, caller.company_id, id, chunks(b"second"), limit=LIMIT)
    after = await find_content(db, caller.company_id, id)
    assert await remove_files(db, files) == 0
    assert (await _read(files, before.key), await _read(files, after.key)) == (b"first", b"second")


async def test_an_attachment_that_is_deleted_during_its_upload_stays_deleted(
    db: Database, files: FileStore, caller: Caller, stored: Stored
) -> None:
    id = await create_attachment(db, caller, NewAttachment())

    async def slow() -> AsyncGenerator[bytes, None]:
        yield b"x"
        await delete_attachment(db, files, caller.company_id, id)

    with pytest.raises(NotFound):
        await store_content(db, files, caller.company_id, id, slow(), limit=LIMIT)
    assert (stored(), await _planned(db)) == ([], 0)


async def test_another_company_can_neither_read_nor_write(
    db: Database, files: FileStore, upload: Upload
) -> None:
    id = await upload(b"theirs")
    stranger = await new_caller(db, "Other")
    for work in (
        find_content(db, stranger.company_id, id),
        store_content(db, files, stranger.company_id, id, chunks(b"x"), limit=LIMIT),
        delete_attachment(db, files, stranger.company_id, id),
        issue_token(db, stranger, id, lifetime=60),
    ):
        with pytest.raises(NotFound):
            await work
    assert await read_for_sending(db, stranger.company_id, [id]) == []


# ---------------------------------------------------------------- deletion


async def test_deletion_takes_content_and_tokens_along(
    db: Database, files: FileStore, caller: Caller, upload: Upload, stored: Stored
) -> None:
    id = await upload()
    token = await issue_token(db, caller, id, lifetime=60)
    assert (await open_token(db, token.id)).attachment_id == id
    await delete_attachment(db, files, caller.company_id, id)
    assert (stored(), await _planned(db)) == ([], 0)
    with pytest.raises(NotFound):
        await open_token(db, token.id)


async def test_while_the_store_is_away_content_is_removed_later(
    db: Database, files: FileStore, caller: Caller, upload: Upload, stored: Stored,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    id = await upload()

    async def away(_: str) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(files, "delete", away)
        await delete_attachment(db, files, caller.company_id, id)
        assert await remove_files(db, files) == 0
    with pytest.raises(NotFound):
        await find_content(db, caller.company_id, id)
    assert (len(stored()), await _planned(db)) == (1, 1)
    await db.execute("update file_removal set due_at = now()")
    assert await remove_files(db, files) == 1
    assert stored() == []


# ---------------------------------------------------------------- with messages


async def test_a_request_carries_attachments_in_its_order(
    db: Database, caller: Caller, upload: Upload
) -> None:
    first, second, third = [await upload(name=name) for name in "abc"]
    request, other = ids.new_request_id(), ids.new_request_id()
    await _link(db, caller, request, [third, first, third])
    await _link(db, caller, request, [third, first])  # a job that runs again
    await _link(db, caller, other, [second])
    await _link(db, caller, ids.new_request_id(), [])
    linked = await linked_attachments(db, caller.company_id, [request, other, ids.new_id()])
    assert linked == {request: [third, first], other: [second]}


async def test_what_is_to_be_sent_comes_in_the_order_asked_for(
    db: Database, caller: Caller, upload: Upload
) -> None:
    first = await upload(b"12345", name="Photo", type="image/png", filename="p.png")
    second = await create_attachment(db, caller, NewAttachment(name="Later"))
    found = await read_for_sending(db, caller.company_id, [second, first, ids.new_id()])
    assert [each.id for each in found] == [second, first]
    assert (found[0].state, found[0].key, found[0].size) == (AttachmentState.CREATED, None, None)
    whole = found[1]
    assert (whole.name, whole.mime_type, whole.filename) == ("Photo", "image/png", "p.png")
    assert (whole.size, whole.state) == (5, AttachmentState.UPLOADED)
    assert (whole.key or "").startswith(f"attachments/{caller.company_id}/")


async def test_what_is_not_there_or_empty_cannot_be_linked(
    db: Database, files: FileStore, caller: Caller, upload: Upload
) -> None:
    good, gone = await upload(), await upload()
    await delete_attachment(db, files, caller.company_id, gone)
    empty = await create_attachment(db, caller, NewAttachment())
    theirs = await create_attachment(db, await new_caller(db, "Other"), NewAttachment())
    request = ids.new_request_id()
    for bad, words in ((gone, "there is no"), (empty, "no content yet"), (theirs, "there is no")):
        with pytest.raises(InvalidInput, match=words) as caught:
            await _link(db, caller, request, [good, bad])
        assert ids.show(bad) in caught.value.message
    with pytest.raises(InvalidInput, match="at most"):
        await _link(db, caller, request, [ids.new_id() for _ in range(101)])
    assert await linked_attachments(db, caller.company_id, [request]) == {}


async def test_one_that_was_deleted_since_fails_no_request_beside_it(
    db: Database, files: FileStore, caller: Caller, upload: Upload
) -> None:
    good, gone = await upload(), await upload()
    await delete_attachment(db, files, caller.company_id, gone)
    theirs, other = ids.new_request_id(), await new_caller(db, "Other")
    mine = ids.new_request_id()
    async with db.transaction() as tx:
        await link_checked(
            tx,
            [
                Link(caller.company_id, mine, [gone, good]),
                Link(other.company_id, theirs, [good]),  # of another company: as good as unknown
                Link(other.company_id, ids.new_request_id(), []),
            ],
        )
    assert await linked_attachments(db, caller.company_id, [mine]) == {mine: [good]}
    assert await linked_attachments(db, other.company_id, [theirs]) == {}


async def test_content_is_fixed_once_something_uses_it(
    db: Database, files: FileStore, caller: Caller, upload: Upload
) -> None:
    linked, read = await upload(), await upload()
    await _link(db, caller, ids.new_request_id(), [linked])
    await mark_used(db, caller.company_id, read)
    for id in (linked, read):
        with pytest.raises(Conflict):
            await store_content(db, files, caller.company_id, id, chunks(b"x"), limit=LIMIT)


async def test_an_upload_that_a_request_overtakes_is_refused(
    db: Database, files: FileStore, caller: Caller, upload: Upload
) -> None:
    id = await upload(b"first")
    before = await find_content(db, caller.company_id, id)

    async def slow() -> AsyncGenerator[bytes, None]:
        yield b"second"
        await _link(db, caller, ids.new_request_id(), [id])

    with pytest.raises(Conflict):
        await store_content(db, files, caller.company_id, id, slow(), limit=LIMIT)
    assert await find_content(db, caller.company_id, id) == before


async def test_requests_that_share_an_attachment_do_not_wait_for_one_another(
    db: Database, caller: Caller, upload: Upload
) -> None:
    id = await upload()
    await _link(db, caller, ids.new_request_id(), [id])
    async with db.transaction() as held, db.transaction() as other:
        await link_attachments(held, caller.company_id, ids.new_request_id(), [id])
        async with asyncio.timeout(PATIENCE):
            await link_attachments(other, caller.company_id, ids.new_request_id(), [id])


async def test_requests_with_the_same_attachments_in_any_order_all_come_through(
    db: Database, caller: Caller, upload: Upload
) -> None:
    wanted = [await upload() for _ in range(4)]
    requests = [ids.new_request_id() for _ in range(8)]
    await asyncio.gather(
        *(
            _link(db, caller, request, wanted if turn % 2 else wanted[::-1])
            for turn, request in enumerate(requests)
        )
    )
    linked = await linked_attachments(db, caller.company_id, requests)
    assert all(sorted(linked[request]) == sorted(wanted) for request in requests)

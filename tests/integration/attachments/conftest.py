"""A company, a file store in a directory, and attachments with content."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from uploads import LIMIT, Stored, Upload, chunks, new_caller

from clarion.engine.accounts.model import Caller
from clarion.engine.attachments.content import store_content
from clarion.engine.attachments.model import NewAttachment
from clarion.engine.attachments.service import create_attachment
from clarion.settings import Files
from clarion.storage.database import Database
from clarion.storage.files import FileStore


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(Files(url=(tmp_path / "store").as_uri()))


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """The names of all files in the store, whole or not."""
    return lambda: sorted(each.name for each in (tmp_path / "store").rglob("*") if each.is_file())


@pytest.fixture
async def caller(db: Database) -> Caller:
    return await new_caller(db, "Acme")


@pytest.fixture
def upload(db: Database, files: FileStore, caller: Caller) -> Upload:
    """Makes an attachment with this content."""

    async def make(content: bytes = b"content", **more: str) -> UUID:
        id = await create_attachment(db, caller, NewAttachment(**more))
        await store_content(db, files, caller.company_id, id, chunks(content), limit=LIMIT)
        return id

    return make

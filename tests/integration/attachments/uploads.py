"""What the tests of attachments share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from uuid import UUID

from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.service import create_application, create_company
from clarion.storage.database import Database

LIMIT = 1_000_000

Stored = Callable[[], list[str]]
Upload = Callable[..., Awaitable[UUID]]


async def new_caller(db: Database, name: str) -> Caller:
    company = await create_company(db, name=name)
    made = await create_application(db, company.id, name="app")
    return Caller(company_id=company.id, application_id=made.application.id)


async def chunks(content: bytes) -> AsyncGenerator[bytes, None]:
    for at in range(0, len(content), 1000):
        yield content[at : at + 1000]

"""An application to work with."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from clarion.engine.accounts import service
from clarion.engine.accounts.cache import TokenCache
from clarion.engine.accounts.model import NewApplication
from clarion.storage.database import Database


@pytest.fixture
async def made(db: Database) -> NewApplication:
    company = await service.create_company(db, name="Acme")
    return await service.create_application(db, company.id, name="shop")


@pytest.fixture
async def cache(db: Database) -> AsyncIterator[TokenCache]:
    cache = TokenCache(db)
    await cache.start()
    yield cache
    await cache.stop()

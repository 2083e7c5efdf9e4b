"""A node with a sandbox carrier, and a company on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from phones import ADDRESS, VAULT, Company, company

from clarion import settings
from clarion.app import ROLES, Node
from clarion.engine.senders.service import seed_catalogue


@pytest.fixture
async def node(database_url: str, tmp_path: Path) -> AsyncIterator[Node]:
    chosen = settings.Settings(
        database=settings.Database(url=database_url),
        http=settings.Http(listen="127.0.0.1:0"),
        files=settings.Files(url=tmp_path.as_uri()),
        connectors={"sandbox": settings.SandboxConnector(receipt_delay=0.02)},
    )
    node = Node(chosen, roles=ROLES, vault=VAULT)
    await node.start()
    await seed_catalogue(node.db)
    yield node
    await node.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def acme(node: Node, http: aiohttp.ClientSession) -> Company:
    return await company(node, http, "Acme", ADDRESS)

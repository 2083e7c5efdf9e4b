"""One database for a module; each test has a company of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from scene import Scene, a_scene

from clarion.storage.database import Database

Make = Callable[..., Awaitable[Scene]]


@pytest.fixture
async def make(shared_db: Database) -> Make:
    async def made(manager: str = "SCG", **more: object) -> Scene:
        return await a_scene(shared_db, manager, **more)

    return made


@pytest.fixture
async def scene(make: Make) -> Scene:
    """Subscribers look after their consent."""
    return await make()

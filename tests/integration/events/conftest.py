"""Somebody who receives events, and a company that has some to deliver."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from posthouse import House
from tests.peers.receiver import Receiver

from clarion.storage.database import Database


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    built = await House.build(db)
    yield built
    await built.close()

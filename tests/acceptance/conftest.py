"""A gateway, started or not yet."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from running_gateway import Gateway


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(tmp_path)
    yield made
    made.clean_up()


@pytest.fixture
async def started(gateway: Gateway) -> AsyncIterator[Gateway]:
    await gateway.start()
    yield gateway
    await gateway.end(signal.SIGINT)


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """One for all tests of a module that leave it running, and mind only what is their own."""
    gateway = Gateway(tmp_path_factory.mktemp("shared"))
    try:
        await gateway.start()
        yield gateway
        await gateway.end(signal.SIGINT)
    finally:
        gateway.clean_up()

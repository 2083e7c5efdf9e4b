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

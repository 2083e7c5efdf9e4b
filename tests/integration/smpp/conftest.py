"""An SMSC, as new for each test, and the engine's side."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.contract.connectors.recording_engine import RecordingEngine
from tests.peers.smsc import Smsc


@pytest.fixture(scope="session")
async def _running_smsc() -> AsyncIterator[Smsc]:
    async with Smsc(receipts=False, retry_delay=20) as running:
        yield running


@pytest.fixture
async def smsc(_running_smsc: Smsc) -> Smsc:
    await _running_smsc.reset()
    return _running_smsc


@pytest.fixture
def engine() -> RecordingEngine:
    return RecordingEngine()

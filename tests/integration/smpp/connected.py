"""A connector on an SMSC, and submissions, in one line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.contract.connectors.recording_engine import RecordingEngine, until
from tests.peers.smsc import Smsc

from clarion.connectors.smpp.connector import SmppConnector
from clarion.engine.messages.ports import Encoding, FailureKind, Submission
from clarion.kit import ids
from clarion.settings import SmppConnector as Settings

FAST = {"reconnect": (0.02,), "response_timeout": 5.0, "connect_timeout": 5.0}


@asynccontextmanager
async def connected(
    smsc: Smsc, engine: RecordingEngine, *, binds: int = 1, wait: bool = True, **settings: Any
) -> AsyncIterator[SmppConnector]:
    facts = {"host": "127.0.0.1", "port": smsc.port, **FAST, **settings}
    connector = SmppConnector("carrier", Settings(**facts))
    connector.hold_binds(binds)
    await connector.start(engine)
    try:
        if wait:
            await until(lambda: connector.health().binds == binds)
        yield connector
    finally:
        await connector.stop()


def submission(*parts: str, **more: Any) -> Submission:
    texts = parts or ("Hello",)
    facts: dict[str, Any] = {
        "message_id": ids.new_id(),
        "source": "Clarion",
        "destination": "+4917112345678",
        "parts": texts,
        "pending": tuple(range(1, len(texts) + 1)),
        "encoding": Encoding.GSM7,
        "reference": 7,
        "expires_at": None,
        "priority": 1,
    }
    return Submission(**{**facts, **more})


def kinds(engine: RecordingEngine) -> Counter[FailureKind | None]:
    return Counter(o.failure.kind if o.failure else None for o in engine.taken)

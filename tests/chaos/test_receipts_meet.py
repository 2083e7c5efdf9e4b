"""Receipts of one long message that are settled in two places at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from clarion import settings
from clarion.engine.messages import store
from clarion.engine.messages.ports import Receipt, ReceiptState
from clarion.engine.messages.receipts import ReceiptDesk
from clarion.engine.messages.states import Input
from clarion.storage.database import Database
from tests.waiting import PATIENCE

from ..factories import a_request, a_tenant, an_intake

SETTINGS = settings.Settings(connectors={"carrier": settings.SandboxConnector(default=True)})
BODY = "A text that needs two parts, since it is longer than one of them can hold. " * 3
WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"


async def test_parts_reported_to_two_nodes_at_once_make_one_delivered_message(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _sent_in_parts(db, "a1", "a2")
    desks = [ReceiptDesk(db, SETTINGS.connectors) for _ in range(2)]
    readers = 0
    read = store.read_fragment_states

    async def read_together(*args: Any) -> Any:
        """Nobody goes on before the other has read as well, or waits for a lock."""
        nonlocal readers
        states = await read(*args)
        readers += 1
        while readers < 2 and not await db.fetchval(WAITING):
            await asyncio.sleep(0.005)
        return states

    monkeypatch.setattr(store, "read_fragment_states", read_together)
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(
            *(
                desk.settle([("carrier", Receipt(id, ReceiptState.DELIVERED, None, None))])
                for desk, id in zip(desks, ("a1", "a2"), strict=True)
            )
        )
    assert await db.fetchval("select state::text from message") == "DELIVERED"


async def _sent_in_parts(db: Database, *shown: str) -> None:
    """A message that the carrier has taken in parts, under these ids."""
    tenant = await a_tenant(db)
    intake = an_intake(db, SETTINGS)
    intake.start()
    await intake.accept(tenant.caller, a_request(body=BODY))
    await intake.stop()
    row = await db.fetchrow("select id, updated_at as at from message")
    assert row is not None
    parts = [
        store.NewFragment(row["id"], number, len(shown), id, id)
        for number, id in enumerate(shown, 1)
    ]
    taken = [store.Advance(row["id"], row["at"])]
    await store.advance(db, tenant.company_id, Input.TAKEN, taken, row["at"])
    await store.add_fragments(db, tenant.company_id, "carrier", parts)

"""Counters of a request are added up, however many write to it at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from pipeline import Place
from stage import Stage

from clarion import settings
from clarion.engine.messages import store
from clarion.engine.messages.record import RECORDER_SESSION
from clarion.engine.messages.states import Input
from clarion.storage.database import Database

TO = [f"+49151{10_000_000 + n}" for n in range(1000)]
BATCH = 20
MANY = """
insert into message_request (
    company_id, id, application_id, state, sender_id, recipients, updated_at
)
select r.company_id, (left(r.id::text, 24) || lpad(to_hex(n::bigint * 16777216), 12, '0'))::uuid,
    r.application_id, 'COMPLETED', r.sender_id, '{}', r.updated_at
from message_request r, generate_series(1, 3000) n where r.company_id = $1 and r.id = $2
"""


@pytest.fixture
async def recorder(own_place: Place, database_url: str) -> AsyncIterator[Database]:
    """Connections as those that record have them: with plans that are kept."""
    made = await Database.connect(settings.Database(), url=database_url, session=RECORDER_SESSION)
    yield made
    await made.close()


async def test_no_count_is_lost_where_many_wait_for_one_another(
    own_place: Place, recorder: Database
) -> None:
    gateway = own_place.gateway()
    await gateway.membership.renew()
    gateway.intake.start()
    stage = Stage(own_place, gateway, await own_place.tenant())
    request = await stage.send(*TO, consent_requirement="OPT_OUT")
    await stage.db.execute("delete from outbound where company_id = $1", stage.company_id)
    await stage.db.execute(MANY, stage.company_id, request)
    await stage.db.execute("analyze message_request")
    await stage.db.execute("analyze message")
    now = datetime.now(UTC)
    advances = [store.Advance(row["id"], now) for row in await stage.messages(request)]

    async def record(batch: list[store.Advance]) -> None:
        for input in (Input.TAKEN, Input.DELIVERED):
            async with recorder.transaction() as tx:
                await store.advance(tx, stage.company_id, input, batch, now)

    await asyncio.gather(*(record(advances[n : n + BATCH]) for n in range(0, len(advances), BATCH)))
    shown = await stage.request(request)
    assert (shown["pending_count"], shown["sent_count"], shown["delivered_count"]) == (
        0,
        len(TO),
        len(TO),
    )
    await gateway.intake.stop()
    await gateway.membership.leave()


async def test_no_word_on_a_message_is_lost_where_two_come_at_once(
    own_place: Place, recorder: Database
) -> None:
    """Delivered and read, recorded by two nodes: one waits for the other."""
    gateway = own_place.gateway()
    gateway.intake.start()
    stage = Stage(own_place, gateway, await own_place.tenant())
    request = await stage.send(*TO[:200])
    now = datetime.now(UTC)
    advances = [store.Advance(row["id"], now) for row in await stage.messages(request)]

    async def record(input: Input, batch: list[store.Advance]) -> None:
        async with recorder.transaction() as tx:
            await store.advance(tx, stage.company_id, input, batch, now)

    for n in range(0, len(advances), BATCH):
        batch = advances[n : n + BATCH]
        await record(Input.TAKEN, batch)
        await asyncio.gather(*(record(input, batch) for input in (Input.DELIVERED, Input.READ)))
    rows = await stage.messages(request)
    assert {row["state"] for row in rows} == {"READ"}
    assert {row["read_at"] is None or row["sent_at"] is None for row in rows} == {False}
    await gateway.intake.stop()

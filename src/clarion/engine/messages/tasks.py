"""Background work of the pipeline that time starts, not a message. Each may run twice harmlessly:
what it finds, it takes in the transaction that deals with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from clarion import metrics
from clarion.engine.messages import store
from clarion.engine.messages.model import FailureCode, MessageState
from clarion.engine.messages.service import expire_paused
from clarion.engine.messages.states import NEWS_ENOUGH, Input
from clarion.engine.messages.stops import stop
from clarion.kit import ids
from clarion.storage.database import Database

BATCH = 1000
_ARRIVED = (*NEWS_ENOUGH, MessageState.SENT, MessageState.CANCELED)
FORGOTTEN_PAUSE = timedelta(days=2)
"""A pause lasts a day at most; what is this long past its end has been dealt with."""

FORGOTTEN_PUSH = timedelta(days=90)
"""Longer than one can be scheduled ahead, and a provider's word waited for."""

PUSH_PATIENCE = timedelta(minutes=10)
"""A push of which nothing bad is heard for so long has arrived: most providers tell no more."""


async def expire_queued(db: Database) -> int:
    """Messages whose expiry time came while they waited become EXPIRED."""
    now = datetime.now(UTC)
    count = 0
    for company_id in await store.companies_with_expiry(db, now):

        async def work(tx: asyncpg.Connection, company_id: int = company_id) -> int:
            expired = await store.expire_queued(tx, company_id, now, BATCH)
            await stop(
                tx,
                company_id,
                Input.EXPIRE,
                [
                    store.Advance(
                        message,
                        now,
                        FailureCode.EXPIRED.value,
                        "Its expiry time came before it could be sent.",
                    )
                    for message in expired
                ],
                now,
            )
            return len(expired)

        while found := await db.run(work):
            count += found
    return count


async def expire_pauses(db: Database) -> int:
    """Requests whose pause ran out: their messages expire."""
    now = datetime.now(UTC)
    found = await store.paused_past_time(db, now, now - FORGOTTEN_PAUSE, BATCH)
    for company_id, request_id in found:
        await expire_paused(db, company_id, request_id)
    return len(found)


async def settle_failovers(db: Database, patience: timedelta = PUSH_PATIENCE) -> int:
    """Pushes that have arrived, as far as anybody will know: no SMS follows them, and their
    requests wait no longer."""
    now = datetime.now(UTC)
    count = 0
    while found := await store.settled_failovers(db, now - patience, BATCH):
        for company_id, pushes in found.items():

            async def work(
                tx: asyncpg.Connection, company_id: int = company_id, pushes: list[UUID] = pushes
            ) -> None:
                await store.end_failovers(tx, company_id, pushes, _ARRIVED, now)

            await db.run(work)
            count += len(pushes)
    return count


async def forget_failovers(db: Database) -> None:
    """Pushes whose messages are gone, whatever became of them."""
    await store.forget_failovers(db, ids.floor_id(datetime.now(UTC) - FORGOTTEN_PUSH))


async def measure_queues(db: Database, connectors: list[str]) -> None:
    """Depth and age of each connector's queue, and what was taken from it, for metrics."""
    now = datetime.now(UTC)
    found = {name: (depth, oldest) for name, depth, oldest in await store.queues(db, now)}
    for name in connectors:
        depth, oldest = found.get(name, (0, now))
        metrics.connector(name).queue_depth.set(depth)
        metrics.connector(name).queue_age.set((now - oldest).total_seconds())
    claimed = await store.claimed_messages(db)
    for name in connectors:
        metrics.connector(name).claimed.set(claimed.get(name, 0))

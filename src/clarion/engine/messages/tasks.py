"""Background work of the pipeline that time starts, not a message. Each may run twice harmlessly:
what it finds, it takes in the transaction that deals with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg

from clarion import metrics
from clarion.engine.messages import store
from clarion.engine.messages.model import FailureCode
from clarion.engine.messages.service import expire_paused
from clarion.engine.messages.states import Input
from clarion.engine.messages.stops import stop
from clarion.kit import ids
from clarion.storage.database import Database

BATCH = 1000
FORGOTTEN_PAUSE = timedelta(days=2)
"""A pause lasts a day at most; what is this long past its end has been dealt with."""

FORGOTTEN_PUSH = timedelta(days=90)
"""Longer than one can be scheduled ahead, and a provider's word waited for."""


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


async def forget_failovers(db: Database) -> None:
    """Pushes whose fate is settled, or never will be."""
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

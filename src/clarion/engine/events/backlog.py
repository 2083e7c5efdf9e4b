"""What events have not come to yet: for metrics and for the operator."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from clarion import metrics
from clarion.engine.events.announcing import SQL
from clarion.storage.database import Database

MOST = 1_000_000
"""Rows that are counted of a kind; what is more looks the same to whoever looks."""


class Backlog(Struct, frozen=True):
    """Over all companies. Receivers that fail, or are held back, do not make it old."""

    announcements: int  # rows that wait to be matched
    announced_at: datetime | None  # the oldest
    pending: int  # deliveries that were not tried yet
    retry: int  # that are tried again
    failed: int  # that failed for good, and nobody has handled
    due_at: datetime | None  # since when one could have gone


async def backlog(db: Database, now: datetime) -> Backlog:
    announced = await db.fetchrow(SQL["announced"], MOST)
    open = await db.fetchrow(SQL["open_deliveries"], MOST)
    assert announced is not None
    assert open is not None
    return Backlog(
        announcements=announced["announcements"],
        announced_at=announced["oldest"],
        pending=open["pending"],
        retry=open["retry"],
        failed=open["failed"],
        due_at=await db.fetchval(SQL["oldest_due"], now),
    )


async def measure_backlog(db: Database) -> None:
    """For metrics."""
    now = datetime.now(UTC)
    found = await backlog(db, now)
    metrics.ANNOUNCEMENTS.set(found.announcements)
    metrics.ANNOUNCEMENT_AGE.set(_age(found.announced_at, now))
    metrics.DELIVERY_AGE.set(_age(found.due_at, now))
    for status, count in (
        ("PENDING", found.pending),
        ("RETRY", found.retry),
        ("FAILED", found.failed),
    ):
        metrics.DELIVERIES_OPEN.labels(status).set(count)


def _age(at: datetime | None, now: datetime) -> float:
    return 0.0 if at is None else max(0.0, (now - at).total_seconds())

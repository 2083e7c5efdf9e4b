"""Deliveries: listed, counted, traced, marked as handled, sent again.

What waits to be delivered is in the queue, in a claim, or among the failed: counts come from there
and not from all that was ever delivered, and agree with the rows since one transaction moves both.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from clarion.engine.events.announcing import Runner
from clarion.engine.events.configurations.store import rows as configurations
from clarion.engine.events.model import DELIVERIES_CHANNEL, MAX_AHEAD, DeliveryStatus
from clarion.engine.events.rows import event_of
from clarion.engine.events.tracking.model import (
    Attempt,
    ConfigurationSummary,
    Counts,
    Delivery,
    Place,
    Replayed,
    TopicSummary,
    Tracking,
    Wanted,
)
from clarion.errors import InvalidInput, NotFound
from clarion.kit import ids
from clarion.storage.database import Database
from clarion.storage.sql import load_queries

BATCH = 2000  # rows that one statement changes
MAX_REPLAY = 100_000  # deliveries that one call sends again

SQL = load_queries(__package__)
LOWEST = UUID(int=0)
HIGHEST = UUID(int=(1 << 128) - 1)


async def deliveries(
    db: Database, company_id: int, wanted: Wanted, *, offset: int, limit: int
) -> list[Delivery]:
    """Those that fit, the newest event first."""
    rows = await db.fetch(
        SQL["list_deliveries"], company_id, wanted.status and wanted.status.value,
        await _named(db, company_id, wanted.event_id), _from(wanted.since), HIGHEST,
        *_filters(wanted), limit, offset,
    )  # fmt: skip
    return [_delivery(company_id, row) for row in rows]


async def tracking_of(
    db: Database, company_id: int, event_id: str, configuration_id: int
) -> Tracking:
    """A delivery and its tries. NotFound."""
    wanted = Wanted(event_id=event_id, configuration_id=configuration_id)
    found = await deliveries(db, company_id, wanted, offset=0, limit=1)
    if not found:
        raise NotFound("There is no such delivery.")
    tries = await attempts(db, company_id, found[0].event.id, configuration_id)
    return Tracking(delivery=found[0], attempts=tries)


async def attempts(
    db: Database, company_id: int, event_id: UUID, configuration_id: int
) -> list[Attempt]:
    """The first one first."""
    rows = await db.fetch(SQL["delivery_attempts"], company_id, event_id, configuration_id)
    return [Attempt(**row) for row in rows]


async def summary(
    on: Runner,
    company_id: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[ConfigurationSummary]:
    """Every delivery configuration with what is subscribed to it and what is not done."""
    found: dict[int, ConfigurationSummary] = {}
    for row in await on.fetch(SQL["subscribed_types"], company_id):
        one = found.setdefault(
            row["id"],
            ConfigurationSummary(id=row["id"], name=row["name"], topics={}, counts=Counts()),
        )
        if row["topic"] is not None:
            topic = _topic(one, row["topic"])
            if row["event_type"] is not None:
                topic.types.setdefault(row["event_type"], Counts())
    for row in await on.fetch(SQL["summarize"], company_id, _from(since), since, until):
        if row["configuration_id"] in found:
            counts = Counts(pending=row["pending"], retry=row["retry"], failed=row["failed"])
            _count(found[row["configuration_id"]], row["topic"], row["type"], counts)
    return list(found.values())


def _count(one: ConfigurationSummary, topic: str, type: str, counts: Counts) -> None:
    of_topic = _topic(one, topic)
    for each in (one.counts, of_topic.counts, of_topic.types.setdefault(type, Counts())):
        each.add(counts)


def _topic(one: ConfigurationSummary, name: str) -> TopicSummary:
    return one.topics.setdefault(name, TopicSummary(topic=name, types={}, counts=Counts()))


async def mark_handled(db: Database, company_id: int, wanted: Wanted) -> int:
    """Somebody has seen to these FAILED deliveries: they count no longer. Answers how many."""
    events = await _named(db, company_id, wanted.event_id)
    now, total = datetime.now(UTC), 0
    if wanted.status not in (None, DeliveryStatus.FAILED):
        return 0
    while True:
        count: int = await db.fetchval(
            SQL["handle"], company_id, events, _from(wanted.since), *_filters(wanted), now, BATCH
        )
        total += count
        if count < BATCH:
            return total


async def retry_delivery(
    db: Database, company_id: int, event_id: str, configuration_id: int
) -> Delivery:
    """Once more and now, whatever became of it; the schedule begins anew. NotFound."""
    found = (await tracking_of(db, company_id, event_id, configuration_id)).delivery
    now, event = datetime.now(UTC), found.event.id
    if found.status in (DeliveryStatus.SUCCESS, DeliveryStatus.FAILED):
        await _send_again(db, company_id, [(event, configuration_id)], now)
    else:
        await db.execute(SQL["bring_forward"], company_id, configuration_id, event, now)
    db.hint(DELIVERIES_CHANNEL, str(configuration_id))
    return (await tracking_of(db, company_id, event_id, configuration_id)).delivery


async def replay(
    db: Database,
    company_id: int,
    wanted: Wanted,
    *,
    only_failed: bool,
    after: Place | None = None,
) -> Replayed:
    """Send again what was delivered or failed, or, `only_failed`, what failed and nobody handled;
    oldest first, no more than MAX_REPLAY: `after` goes on where an earlier call ended.
    InvalidInput: there is no such configuration, so nothing could come of it."""
    await _check_configuration(db, company_id, wanted.configuration_id)
    now = datetime.now(UTC)
    events = await _named(db, company_id, wanted.event_id)
    at = after or (_from(wanted.since), -1)
    end, total = ids.floor_id(now), 0
    while total < MAX_REPLAY:
        place: tuple[object, ...] = (company_id, *at, end)
        if only_failed:
            sql = SQL["failed_deliveries"]
        else:
            sql, place = SQL["done_deliveries"], (*place, wanted.status and wanted.status.value)
        rows = await db.fetch(sql, *place, events, *_filters(wanted), BATCH)
        if rows:
            pairs = [(row["event_id"], row["configuration_id"]) for row in rows]
            total += await _send_again(db, company_id, pairs, now)
            db.hint(DELIVERIES_CHANNEL)
            at = pairs[-1]
        if len(rows) < BATCH:
            return Replayed(count=total)
    return Replayed(count=total, more_after=at)


async def _check_configuration(on: Runner, company_id: int, id: int | None) -> None:
    if id is not None and not await configurations(on, company_id, [id]):
        words = f"del-cfg-id: there is no delivery configuration {id}."
        raise InvalidInput(words, field="del-cfg-id")


async def _send_again(
    db: Database, company_id: int, pairs: Sequence[tuple[UUID, int]], now: datetime
) -> int:
    events, configurations = zip(*pairs, strict=True)
    count: int = await db.fetchval(
        SQL["send_again"], company_id, events, configurations, min(events), now
    )
    return count


async def _named(db: Database, company_id: int, shown: str | None) -> list[UUID] | None:
    """Our ids of what a client calls an event; None: it names none."""
    if shown is None:
        return None
    rows = await db.fetch(SQL["events_named"], company_id, shown)
    own = ids.parse(shown)
    return [row["id"] for row in rows] + ([own] if own else [])


def _from(since: datetime | None) -> UUID:
    """The lowest id of an event that may have happened since then."""
    return LOWEST if since is None else ids.floor_id(since - MAX_AHEAD)


def _filters(wanted: Wanted) -> tuple[object, ...]:
    return (
        wanted.topic, wanted.event_type, wanted.configuration_id, wanted.configuration_name,
        wanted.since, wanted.until,
    )  # fmt: skip


def _delivery(company_id: int, row: asyncpg.Record) -> Delivery:
    return Delivery(
        event=event_of(company_id, row),
        configuration_id=row["configuration_id"],
        configuration_name=row["name"],
        address=row["address"],
        status=DeliveryStatus(row["status"]),
        attempts=row["attempts"],
        handled_at=row["handled_at"],
        updated_at=row["updated_at"],
    )

"""The only place that runs the SQL of matching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import repeat
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from clarion.engine.events.announcing import Runner
from clarion.engine.events.matching.model import Announcement, Matched
from clarion.engine.events.model import Happening
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
LOCK_CLASS = 0x65766E74  # "evnt": companies that are being matched
MAX_ANNOUNCEMENTS = 200
EVERY = 10_000_000
"""More than there are: a limit that makes the planner look up by key."""

_EVENT_COLUMNS = 7
_DELIVERY_COLUMNS = 4
_CLAIM_COLUMNS = 2


class Promised(Struct, frozen=True):
    """A claim that a node will take over: of the first deliveries to one configuration."""

    claim_id: UUID
    count: int
    version: int  # that the configuration must still have


NO_CLAIMS: Mapping[int, Promised] = {}


class Row(Struct, frozen=True):
    """A subscription, as it is stored."""

    id: int
    configuration_id: int
    starts_at: datetime
    ends_at: datetime | None
    criteria: str


Found = list[tuple[tuple[str, str, str], Row]]


async def companies(on: Runner) -> list[int]:
    """Those that something has happened to."""
    return [row["company_id"] for row in await on.fetch(SQL["companies"])]


async def hold_company(tx: Runner, company_id: int) -> bool:
    """False: another matcher has it."""
    return bool(await tx.fetchval(SQL["hold_company"], company_id, LOCK_CLASS))


async def announcements(
    tx: Runner, company_id: int, size: int, limit: int = MAX_ANNOUNCEMENTS
) -> list[Announcement]:
    rows = await tx.fetch(SQL["announcements"], company_id, limit, size)
    return [_announcement(dict(row)) for row in rows]


def _announcement(row: dict[str, Any]) -> Announcement:
    bodies = row.pop("bodies") or ()
    of_type = {"topic": row["topic"], "type": row["type"]}
    happenings = [msgspec.convert(of_type | each, Happening) for each in bodies]
    return Announcement(**row, happenings=happenings)


async def kinds(on: Runner, company_id: int, topic: str, limit: int) -> list[tuple[str, str, int]]:
    """(type, field, keys) of a topic's subscriptions."""
    rows = await on.fetch(SQL["kinds"], company_id, topic, limit)
    return [(row["event_type"], row["field"], row["keys"]) for row in rows]


async def held(on: Runner, company_id: int, topic: str, kinds: Sequence[tuple[str, str]]) -> Found:
    if not kinds:
        return []
    return _found(await on.fetch(SQL["held"], company_id, topic, *zip(*kinds, strict=True), EVERY))


async def look_up(
    on: Runner, company_id: int, topic: str, keys: Sequence[tuple[str, str, str]]
) -> Found:
    columns = zip(*keys, strict=True)
    return _found(await on.fetch(SQL["look_up"], company_id, topic, *columns, EVERY))


def _found(rows: Sequence[Any]) -> Found:
    return [
        (
            (row["event_type"], row["field"], row["value"]),
            Row(
                row["id"],
                row["configuration_id"],
                row["starts_at"],
                row["ends_at"],
                row["criteria"],
            ),
        )
        for row in rows
    ]


async def record(
    tx: Runner,
    company_id: int,
    done: Sequence[UUID],
    events: Sequence[Matched],
    now: datetime,
    *,
    claims: Mapping[int, Promised] = NO_CLAIMS,
    node_id: UUID | None = None,
) -> set[int]:
    """`done`: the announcements that the events were made of, and those that led to none.

    `claims` of this node by configuration. Answers the configurations of those that were made;
    what is not in them is in the queue.
    """
    made = [
        (e.id, e.external_id, e.happening.topic, e.happening.type, e.happening.key, e.at, e.body)
        for e in events
    ]
    places = {id: repeat(each.claim_id, each.count) for id, each in claims.items()}
    deliveries = [
        (e.id, id, e.happening.key, next(places[id], None) if id in places else None)
        for e in events
        for id in e.configurations
    ]
    promised = [(each.claim_id, each.version) for each in claims.values()]
    rows = await tx.fetch(
        SQL["record"], company_id, done, *_columns(made, _EVENT_COLUMNS),
        *_columns(deliveries, _DELIVERY_COLUMNS), *_columns(promised, _CLAIM_COLUMNS), node_id, now,
    )  # fmt: skip
    return {row["configuration_id"] for row in rows}


def _columns(rows: Sequence[tuple[object, ...]], count: int) -> list[Sequence[object]]:
    return [list(column) for column in zip(*rows, strict=True)] or [()] * count


async def publish(
    tx: Runner, company_id: int, rows: Sequence[tuple[str, UUID, bytes]]
) -> set[UUID]:
    """Reserve publishers' ids; answers the events that got theirs."""
    won = await tx.fetch(SQL["publish"], company_id, *zip(*rows, strict=True))
    return {row["event_id"] for row in won}


async def published(
    on: Runner, company_id: int, external_ids: Sequence[str]
) -> dict[str, tuple[UUID, bytes]]:
    """What has these ids: the event, and the fingerprint of its content."""
    rows = await on.fetch(SQL["published"], company_id, external_ids)
    return {row["external_id"]: (row["event_id"], row["fingerprint"]) for row in rows}

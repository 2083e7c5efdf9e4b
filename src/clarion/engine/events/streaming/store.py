"""The statements of streaming."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from clarion.engine.events.model import Event
from clarion.engine.events.rows import event_of
from clarion.storage.database import Database
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
ADDRESS = "stream"  # of an attempt: nothing was posted anywhere


class Place(NamedTuple):
    """Where a delivery is in its configuration's queue."""

    due_at: datetime
    event_id: UUID


_FIRST = Place(datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


class Waiting(Struct, frozen=True):
    """A delivery in the queue; its event, unless that is too old to be there."""

    place: Place
    attempt: int  # the number that this try has
    event: Event | None


async def seen(db: Database, company_id: int, configuration_id: int, at: datetime) -> bool:
    """Note that a client is there; whether the configuration is one that streams."""
    return await db.fetchval(SQL["seen"], company_id, configuration_id, at) is not None


async def waiting(
    db: Database,
    company_id: int,
    configuration_id: int,
    *,
    after: Place | None,
    at: datetime,
    limit: int,
    size: int,
) -> list[Waiting]:
    """What is due, in order of time: so many deliveries, or about so many characters."""
    place = after or _FIRST
    rows = await db.fetch(SQL["waiting"], company_id, configuration_id, *place, at, limit, size)
    return [
        Waiting(
            Place(row["due_at"], row["event_id"]),
            row["attempts"] + 1,
            None if row["topic"] is None else event_of(company_id, row),
        )
        for row in rows
    ]


async def handed_over(
    db: Database,
    company_id: int,
    configuration_id: int,
    taken: Sequence[Place],
    *,
    at: datetime,
) -> None:
    """These have been written to a client."""
    await db.execute(
        SQL["handed_over"],
        company_id,
        configuration_id,
        [each.due_at for each in taken],
        [each.event_id for each in taken],
        at,
        ADDRESS,
    )


async def forsaken(db: Database, before: datetime, *, limit: int) -> list[tuple[int, int]]:
    """Company and id of configurations whose clients are gone."""
    rows = await db.fetch(SQL["forsaken"], before, limit)
    return [(row["company_id"], row["id"]) for row in rows]

"""The outbox of events: what has happened is written in the transaction that did it.

Most of it is announced by the statement that changes the rows (engine/messages/queries.sql); what
is rarer says so through `announce`. Either way nothing is written where nobody has subscribed, and
the matcher does the rest after the commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

import asyncpg
import msgspec

from clarion.engine.events.model import Happening, Value
from clarion.kit import ids
from clarion.storage.sql import load_queries

ANNOUNCED_CHANNEL = "clarion_announced"
"""Hints that there is something to be matched; the matcher finds it soon without."""

MESSAGING = "SCG-"
"""Begins the names of topics whose events belong to an application."""

BATCH = 500
"""Happenings in one row: what a matcher takes at once."""

SQL = load_queries(__package__)


class Runner(Protocol):
    """A connection in a transaction, or the database itself."""

    async def fetch(self, query: str, *args: object) -> list[asyncpg.Record]: ...
    async def fetchrow(self, query: str, *args: object) -> asyncpg.Record | None: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...
    async def execute(self, query: str, *args: object) -> str: ...


async def announce(
    tx: Runner,
    company_id: int,
    happenings: Sequence[Happening],
    *,
    at: datetime,
    application_id: int | None = None,
) -> None:
    """Part of the caller's transaction. `company-id`, and in the messaging topics
    `application_id`, are filled in where the happenings do not name them; None: it is nobody's, and
    counts as the oldest application's."""
    if not happenings:
        return
    wanted = await subscribed(tx, company_id, {each.topic for each in happenings})
    told = [e for e in happenings if (e.topic, e.type) in wanted or (e.topic, "") in wanted]
    if not told:
        return
    application_id = application_id or await tx.fetchval(SQL["any_application"], company_id)
    rows = [
        (ids.new_id(), topic, type, _bodies(batch, company_id, application_id))
        for (topic, type), of_type in _by_type(told).items()
        for batch in _slices(of_type)
    ]
    await tx.execute(SQL["announce"], company_id, at, *zip(*rows, strict=True))


async def subscribed(tx: Runner, company_id: int, topics: set[str]) -> set[tuple[str, str]]:
    """(topic, type) of the company's subscriptions to these topics; "" is every type."""
    rows = await tx.fetch(SQL["subscribed"], company_id, sorted(topics))
    return {(row["topic"], row["event_type"]) for row in rows}


def _by_type(happenings: Sequence[Happening]) -> dict[tuple[str, str], list[Happening]]:
    found: dict[tuple[str, str], list[Happening]] = {}
    for each in happenings:
        found.setdefault((each.topic, each.type), []).append(each)
    return found


def _slices(happenings: Sequence[Happening]) -> Iterator[Sequence[Happening]]:
    for first in range(0, len(happenings), BATCH):
        yield happenings[first : first + BATCH]


def _bodies(batch: Sequence[Happening], company_id: int, application_id: int | None) -> str:
    bodies = [
        {"key": each.key, "fields": _owner(each.topic, company_id, application_id) | each.fields}
        for each in batch
    ]
    return msgspec.json.encode(bodies).decode()


def _owner(topic: str, company_id: int, application_id: int | None) -> dict[str, Value]:
    owner: dict[str, Value] = {"company-id": company_id}
    if application_id is not None and topic.startswith(MESSAGING):
        owner["application_id"] = application_id
    return owner

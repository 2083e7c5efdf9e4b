"""Stored events as rows of any statement bring them."""

from __future__ import annotations

import asyncpg

from clarion.engine.events.model import Event


def event_of(company_id: int, row: asyncpg.Record) -> Event:
    """`row` has the event's columns by their names, its id as event_id."""
    return Event(
        company_id=company_id,
        id=row["event_id"],
        external_id=row["external_id"],
        topic=row["topic"],
        type=row["type"],
        key=row["key"],
        at=row["at"],
        body=row["body"],
    )

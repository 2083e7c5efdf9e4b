"""The SQL of delivery configurations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from clarion.engine.events.configurations.model import NewConfiguration
from clarion.engine.events.model import (
    AuthenticationType,
    DeliveryConfiguration,
    Format,
    Protocol,
)
from clarion.engine.events.types.store import Runner
from clarion.errors import NotFound
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)

Row = Mapping[str, Any]


def columns(new: NewConfiguration) -> tuple[object, ...]:
    """A configuration as insert_configuration and update_configuration take it."""
    return (
        new.name,
        new.protocol.value,
        new.address,
        new.format.value,
        new.active,
        new.throttling,
        new.ordered,
        new.cron_expression,
        new.latest_event_only,
    )


async def insert(
    tx: Runner, company_id: int, new: NewConfiguration, *, due_at: datetime | None, now: datetime
) -> int:
    """Its id. `due_at`: when its first file is closed."""
    opened_at = None if due_at is None else now
    row = (company_id, *columns(new), opened_at, due_at, now)
    id: int = await tx.fetchval(SQL["insert_configuration"], *row)
    return id


async def lock(tx: Runner, company_id: int, id: int) -> asyncpg.Record:
    row = await tx.fetchrow(SQL["lock_configuration"], company_id, id)
    if row is None:
        raise missing(id)
    return row


def missing(id: int) -> NotFound:
    return NotFound(f"There is no delivery configuration {id}.")


async def rows(on: Runner, company_id: int, ids: Sequence[int]) -> list[asyncpg.Record]:
    """Those of these that there are."""
    return await on.fetch(SQL["configurations"], company_id, ids)


def as_new(row: Row) -> NewConfiguration:
    """A stored configuration as it could be given again."""
    return NewConfiguration(
        name=row["name"],
        protocol=Protocol(row["protocol"]),
        address=row["address"],
        format=Format(row["format"]),
        active=row["active"],
        throttling=row["throttling"],
        ordered=row["ordered"],
        cron_expression=row["cron_expression"],
        latest_event_only=row["latest_event_only"],
    )


def as_configuration(row: Row) -> DeliveryConfiguration:
    return DeliveryConfiguration(
        company_id=row["company_id"],
        id=row["id"],
        name=row["name"],
        protocol=Protocol(row["protocol"]),
        address=row["address"],
        format=Format(row["format"]),
        active=row["active"],
        inactive_reason=row["inactive_reason"],
        throttling=row["throttling"],
        ordered=row["ordered"],
        cron_expression=row["cron_expression"],
        latest_event_only=row["latest_event_only"],
        authentication_type=AuthenticationType(row["authentication_type"]),
        held_until=row["held_until"],
        updated_at=row["updated_at"],
        version=row["version"],
    )

"""The SQL of sender ids, their classes and types."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from clarion.engine.senders.catalogue import CLASSES, TYPES
from clarion.engine.senders.model import Ownership, Sender, SenderState, SenderType
from clarion.errors import AlreadyExists
from clarion.storage.database import Database
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
_TAKEN = "address: the company has a sender id of this type and address."

Row = Mapping[str, Any]

INSERTED = (
    "company_id",
    "id",
    "application_id",
    "parent_id",
    "name",
    "ownership",
    "class_id",
    "type_id",
    "state",
    "address",
    "connector",
    "content_type",
    "message_templates",
    "templates_only",
    "country",
    "operators",
    "credentials",
    "two_way_required",
    "keep_sender_address",
    "dr_required",
    "consent_managed_by",
    "capabilities",
    "check_white_list",
    "billing",
    "updated_at",
)
UPDATED = (
    "company_id",
    "id",
    "name",
    "ownership",
    "class_id",
    "type_id",
    "state",
    "address",
    "content_type",
    "message_templates",
    "templates_only",
    "credentials",
    "two_way_required",
    "keep_sender_address",
    "dr_required",
    "consent_managed_by",
    "capabilities",
    "check_white_list",
    "billing",
    "updated_at",
)


async def seed(db: Database, now: datetime) -> None:
    for c in CLASSES:
        await db.execute(
            SQL["seed_class"],
            *(c.id, c.name, c.description, c.id, ["OTHER"]),
            *(c.peak, c.peak_total, c.daily, c.delivery_window, c.priority, now),
        )
    for t in TYPES:
        await db.execute(
            SQL["seed_type"],
            *(t.id, t.name, t.description, list(t.capabilities)),
            *(list(t.blocked), t.gateway_id, list(t.credentials), now),
        )


async def sender_type(connection: asyncpg.Connection, type_id: str) -> SenderType | None:
    row = await connection.fetchrow(SQL["type_by_id"], type_id)
    if row is None:
        return None
    return SenderType(row[0], tuple(row[1]), tuple(row[2]))


async def class_exists(connection: asyncpg.Connection, class_id: str) -> bool:
    return bool(await connection.fetchval(SQL["class_exists"], class_id))


async def is_operator(connection: asyncpg.Connection, company_id: int) -> bool:
    return bool(await connection.fetchval(SQL["is_operator"], company_id))


async def insert(connection: asyncpg.Connection, row: Row) -> None:
    try:
        await connection.execute(SQL["insert_sender"], *(row[name] for name in INSERTED))
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists(_TAKEN, field="address") from error


async def update(connection: asyncpg.Connection, row: Row) -> None:
    try:
        await connection.execute(SQL["update_sender"], *(row[name] for name in UPDATED))
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists(_TAKEN, field="address") from error


async def lock(connection: asyncpg.Connection, company_id: int, id: UUID) -> Row | None:
    row: Row | None = await connection.fetchrow(SQL["lock_sender"], company_id, id)
    return row


async def lock_offer(connection: asyncpg.Connection, id: UUID) -> Row | None:
    row: Row | None = await connection.fetchrow(SQL["lock_offer"], id)
    return row


def as_sender(row: Row) -> Sender:
    return Sender(
        company_id=row["company_id"],
        id=row["id"],
        application_id=row["application_id"],
        address=row["address"],
        type_id=row["type_id"],
        class_id=row["class_id"],
        ownership=Ownership(row["ownership"]),
        state=SenderState(row["state"]),
        connector=row["connector"],
        throughput=row["throughput"],
        capabilities=tuple(row["capabilities"]),
        priority=row["priority"],
        countries=tuple(row["applicable_countries"]),
        country=row["country"],
        parent_id=row["parent_id"],
        message_templates=tuple(row["message_templates"]),
        parent_templates=tuple(row["parent_templates"]),
        templates_only=row["templates_only"],
        check_white_list=row["check_white_list"],
        consent_managed_by=row["consent_managed_by"],
        window=row["delivery_window"],
        allowed_mime_types=tuple(row["allowed_mime_types"]),
        blocked_mime_types=tuple(row["blocked_mime_types"]),
    )

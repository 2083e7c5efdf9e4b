"""The SQL of attachments, their tokens, links and content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from clarion.engine.attachments.model import AttachmentState, Brought, StoredFile, Target
from clarion.kit.ids import new_id
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
USED_LATELY = timedelta(hours=1)

Row = Mapping[str, Any]


class Source(Protocol):
    """A Database, or a connection in a transaction."""

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]: ...
    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None: ...
    async def fetchval(self, sql: str, *args: object) -> Any: ...
    async def execute(self, sql: str, *args: object) -> str: ...


async def lock(tx: Source, company_id: int, id: UUID) -> Row | None:
    return await tx.fetchrow(SQL["lock_attachment"], company_id, id)


async def stored_files(
    source: Source, company_id: int, ids: Sequence[UUID]
) -> dict[UUID, StoredFile]:
    """Those of the ids that the company has."""
    rows = await source.fetch(SQL["stored_files"], company_id, ids)
    return {
        row["id"]: StoredFile(**dict(row) | {"state": AttachmentState(row["state"])})
        for row in rows
    }


async def mark_used(tx: Source, used: Sequence[tuple[int, UUID]], now: datetime) -> None:
    """`used`: companies and their attachments."""
    companies, ids = [company_id for company_id, _ in used], [id for _, id in used]
    await tx.execute(SQL["mark_used"], companies, ids, now, now - USED_LATELY)


async def insert_links(tx: Source, links: Sequence[tuple[int, UUID, UUID, int]]) -> None:
    """Companies, message requests, their attachments and the places of these."""
    await tx.execute(SQL["insert_links"], *map(list, zip(*links, strict=True)))


async def link_brought(tx: Source, brought: Sequence[Brought], now: datetime) -> None:
    made = {(each.company_id, each.key): new_id() for each in brought}
    rows = [
        (
            each.company_id,
            each.message_id,
            each.position,
            each.application_id,
            made[each.company_id, each.key],
            each.key,
            each.name,
            each.mime_type,
            each.size,
        )
        for each in brought
    ]
    await tx.execute(SQL["link_brought"], *map(list, zip(*rows, strict=True)), now)


async def token_target(source: Source, token: UUID, now: datetime) -> Target | None:
    row = await source.fetchrow(SQL["token_target"], token, now)
    return Target(row["company_id"], row["attachment_id"]) if row else None

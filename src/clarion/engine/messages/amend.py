"""What a client may still change of a request: the labels that it sorts its own requests by."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from msgspec import UNSET, Struct, UnsetType

from clarion.engine.messages.store import SQL
from clarion.errors import NotFound, StaleVersion
from clarion.kit.changes import given
from clarion.storage.database import Database


class Labels(Struct, kw_only=True):
    """What is set; the rest stays."""

    campaign_id: str | UnsetType | None = UNSET
    program_id: str | UnsetType | None = UNSET
    conversation_id: str | UnsetType | None = UNSET


async def amend_request(
    db: Database, company_id: int, request_id: UUID, labels: Labels, *, version: int | None
) -> None:
    """Set labels of a request; its messages keep those that they were made with.

    Raises NotFound, StaleVersion.
    """
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        row = await tx.fetchrow(SQL["read_labels"], company_id, request_id)
        if row is None:
            raise NotFound
        after = dict(row) | given(labels)
        done = await tx.execute(
            SQL["amend_request"],
            company_id,
            request_id,
            after["campaign_id"],
            after["program_id"],
            after["conversation_id"],
            version,
            now,
        )
        if done == "UPDATE 0":
            raise StaleVersion

    await db.run(work)

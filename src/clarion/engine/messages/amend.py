"""What a client may still change of a request: the labels that it sorts its own requests by.

They change alone, or with the request's state; either is one step of its version.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from msgspec import UNSET, Struct, UnsetType

from clarion.engine.messages import store
from clarion.engine.messages.store import SQL
from clarion.errors import NotFound
from clarion.kit.changes import check_version, given
from clarion.storage.database import Database


class Labels(Struct, kw_only=True):
    """What is set; the rest stays."""

    campaign_id: str | UnsetType | None = UNSET
    program_id: str | UnsetType | None = UNSET
    conversation_id: str | UnsetType | None = UNSET


NO_LABELS = Labels()


async def amend_request(
    db: Database, company_id: int, request_id: UUID, labels: Labels, *, version: int | None
) -> None:
    """Set labels of a request; its messages keep those that they were made with.

    Raises NotFound, StaleVersion.
    """

    async def work(tx: asyncpg.Connection) -> None:
        await hold(tx, company_id, request_id, version)
        await set_labels(tx, company_id, request_id, labels, step=1)

    await db.run(work)


async def hold(
    tx: store.Runner, company_id: int, request_id: UUID, version: int | None
) -> store.HeldRequest:
    """The request's own row, held, if its version as clients see it is the one that was read.
    Raises NotFound, StaleVersion."""
    request = await store.lock_request(tx, company_id, request_id)
    if request is None:
        raise NotFound
    if version is not None:
        shown = await store.read_request(tx, company_id, request_id)
        assert shown is not None
        check_version(version, shown.version)
    return request


async def set_labels(
    tx: store.Runner, company_id: int, request_id: UUID, labels: Labels, *, step: int
) -> None:
    """Of a request that is held. `step`: what its version goes up by; 0 where another change in
    the same transaction counts it."""
    row = await tx.fetchrow(SQL["read_labels"], company_id, request_id)
    assert row is not None
    after = dict(row) | given(labels)
    if step or after != dict(row):
        await tx.execute(
            SQL["amend_request"], company_id, request_id, after["campaign_id"],
            after["program_id"], after["conversation_id"], step, datetime.now(UTC),
        )  # fmt: skip

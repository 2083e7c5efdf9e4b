"""The SQL of import and export jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from clarion.engine.contacts.criteria import Compiled, with_criteria
from clarion.engine.contacts.criteria.service import Runner
from clarion.engine.contacts.jobs.csv_reading import Mark
from clarion.engine.contacts.jobs.model import Failure, Job, JobKind, JobState
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
_COLUMNS = "/* columns */ 1"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[str]).decode

__all__ = ["Runner"]


async def insert(
    on: Runner,
    company_id: int,
    id: UUID,
    kind: JobKind,
    *,
    application_id: int,
    group_id: UUID | None,
    attachment_id: UUID,
    now: datetime,
) -> None:
    await on.execute(
        SQL["insert_job"], company_id, id, kind, application_id, group_id, attachment_id, now
    )


async def cancel(on: Runner, company_id: int, id: UUID, kind: JobKind, now: datetime) -> bool:
    done: str = await on.execute(SQL["cancel_job"], company_id, id, kind, now)
    return done != "UPDATE 0"


async def take(on: Runner, node_id: UUID, now: datetime, *, in_hand: Sequence[UUID]) -> Job | None:
    """`in_hand`: what this node works on; what it has without knowing is taken too."""
    row = await on.fetchrow(SQL["take_job"], node_id, now, in_hand)
    if row is None:
        return None
    return Job(
        company_id=row["company_id"],
        id=row["id"],
        kind=JobKind(row["kind"]),
        application_id=row["application_id"],
        group_id=row["contact_group_id"],
        attachment_id=row["attachment_id"],
        failures_id=row["failures_attachment_id"],
        state=JobState(row["state"]),
        mark=Mark(row["position"], row["line"], row["encoding"]),
        canceled=row["deleted_at"] is not None,
    )


async def lock(tx: Runner, job: Job, node_id: UUID) -> int | None:
    """How far the file is dealt with. None: this node is not, or no longer, to work on it."""
    row = await tx.fetchrow(SQL["lock_job"], job.company_id, job.id, node_id)
    return None if row is None or row["canceled"] else row["position"]


async def limit_waiting(tx: Runner, seconds: float) -> None:
    """No statement of this transaction waits longer than that for a lock."""
    await tx.execute(SQL["limit_waiting"], str(int(seconds * 1000)))


async def advance(
    tx: Runner, job: Job, *, imported: int, failed: int, mark: Mark, now: datetime
) -> None:
    await tx.execute(
        SQL["advance_import"], job.company_id, job.id, imported, failed, mark.position,
        mark.line, mark.encoding, now,
    )  # fmt: skip


async def count_exported(on: Runner, job: Job, node_id: UUID, count: int, now: datetime) -> bool:
    """Whether this node is still to work on it."""
    done: str = await on.execute(SQL["count_exported"], job.company_id, job.id, node_id, count, now)
    return done != "UPDATE 0"


async def plan_failures(tx: Runner, job: Job, node_id: UUID, attachment_id: UUID) -> bool:
    """Whether this attachment is now the one for the failures."""
    done: str = await tx.execute(
        SQL["plan_failures"], job.company_id, job.id, node_id, attachment_id
    )
    return done != "UPDATE 0"


async def complete(on: Runner, job: Job, node_id: UUID, now: datetime) -> None:
    await on.execute(SQL["complete_job"], job.company_id, job.id, node_id, now)


async def release(on: Runner, job: Job, node_id: UUID) -> None:
    await on.execute(SQL["release_job"], job.company_id, job.id, node_id)


# ---------------------------------------------------------------- failures


async def add_failures(tx: Runner, job: Job, failures: Sequence[Failure]) -> int:
    """How many were not known yet."""
    done: str = await tx.execute(
        SQL["add_failures"], job.company_id, job.id, [each.line for each in failures],
        [_encode(each.cells).decode() for each in failures],
        [each.reason for each in failures],
    )  # fmt: skip
    return int(done.rsplit(maxsplit=1)[-1])


async def failure_slice(on: Runner, job: Job, after: int, limit: int) -> list[Failure]:
    rows = await on.fetch(SQL["failure_slice"], job.company_id, job.id, after, limit)
    return [Failure(row["line"], _decode(row["row"]), row["reason"]) for row in rows]


async def remove_failures(on: Runner, job: Job, limit: int) -> int:
    """How many were removed."""
    gone: int = await on.fetchval(SQL["remove_failures"], job.company_id, job.id, limit)
    return gone


async def remove(on: Runner, job: Job) -> None:
    await on.execute(SQL["remove_job"], job.company_id, job.id)


# ---------------------------------------------------------------- the end


async def companies_with_old_jobs(on: Runner, before: datetime) -> list[int]:
    return [row[0] for row in await on.fetch(SQL["companies_with_old_jobs"], before)]


async def purge(
    tx: Runner, company_id: int, before: datetime, limit: int
) -> tuple[int, list[UUID]]:
    """How many are gone, and the attachments that nobody needs without them."""
    row = await tx.fetchrow(SQL["purge_jobs"], company_id, before, limit)
    assert row is not None
    return row["jobs"], row["attachments"]


# ---------------------------------------------------------------- exporting


async def columns_in_use(on: Runner, company_id: int) -> list[int]:
    rows = await on.fetch(SQL["columns_in_use"], company_id)
    return [row["number"] for row in rows]


async def copy_window(
    tx: asyncpg.Connection,
    company_id: int,
    columns: str,
    membership: Compiled,
    window: tuple[UUID, UUID],
    take: Callable[[bytes], Awaitable[None]],
) -> int:
    """The contacts of a window as CSV, which the database makes itself; how many there are."""
    sql, args = with_criteria(SQL["export_window"], membership, company_id, *window)
    done: Any = await tx.copy_from_query(
        sql.replace(_COLUMNS, columns), *args, output=take, format="csv"
    )
    return int(str(done).split()[-1])

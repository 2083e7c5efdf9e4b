"""The SQL of contact groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from clarion.engine.contacts.criteria import Compiled, with_criteria
from clarion.engine.contacts.criteria.service import Runner
from clarion.engine.contacts.groups.model import Group, GroupStatus, GroupType, NewGroup
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
START = UUID(int=0)
"""Before every contact."""
IS_MEMBER = (
    "exists (select from contact_group_member m where m.company_id = c.company_id"
    " and m.group_id = {0}::uuid and m.contact_id = c.id)"
)
"""That a contact, under the name `c`, is a member of a STATIC group."""

Row = Mapping[str, Any]

__all__ = ["Runner"]


async def insert(
    tx: Runner,
    company_id: int,
    id: UUID,
    application_id: int,
    new: NewGroup,
    *,
    status: GroupStatus,
    now: datetime,
) -> None:
    await tx.execute(
        SQL["insert_group"], company_id, id, application_id, new.external_id, new.name,
        new.description, new.type, new.criteria, status, now,
    )  # fmt: skip


async def begin_work(tx: Runner, company_id: int, id: UUID) -> None:
    await tx.execute(SQL["begin_work"], company_id, id)


async def groups_among(on: Runner, company_id: int, ids: Sequence[UUID]) -> set[UUID]:
    return {row["id"] for row in await on.fetch(SQL["groups_among"], company_id, ids)}


async def lock(tx: Runner, company_id: int, id: UUID) -> Row | None:
    return await tx.fetchrow(SQL["lock_group"], company_id, id)


async def update(tx: Runner, company_id: int, id: UUID, after: Row, now: datetime) -> None:
    names = ("name", "external_id", "description", "criteria")
    await tx.execute(SQL["update_group"], company_id, id, *(after[name] for name in names), now)


async def mark_deleted(tx: Runner, company_id: int, id: UUID, now: datetime) -> bool:
    done: str = await tx.execute(SQL["delete_group"], company_id, id, now)
    return done != "UPDATE 0"


async def read(on: Runner, company_id: int, id: UUID) -> Group | None:
    row = await on.fetchrow(SQL["read_group"], company_id, id)
    if row is None:
        return None
    return Group(GroupType(row["type"]), row["criteria"], GroupStatus(row["status"]))


async def add_members(
    tx: Runner, company_id: int, id: UUID, contacts: Sequence[UUID]
) -> tuple[set[UUID], int]:
    """Those of the contacts that live, and how many of them were no members before."""
    row = await tx.fetchrow(SQL["add_members"], company_id, id, contacts)
    assert row is not None
    return set(row["living"]), row["added"]


async def add_held(tx: Runner, company_id: int, id: UUID, contacts: Sequence[UUID]) -> int:
    """How many of them were no members before."""
    added: int = await tx.fetchval(SQL["add_held"], company_id, id, contacts)
    return added


async def remove_member(tx: Runner, company_id: int, id: UUID, contact_id: UUID) -> bool:
    done: str = await tx.execute(SQL["remove_member"], company_id, id, contact_id)
    return done != "DELETE 0"


async def count_members(tx: Runner, company_id: int, id: UUID, change: int) -> bool:
    """Whether the group is still there."""
    return await tx.fetchval(SQL["count_members"], company_id, id, change) is not None


async def leave_groups(tx: Runner, company_id: int, contacts: Sequence[UUID]) -> None:
    await tx.execute(SQL["leave_groups"], company_id, contacts)


async def member_slice(
    on: Runner, company_id: int, id: UUID, after: UUID | None, limit: int
) -> list[UUID]:
    rows = await on.fetch(SQL["member_slice"], company_id, id, after or START, limit)
    return [row[0] for row in rows]


async def criteria_slice(
    on: Runner, company_id: int, criteria: Compiled, after: UUID | None, limit: int
) -> list[UUID]:
    sql, args = with_criteria(SQL["criteria_slice"], criteria, company_id, after or START, limit)
    return [row[0] for row in await on.fetch(sql, *args)]


async def count_matching(
    tx: asyncpg.Connection, company_id: int, criteria: Compiled, seconds: float
) -> int | None:
    """None: counting took longer than that."""
    sql, args = with_criteria(SQL["count_matching"], criteria, company_id)
    try:
        async with tx.transaction():
            await tx.execute(SQL["limit_time"], str(max(1, int(seconds * 1000))))
            count: int = await tx.fetchval(sql, *args)
            return count
    except asyncpg.QueryCanceledError:
        return None


# ---------------------------------------------------------------- background


async def take_work(on: Runner, node_id: UUID, now: datetime, limit: int) -> list[tuple[int, UUID]]:
    rows = await on.fetch(SQL["take_work"], node_id, now, limit)
    return [(row["company_id"], row["group_id"]) for row in rows]


async def lock_work(tx: Runner, company_id: int, id: UUID, node_id: UUID) -> Row | None:
    return await tx.fetchrow(SQL["lock_work"], company_id, id, node_id)


async def window_end(tx: Runner, company_id: int, after: UUID | None, size: int) -> UUID | None:
    """None: there are no contacts after that one."""
    end: UUID | None = await tx.fetchval(SQL["window_end"], company_id, after or START, size)
    return end


async def fill_window(
    tx: Runner, company_id: int, id: UUID, criteria: Compiled, window: tuple[UUID | None, UUID]
) -> int:
    after, end = window
    sql, args = with_criteria(SQL["fill_window"], criteria, company_id, id, after or START, end)
    added: int = await tx.fetchval(sql, *args)
    return added


async def advance_work(tx: Runner, company_id: int, id: UUID, after: UUID) -> None:
    await tx.execute(SQL["advance_work"], company_id, id, after)


async def end_work(tx: Runner, company_id: int, id: UUID) -> None:
    await tx.execute(SQL["end_work"], company_id, id)


async def set_ready(tx: Runner, company_id: int, id: UUID, now: datetime) -> None:
    await tx.execute(SQL["group_ready"], company_id, id, now)


async def empty_some(tx: Runner, company_id: int, id: UUID, limit: int) -> int:
    """How many memberships were ended."""
    gone: int = await tx.fetchval(SQL["empty_group"], company_id, id, limit)
    return gone

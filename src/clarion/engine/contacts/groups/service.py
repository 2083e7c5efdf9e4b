"""What can be done with contact groups, and who is in them.

Locks are taken contacts first, then groups: whoever deletes a contact goes the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import UUID

import asyncpg

from clarion.engine.accounts.model import Caller
from clarion.engine.contacts.criteria import Compiled, InvalidCriteria, compile_for
from clarion.engine.contacts.groups import store
from clarion.engine.contacts.groups.model import (
    Group,
    GroupBusy,
    GroupChange,
    GroupStatus,
    GroupType,
    NewGroup,
)
from clarion.errors import Conflict, InvalidInput, NotFound
from clarion.kit import ids
from clarion.kit.changes import changes_of
from clarion.kit.dates import to_epoch_ms
from clarion.storage.database import Database

CONTACT_WORK_CHANNEL = "contact_work"
"""Hints that there is something to do in the background."""


async def create_group(db: Database, caller: Caller, new: NewGroup) -> UUID:
    """A group of the caller's company; a STATIC one with criteria is filled in the background."""
    now = datetime.now(UTC)
    filled = new.type is GroupType.STATIC and new.criteria is not None
    _check_criteria(new.type, new.criteria)

    async def work(tx: asyncpg.Connection) -> UUID:
        if new.criteria is not None:
            await compile_for(tx, caller.company_id, new.criteria)
        id = ids.new_id(at_ms=to_epoch_ms(now))
        status = GroupStatus.PROCESSING if filled else GroupStatus.READY
        await store.insert(
            tx, caller.company_id, id, caller.application_id, new, status=status, now=now
        )
        if filled:
            await store.begin_work(tx, caller.company_id, id)
        return id

    id = await db.run(work)
    if filled:
        db.hint(CONTACT_WORK_CHANNEL)
    return id


async def change_group(db: Database, caller: Caller, id: UUID, change: GroupChange) -> None:
    """Set what `change` names, if its version is current."""
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        row = await store.lock(tx, caller.company_id, id)
        if row is None:
            raise NotFound
        after = dict(row) | changes_of(row, change)
        await _check_change(tx, caller.company_id, row, after)
        await store.update(tx, caller.company_id, id, after, now)

    await db.run(work)


async def delete_group(db: Database, caller: Caller, id: UUID) -> None:
    """Mark it deleted; its memberships end in the background."""
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        if not await store.mark_deleted(tx, caller.company_id, id, now):
            raise NotFound
        await store.begin_work(tx, caller.company_id, id)

    await db.run(work)
    db.hint(CONTACT_WORK_CHANNEL)


# ---------------------------------------------------------------- members


async def add_members(
    db: Database, caller: Caller, id: UUID, contacts: Sequence[UUID]
) -> set[UUID]:
    """Make contacts members of a STATIC group; answers those that are no contacts."""

    async def work(tx: asyncpg.Connection) -> set[UUID]:
        return set(contacts) - await enroll(tx, caller.company_id, id, contacts)

    return await db.run(work)


async def enroll(
    tx: asyncpg.Connection, company_id: int, id: UUID, contacts: Sequence[UUID]
) -> set[UUID]:
    """The same inside of a transaction; answers those that are members now."""
    await _static(tx, company_id, id)
    living, added = await store.add_members(tx, company_id, id, contacts)
    if not await store.count_members(tx, company_id, id, added):
        raise NotFound
    return living


async def join_group(
    tx: asyncpg.Connection, company_id: int, id: UUID, contacts: Sequence[UUID]
) -> None:
    """Contacts that this transaction has made or locked become members of a group that is known
    to be STATIC. NotFound: it is deleted."""
    added = await store.add_held(tx, company_id, id, contacts)
    if not await store.count_members(tx, company_id, id, added):
        raise NotFound


async def remove_member(db: Database, caller: Caller, id: UUID, contact_id: UUID) -> None:
    """Take a contact out of a STATIC group."""

    async def work(tx: asyncpg.Connection) -> None:
        group = await _static(tx, caller.company_id, id)
        if group.status is GroupStatus.PROCESSING:
            raise GroupBusy  # it might be added again
        if not await store.remove_member(tx, caller.company_id, id, contact_id):
            raise NotFound
        await store.count_members(tx, caller.company_id, id, -1)

    await db.run(work)


async def leave_groups(tx: store.Runner, company_id: int, contacts: Sequence[UUID]) -> None:
    """Contacts that are being deleted leave their groups. To be called in the same transaction,
    after the contacts' rows are marked: whoever adds one of them meanwhile waits for that."""
    await store.leave_groups(tx, company_id, contacts)


async def member_slice(
    tx: store.Runner, company_id: int, group_id: UUID, after: UUID | None, limit: int
) -> list[UUID]:
    """The next members of a group, in the order of their ids, after the last one of the slice
    before. NotFound: there is no such group; GroupBusy: it is still being filled."""
    group = await _ready(tx, company_id, group_id)
    if group.type is GroupType.STATIC:
        return await store.member_slice(tx, company_id, group_id, after, limit)
    return await criteria_slice(tx, company_id, str(group.criteria), after, limit)


async def criteria_slice(
    tx: store.Runner, company_id: int, criteria: str, after: UUID | None, limit: int
) -> list[UUID]:
    """The next contacts that match a query, likewise. Raises InvalidCriteria."""
    compiled = await compile_for(tx, company_id, criteria)
    return await store.criteria_slice(tx, company_id, compiled, after, limit)


async def groups_among(on: store.Runner, company_id: int, ids: Sequence[UUID]) -> set[UUID]:
    """Which of these ids are the company's groups'."""
    return await store.groups_among(on, company_id, ids)


async def membership(on: store.Runner, company_id: int, id: UUID) -> Compiled:
    """The condition on contacts (under the name `c`) that they are in a group, whatever its type
    and status. NotFound: there is no such group."""
    group = await _group(on, company_id, id)
    if group.type is GroupType.DYNAMIC:
        return await compile_for(on, company_id, str(group.criteria))
    return Compiled(store.IS_MEMBER, (id,))


async def count_matching(
    db: Database, company_id: int, groups: Mapping[UUID, str], *, seconds: float
) -> dict[UUID, int]:
    """How many contacts each of some DYNAMIC groups has, by its criteria. A group is left out
    when the time is over, or when its criteria name what is no longer there."""
    counts: dict[UUID, int] = {}
    deadline = monotonic() + seconds
    async with db.transaction() as tx:
        for id, criteria in groups.items():
            left = deadline - monotonic()
            if left <= 0:
                break
            try:
                compiled = await compile_for(tx, company_id, criteria)
            except InvalidCriteria:
                continue
            count = await store.count_matching(tx, company_id, compiled, left)
            if count is not None:
                counts[id] = count
    return counts


# ---------------------------------------------------------------- the steps


def _check_criteria(type: GroupType, criteria: str | None) -> None:
    if type is GroupType.DYNAMIC and criteria is None:
        raise InvalidInput("criteria: a DYNAMIC group must have them.", field="criteria")


async def _check_change(
    tx: asyncpg.Connection, company_id: int, row: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    if after["type"] != row["type"]:
        raise Conflict("type: it cannot be changed.", field="type")
    if after["criteria"] == row["criteria"]:
        return
    if row["type"] == GroupType.STATIC:
        raise Conflict(
            "criteria: a STATIC group is filled when it is made; they cannot be changed.",
            field="criteria",
        )
    _check_criteria(GroupType.DYNAMIC, after["criteria"])
    await compile_for(tx, company_id, after["criteria"])


async def _group(on: store.Runner, company_id: int, id: UUID) -> Group:
    group = await store.read(on, company_id, id)
    if group is None:
        raise NotFound("There is no such contact group.")
    return group


async def _ready(on: store.Runner, company_id: int, id: UUID) -> Group:
    group = await _group(on, company_id, id)
    if group.status is GroupStatus.PROCESSING:
        raise GroupBusy
    return group


async def _static(on: store.Runner, company_id: int, id: UUID) -> Group:
    group = await _group(on, company_id, id)
    if group.type is GroupType.DYNAMIC:
        raise Conflict("The members of a DYNAMIC group are whoever its criteria match.")
    return group

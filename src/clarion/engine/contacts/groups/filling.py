"""What happens to contact groups in the background: STATIC ones are filled by their criteria,
deleted ones are emptied.

One step on a group is one transaction: some contacts become members, they are counted, and how far
it has come is noted. A node that dies loses its step, and another one goes on from the note; so a
contact that was added twice was added once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from clarion.engine.contacts.criteria import InvalidCriteria, compile_for
from clarion.engine.contacts.groups import store
from clarion.log import get_logger
from clarion.storage.database import Database

AT_ONCE = 4
"""Groups that one node works on in turns, so that a huge one does not hold up the others."""
WINDOW = 10_000  # contacts looked at in one step
GOES = 10_000  # memberships ended in one step

CRITERIA_OUTLIVED = "contact_group.criteria_outlived"

log = get_logger(__name__)


class GroupKeeper:
    """Works on the groups that this node holds."""

    def __init__(self, db: Database, *, node_id: UUID) -> None:
        self._db = db
        self._node_id = node_id

    async def step(self) -> bool:
        """One step on each of some groups; whether there may be more to do."""
        taken = await store.take_work(self._db, self._node_id, datetime.now(UTC), AT_ONCE)
        for company_id, group_id in taken:
            await self._work_on(company_id, group_id)
        return bool(taken)

    async def _work_on(self, company_id: int, id: UUID) -> None:
        now = datetime.now(UTC)

        async def work(tx: asyncpg.Connection) -> None:
            row = await store.lock_work(tx, company_id, id, self._node_id)
            if row is None:
                return  # another node has it: this one was thought dead
            if row["deleted"]:
                await _empty(tx, company_id, id)
            else:
                await _fill(tx, company_id, id, row, now)

        await self._db.run(work)


async def _empty(tx: asyncpg.Connection, company_id: int, id: UUID) -> None:
    if await store.empty_some(tx, company_id, id, GOES) < GOES:
        await store.end_work(tx, company_id, id)


async def _fill(
    tx: asyncpg.Connection, company_id: int, id: UUID, row: store.Row, now: datetime
) -> None:
    end = await store.window_end(tx, company_id, row["after"], WINDOW)
    if end is None:
        await _finish(tx, company_id, id, now)
        return
    try:
        criteria = await compile_for(tx, company_id, row["criteria"])
    except InvalidCriteria as error:  # a fast access attribute has another name since
        log.warning(CRITERIA_OUTLIVED, company_id=company_id, reason=error.message)
        await _finish(tx, company_id, id, now)
        return
    added = await store.fill_window(tx, company_id, id, criteria, (row["after"], end))
    await store.count_members(tx, company_id, id, added)
    await store.advance_work(tx, company_id, id, end)


async def _finish(tx: asyncpg.Connection, company_id: int, id: UUID, now: datetime) -> None:
    await store.set_ready(tx, company_id, id, now)
    await store.end_work(tx, company_id, id)

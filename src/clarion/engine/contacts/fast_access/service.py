"""What can be done with fast access rules, and the runs through the contacts that follow.

A rule applies to every contact that is written from then on. Contacts that are there already are
gone through in the background (recompute.py): the run is stored with the rule that needs it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import msgspec

from clarion.engine.accounts.model import Caller
from clarion.engine.contacts.fast_access import store
from clarion.engine.contacts.fast_access.model import COLUMNS, NewRule, RuleChange, check_rule
from clarion.errors import NotFound
from clarion.kit import ids
from clarion.kit.changes import changes_of
from clarion.kit.dates import to_epoch_ms
from clarion.storage.database import Database

JOBS_CHANNEL = "clarion_fast_access"
"""The channel of hints that there is a run to begin."""


async def create_rule(db: Database, caller: Caller, new: NewRule) -> UUID:
    """A rule of the caller's company. AlreadyExists: its attribute or its name has one."""
    check_rule(new.name, new.script, new.user_data)
    now = datetime.now(UTC)
    id = ids.new_id(at_ms=to_epoch_ms(now))
    row = msgspec.structs.asdict(new) | caller.record(id, now)

    async def work(tx: asyncpg.Connection) -> None:
        await store.change_rules(tx, caller.company_id)
        await store.insert_rule(tx, row)
        if new.script:
            await _begin_job(tx, caller, now)

    await db.run(work)
    db.hint(JOBS_CHANNEL)
    return id


async def change_rule(db: Database, caller: Caller, id: UUID, change: RuleChange) -> None:
    """Set what `change` names, if its version is current. What an attribute held stays in it,
    unless it was derived and its rule is for another one now."""
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        row = await _rule(tx, caller.company_id, id)
        after = dict(row) | changes_of(row, change) | {"updated_at": now}
        check_rule(after["name"], after["script"], after["user_data"])
        await store.update_rule(tx, after)
        moved = after["number"] != row["number"]
        if after["script"] != row["script"] or (moved and row["script"]):
            left = [_column(row)] if moved and row["script"] else []
            await _begin_job(tx, caller, now, emptied=left)

    await db.run(work)
    db.hint(JOBS_CHANNEL)


async def delete_rule(db: Database, caller: Caller, id: UUID) -> None:
    """What the rule derived goes; what clients wrote stays, under the attribute's own name."""
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        row = await _rule(tx, caller.company_id, id)
        await store.delete_rule(tx, caller.company_id, id)
        if row["script"]:
            await _begin_job(tx, caller, now, emptied=[_column(row)])

    await db.run(work)
    db.hint(JOBS_CHANNEL)


async def begin_job(db: Database, caller: Caller) -> UUID:
    """A run through all contacts, because the caller asks for it."""

    async def work(tx: asyncpg.Connection) -> UUID:
        await store.change_rules(tx, caller.company_id)
        return await _begin_job(tx, caller, datetime.now(UTC))

    id = await db.run(work)
    db.hint(JOBS_CHANNEL)
    return id


# ---------------------------------------------------------------- the steps


async def _rule(tx: asyncpg.Connection, company_id: int, id: UUID) -> store.Row:
    await store.change_rules(tx, company_id)
    row = await store.lock_rule(tx, company_id, id)
    if row is None:
        raise NotFound
    return row


async def _begin_job(
    tx: asyncpg.Connection, caller: Caller, now: datetime, *, emptied: Iterable[str] = ()
) -> UUID:
    """One run at a time: it does what is left of the one before, by the rules as they are now."""
    left = await store.replace_jobs(tx, caller.company_id, now) | set(emptied)
    rules = await store.read_rules(tx, caller.company_id)
    ruled = {rule.column for rule in rules.rules}
    id = ids.new_id(at_ms=to_epoch_ms(now))
    await store.insert_job(
        tx,
        caller.company_id,
        id,
        application_id=caller.application_id,
        emptied=sorted(left - ruled),
        now=now,
    )
    return id


def _column(rule: store.Row) -> str:
    return COLUMNS[int(rule["number"]) - 1]

"""What can be done with one contact: make, change, replace and delete it.

Values come as clients write them (model.read_value). Fast access rules apply to every write.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from clarion.engine.accounts.model import Caller
from clarion.engine.contacts import store
from clarion.engine.contacts.fast_access.model import Rules
from clarion.engine.contacts.fast_access.store import hold_rules
from clarion.engine.contacts.groups.service import enroll, leave_groups
from clarion.engine.contacts.model import READERS, SYSTEM_KEPT, Row, apply, as_json, new_row
from clarion.engine.contacts.names import FAST_ACCESS
from clarion.engine.contacts.tokens.store import forget_tokens
from clarion.errors import NotFound
from clarion.kit import ids
from clarion.kit.changes import check_version
from clarion.kit.dates import to_epoch_ms
from clarion.storage.database import Database

FLAT = frozenset(FAST_ACCESS)
GIVEN = "fast_access"
"""Fast access attributes by their names; they may be given flat, by their columns, as well."""

Values = Mapping[str, Any]


async def create_contact(
    db: Database, caller: Caller, values: Values, *, group_id: UUID | None = None
) -> UUID:
    """A contact of the caller's company, and a member of a STATIC group if one is named.
    AlreadyExists: its number or external id has one."""
    now = datetime.now(UTC)
    id = ids.new_id(at_ms=to_epoch_ms(now))

    async def work(tx: asyncpg.Connection) -> None:
        rules = await hold_rules(tx, caller.company_id)
        row = new_row() | {"id": id, "application_id": caller.application_id}
        write(row, values, rules)
        await store.insert(tx, caller.company_id, [row], now)
        if group_id is not None:
            await enroll(tx, caller.company_id, group_id, [id])

    await _run(db, work)
    return id


async def change_contact(
    db: Database, caller: Caller, id: UUID, values: Values, *, version: int | None
) -> None:
    """Set what `values` name, if `version` is current."""
    await _change(db, caller, id, values, version=version)


async def replace_contact(
    db: Database, caller: Caller, id: UUID, values: Values, *, version: int | None
) -> None:
    """What `values` do not name is emptied, but for what opt-ins and fast access have set."""
    cleared = {name: None for name in READERS if name not in SYSTEM_KEPT}
    await _change(db, caller, id, cleared | dict(values), version=version)


async def delete_contact(db: Database, caller: Caller, id: UUID) -> None:
    """The contact is gone, from its groups too, and its tokens are good for nothing."""
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        if not await store.delete(tx, caller.company_id, id, now):
            raise NotFound
        await leave_groups(tx, caller.company_id, [id])
        await forget_tokens(tx, caller.company_id, id, now)

    await db.run(work)


def write(row: Row, values: Values, rules: Rules) -> None:
    """Values as model.read_value gives them into a contact's row, and what rules make of it."""
    plain = {name: value for name, value in values.items() if name in READERS}
    given = {name: value for name, value in values.items() if name in FLAT}
    apply(row, plain)
    row.update(rules.written(given | (values.get(GIVEN) or {})))
    if rules.derived:
        row.update(rules.derive(as_json(row)))


# ---------------------------------------------------------------- the steps


async def _change(
    db: Database,
    caller: Caller,
    id: UUID,
    values: Values,
    *,
    version: int | None,
) -> None:
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        rules = await hold_rules(tx, caller.company_id)
        found = await store.lock(tx, caller.company_id, id)
        if found is None:
            raise NotFound
        check_version(version, found["version"])
        row = dict(found)
        write(row, values, rules)
        await store.update(tx, caller.company_id, [row], now)

    await _run(db, work)


async def _run(db: Database, work: Callable[[asyncpg.Connection], Awaitable[None]]) -> None:
    try:
        await db.run(work)
    except asyncpg.UniqueViolationError as error:
        raise store.taken(error) from error

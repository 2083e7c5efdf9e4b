"""What can be done with message templates.

A company's templates are its own. The operator's PUBLIC ones are seen and used by all companies and
changed by none of them. A VALIDATOR that a sender id taken from a SHARED one names stays as it is:
it is part of what the sender id was approved for (SCG reference, Message Template).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from clarion.engine.accounts.model import Caller
from clarion.engine.senders.store import is_operator
from clarion.engine.senders.templates import store
from clarion.engine.senders.templates.model import (
    MAX_TEMPLATES,
    Designation,
    NewTemplate,
    TemplateChange,
    TemplateError,
    TemplateOwnership,
)
from clarion.engine.senders.templates.parsing import parse
from clarion.engine.senders.templates.shapes import TextShape
from clarion.errors import Conflict, InvalidInput, NotAllowed, NotFound
from clarion.kit import ids
from clarion.kit.changes import changes_of
from clarion.kit.dates import to_epoch_ms
from clarion.storage.database import Database


async def create_template(db: Database, caller: Caller, new: NewTemplate) -> UUID:
    """A template of the caller's company."""
    _check_pattern(new.designation, new.pattern)
    now = datetime.now(UTC)
    id = ids.new_id(at_ms=to_epoch_ms(now))

    async def work(connection: asyncpg.Connection) -> None:
        await _check_ownership(connection, caller.company_id, new.ownership)
        row = msgspec.structs.asdict(new) | caller.record(id, now)
        await store.insert(connection, row)
        count = await connection.fetchval(store.SQL["count_templates"], caller.company_id)
        if count > MAX_TEMPLATES:
            raise Conflict(f"A company has at most {MAX_TEMPLATES} templates.")

    await db.run(work)
    return id


async def change_template(db: Database, caller: Caller, id: UUID, change: TemplateChange) -> None:
    """Set what `change` names, if its version is current."""
    now = datetime.now(UTC)

    async def work(connection: asyncpg.Connection) -> None:
        row = await _own(connection, caller.company_id, id)
        after = dict(row) | changes_of(row, change) | {"updated_at": now}
        await _check_change(connection, row, after)
        await store.update(connection, after)

    await db.run(work)


async def delete_template(db: Database, caller: Caller, id: UUID) -> None:
    """Mark it deleted. Sender ids that name it demand nothing of it any more."""
    now = datetime.now(UTC)

    async def work(connection: asyncpg.Connection) -> None:
        row = await _own(connection, caller.company_id, id)
        await _check_unbound(connection, row)
        await store.delete(connection, caller.company_id, id, now)

    await db.run(work)


# ---------------------------------------------------------------- the steps


async def _own(connection: asyncpg.Connection, company_id: int, id: UUID) -> store.Row:
    row = await store.lock(connection, company_id, id)
    if row is not None:
        return row
    if await connection.fetchval(store.SQL["is_offered"], id):
        raise NotAllowed("The template is the operator's.")
    raise NotFound


async def _check_change(
    connection: asyncpg.Connection, row: store.Row, after: dict[str, Any]
) -> None:
    designation = Designation(after["designation"])
    if (designation, after["pattern"]) != (row["designation"], row["pattern"]):
        _check_pattern(designation, after["pattern"])
    if after["ownership"] != row["ownership"]:
        wanted = TemplateOwnership(after["ownership"])
        await _check_ownership(connection, row["company_id"], wanted)
    if any(after[name] != row[name] for name in ("name", "designation", "pattern")):
        await _check_unbound(connection, row)


async def _check_unbound(connection: asyncpg.Connection, row: store.Row) -> None:
    if row["designation"] != Designation.VALIDATOR:
        return
    names = [ids.show(row["id"]), row["name"]]
    if await connection.fetchval(store.SQL["is_bound"], row["company_id"], names):
        raise NotAllowed("The template belongs to a sender id that is shared.")


async def _check_ownership(
    connection: asyncpg.Connection, company_id: int, wanted: TemplateOwnership
) -> None:
    if wanted is TemplateOwnership.PRIVATE or await is_operator(connection, company_id):
        return
    raise NotAllowed(f"Only the operator's company has {wanted} templates.", field="ownership")


def _check_pattern(designation: Designation, pattern: str) -> None:
    """It can be read, and a VALIDATOR has nothing but text and variables."""
    try:
        block = parse(pattern, strict=True)
        if designation is Designation.VALIDATOR:
            TextShape(block)
    except TemplateError as error:
        raise InvalidInput(f"pattern: {error.message}", field="pattern") from error

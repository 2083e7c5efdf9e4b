"""What a company can do with its delivery configurations."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import msgspec

from clarion.engine.accounts.model import Caller
from clarion.engine.events.configurations import store
from clarion.engine.events.configurations.model import (
    MAX_CONFIGURATIONS,
    MAX_REASON,
    ConfigurationChange,
    NewConfiguration,
    checked,
    file_due,
)
from clarion.engine.events.configurations.sealed import (
    Authentication,
    authentication_of,
    destinations,
    keep_refresh_token,
    rotate_secret,
    secrets_of,
    set_authentication,
    set_secrets,
)
from clarion.engine.events.configurations.store import SQL, Row
from clarion.engine.events.model import SUBSCRIPTIONS_CHANNEL, DeliveryConfiguration
from clarion.engine.events.types.store import Runner
from clarion.errors import AlreadyExists, Conflict
from clarion.kit.changes import check_version, given
from clarion.storage.database import Database

__all__ = [
    "Authentication",
    "authentication_of",
    "change",
    "create",
    "delete",
    "destinations",
    "disable",
    "get",
    "keep_refresh_token",
    "rotate_secret",
    "secrets_of",
    "set_authentication",
    "set_secrets",
]


async def create(db: Database, caller: Caller, new: NewConfiguration) -> int:
    """Its id. Raises AlreadyExists, Conflict, InvalidInput."""
    now = datetime.now(UTC)
    whole = checked(new, at=now)
    due_at = file_due(whole.cron_expression, now)

    async def work(tx: asyncpg.Connection) -> int:
        count = await tx.fetchval(SQL["count_configurations"], caller.company_id)
        if count >= MAX_CONFIGURATIONS:
            raise Conflict(f"A company has {MAX_CONFIGURATIONS} delivery configurations at most.")
        try:
            return await store.insert(tx, caller.company_id, whole, due_at=due_at, now=now)
        except asyncpg.UniqueViolationError as error:
            raise _taken(whole.name) from error

    id = await db.run(work)
    _tell(db, caller)
    return id


async def get(on: Runner, company_id: int, id: int) -> DeliveryConfiguration:
    """Raises NotFound."""
    row = await on.fetchrow(SQL["configuration"], company_id, id)
    if row is None:
        raise store.missing(id)
    return store.as_configuration(row)


async def change(db: Database, caller: Caller, id: int, change: ConfigurationChange) -> None:
    """Set what `change` names, if its version is current."""
    values = given(change)
    version = values.pop("version")

    async def work(tx: asyncpg.Connection) -> None:
        row = await store.lock(tx, caller.company_id, id)
        check_version(version, row["version"])
        await _put(tx, row, msgspec.structs.replace(store.as_new(row), **values))

    await db.run(work)
    _tell(db, caller)


async def delete(db: Database, caller: Caller, id: int) -> None:
    """Nothing is matched for it and nothing delivered to it any more. Its subscriptions are not
    listed any more; subscriptions.service.sweep takes them away."""
    now = datetime.now(UTC)
    if await db.fetchval(SQL["delete_configuration"], caller.company_id, id, now) is None:
        raise store.missing(id)
    _tell(db, caller)


async def disable(tx: Runner, company_id: int, id: int, reason: str, *, now: datetime) -> bool:
    """Switch it off on the receiver's wish; whether it was on. In the caller's transaction, who
    announces it."""
    row = (company_id, id, reason[:MAX_REASON], now)
    return await tx.fetchval(SQL["disable"], *row) is not None


async def _put(tx: Runner, row: Row, new: NewConfiguration) -> None:
    """A file that collects goes on collecting, unless it is to be closed at other times. What was
    held back goes out when the receiver is another one, or is switched on again."""
    now = datetime.now(UTC)
    whole = checked(new, at=now)
    cron = whole.cron_expression
    opened_at, due_at = row["file_opened_at"], row["file_due_at"]
    if cron != row["cron_expression"]:
        due_at = file_due(cron, now)
        opened_at = None if cron is None else opened_at or now
    fresh = whole.address != row["address"] or (whole.active and not row["active"])
    state = (
        None if whole.active else row["inactive_reason"],
        None if fresh else row["held_until"],
        0 if fresh else row["failures"],
    )
    values = (*store.columns(whole), opened_at, due_at, *state, now)
    try:
        await tx.execute(SQL["update_configuration"], row["company_id"], row["id"], *values)
    except asyncpg.UniqueViolationError as error:
        raise _taken(whole.name) from error


def _taken(name: str) -> AlreadyExists:
    words = f"del-cfg-nm: there is a delivery configuration {name}."
    return AlreadyExists(words, field="del-cfg-nm")


def _tell(db: Database, caller: Caller) -> None:
    db.hint(SUBSCRIPTIONS_CHANNEL, str(caller.company_id))

"""Application tokens: made by a company, registered by a device, refused by a provider."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from clarion.engine.accounts.model import Caller
from clarion.engine.contacts.fast_access.store import Runner
from clarion.engine.contacts.tokens import store
from clarion.engine.contacts.tokens.announcing import announce_tokens
from clarion.engine.contacts.tokens.model import (
    MAX_TOKENS,
    Holder,
    NewToken,
    TokenChange,
    TokenState,
    check_token,
)
from clarion.errors import Conflict, NotFound
from clarion.kit import ids
from clarion.kit.changes import changes_of
from clarion.kit.dates import to_epoch_ms
from clarion.storage.database import Database


async def create_token(db: Database, caller: Caller, contact_id: UUID, new: NewToken) -> UUID:
    """A token of a contact. AlreadyExists: a contact of the company has it."""
    check_token(new.sender_id_address, new.token)
    now = datetime.now(UTC)
    id = ids.new_id(at_ms=to_epoch_ms(now))
    owner = caller.company_id, contact_id, caller.application_id

    async def work(tx: asyncpg.Connection) -> None:
        if not await store.insert_application_token(tx, owner, id, new, now):
            raise Conflict(f"The contact has {MAX_TOKENS} tokens already, or is no longer there.")

    await db.run(work)
    return id


async def change_token(
    db: Database, caller: Caller, contact_id: UUID, id: UUID, change: TokenChange
) -> None:
    """Set what `change` names, if its version is current."""
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        row = await store.lock_application_token(tx, caller.company_id, contact_id, id)
        if row is None:
            raise NotFound
        after = dict(row) | changes_of(row, change) | {"updated_at": now}
        check_token(after["sender_id_address"], after["token"])
        if after["token"] != row["token"]:
            after["state"] = TokenState.ACTIVE
        await store.update_application_token(tx, after)
        if after["state"] != row["state"]:
            await announce_tokens(tx, caller.company_id, [after], after["state"], at=now)

    await db.run(work)


async def delete_token(db: Database, caller: Caller, contact_id: UUID, id: UUID) -> None:
    async def work(tx: asyncpg.Connection) -> None:
        now = datetime.now(UTC)
        if not await store.delete_application_token(tx, caller.company_id, contact_id, id, now):
            raise NotFound

    await db.run(work)


async def register_token(db: Database, holder: Holder, new: NewToken) -> UUID:
    """A device's own word: it is reached there, whoever had the token before. Of too many devices
    those are forgotten that have been silent for longest. Harmless when repeated."""
    check_token(new.sender_id_address, new.token)
    owner = holder.company_id, holder.contact_id, holder.application_id
    now = datetime.now(UTC)
    id = ids.new_id(at_ms=to_epoch_ms(now))

    async def work(tx: asyncpg.Connection) -> UUID:
        made = await store.register_token(tx, owner, id, new, now)
        if made is None:
            raise NotFound
        return made

    return await db.run(work)


async def unregister_token(db: Database, holder: Holder, token: NewToken) -> None:
    """The device is no longer reached. NotFound: the contact has no such token."""

    async def work(tx: asyncpg.Connection) -> None:
        owner = holder.company_id, holder.contact_id
        if not await store.unregister_token(tx, *owner, token, datetime.now(UTC)):
            raise NotFound

    await db.run(work)


async def mark_dead_tokens(
    tx: Runner, company_id: int, tokens: Sequence[str]
) -> list[tuple[UUID, UUID]]:
    """A provider refuses these: nothing is sent there any more. The application tokens that have
    just become INVALID, each with its contact. Harmless when repeated."""
    rows = await store.mark_dead(tx, company_id, tokens, datetime.now(UTC))
    return [(row["id"], row["contact_id"]) for row in rows]


async def mark_dead_token(tx: Runner, company_id: int, token: str) -> bool:
    """The same for one; whether any contact had it."""
    return bool(await mark_dead_tokens(tx, company_id, [token]))

"""What can be done with channels, and with the sender ids in them.

A company's own channel holds its own sender ids. The operator's SHARED and PUBLIC channels are seen
and used by all companies, each with its own copies of the sender ids in them: see directory.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import msgspec

from clarion.engine.accounts.model import Caller
from clarion.engine.senders.channels import store
from clarion.engine.senders.channels.model import (
    MAX_SENDERS,
    ChannelChange,
    ChannelOwnership,
    NewChannel,
)
from clarion.engine.senders.store import is_operator
from clarion.errors import InvalidInput, NotAllowed, NotFound
from clarion.kit import ids
from clarion.kit.changes import changes_of
from clarion.kit.dates import to_epoch_ms
from clarion.storage.database import Database


async def create_channel(db: Database, caller: Caller, new: NewChannel) -> UUID:
    """A channel of the caller's company, without sender ids yet."""
    now = datetime.now(UTC)
    id = ids.new_id(at_ms=to_epoch_ms(now))

    async def work(connection: asyncpg.Connection) -> None:
        await _check_ownership(connection, caller.company_id, new.ownership)
        row = msgspec.structs.asdict(new) | caller.record(id, now)
        await store.insert(connection, row)

    await db.run(work)
    return id


async def change_channel(db: Database, caller: Caller, id: UUID, change: ChannelChange) -> None:
    """Set what `change` names, if its version is current."""
    now = datetime.now(UTC)

    async def work(connection: asyncpg.Connection) -> None:
        row = await _own(connection, caller.company_id, id)
        after = dict(row) | changes_of(row, change) | {"updated_at": now}
        if after["ownership"] != row["ownership"]:
            wanted = ChannelOwnership(after["ownership"])
            await _check_ownership(connection, caller.company_id, wanted)
        await store.update(connection, after)

    await db.run(work)


async def delete_channel(db: Database, caller: Caller, id: UUID) -> None:
    """Mark it deleted; its sender ids stay."""
    now = datetime.now(UTC)

    async def work(connection: asyncpg.Connection) -> None:
        await _own(connection, caller.company_id, id)
        await connection.execute(store.SQL["delete_channel"], caller.company_id, id, now)

    await db.run(work)


async def add_senders(db: Database, caller: Caller, id: UUID, senders: Sequence[UUID]) -> set[UUID]:
    """Put sender ids of the company into its channel; those that are in it stay. Answers the ones
    that are no sender ids of the company. InvalidInput: the channel would have too many."""

    async def work(connection: asyncpg.Connection) -> set[UUID]:
        await _own(connection, caller.company_id, id)
        known = await store.own_senders(connection, caller.company_id, senders)
        await connection.execute(store.SQL["add_senders"], caller.company_id, id, sorted(known))
        count = await connection.fetchval(store.SQL["count_senders"], caller.company_id, id)
        if count > MAX_SENDERS:
            words = f"sender_ids: a channel has at most {MAX_SENDERS} sender ids."
            raise InvalidInput(words, field="sender_ids")
        return set(senders) - known

    return await db.run(work)


async def remove_senders(
    db: Database, caller: Caller, id: UUID, senders: Sequence[UUID]
) -> set[UUID]:
    """Take sender ids out of the company's channel. Answers the ones that were not in it."""

    async def work(connection: asyncpg.Connection) -> set[UUID]:
        await _own(connection, caller.company_id, id)
        return set(senders) - await store.remove(connection, caller.company_id, id, senders)

    return await db.run(work)


async def _own(connection: asyncpg.Connection, company_id: int, id: UUID) -> store.Row:
    row = await store.lock(connection, company_id, id)
    if row is not None:
        return row
    if await store.usable(connection, company_id, id):
        raise NotAllowed("The channel is the operator's.")
    raise NotFound


async def _check_ownership(
    connection: asyncpg.Connection, company_id: int, wanted: ChannelOwnership
) -> None:
    if wanted is ChannelOwnership.PRIVATE or await is_operator(connection, company_id):
        return
    raise NotAllowed(f"Only the operator's company has {wanted} channels.", field="ownership")

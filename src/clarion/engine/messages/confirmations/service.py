"""A device confirms that a push message has arrived, or was opened.

Providers of push messages say that they took one, and no more: this is the receipt. It moves the
message by the table of states, so one that comes twice or late changes nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

import asyncpg

from clarion.engine.contacts.tokens.model import Holder
from clarion.engine.contacts.tokens.store import read_targets
from clarion.engine.messages import store
from clarion.engine.messages.model import MessageState
from clarion.engine.messages.recipients import push_address
from clarion.engine.messages.states import Input
from clarion.errors import Conflict, NotFound
from clarion.storage.database import Database
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)

_WAITING = frozenset({MessageState.CREATED, MessageState.SCHEDULED, MessageState.PAUSED})


class Confirmed(StrEnum):
    DELIVERED = "DELIVERED"  # the device has it
    READ = "READ"  # its owner has opened it


_INPUT = {Confirmed.DELIVERED: Input.DELIVERED, Confirmed.READ: Input.READ}


async def confirm_delivery(
    db: Database, holder: Holder, message_id: UUID, confirmed: Confirmed
) -> None:
    """A contact's device has the message. NotFound: the contact was sent no such message.
    Conflict: it is not known to have left yet; the device may say it again."""

    async def work(tx: asyncpg.Connection) -> None:
        row = await tx.fetchrow(SQL["message_for_device"], holder.company_id, message_id)
        if row is None or not await _is_to(tx, holder, row):
            raise NotFound
        if row["state"] in _WAITING:
            raise Conflict("The message has not left yet.")
        now = datetime.now(UTC)
        advance = store.Advance(message_id, now)
        await store.advance(tx, holder.company_id, _INPUT[confirmed], [advance], now)

    await db.run(work)


async def _is_to(tx: asyncpg.Connection, holder: Holder, row: asyncpg.Record) -> bool:
    """Whether the message went to this contact: by name, or by the token of one of its devices."""
    if row["contact_id"] is not None:
        return bool(row["contact_id"] == holder.contact_id)
    targets = await read_targets(tx, holder.company_id, [holder.contact_id])
    own = {
        push_address(provider, token) for provider, _, token in targets.get(holder.contact_id, ())
    }
    return row["peer_address"] in own

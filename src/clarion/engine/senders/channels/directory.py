"""Channels in memory for the message pipeline: read through, at most a second old.

A company that sends through a channel of the operator's does so from sender ids of its own: those
that it has taken of the ones in the channel. Of a PUBLIC channel, what is SHARED in it and not yet
taken is taken by the first look-up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from uuid import UUID

from clarion.engine.senders.channels import store
from clarion.engine.senders.channels.model import QUEUE_PRIORITIES, Channel, ChannelOwnership
from clarion.engine.senders.service import take_shared
from clarion.errors import AlreadyExists
from clarion.kit.vault import Vault
from clarion.storage.database import Database

MAX_AGE = 0.9
MAX_ENTRIES = 5_000

_Key = tuple[int, UUID]


class ChannelDirectory:
    """Finds the channel that a message is to leave through."""

    def __init__(
        self, db: Database, vault: Vault, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._kept: dict[_Key, tuple[float, Channel]] = {}
        self._asking: dict[_Key, asyncio.Task[Channel | None]] = {}

    async def get(self, company_id: int, channel_id: UUID) -> Channel | None:
        """A channel that the company can send through, with the sender ids that it has there, in
        whatever state they are; None: there is no such channel. That is not kept."""
        key = (company_id, channel_id)
        kept = self._kept.get(key)
        if kept is not None and kept[0] > self._clock():
            return kept[1]
        asking = self._asking.get(key)
        if asking is None:
            asking = asyncio.create_task(self._load(key))
            self._asking[key] = asking
            asking.add_done_callback(lambda task: self._asked(key, task))
        return await asyncio.shield(asking)

    def forget(self) -> None:
        """Ask the database again at the next look-up."""
        self._kept.clear()

    def _asked(self, key: _Key, task: asyncio.Task[Channel | None]) -> None:
        self._asking.pop(key, None)
        if not task.cancelled():
            task.exception()  # seen, even if nobody waits any more

    async def _load(self, key: _Key) -> Channel | None:
        asked = self._clock()
        channel = await self._look_up(*key)
        if channel is None:
            self._kept.pop(key, None)
            return None
        if len(self._kept) >= MAX_ENTRIES:
            self._kept.clear()
        self._kept[key] = (asked + MAX_AGE, channel)
        return channel

    async def _look_up(self, company_id: int, id: UUID) -> Channel | None:
        row = await store.usable(self._db, company_id, id)
        if row is None:
            return None
        if row["company_id"] != company_id and row["ownership"] == ChannelOwnership.PUBLIC:
            await self._take(company_id, row)
        return Channel(
            id=row["id"],
            company_id=row["company_id"],
            priority=QUEUE_PRIORITIES[row["priority"]],
            senders=await store.senders_of(self._db, company_id, row),
            listed_countries=await store.listed_countries(self._db),
        )

    async def _take(self, company_id: int, row: store.Row) -> None:
        missing = await store.not_yet_taken(self._db, company_id, row)
        if missing:
            with suppress(AlreadyExists):  # the company makes the same sender id at this moment
                await take_shared(self._db, self._vault, company_id, missing)

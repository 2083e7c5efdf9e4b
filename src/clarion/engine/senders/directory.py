"""Sender ids in memory for the message pipeline: read through, at most a second old.

A look-up that hits costs a dictionary access; one that misses asks the database once, however
many requests wait for it. What is wrong with a `from` is not kept: it is asked for again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from time import monotonic
from uuid import UUID

from clarion.engine.senders import store
from clarion.engine.senders.model import Ownership, Sender, SenderState, plain_address
from clarion.errors import InvalidInput
from clarion.kit import ids
from clarion.storage.database import Database

MAX_AGE = 0.9
MAX_ENTRIES = 20_000
MAX_REFERENCE = 300
_BY_ID = re.compile(r"sender_id\s*[:-]\s*(?P<id>\S+)", re.IGNORECASE)
_CHANNEL = re.compile(r"channel\s*[:-]", re.IGNORECASE)

_Key = tuple[int, str]


class SenderDirectory:
    """Finds the sender id that a message is to leave from, or has come to."""

    def __init__(self, db: Database, *, clock: Callable[[], float] = monotonic) -> None:
        self._db = db
        self._clock = clock
        self._kept: dict[_Key, tuple[float, Sender]] = {}
        self._by_address: dict[str, tuple[float, list[Sender]]] = {}
        self._asking: dict[_Key, asyncio.Task[Sender]] = {}

    def known(self, company_id: int, reference: str) -> Sender | None:
        """What `resolve` would answer, if that is in memory."""
        kept = self._kept.get((company_id, reference))
        return kept[1] if kept is not None and kept[0] > self._clock() else None

    async def resolve(self, company_id: int, reference: str) -> Sender:
        """The company's active sender id named by `reference`: an id, `sender_id:<id>` or an
        address. InvalidInput (field `from`) says what is wrong with it."""
        known = self.known(company_id, reference)
        if known is not None:
            return known
        key = (company_id, reference)
        asking = self._asking.get(key)
        if asking is None:
            asking = asyncio.create_task(self._load(key))
            self._asking[key] = asking
            asking.add_done_callback(lambda task: self._asked(key, task))
        return await asyncio.shield(asking)

    async def get(self, company_id: int, id: UUID) -> Sender | None:
        """A sender id in whatever state it is; None: deleted or never there. Not kept."""
        row = await self._db.fetchrow(store.SQL["sender_by_id"], company_id, id)
        return None if row is None else store.as_sender(row)

    async def find_by_address(self, address: str) -> list[Sender]:
        """Sender ids of all companies with this address, the oldest company's first."""
        plain = plain_address(address)
        now = self._clock()
        kept = self._by_address.get(plain)
        if kept is not None and kept[0] > now:
            return kept[1]
        rows = await self._db.fetch(store.SQL["senders_of_address"], plain)
        found = [store.as_sender(row) for row in rows]
        if len(self._by_address) >= MAX_ENTRIES:
            self._by_address.clear()
        self._by_address[plain] = (now + MAX_AGE, found)
        return found

    def forget(self) -> None:
        """Ask the database again at the next look-up."""
        self._kept.clear()
        self._by_address.clear()

    def _asked(self, key: _Key, task: asyncio.Task[Sender]) -> None:
        self._asking.pop(key, None)
        if not task.cancelled():
            task.exception()  # seen, even if nobody waits any more

    async def _load(self, key: _Key) -> Sender:
        asked = self._clock()
        sender = await self._look_up(*key)
        if len(self._kept) >= MAX_ENTRIES:
            self._kept.clear()
        self._kept[key] = (asked + MAX_AGE, sender)
        return sender

    async def _look_up(self, company_id: int, reference: str) -> Sender:
        text = reference.strip()
        if not text or len(text) > MAX_REFERENCE:
            raise _wrong("it must name a sender id")
        if _CHANNEL.match(text):
            raise _wrong("it names a channel; name a sender id")
        named = _BY_ID.fullmatch(text)
        id = ids.parse(named["id"] if named else text)
        sender = await self.get(company_id, id) if id else None
        if sender is None and not named:
            sender = await self._at(company_id, plain_address(text))
        return _usable(sender)

    async def _at(self, company_id: int, address: str) -> Sender | None:
        rows = await self._db.fetch(store.SQL["senders_at"], company_id, address)
        if len(rows) > 1:
            raise _wrong("several sender ids have this address; name one by its id")
        return store.as_sender(rows[0]) if rows else None


def _usable(sender: Sender | None) -> Sender:
    if sender is None:
        raise _wrong("you have no such sender id that is ACTIVE; a SHARED one is to be taken first")
    if sender.ownership is Ownership.PURCHASED:
        raise _wrong("the sender id belongs to the company that has taken it")
    if sender.state is not SenderState.ACTIVE:
        raise _wrong(f"the sender id is {sender.state}, not ACTIVE")
    return sender


def _wrong(words: str) -> InvalidInput:
    return InvalidInput(f"from: {words}.", field="from")

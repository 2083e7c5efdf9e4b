"""Which messages need to be looked at for consent at all: most do not, and must not pay for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from clarion.engine.consent.addresses.model import Manager, Requirement
from clarion.engine.consent.addresses.store import SQL
from clarion.engine.senders.model import Sender
from clarion.storage.database import Database

MAX_AGE = 5.0


class ConsentGate:
    """Knows, at most five seconds late, whether a message could be refused."""

    def __init__(self, db: Database, *, clock: Callable[[], float] = monotonic) -> None:
        self._db = db
        self._clock = clock
        self._lists_in_use = False
        self._looking: asyncio.Task[None] | None = None
        self._until = float("-inf")

    def is_open(self) -> bool:
        """Whether it is known now that no carrier's black list is in use; then nobody who requires
        no consent, of a sender id without rules of its own, can be refused."""
        return not self._lists_in_use and self._clock() < self._until

    async def needed(self, sender: Sender, requirement: str) -> bool:
        """Whether `refused` has to be asked. Costs a comparison, and a query each five seconds."""
        if requirement not in ("", Requirement.NONE) or sender.check_white_list:
            return True
        if sender.consent_managed_by == Manager.SCG_UNSOLICITED_OPT_OUT:
            return True
        if self._clock() >= self._until:
            if self._looking is None:
                self._looking = asyncio.create_task(self._look())
            await asyncio.shield(self._looking)  # one query, however many wait for it
        return self._lists_in_use

    async def _look(self) -> None:
        try:
            self._lists_in_use = bool(await self._db.fetchval(SQL["lists_in_use"]))
            self._until = self._clock() + MAX_AGE
        finally:
            self._looking = None

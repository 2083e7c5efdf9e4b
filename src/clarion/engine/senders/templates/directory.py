"""Templates in memory for the message pipeline: read through, at most a second old.

Whether anything has changed costs one look a second and company; what has not changed stays as it
was parsed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from clarion.engine.senders.templates import store
from clarion.engine.senders.templates.templates import Templates, TemplateSet
from clarion.storage.database import Database

MAX_AGE = 0.9
MAX_CHARACTERS = 30_000_000  # of all patterns in memory


class _Kept(NamedTuple):
    until: float
    stamps: store.Stamps
    templates: Templates


class TemplateDirectory:
    """The templates that each company can use."""

    def __init__(self, db: Database, *, clock: Callable[[], float] = monotonic) -> None:
        self._db = db
        self._clock = clock
        self._kept: dict[int, _Kept] = {}
        self._asking: dict[int, asyncio.Task[Templates]] = {}
        self._operators = TemplateSet(())
        self._operators_stamp = -1
        self._size = 0

    async def get(self, company_id: int) -> Templates:
        """A company's own templates and the operator's."""
        kept = self._kept.get(company_id)
        if kept is not None and kept.until > self._clock():
            return kept.templates
        asking = self._asking.get(company_id)
        if asking is None:
            asking = asyncio.create_task(self._load(company_id))
            self._asking[company_id] = asking
            asking.add_done_callback(lambda task: self._asked(company_id, task))
        return await asyncio.shield(asking)

    def forget(self) -> None:
        """Ask the database again at the next look-up."""
        self._kept.clear()
        self._size = 0

    def _asked(self, company_id: int, task: asyncio.Task[Templates]) -> None:
        self._asking.pop(company_id, None)
        if not task.cancelled():
            task.exception()  # seen, even if nobody waits any more

    async def _load(self, company_id: int) -> Templates:
        asked = self._clock()
        stamps = await store.stamps(self._db, company_id)
        kept = self._kept.get(company_id)
        if kept is not None and kept.stamps == stamps:
            templates = kept.templates
        else:
            operators = await self._operators_now(stamps)
            own = operators
            if company_id != stamps.operator_id:
                own = TemplateSet(await store.living(self._db, company_id))
            templates = Templates(own, operators)
        self._keep(company_id, _Kept(asked + MAX_AGE, stamps, templates))
        return templates

    async def _operators_now(self, stamps: store.Stamps) -> TemplateSet:
        if stamps.operators != self._operators_stamp:
            self._operators = TemplateSet(await store.living(self._db, stamps.operator_id))
            self._operators_stamp = stamps.operators
        return self._operators

    def _keep(self, company_id: int, found: _Kept) -> None:
        before = self._kept.pop(company_id, None)
        self._size += found.templates.own.size - (before.templates.own.size if before else 0)
        if self._size > MAX_CHARACTERS:
            self.forget()
            self._size = found.templates.own.size
        self._kept[company_id] = found

"""Keywords in memory, by company: read through, refreshed by hints.

A hint makes a change felt at once on every node; should one be lost, it is felt seconds later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic

from clarion.engine.consent.addresses.store import Runner
from clarion.engine.consent.keywords import store
from clarion.engine.consent.keywords.rules import Rules
from clarion.storage.database import Database

CHANNEL = "clarion_keywords"
MAX_AGE = 5.0
MAX_COMPANIES = 5000


class KeywordDirectory:
    """Knows the rules of each company that receives messages."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._kept: dict[int, tuple[float, Rules]] = {}

    async def listen(self, db: Database) -> None:
        """Forget what other nodes, or this one, have changed."""
        await db.listen(CHANNEL, self.forget)

    async def rules_of(self, on: Runner, company_ids: Iterable[int]) -> dict[int, Rules]:
        """The rules of these companies; what is not known, or too old, is read on `on`."""
        return {each: await self._rules(on, each) for each in company_ids}

    def forget(self, company: str = "") -> None:
        """Read this company's keywords again at the next need; or everybody's."""
        if company.isdigit():
            self._kept.pop(int(company), None)
        else:
            self._kept.clear()

    async def _rules(self, on: Runner, company_id: int) -> Rules:
        kept = self._kept.get(company_id)
        if kept is not None and kept[0] > self._clock():
            return kept[1]
        asked = self._clock()
        rules = Rules(await store.keywords_of(on, company_id))
        if len(self._kept) >= MAX_COMPANIES:
            self._kept.clear()
        self._kept[company_id] = (asked + MAX_AGE, rules)
        return rules

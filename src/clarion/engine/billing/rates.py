"""The price lists: loaded by the operator, kept in memory by every node.

A price list is in force from its start until the start of the next. A node holds the one in force
and the next, so that prices change at the very moment; what the operator loads is known to all
nodes within REFRESH seconds.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from time import monotonic

import asyncpg

from clarion.engine.billing import store
from clarion.engine.billing.model import ANY, EVERY_COMPANY, Rate, TableInfo, parse_operator
from clarion.errors import InvalidInput, NotFound
from clarion.kit import ids
from clarion.storage.database import Database

REFRESH = 5.0
MAX_FOUND = 50_000  # prices remembered as they were asked for

_Key = tuple[int, str, str, str, str]  # company, country, operator, sender type, medium


async def load_rates(
    db: Database, rates: Iterable[Rate], *, starts_at: datetime, source: str
) -> TableInfo:
    """A price list, all or nothing, in place of one with the same start.

    Raises InvalidInput, also for whatever reading `rates` finds wrong.
    """
    info = TableInfo(ids.new_id(), starts_at, source[:200], 0, datetime.now(UTC))
    try:
        async with db.transaction() as tx:
            loaded = await store.replace_table(tx, info, rates)
            unknown = await store.unknown_company(tx, info.id)
            if unknown is not None:
                raise InvalidInput(f"company: there is no company {unknown}.", field="company")
            if not loaded.rates:
                raise InvalidInput("There is no rate in it.")
            return loaded
    except asyncpg.UniqueViolationError as error:
        raise InvalidInput(f"Two rates are for the same: {_twice(error)}.") from error


async def list_tables(db: Database) -> list[TableInfo]:
    """All price lists, the latest start first."""
    return await store.list_tables(db)


async def drop_table(db: Database, starts_at: datetime) -> None:
    """Take back a price list; the one before it is then in force longer. Raises NotFound."""
    if not await store.drop_table(db, starts_at):
        raise NotFound("There is no price list with this start.")


class RateTable:
    """What messages cost, as one process knows it."""

    def __init__(
        self,
        db: Database,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._db = db
        self._now = now
        self._clock = clock
        self._fresh_until = -math.inf
        self._refreshing = asyncio.Lock()
        self._tables: list[tuple[TableInfo, _Prices]] = []

    async def refresh(self) -> None:
        """Look for new price lists, unless that was lately. To be awaited before `price`."""
        if self._clock() < self._fresh_until:
            return
        async with self._refreshing:
            if self._clock() >= self._fresh_until:
                await self._look()

    def price(
        self,
        company_id: int,
        sender_type: str,
        country: str | None,
        operator: str | None,
        medium: str,
    ) -> Decimal | None:
        """What one fragment costs now; None: the price list has no rate for it.

        Of several rates that fit, a company's own goes first; then the one that names the country;
        then the operator; then the sender type; then the medium.
        """
        now = self._now()
        prices = next((p for t, p in reversed(self._tables) if t.starts_at <= now), None)
        if prices is None:
            return None
        name = parse_operator(operator) if operator else ANY
        return prices.find((company_id, country or ANY, name, sender_type, medium))

    async def _look(self) -> None:
        asked = self._clock()
        known = {info.id: prices for info, prices in self._tables}
        tables = []
        for info in await store.tables_to_keep(self._db, self._now()):
            prices = known.get(info.id) or await self._load(info)
            if prices is None:
                return  # replaced while we looked: the next call finds its successor
            tables.append((info, prices))
        self._tables = tables
        self._fresh_until = asked + REFRESH

    async def _load(self, info: TableInfo) -> _Prices | None:
        rows = await store.rates_of(self._db, info.id)
        if len(rows) != info.rates:
            return None
        return _Prices({(r[0], r[3], r[4], r[1], r[2]): r[5] for r in rows})


class _Prices:
    """The rates of one price list."""

    def __init__(self, rates: dict[_Key, Decimal]) -> None:
        self._rates = rates
        self._found: dict[_Key, Decimal | None] = {}

    def find(self, key: _Key) -> Decimal | None:
        if key in self._found:
            return self._found[key]
        company, *names = key
        choices = product((company, EVERY_COMPANY), *((name, ANY) for name in names))
        found = next((self._rates[k] for k in choices if k in self._rates), None)
        if len(self._found) >= MAX_FOUND:
            self._found.clear()
        self._found[key] = found
        return found


def _twice(error: asyncpg.UniqueViolationError) -> str:
    """The key that came twice, from `Key (a, b)=(1, 2) already exists.`, without our own id."""
    _, _, values = (error.detail or "").partition("=(")
    return values.partition(") already")[0].partition(", ")[2] or "a key"

"""Grants on the hot path: what a node has leased is taken without waiting, and leased ahead.

`take` only looks into memory. A task of its own leases what was needed of late, for every limit in
use with one statement in INTERVAL seconds, and at once when something was wanted in vain. While
the database is away nothing is leased, so sending stops when the last leases are used up.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from time import monotonic
from typing import TypeVar

from msgspec.structs import asdict

from clarion.engine.senders.throughput import store
from clarion.engine.senders.throughput.model import (
    INTERVAL,
    Ask,
    Daily,
    Flow,
    Limits,
    Peak,
)
from clarion.engine.senders.throughput.store import DayKey, PeakKey
from clarion.errors import InvalidInput, NotFound, Unavailable
from clarion.log import get_logger
from clarion.storage.database import Database

LIMITS_SECONDS = 5.0  # how long limits are believed
GAP = 0.005  # seconds for wants to gather before a lease out of turn
MAX_FLOWS = 20_000  # of one process within LIMITS_SECONDS; more have to wait
MAX_LEASES = 1_000  # in one statement
MOST = 10**12
TROUBLE_SECONDS = 1.0
ALL_COMPANIES = 0
EPOCH = date(1970, 1, 1).toordinal()

THROUGHPUT_WAITS = "throughput.waits"
THROUGHPUT_FAILED = "throughput.failed"

log = get_logger(__name__)

_Shares = tuple[tuple[Peak, ...], Daily | None]
_PeakAsk = tuple[PeakKey, Peak, Ask]
_DayAsk = tuple[DayKey, Daily, Ask]
_Item = TypeVar("_Item")


async def set_limits(db: Database, class_id: str, limits: Limits) -> None:
    """Change how fast messages of a class may leave. Raises InvalidInput, NotFound."""
    for name, value in asdict(limits).items():
        if value is not None and not (0 < value <= MOST):
            raise InvalidInput(f"{name}: it is over 0 and at most {MOST}, or none.", field=name)
    if not await store.set_limits(db, class_id, limits, datetime.now(UTC)):
        raise NotFound(f"There is no sender id class {class_id}.")


class Throughput:
    """The limits of all classes, as one process spends them. Calls come from one event loop."""

    def __init__(self, db: Database, *, clock: Callable[[], float] | None = None) -> None:
        """`clock` tells Unix seconds; without one it is the database's, which `look` reads."""
        self._db = db
        self._clock = clock or self._database_clock
        self._offset: float | None = None
        self._limits: dict[str, Limits] = {}
        self._flows: dict[Flow, _Shares] = {}
        self._peaks: dict[PeakKey, Peak] = {}
        self._days: dict[DayKey, Daily] = {}
        self._heard: list[Callable[[], None]] = []
        self._wake = asyncio.Event()
        self._looked_at = -math.inf
        self._stranger = False  # a class was asked for that we do not know
        self._task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ the hot path

    def take(self, flow: Flow, wanted: int) -> int:
        """How many of `wanted` messages may leave now; they count as sent."""
        shares = self._flows.get(flow) or self._join(flow)
        if shares is None:
            return 0
        peaks, daily = shares
        now = self._clock()
        room = [share.available(now) for share in peaks]
        granted = min(room, default=wanted)
        of_day = wanted if daily is None else daily.available(now)
        granted = max(0, min(granted, of_day, wanted))
        for peak, available in zip(peaks, room, strict=True):
            peak.spend(granted, max(0, wanted - available), now)
        if daily is not None:
            daily.spend(granted, max(0, wanted - of_day), now)
        if granted < wanted:
            self._wake.set()
        return granted

    def give_back(self, flow: Flow, count: int) -> None:
        """So many that were taken did not leave after all."""
        shares = self._flows.get(flow)
        if shares is None:
            return
        peaks, daily = shares
        now = self._clock()
        for peak in peaks:
            peak.give_back(count, now)
        if daily is not None:
            daily.give_back(count, now)

    def when_next(self, flow: Flow) -> float:
        """Seconds after which `take` is worth another try; 0: `on_more` will tell.

        Some minutes where the day is used up: such messages need not wait in memory.
        """
        shares = self._flows.get(flow)
        if shares is None:
            return 0.0
        peaks, daily = shares
        now = self._clock()
        waits = [peak.seconds_left(now) for peak in peaks]
        return max([*waits, 0.0 if daily is None else daily.seconds_left(now)])

    def on_more(self, heard: Callable[[], None]) -> None:
        """Call `heard` when something was leased that may have been wanted in vain."""
        self._heard.append(heard)

    # ------------------------------------------------------------ the background

    async def start(self) -> None:
        """Know the limits and the clock, and begin to lease. Raises Unavailable."""
        await self.look()
        self._task = asyncio.create_task(self._run(), name="throughput")

    async def stop(self) -> None:
        """Lease nothing more, and give back what is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        now = self._clock()
        peaks = [(k, peak, ask) for k, peak in self._peaks.items() if (ask := peak.give_up(now))]
        days = [(k, day, ask) for k, day in self._days.items() if (ask := day.give_up(now))]
        with suppress(Unavailable):
            await self._lease(peaks, days)

    async def look(self) -> None:
        """Read the limits and the database's clock; forget what nobody has used of late."""
        self._looked_at = monotonic()
        self._stranger = False
        asked = monotonic()
        clock = await store.clock(self._db)
        self._offset = clock - (asked + monotonic()) / 2
        self._limits = await store.limits(self._db)
        self._flows.clear()  # they come back as they are used, under the limits of now
        now = self._clock()
        self._peaks = {key: peak for key, peak in self._peaks.items() if not peak.is_idle(now)}
        self._days = {key: day for key, day in self._days.items() if not day.is_idle(now)}

    async def refill(self, *, urgent: bool = False) -> None:
        """Lease for every limit what it needs, and give back what it does not; `urgent`: only for
        those of which something was wanted in vain."""
        now = self._clock()
        peaks = [
            (key, peak, ask)
            for key, peak in self._peaks.items()
            if (not urgent or peak.is_urgent()) and (ask := peak.ask(now))
        ]
        days = [
            (key, day, ask)
            for key, day in self._days.items()
            if (not urgent or day.is_urgent()) and (ask := day.ask(now))
        ]
        if await self._lease(peaks, days):
            for heard in self._heard:
                heard()

    # ------------------------------------------------------------ the steps

    def _database_clock(self) -> float:
        return monotonic() + (self._offset or 0.0)

    def _join(self, flow: Flow) -> _Shares | None:
        """The shares that a flow spends of; None: its class is not known, yet."""
        limits = self._limits.get(flow.class_id)
        if limits is None or len(self._flows) >= MAX_FLOWS:
            self._stranger = True
            self._wake.set()
            return None
        company, class_id, address, country = flow
        peaks = []
        if limits.peak:
            peaks.append(self._peak(PeakKey(company, class_id, country, ""), limits.peak))
        if limits.peak_total:
            key = PeakKey(ALL_COMPANIES, class_id, country, address)
            peaks.append(self._peak(key, limits.peak_total))
        daily = None
        if limits.daily:
            daily = self._days.setdefault(DayKey(company, class_id, country), Daily(limits.daily))
            daily.most = limits.daily
        shares = self._flows[flow] = (tuple(peaks), daily)
        return shares

    def _peak(self, key: PeakKey, rate: float) -> Peak:
        peak = self._peaks.setdefault(key, Peak(rate))
        peak.rate = rate
        return peak

    async def _lease(self, peaks: list[_PeakAsk], days: list[_DayAsk]) -> bool:
        """Whether anything was granted. What was asked for and not answered is given up."""
        more = False
        for batch in _batches(peaks):
            try:
                granted = await store.lease_peak(self._db, self._clock(), batch)
            except BaseException:
                for _, peak, ask in batch:
                    peak.lost(ask)
                raise
            now = self._clock()
            for key, peak, ask in batch:
                peak.leased(ask, *granted[key], now)
                more = more or granted[key][0] > 0
        for each in _batches(days):
            more = await self._lease_days(each) or more
        return more

    async def _lease_days(self, asks: list[_DayAsk]) -> bool:
        """All of one day: `ask` has turned them to the same."""
        day = asks[0][1].day
        try:
            granted = await store.lease_daily(self._db, date.fromordinal(EPOCH + day), asks)
        except BaseException:
            for _, daily, ask in asks:
                daily.lost(ask)
            raise
        now = self._clock()
        for key, daily, ask in asks:
            daily.leased(ask, granted[key], day, now)
        return any(granted.values())

    async def _run(self) -> None:
        tick = monotonic()
        while True:
            urgent = await self._pause(tick)
            if not urgent:
                tick = max(tick + INTERVAL, monotonic())
            try:
                since = monotonic() - self._looked_at
                if since > LIMITS_SECONDS or (self._stranger and since > INTERVAL):
                    await self.look()
                await self.refill(urgent=urgent)
            except Unavailable as error:
                log.waits(THROUGHPUT_WAITS, error)
                await asyncio.sleep(TROUBLE_SECONDS)
            except Exception:
                log.exception(THROUGHPUT_FAILED)
                await asyncio.sleep(TROUBLE_SECONDS)

    async def _pause(self, until: float) -> bool:
        """Wait for `until`, or until something is wanted in vain: then True."""
        try:
            async with asyncio.timeout(max(0.0, until - monotonic())):
                await self._wake.wait()
        except TimeoutError:
            return False
        await asyncio.sleep(GAP)
        self._wake.clear()
        return True


def _batches(asks: list[_Item]) -> list[list[_Item]]:
    return [asks[n : n + MAX_LEASES] for n in range(0, len(asks), MAX_LEASES)]

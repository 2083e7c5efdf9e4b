"""Delivers events: finds what is due, claims it, has it posted.

    hint or poll -> find configurations -> claim (commit) -> lanes -> courier -> judge -> recorder

Each configuration is a lane of its own with connections of its own, so that one that is slow, fails
or hangs delays no other. There is no task a delivery: a courier's answer posts the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

from clarion.engine.events.configurations.service import destinations
from clarion.engine.events.delivering import store
from clarion.engine.events.delivering.claiming import Claimer, Lease
from clarion.engine.events.delivering.express import BELIEVED, MAX_HELD, RoomOffer, ShortWay
from clarion.engine.events.delivering.lane import Lane
from clarion.engine.events.delivering.ports import Courier
from clarion.engine.events.delivering.posting import Posting
from clarion.engine.events.delivering.record import DeliveryRecorder
from clarion.engine.events.delivering.store import Due
from clarion.engine.events.model import Destination
from clarion.errors import Unavailable
from clarion.kit.vault import SealedForAnother, Vault
from clarion.log import get_logger
from clarion.settings import Events
from clarion.storage.database import Database

POLL_SECONDS = 1.0
FIND_SECONDS = 0.02  # between two looks, however many hints come
GATHER_SECONDS = 0.02  # after a small claim, the time to let more gather
SMALL = 100
UNAVAILABLE_SECONDS = 1.0
CLAIM_SECONDS = 2.0  # that a stop waits for a claim under way
BELIEVED_IN_HAND = 1.0  # the same while deliveries to it are in hand: it may be switched off
MAX_UNRECORDED = 4000  # answered deliveries whose commit is behind; in this process
MAX_CLAIM = 2000  # of one company at once
COMPANIES_AT_ONCE = 3  # that are claimed of
FRUITLESS = 5
"""An ordered configuration that had much in the queue, and nothing that may go yet, is not asked
again for so many times as long as the asking took."""

UNREADABLE_SECONDS = 60.0  # until a configuration is tried again whose secrets cannot be opened
MAX_LANES = 20_000  # that are remembered though nothing is in hand of them

DELIVERER_WAITS = "deliverer.waits"
DELIVERER_FAILED = "deliverer.failed"
SECRETS_UNREADABLE = "delivery_configuration.secrets_unreadable"

log = get_logger(__name__)
Key = tuple[int, int]


class Deliverer:
    """One a process. Its calls come from one event loop."""

    def __init__(
        self,
        db: Database,
        courier: Courier,
        *,
        records: Database,
        vault: Vault,
        lease: Lease,
        settings: Events,
    ) -> None:
        """`records`: a pool that plans for look-ups by key; what is written is written with it."""
        self._db = db
        self._vault = vault
        self._lease = lease
        self._lapses = lease.lapses
        self._batch_size = settings.batch_size
        self._recorder = DeliveryRecorder(records)
        self._posting = Posting(
            courier, self._recorder, settings, hungry=self._hungry, lapsed=lease.lapsed
        )
        self._claimer = Claimer(db, records, lease)
        self._short_way = ShortWay(self._posting, self._claimer, lease)
        self._loop = asyncio.get_running_loop()
        self._due: dict[Key, Due] = {}  # found in the queue, and not known to be emptied
        self._not_before: dict[Key, datetime] = {}  # of throttled ones
        self._wake = asyncio.Event()
        self._hinted = True
        self._looked_at = 0.0
        self._ordered_wait = False  # keys were in hand that the queue may have more of
        self._turn = 0  # the company that claimed last
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ life

    def start(self) -> None:
        self._recorder.start(self._stored)
        self._task = asyncio.create_task(self._run(), name="deliverer")

    def wake(self) -> None:
        """There is something to deliver."""
        self._hinted = True
        self._wake.set()

    async def stop(self, patience: float) -> None:
        """Claim and post nothing more, let receivers answer for a moment, record, end."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=CLAIM_SECONDS)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._posting.stop(patience)
        with suppress(Unavailable):
            await self._claimer.put_back()
        await self._recorder.stop(patience)

    @property
    def node_id(self) -> UUID:
        return self._lease.node_id

    def offers(
        self, company_id: int, counts: Mapping[int, int], *, size: int
    ) -> dict[int, RoomOffer]:
        """Room for what is matched in this process (`matching.handing.Express`)."""
        if self._stopping or self._recorder.unrecorded >= MAX_UNRECORDED:
            return {}
        return self._short_way.offers(company_id, counts, size=size)

    async def recover(self) -> None:
        """Take over what dead nodes had in hand."""
        if await self._claimer.recover():
            self.wake()

    def _hungry(self) -> None:
        self._wake.set()

    def _stored(self) -> None:
        if self._ordered_wait:
            self._ordered_wait = False
            self.wake()

    # ------------------------------------------------------------ the loop

    async def _run(self) -> None:
        """Until told to stop; a claim under way is finished first."""
        while not self._stopping:
            self._wake.clear()
            try:
                got = await self._step()
            except Unavailable as error:
                log.waits(DELIVERER_WAITS, error)
                await asyncio.sleep(UNAVAILABLE_SECONDS)
            except Exception:
                log.exception(DELIVERER_FAILED)
                await asyncio.sleep(UNAVAILABLE_SECONDS)
            else:
                if got is None:
                    await self._rest()
                elif got < SMALL:
                    await asyncio.sleep(GATHER_SECONDS)

    async def _step(self) -> int | None:
        """One claim of each of some companies; how many they brought, None: there was nothing to
        claim."""
        if self._lapses != self._lease.lapses:
            self._lapses = self._lease.lapses
            for lane in self._posting.lanes():
                self._posting.give_back(lane)
        if self._lease.lapsed() or self._recorder.unrecorded >= MAX_UNRECORDED:
            return None
        await self._claimer.put_back()
        await self._look_again_at_those_in_hand()
        if self._loop.time() >= self._looks_at():
            await self._find()
        turns = self._choose(datetime.now(UTC))
        if not turns:
            return None
        self._turn = list(turns)[-1]
        served = await asyncio.gather(
            *(self._serve(company_id, chosen) for company_id, chosen in turns.items()),
            return_exceptions=True,
        )
        for each in served:
            if isinstance(each, BaseException):
                raise each
        return sum(count for count in served if isinstance(count, int))

    def _looks_at(self) -> float:
        """When to look into the queue again."""
        return self._looked_at + (FIND_SECONDS if self._hinted else POLL_SECONDS)

    async def _find(self) -> None:
        self._hinted, self._looked_at = False, self._loop.time()
        found = await store.find_due(self._db)
        self._due = {(each.company_id, each.id): each for each in found}
        self._not_before = {k: at for k, at in self._not_before.items() if k in self._due}
        self._posting.forget_idle(MAX_LANES)
        for lane in self._posting.lanes():
            lane.more = False
        now = datetime.now(UTC)
        share = max(1, min(self._batch_size, MAX_HELD // max(1, len(found))))
        for key, due in self._due.items():
            lane = self._posting.lane(*key)
            lane.share = share
            lane.more = due.due_at <= now  # what waits for its next try stands in nobody's way
            lane.told = lane.told or due.failures > 0
            if lane.version != due.version:
                lane.version = due.version
                self._posting.begin_anew(lane)
        self._posting.share_out()

    def _choose(self, now: datetime) -> dict[int, list[tuple[Due, int]]]:
        """What to claim, by company: of those whose turn it is, the lanes that have waited longest,
        and how many of each."""
        room, full = self._short_way.room, self._short_way.full
        if room <= 0:
            return {}
        companies: dict[int, list[tuple[float, Due, int]]] = {}
        for key, due in self._due.items():
            lane = self._posting.lane(*key)
            wants = lane.wants() if self._opens_at(lane, due, now) <= now else 0
            if full:
                wants = 0 if lane.held() or lane.flying else min(1, wants)
            if wants:
                companies.setdefault(key[0], []).append((lane.claimed_at, due, wants))
        later = sorted(companies, key=lambda company: (company <= self._turn, company))
        turns = {}
        for company_id in later[:COMPANIES_AT_ONCE]:
            turns[company_id] = chosen = _first(companies[company_id], min(room, MAX_CLAIM))
            room -= sum(count for _, count in chosen)
            if room <= 0:
                break
        return turns

    def _opens_at(self, lane: Lane, due: Due, now: datetime) -> datetime:
        """From when on something of it may be claimed."""
        at = due.due_at
        if due.held_until is not None and due.held_until > at:
            at = due.held_until
        rest = lane.rest_until - self._loop.time()
        if rest > 0:
            at = max(at, now + timedelta(seconds=rest))
        return max(at, self._not_before.get((due.company_id, due.id), at))

    async def _rest(self) -> None:
        """Until something is due that has room, or somebody says so, or the next look."""
        now, clock = datetime.now(UTC), self._loop.time()
        until = self._looks_at()
        if not self._lease.lapsed() and self._recorder.unrecorded < MAX_UNRECORDED:
            for key, due in self._due.items():
                lane = self._posting.lane(*key)
                if lane.wants():
                    opens = (self._opens_at(lane, due, now) - now).total_seconds()
                    until = min(until, clock + max(opens, GATHER_SECONDS))
        try:
            async with asyncio.timeout(max(0.001, until - clock)):
                await self._wake.wait()
        except TimeoutError:
            return

    # ------------------------------------------------------------ claims

    async def _serve(self, company_id: int, chosen: Sequence[tuple[Due, int]]) -> int:
        ready = await self._with_destinations(company_id, chosen)
        if not ready:
            return 0
        begun = self._loop.time()
        claimed = await self._claimer.claim(company_id, ready)
        clock = self._loop.time()
        pause = datetime.now(UTC) + timedelta(seconds=FRUITLESS * (clock - begun))
        for due, _ in ready:
            key = (company_id, due.id)
            lane = self._posting.lane(*key)
            lane.claimed_at = clock
            items = claimed.items.get(due.id, [])
            lane.claimed(len(items), emptied=due.id in claimed.emptied)
            if due.id in claimed.later:
                self._not_before[key] = claimed.later[due.id]
            if due.id in claimed.emptied:
                self._due.pop(key, None)
                lane.more = False
                self._ordered_wait |= due.ordered
                if due.ordered and not items:
                    self._not_before[key] = pause
            self._posting.accept(lane, items)
        return claimed.count

    async def _with_destinations(
        self, company_id: int, chosen: Sequence[tuple[Due, int]]
    ) -> list[tuple[Due, int]]:
        """Those that can be posted to, with what is needed for it."""
        stale = [d.id for d, _ in chosen if self._is_stale(self._posting.lane(company_id, d.id), d)]
        if stale:
            await self._read_destinations(company_id, stale)
        ready = []
        for due, count in chosen:
            if self._posting.lane(company_id, due.id).destination is not None:
                ready.append((due, count))
            else:
                self._due.pop((company_id, due.id), None)
        return ready

    def _is_stale(self, lane: Lane, due: Due) -> bool:
        if lane.destination is None or lane.destination.configuration.version != due.version:
            return True
        return self._loop.time() > lane.read_at + BELIEVED

    async def _look_again_at_those_in_hand(self) -> None:
        """Whoever is switched off gets nothing more, though it is claimed."""
        old = self._loop.time() - BELIEVED_IN_HAND
        companies: dict[int, list[int]] = {}
        if self._posting.held:
            for lane in self._posting.lanes():
                if lane.read_at < old and lane.held():
                    companies.setdefault(lane.company_id, []).append(lane.id)
        for company_id, ids in companies.items():
            await self._read_destinations(company_id, ids)

    async def _read_destinations(self, company_id: int, ids: Sequence[int]) -> None:
        found = await self._open(company_id, ids)
        for id in ids:
            lane, destination = self._posting.lane(company_id, id), found.get(id)
            lane.read_at = self._loop.time()
            lane.destination = destination
            if destination is None:
                self._posting.give_back(lane)
            else:
                self._posting.feed(lane)

    async def _open(self, company_id: int, ids: Sequence[int]) -> dict[int, Destination]:
        """Those that are there, are on and can be read, by id."""
        try:
            found = await destinations(self._db, self._vault, company_id, ids)
        except SealedForAnother:
            if len(ids) == 1:
                log.error(SECRETS_UNREADABLE, company_id=company_id, configuration_id=ids[0])
                lane = self._posting.lane(company_id, ids[0])
                lane.rest_until = self._loop.time() + UNREADABLE_SECONDS
                return {}
            found = [d for id in ids for d in (await self._open(company_id, [id])).values()]
        return {d.configuration.id: d for d in found if d.configuration.active}


def _first(waiting: list[tuple[float, Due, int]], room: int) -> list[tuple[Due, int]]:
    """Those that have waited longest, as far as there is room."""
    chosen: list[tuple[Due, int]] = []
    for _, due, wants in sorted(waiting, key=lambda each: each[0]):
        if room <= 0:
            break
        chosen.append((due, min(wants, room)))
        room -= wants
    return chosen

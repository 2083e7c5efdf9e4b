"""Takes due deliveries out of the queue into claims of this node, for many configurations at once.

A claim is committed before anything of it is posted, so that a crash leaves exactly known what may
have been delivered. A claim of which it is not known whether it was committed, or during which the
node's lease lapsed, is put back before the next one: nothing of it was posted.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import asyncpg

from clarion.engine.events.delivering import pace, store
from clarion.engine.events.delivering.lane import Claim, Item
from clarion.engine.events.delivering.store import Due, Orphan, Taken
from clarion.engine.events.rows import event_of
from clarion.kit import ids
from clarion.kit.doubts import Doubts
from clarion.log import get_logger
from clarion.storage.database import Database

ORPHAN_BATCH = 50

CLAIMS_RECOVERED = "deliveries.claims_recovered"

log = get_logger(__name__)
Wanted = Mapping[int, tuple[int, UUID]]


class Lease(Protocol):
    """This node's place among the others."""

    node_id: UUID
    lapses: int  # how often it was late

    def lapsed(self) -> bool:
        """Whether others may think that this node is dead."""


class Claimed:
    """What a claim brought: items by configuration; configurations with no more that is due now;
    and from when on those are worth asking again that are throttled."""

    def __init__(self) -> None:
        self.items: dict[int, list[Item]] = {}
        self.emptied: set[int] = set()
        self.later: dict[int, datetime] = {}
        self.count = 0


class Claimer:
    """Claims for one node."""

    def __init__(self, db: Database, records: Database, lease: Lease) -> None:
        """`records`: a pool that plans for look-ups by key."""
        self._db = db
        self._records = records
        self._lease = lease
        self._doubts = Doubts(time.monotonic)

    async def claim(self, company_id: int, due: Sequence[tuple[Due, int]]) -> Claimed:
        """Up to so many of each configuration. Several companies' claims may be under way at once,
        and none while claims are put back."""
        now, lapses, found = datetime.now(UTC), self._lease.lapses, Claimed()
        wanted = {each.id: (count, ids.new_id()) for each, count in due}
        self._doubts.add(company_id, *(claim for _, claim in wanted.values()))
        plain = {d.id: wanted[d.id] for d, _ in due if not d.throttling and not d.ordered}
        taken: list[Taken] = []
        if plain:
            taken = await store.claim(
                self._records, company_id, plain, node_id=self._lease.node_id, now=now
            )
        paced = [each for each, _ in due if each.throttling or each.ordered]
        if paced:
            taken += await self._claim_paced(company_id, paced, wanted, found, now)
        rows = await store.read_claimed(self._db, company_id, taken) if taken else {}
        if lapses != self._lease.lapses:
            return Claimed()
        self._doubts.settle(*(claim for _, claim in wanted.values()))
        _fill(found, company_id, wanted, taken, rows)
        await self._drop_void(company_id, wanted, found, taken)
        return found

    def doubt(self, company_id: int, claim_id: UUID) -> None:
        """A claim of ours may be stored, and nothing of it is in hand."""
        self._doubts.add(company_id, claim_id)

    async def put_back(self) -> None:
        """Claims that may be there and are not in hand."""
        for company_id, claims in self._doubts.due().items():

            async def work(
                tx: asyncpg.Connection, company_id: int = company_id, claims: list[UUID] = claims
            ) -> None:
                now = datetime.now(UTC)
                await _requeue(tx, await store.take_back_claims(tx, company_id, claims), now)

            await self._db.run(work)
            self._doubts.looked(claims)

    async def recover(self) -> int:
        """Put back what nodes that are gone had in hand: it may be delivered twice. Harmless when
        it runs again: a claim is deleted in the transaction that puts it back. How many."""
        count = 0

        async def work(tx: asyncpg.Connection) -> int:
            now = datetime.now(UTC)
            orphans = await store.take_orphaned_claims(tx, now, ORPHAN_BATCH)
            await _requeue(tx, orphans, now)
            return sum(len(each.events) for each in orphans)

        while found := await self._db.run(work):
            count += found
        if count:
            log.warning(CLAIMS_RECOVERED, deliveries=count)
        return count

    async def _claim_paced(
        self, company_id: int, due: Sequence[Due], wanted: Wanted, found: Claimed, now: datetime
    ) -> list[Taken]:
        """Throttled and ordered ones, each while no other node claims of it."""

        async def work(tx: asyncpg.Connection) -> list[Taken]:
            rates = await store.lock_rates(tx, company_id, sorted(d.id for d in due), now)
            taken: list[Taken] = []
            after: dict[int, datetime] = {}
            for each in due:
                if each.id not in rates:
                    continue
                got = await self._claim_one(tx, each, wanted[each.id], rates[each.id], now)
                taken += got
                if each.throttling:
                    next_at = pace.after(each.throttling, rates[each.id], now, len(got))
                    after[each.id] = next_at
                    if len(got) == pace.available(each.throttling, rates[each.id], now):
                        found.later[each.id] = pace.ready_at(each.throttling, next_at)
            if after:
                await store.set_rates(tx, company_id, after)
            return taken

        return await self._records.run(work)

    async def _claim_one(
        self,
        tx: asyncpg.Connection,
        due: Due,
        wanted: tuple[int, UUID],
        next_at: datetime,
        now: datetime,
    ) -> list[Taken]:
        count, claim_id = wanted
        if due.throttling:
            count = min(count, pace.available(due.throttling, next_at, now))
        if count <= 0:
            return []
        node_id = self._lease.node_id
        if not due.ordered:
            only = {due.id: (count, claim_id)}
            return await store.claim(tx, due.company_id, only, node_id=node_id, now=now)
        return await store.claim_ordered(
            tx, due.company_id, due.id, count=count, claim_id=claim_id, node_id=node_id, now=now
        )

    async def _drop_void(
        self, company_id: int, wanted: Wanted, found: Claimed, taken: Sequence[Taken]
    ) -> None:
        """Claims of which nothing is to be posted: their events are gone, or done already."""
        configurations = {row[0] for row in taken} - found.items.keys()
        if configurations:
            void = [wanted[id][1] for id in configurations]
            await store.drop_claims(self._records, company_id, void)


def _fill(
    found: Claimed,
    company_id: int,
    wanted: Wanted,
    taken: Sequence[Taken],
    rows: Mapping[store.Pair, asyncpg.Record],
) -> None:
    claims: dict[int, Claim] = {}
    counts = dict.fromkeys(wanted, 0)
    for configuration_id, event_id, attempts, key in taken:
        counts[configuration_id] += 1
        row = rows.get((event_id, configuration_id))
        if row is None:
            continue
        claim = claims.get(configuration_id)
        if claim is None:
            claim = claims[configuration_id] = Claim(company_id, wanted[configuration_id][1], set())
        claim.open.add(event_id)
        item = Item(event_of(company_id, row), claim, attempts, row["tries_from"], key)
        found.items.setdefault(configuration_id, []).append(item)
        found.count += 1
    found.emptied = {
        id for id, (count, _) in wanted.items() if counts[id] < count and id not in found.later
    }


async def _requeue(tx: asyncpg.Connection, orphans: Iterable[Orphan], now: datetime) -> None:
    for orphan in orphans:
        await store.requeue_orphan(tx, orphan, now)

"""Requests that are accepted become messages by the chunk, with progress, across crashes.

A chunk is first prepared without a transaction: who comes next, what each is to get. Then one
transaction stores its messages, the queue, the counters and how far each request has come. That
begins by locking those marks: where one is not what this node remembers, a commit of its own whose
answer was lost has moved it, or another node, and what was prepared of it is thrown away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from clarion import metrics
from clarion.engine.contacts.criteria import InvalidCriteria
from clarion.engine.contacts.groups import GroupBusy
from clarion.engine.messages import store
from clarion.engine.messages.failing_over import FailingOver
from clarion.engine.messages.jobs import SMALL, Done, Job, batches, job_of
from clarion.engine.messages.model import FailureCode, RequestState
from clarion.engine.messages.plain import PlainChunk
from clarion.engine.messages.plan import Plan, plan_of
from clarion.engine.messages.ports import Medium
from clarion.engine.messages.stepped import SteppedChunk
from clarion.engine.messages.steps.means import Means
from clarion.engine.senders.directory import SenderDirectory
from clarion.errors import Unavailable
from clarion.log import get_logger
from clarion.storage.database import Database

CHUNK = 2000
AT_ONCE = 4
"""Large requests one node expands in turns, so that a huge one does not hold up the others."""

SMALL_AT_ONCE = 500
"""Small ones share a transaction."""

MAX_FAILURES = 3

EXPANSION_ABANDONED = "expansion.abandoned"
EXPANSION_FAILED = "expansion.chunk_failed"

log = get_logger(__name__)


class Expander:
    """Works on the expansions that this node holds."""

    def __init__(
        self,
        db: Database,
        senders: SenderDirectory,
        means: Means,
        *,
        node_id: UUID,
        queued: Callable[[str], None],
    ) -> None:
        """`queued` is told the connector when messages have come into its queue."""
        self._db = db
        self._senders = senders
        self._means = means
        self._node_id = node_id
        self._queued = queued
        self._jobs: list[Job] = []
        self._failures: Counter[UUID] = Counter()
        self._failing_over = FailingOver(db, means, self._plans)

    async def step(self) -> bool:
        """One chunk of each request in hand; whether there may be more to do."""
        await self._take()
        busy = False
        for batch in batches(self._jobs, CHUNK, alone=self._failures):
            kept = set(map(id, batch))  # whatever goes wrong, they are taken and loaded anew
            self._jobs = [job for job in self._jobs if id(job) not in kept]
            try:
                self._jobs += await self._chunk(batch)
                busy = True
            except Unavailable:
                raise
            except GroupBusy:
                continue  # it is looked at again when its members are there
            except InvalidCriteria as error:
                await self._abandon_all(batch, error.message)
            except Exception:
                log.exception(EXPANSION_FAILED, requests=len(batch))
                await self._note_failure(batch)
        for connector in await self._failing_over.step():
            self._queued(connector)
        return busy

    # ------------------------------------------------------------ what to work on

    async def _take(self) -> None:
        now = datetime.now(UTC)
        in_hand = [job.plan.request_id for job in self._jobs]
        large = sum(not job.small for job in self._jobs)
        taken: list[store.Expansion] = []
        for small, limit in (
            (False, AT_ONCE - large),
            (True, SMALL_AT_ONCE - len(self._jobs) + large),
        ):
            if limit > 0:
                taken += await store.take_expansions(
                    self._db, self._node_id, now, limit, in_hand=in_hand, size=SMALL, small=small
                )
        for company_id, marks in store.by_company((t.company_id, t) for t in taken).items():
            self._jobs += await self._load(company_id, marks)

    async def _load(self, company_id: int, taken: Sequence[store.Expansion]) -> list[Job]:
        plans = await self._plans(company_id, [each.request_id for each in taken])
        jobs = []
        for each in taken:
            plan = plans.get(each.request_id)
            if plan is None:
                await self._abandon(company_id, each.request_id, _GONE, FailureCode.INVALID_SENDER)
                continue
            begun = each.next or each.after
            seen = (
                await store.addresses_had(self._db, company_id, each.request_id) if begun else set()
            )
            carries_sms = self._means.carrier(plan.sender, Medium.SMS) is not None
            jobs.append(job_of(each, plan, seen, carries_sms=carries_sms))
        return jobs

    async def _plans(self, company_id: int, requests: Sequence[UUID]) -> dict[UUID, Plan]:
        """Without those whose sender id or channel is gone."""
        rows = await store.read_expansions(self._db, company_id, requests)
        return {row["id"]: plan for row in rows if (plan := await self._plan(row)) is not None}

    async def _plan(self, row: asyncpg.Record) -> Plan | None:
        """None: what it was to leave from is no longer there."""
        if row["channel_id"] is not None:
            channel = await self._means.channels.get(row["company_id"], row["channel_id"])
            if channel is None or not channel.senders:
                return None
            return plan_of(row, channel.senders[0], channel)
        sender = await self._senders.get(row["company_id"], row["sender_id"])
        if sender is None or not any(self._means.carrier(sender, m) for m in Medium):
            return None
        return plan_of(row, sender, None)

    # ------------------------------------------------------------ a chunk

    async def _chunk(self, batch: Sequence[Job]) -> list[Job]:
        """Make messages of the next recipients; answers the jobs that go on."""
        now = datetime.now(UTC)
        company_id = batch[0].plan.company_id
        chunk = await self._prepared(batch, now)

        async def work(tx: asyncpg.Connection) -> tuple[dict[UUID, Done], set[str]]:
            live = await self._lock(tx, company_id, batch)
            done, queued = await chunk.store(tx, live)
            await _mark(tx, company_id, batch, done, now)
            return done, queued

        done, queued = await self._db.run(work)
        _count(batch, done)
        for connector in queued:
            self._queued(connector)
        return [job for job in batch if _goes_on(job, done)]

    async def _prepared(self, batch: Sequence[Job], now: datetime) -> PlainChunk | SteppedChunk:
        job = batch[0]
        if job.plain:
            connector = self._means.carrier(job.plan.sender, Medium.SMS)
            assert connector is not None
            return PlainChunk(self._means, job, connector, size=CHUNK, now=now)
        chunk = SteppedChunk(self._means, job.plan.company_id, now)
        await chunk.prepare(self._db, batch, CHUNK)
        return chunk

    async def _lock(self, tx: store.Runner, company_id: int, batch: Sequence[Job]) -> set[UUID]:
        """Hold the marks of these requests; answers those that go on from where we think."""
        found = [job.plan.request_id for job in batch]
        marks = await store.lock_expansions(tx, company_id, found, self._node_id)
        ours = [job.plan.request_id for job in batch if marks.get(job.plan.request_id) == job.mark]
        if not ours:
            return set()
        states = await store.lock_requests(tx, company_id, ours)
        over = [r for r in ours if states.get(r, RequestState.CANCELED) == RequestState.CANCELED]
        await store.drop_expansions(tx, company_id, over)
        return set(ours) - set(over)

    # ------------------------------------------------------------ what cannot be worked on

    async def _note_failure(self, batch: Sequence[Job]) -> None:
        """One of them cannot be worked on: each is tried alone, and given up in the end, so that
        the others go on."""
        for job in batch:
            request_id = job.plan.request_id
            self._failures[request_id] += 1
            if len(batch) == 1 and self._failures[request_id] >= MAX_FAILURES:
                del self._failures[request_id]
                await self._abandon(
                    job.plan.company_id, request_id, _BROKEN, FailureCode.DELIVERY_FAILURE
                )

    async def _abandon_all(self, batch: Sequence[Job], words: str) -> None:
        for job in batch:
            await self._abandon(
                job.plan.company_id, job.plan.request_id, words, FailureCode.INVALID_RECIPIENT
            )

    async def _abandon(
        self, company_id: int, request_id: UUID, words: str, code: FailureCode
    ) -> None:
        log.warning(EXPANSION_ABANDONED, company_id=company_id, reason=words)
        now = datetime.now(UTC)
        await store.reject_request(self._db, company_id, request_id, now, details=words, code=code)


def _count(batch: Sequence[Job], done: Mapping[UUID, Done]) -> None:
    """What was made, for metrics."""
    for job in batch:
        if (made := done.get(job.plan.request_id)) is not None:
            metrics.MESSAGES_STOPPED.inc(made.count.failed)
            if not job.plan.paused:
                metrics.MESSAGES_QUEUED.inc(made.count.pending)


_GONE = "The sender id, or the connector that carries it, is no longer there."
_BROKEN = "Something unexpected happened while its messages were made."


async def _mark(
    tx: store.Runner,
    company_id: int,
    batch: Sequence[Job],
    done: Mapping[UUID, Done],
    now: datetime,
) -> None:
    """Counters and marks of what the chunk has made."""
    if not done:
        return
    await store.count_prepared(tx, company_id, [each.count for each in done.values()], now)
    await store.advance_expansions(
        tx,
        company_id,
        [
            (id, d.next, d.after, job.sequence + d.messages)
            for job in batch
            if (d := done.get(id := job.plan.request_id)) and not d.ends
        ],
    )
    await store.finish_expansions(tx, company_id, [id for id, d in done.items() if d.ends], now)


def _goes_on(job: Job, done: Mapping[UUID, Done]) -> bool:
    """Note what is committed; whether there is more of it."""
    made = done.get(job.plan.request_id)
    if made is None:
        return False
    made.advance(job)
    return not made.ends

"""A chunk of requests that need steps: prepared, then stored in the transaction of its caller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence, Set
from copy import copy
from datetime import datetime
from uuid import UUID

from clarion.engine.messages.jobs import Done, Job
from clarion.engine.messages.steps import BEFORE, WITHIN
from clarion.engine.messages.steps.candidate import Candidate
from clarion.engine.messages.steps.chunk import Chunk
from clarion.engine.messages.steps.means import Means
from clarion.engine.messages.steps.rows import count, queued, settle_state, store_messages
from clarion.engine.messages.steps.sources import Slice, candidates_of, gather
from clarion.engine.messages.store.expansion import Count
from clarion.engine.messages.store.rows import Runner
from clarion.kit import ids


class SteppedChunk:
    """The next recipients of some requests of one company."""

    def __init__(self, means: Means, company_id: int, now: datetime) -> None:
        self._means = means
        self._company_id = company_id
        self._now = now
        self._slices: dict[UUID, Slice] = {}
        self._fresh: dict[UUID, list[Candidate]] = {}
        self._duplicates: dict[UUID, int] = {}
        self._performed: Counter[UUID] = Counter()

    async def prepare(self, on: Runner, jobs: Sequence[Job], size: int) -> None:
        """All that needs no transaction."""
        if self._means.settings.billing.enabled:
            await self._means.rates.refresh()
        for job in jobs:
            self._slices[job.plan.request_id] = await gather(
                on, job.plan, job.next, job.after, size
            )
        slices = [(job.plan, self._slices[job.plan.request_id]) for job in jobs]
        made = await candidates_of(on, self._means, self._company_id, slices)
        for job, candidates in zip(jobs, made, strict=True):
            self._keep(job, candidates)
        everything = [c for each in self._fresh.values() for c in each]
        for step in BEFORE:
            await step(self._chunk(on, everything))

    def _keep(self, job: Job, candidates: Sequence[Candidate]) -> None:
        """Number those whose address is new to their request."""
        id = job.plan.request_id
        self._fresh[id], self._duplicates[id] = unseen(candidates, job.seen)
        for place, c in enumerate(self._fresh[id], job.sequence + 1):
            c.message_id = ids.message_id(id, place)

    async def store(self, on: Runner, live: Collection[UUID]) -> tuple[dict[UUID, Done], set[str]]:
        """The messages of requests that go on; answers their new marks, and whose queues have
        grown. It may run again, and so works on copies."""
        fresh = {id: [copy(c) for c in self._fresh[id]] for id in self._slices if id in live}
        chunk = self._chunk(on, [c for each in fresh.values() for c in each])
        for step in WITHIN:
            await step(chunk)
        for c in chunk.candidates:
            settle_state(c)
        await store_messages(chunk)
        return {id: self._done(id, each) for id, each in fresh.items()}, queued(chunk.candidates)

    def _done(self, id: UUID, fresh: Sequence[Candidate]) -> Done:
        slice = self._slices[id]
        people = {c.contact_id or c.address or c.given for c in fresh}
        counted = Count(
            id, recipients=len(people), duplicates=self._duplicates[id],
            performed=self._performed[id],
        )  # fmt: skip
        for c in fresh:
            count(c, counted)
        return Done(
            next=slice.next, after=slice.after, ends=slice.last, messages=len(fresh), count=counted,
            addresses={c.address or c.given for c in fresh},
        )  # fmt: skip

    def _chunk(self, on: Runner, candidates: Sequence[Candidate]) -> Chunk:
        return Chunk(self._means, on, self._company_id, self._now, candidates, self._performed)


def unseen(candidates: Sequence[Candidate], seen: Set[str]) -> tuple[list[Candidate], int]:
    """Those whose address has not come before in their request, and how many have."""
    fresh: dict[str, Candidate] = {}
    for c in candidates:
        address = c.address or c.given
        if address not in seen:
            fresh.setdefault(address, c)
    return list(fresh.values()), len(candidates) - len(fresh)

"""Requests under expansion, as one node has them in hand."""

from __future__ import annotations

from collections.abc import Container, Sequence
from uuid import UUID

from msgspec import Struct

from clarion.engine.messages import store
from clarion.engine.messages.plan import Plan, needs_no_steps

SMALL = 50  # recipients of requests that share a transaction


class Job(Struct, eq=False):
    """One request, how far it has come, and the addresses that it has had."""

    plan: Plan
    next: int
    after: UUID | None
    sequence: int
    seen: set[str]
    small: bool  # a few recipients, and no group
    plain: bool  # telephone numbers and one text: needs no steps

    @property
    def mark(self) -> tuple[int, UUID | None]:
        return self.next, self.after

    def left(self, chunk: int) -> int:
        """How many recipients its next chunk has at most."""
        return min(chunk, len(self.plan.recipients)) if self.small else chunk


def job_of(taken: store.Expansion, plan: Plan, seen: set[str], *, carries_sms: bool) -> Job:
    small = taken.size is not None and taken.size <= SMALL
    plain = carries_sms and taken.size is None and needs_no_steps(plan)
    return Job(plan, taken.next, taken.after, taken.sequence, seen, small, plain)


def batches(jobs: Sequence[Job], chunk: int, *, alone: Container[UUID] = ()) -> list[list[Job]]:
    """Jobs that one transaction works on: of one company, and together no more than a chunk. Small
    ones share it; large ones have it to themselves, and so have those that are to be `alone`."""
    found: list[list[Job]] = []
    open_batches: dict[int, tuple[list[Job], int]] = {}
    for job in jobs:
        size = job.left(chunk)
        batch, room = open_batches.get(job.plan.company_id, ([], 0))
        if job.plain or size >= chunk or job.plan.request_id in alone:
            found.append([job])
            continue
        if size > room:
            batch, room = [], chunk
            found.append(batch)
        batch.append(job)
        open_batches[job.plan.company_id] = batch, room - size
    return found


class Done(Struct):
    """What a chunk has made of a job."""

    next: int
    after: UUID | None
    ends: bool
    messages: int
    count: store.Count
    addresses: set[str]

    def advance(self, job: Job) -> None:
        """The chunk is committed."""
        job.next, job.after = self.next, self.after
        job.sequence += self.messages
        job.seen |= self.addresses

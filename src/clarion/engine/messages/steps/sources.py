"""Who a request is to, a chunk at a time, from where the last one ended."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from clarion.engine.messages.plan import Plan
from clarion.engine.messages.recipients import Named, read
from clarion.engine.messages.steps.addresses import address_candidate
from clarion.engine.messages.steps.candidate import Candidate
from clarion.engine.messages.store.rows import Runner


class Slice(Struct):
    """Some of a request's recipients, and the mark behind them."""

    named: list[Named | UUID]  # a UUID is a contact that a group or criteria gave
    next: int
    after: UUID | None
    last: bool


async def gather(on: Runner, plan: Plan, next: int, after: UUID | None, limit: int) -> Slice:
    """Up to `limit` recipients from entry `next` of `to`; within a group from the contact behind
    `after`."""
    given: Sequence[str] = plan.recipients[next : next + limit]
    next += len(given)
    return Slice([read(text) for text in given], next, None, next >= len(plan.recipients))


async def candidates_of(
    on: Runner, company_id: int, slices: Sequence[tuple[Plan, Slice]]
) -> list[list[Candidate]]:
    """The messages-to-be of each request's recipients."""
    return [
        [address_candidate(plan, named) for named in slice.named if isinstance(named, Named)]
        for plan, slice in slices
    ]

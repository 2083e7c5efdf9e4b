"""Who a request is to, a chunk at a time, from where the last one ended."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from clarion.engine.contacts.groups import criteria_slice, groups_among, member_slice
from clarion.engine.contacts.reading import contacts_for_sending
from clarion.engine.messages.plan import Plan
from clarion.engine.messages.recipients import Kind, Named, read
from clarion.engine.messages.steps.candidate import Candidate
from clarion.engine.messages.steps.means import Means
from clarion.engine.messages.steps.reach import contact_candidates, named_candidate
from clarion.engine.messages.store.rows import Runner
from clarion.errors import NotFound
from clarion.kit import ids

_NOBODY = UUID(int=0)


class Slice(Struct):
    """Some of a request's recipients, and the mark behind them."""

    named: list[Named | UUID]  # a UUID is a contact that a group or criteria gave
    next: int
    after: UUID | None
    last: bool


async def gather(on: Runner, plan: Plan, next: int, after: UUID | None, limit: int) -> Slice:
    """Up to `limit` recipients from entry `next` of `to`; within a group from the contact behind
    `after`. Criteria stand for one group. Raises GroupBusy, InvalidCriteria."""
    if plan.options.criteria:
        contacts = await criteria_slice(on, plan.company_id, plan.options.criteria, after, limit)
        return Slice([*contacts], 0, contacts[-1] if contacts else after, len(contacts) < limit)
    given = [read(text) for text in plan.recipients[next : next + limit]]
    groups = await _groups(on, plan.company_id, given)
    named: list[Named | UUID] = []
    for each in given:
        if each.id not in groups:
            named.append(each)
        else:
            assert each.id is not None
            room = limit - len(named)
            contacts = await _members(on, plan.company_id, each.id, after, room)
            named += contacts
            if contacts and len(contacts) == room:
                return Slice(named, next, contacts[-1], last=False)
        next, after = next + 1, None
        if len(named) >= limit:
            break
    return Slice(named, next, None, next >= len(plan.recipients))


async def candidates_of(
    on: Runner, means: Means, company_id: int, slices: Sequence[tuple[Plan, Slice]]
) -> list[list[Candidate]]:
    """The messages-to-be of each request's recipients. Contacts of a group that no sender id of
    ours reaches are none of its recipients; one that the client named has a message that fails."""
    wanted = {id for _, slice in slices for each in slice.named if (id := _contact_id(each))}
    wanted |= {id for plan, _ in slices if (id := _known(plan))}
    contacts = await contacts_for_sending(on, company_id, list(wanted)) if wanted else {}
    made: list[list[Candidate]] = []
    for plan, slice in slices:
        found: list[Candidate] = []
        for each in slice.named:
            id = _contact_id(each)
            if isinstance(each, Named):
                if id is None:
                    owner = contacts.get(_known(plan) or _NOBODY)
                    found.append(named_candidate(means, plan, each, owner))
                else:
                    found += contact_candidates(means, plan, contacts.get(id), each)
            elif each in contacts:
                found += contact_candidates(means, plan, contacts[each], None)
        made.append(found)
    return made


async def _groups(on: Runner, company_id: int, given: Sequence[Named]) -> set[UUID]:
    """Which of the ids are groups': a bare id may be a contact's as well."""
    bare = [each.id for each in given if each.kind is Kind.EITHER and each.id]
    named = {each.id for each in given if each.kind is Kind.GROUP and each.id}
    return named | (await groups_among(on, company_id, bare) if bare else set())


async def _members(
    on: Runner, company_id: int, group_id: UUID, after: UUID | None, limit: int
) -> list[UUID]:
    try:
        return await member_slice(on, company_id, group_id, after, limit)
    except NotFound:
        return []  # deleted since the request was accepted: it has no members


def _known(plan: Plan) -> UUID | None:
    """Whose the address of an answer's one recipient is."""
    return ids.parse(plan.options.contact) if plan.options.contact else None


def _contact_id(each: Named | UUID) -> UUID | None:
    if not isinstance(each, Named):
        return each
    return each.id if each.kind in {Kind.CONTACT, Kind.EITHER} else None

"""An SMS in place of a push that has failed: made as any other message, by the same steps.

From the push on, its request counts one message as pending until the push is known to have arrived
or the SMS has left: what the client sees as COMPLETED is final.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from msgspec.structs import replace

from clarion.engine.contacts.reading import contacts_for_sending
from clarion.engine.messages import store
from clarion.engine.messages.model import RequestState
from clarion.engine.messages.plan import Plan
from clarion.engine.messages.steps import BEFORE, WITHIN
from clarion.engine.messages.steps.candidate import Candidate
from clarion.engine.messages.steps.chunk import Chunk
from clarion.engine.messages.steps.means import Means
from clarion.engine.messages.steps.reach import text_candidate
from clarion.engine.messages.steps.rows import count, queued, settle_state, store_messages
from clarion.kit import ids
from clarion.storage.database import Database

BATCH = 500
SECOND_TRY = 1 << (ids.SEQUENCE_BITS - 1)
"""Added to a push's number it is its SMS's: found again, the SMS is the same one."""

_CLOSED = RequestState.CANCELED
_MAY_PAUSE = frozenset({RequestState.PREPARING, RequestState.PAUSED})

Plans = Callable[[int, Sequence[UUID]], Awaitable[Mapping[UUID, Plan]]]
"""The plans of a company's requests, without those that have nothing to leave from any more."""


class FailingOver:
    """Makes the messages that follow failed pushes."""

    def __init__(self, db: Database, means: Means, plans: Plans) -> None:
        self._db = db
        self._means = means
        self._plans = plans

    async def step(self) -> set[str]:
        """Deal with pushes that have failed; answers the connectors whose queues have grown.

        Two nodes may prepare the same one: the first to take its row makes it.
        """
        grown: set[str] = set()
        for company_id, due in (await store.due_failovers(self._db, BATCH)).items():
            grown |= await self._follow(company_id, due)
        return grown

    async def _follow(self, company_id: int, due: Sequence[store.DueFailover]) -> set[str]:
        now = datetime.now(UTC)
        candidates = await self._candidates(company_id, due)
        before = self._chunk(self._db, company_id, now, candidates, Counter())
        for step in BEFORE:
            await step(before)

        async def work(tx: asyncpg.Connection) -> set[str]:
            ours = await store.take_failovers(tx, company_id, [each.message_id for each in due])
            if not ours:
                return set()
            states = await store.lock_requests(tx, company_id, ids.requests_of(ours))
            made = [
                _in_its_place(c, states[c.plan.request_id])
                for c in candidates
                if _push_of(c) in ours and states.get(c.plan.request_id, _CLOSED) != _CLOSED
            ]
            chunk = self._chunk(tx, company_id, now, made, before.performed)
            await self._store(chunk, Counter(map(ids.request_id_of, ours)))
            return queued(made)

        return await self._db.run(work)

    async def _candidates(
        self, company_id: int, due: Sequence[store.DueFailover]
    ) -> list[Candidate]:
        """The SMS for each, where there is still somebody to send it to."""
        if self._means.settings.billing.enabled:
            await self._means.rates.refresh()
        plans = await self._plans(company_id, sorted({each.request_id for each in due}))
        wanted = [each.contact_id for each in due if each.contact_id is not None]
        contacts = await contacts_for_sending(self._db, company_id, wanted) if wanted else {}
        found = []
        for each in due:
            plan = plans.get(each.request_id)
            contact = contacts.get(each.contact_id) if each.contact_id else None
            if plan is not None and contact is not None and contact.primary_mdn is not None:
                c = text_candidate(self._means, plan, contact, contact.primary_mdn)
                sequence = each.message_id.int & ids.MAX_SEQUENCE
                c.message_id = ids.message_id(each.request_id, sequence | SECOND_TRY)
                found.append(c)
        return found

    async def _store(self, chunk: Chunk, waited: Mapping[UUID, int]) -> None:
        """The messages; and of each request so many pushes that it has waited for until now."""
        for step in WITHIN:
            await step(chunk)
        counts = {
            id: store.Count(id, pending=-pushes, performed=chunk.performed[id])
            for id, pushes in waited.items()
        }
        for c in chunk.candidates:
            settle_state(c)
            count(c, counts[c.plan.request_id])
        await store_messages(chunk)
        await store.count_prepared(chunk.on, chunk.company_id, [*counts.values()], chunk.now)

    def _chunk(
        self,
        on: store.Runner,
        company_id: int,
        now: datetime,
        candidates: Sequence[Candidate],
        performed: Counter[UUID],
    ) -> Chunk:
        return Chunk(self._means, on, company_id, now, candidates, performed)


def _in_its_place(c: Candidate, state: str) -> Candidate:
    """Of its own, for the steps to change; where the client has let its request go on, it waits
    for nobody's word."""
    made = copy(c)
    if c.plan.paused and state not in _MAY_PAUSE:
        made.plan = replace(c.plan, paused=False)
    return made


def _push_of(c: Candidate) -> UUID:
    return ids.message_id(c.plan.request_id, c.id.int & (SECOND_TRY - 1))

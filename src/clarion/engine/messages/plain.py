"""A chunk of a request that needs no steps: telephone numbers, one sender id, one text."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from clarion.engine.messages import store
from clarion.engine.messages.jobs import Done, Job
from clarion.engine.messages.model import Recipient, Route
from clarion.engine.messages.prepare import content_of, resolve_recipients, state_when_good
from clarion.engine.messages.prepared import count_states, message_rows
from clarion.engine.messages.steps.means import Means


class PlainChunk:
    """The next recipients of one request."""

    def __init__(self, means: Means, job: Job, connector: str, *, size: int, now: datetime) -> None:
        self._job = job
        self._connector = connector
        self._now = now
        plan = job.plan
        self._content = content_of(plan.body, latin1=means.latin1(connector))
        state = state_when_good(
            test=plan.test,
            paused=plan.paused,
            scheduled_at=plan.scheduled_at,
            expires_at=plan.expires_at,
            now=now,
        )
        given = plan.recipients[job.next : job.next + size]
        self._next = job.next + len(given)
        self._fresh, self._duplicates = _unseen(resolve_recipients(given, state=state), job.seen)

    async def store(
        self, on: store.Runner, live: Collection[UUID]
    ) -> tuple[dict[UUID, Done], set[str]]:
        """The messages, if the request goes on; answers its new mark, and whose queue has grown."""
        plan, fresh = self._job.plan, self._fresh
        if plan.request_id not in live:
            return {}, set()
        pending, failed, queued = count_states(fresh)
        if fresh:
            await store.add_messages(
                on,
                plan.company_id,
                plan.request_id,
                message_rows(plan.request_id, fresh, self._job.sequence + 1),
                route=Route(
                    plan.sender.id, plan.sender.address, self._connector, plan.sender.priority
                ),
                content=self._content,
                now=self._now,
            )
        done = Done(
            next=self._next,
            after=None,
            ends=self._next >= len(plan.recipients),
            messages=len(fresh),
            count=store.Count(
                plan.request_id,
                recipients=len(fresh),
                duplicates=self._duplicates,
                pending=pending,
                failed=failed,
            ),
            addresses={recipient.peer_address for recipient in fresh},
        )
        return {plan.request_id: done}, {self._connector} if queued else set()


def _unseen(recipients: list[Recipient], seen: set[str]) -> tuple[list[Recipient], int]:
    """Those that have not come before in this request, and how many have."""
    fresh = {each.peer_address: each for each in recipients if each.peer_address not in seen}
    return list(fresh.values()), len(recipients) - len(fresh)

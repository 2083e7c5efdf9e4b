"""Requests with many recipients become messages by the chunk, with progress, across crashes.

One chunk is one transaction: its messages, the queue, the counters and how far it has come. It
begins by locking that mark: where the mark is not what this node remembers, a commit of its own
whose answer was lost has moved it, or another node, and the request is loaded anew.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from msgspec import Struct

from clarion.engine.messages import store
from clarion.engine.messages.model import MessageState, Recipient, RequestState, Route
from clarion.engine.messages.prepare import (
    NORMAL_PRIORITY,
    content_of,
    count_states,
    message_rows,
    resolve_recipients,
    state_when_good,
)
from clarion.engine.messages.routing import connector_for
from clarion.engine.senders.directory import SenderDirectory
from clarion.log import get_logger
from clarion.settings import Settings, SmppConnector
from clarion.storage.database import Database

CHUNK = 2000
AT_ONCE = 4
"""Requests one node expands in turns, so that a huge one does not hold up the others."""

EXPANSION_ABANDONED = "expansion.abandoned"

log = get_logger(__name__)


class _Moved(Exception):
    """The request has come further than we know, or another node has it: ours was thought dead."""


class _Progress(Struct, frozen=True):
    """What one chunk did."""

    finished: bool
    next: int = 0
    sequence: int = 0
    queued: int = 0
    fresh: list[Recipient] = []


class _Job:
    """One request under expansion, with the addresses that it has had."""

    def __init__(self, taken: store.Expansion, request: asyncpg.Record, route: Route) -> None:
        self.company_id = taken.company_id
        self.request_id = taken.request_id
        self.next = taken.next
        self.sequence = taken.sequence
        self.request = request
        self.route = route
        self.recipients: list[str] = request["recipients"]
        earlier = resolve_recipients(self.recipients[: self.next], state=MessageState.CREATED)
        self._seen = {recipient.peer_address for recipient in earlier}

    def good_state(self, now: datetime) -> MessageState:
        request = self.request
        return state_when_good(
            test=request["test"],
            paused=request["pause_before_transmit"],
            scheduled_at=request["scheduled_at"],
            expires_at=request["expires_at"],
            now=now,
        )

    def unseen(self, recipients: list[Recipient]) -> tuple[list[Recipient], int]:
        """Those that have not come before in this request, and how many have."""
        fresh = {
            recipient.peer_address: recipient
            for recipient in recipients
            if recipient.peer_address not in self._seen
        }
        return list(fresh.values()), len(recipients) - len(fresh)

    def advance(self, progress: _Progress) -> None:
        """The chunk is committed."""
        self.next, self.sequence = progress.next, progress.sequence
        self._seen.update(recipient.peer_address for recipient in progress.fresh)


class Expander:
    """Works on the expansions that this node holds."""

    def __init__(
        self,
        db: Database,
        senders: SenderDirectory,
        settings: Settings,
        *,
        node_id: UUID,
        queued: Callable[[str], None],
    ) -> None:
        """`queued` is told the connector when messages have come into its queue."""
        self._db = db
        self._senders = senders
        self._settings = settings
        self._node_id = node_id
        self._queued = queued
        self._jobs: list[_Job] = []

    async def step(self) -> bool:
        """One chunk of each request in hand; whether there is more to do."""
        await self._take()
        for job in tuple(self._jobs):
            self._jobs.remove(job)  # whatever goes wrong, it is then taken and loaded anew
            try:
                finished = await self._chunk(job)
            except _Moved:
                continue
            if not finished:
                self._jobs.append(job)
        return bool(self._jobs)

    async def _take(self) -> None:
        if len(self._jobs) >= AT_ONCE:
            return
        now = datetime.now(UTC)
        in_hand = [job.request_id for job in self._jobs]
        for taken in await store.take_expansions(
            self._db, self._node_id, now, AT_ONCE - len(self._jobs), in_hand=in_hand
        ):
            job = await self._load(taken)
            if job is not None:
                self._jobs.append(job)

    async def _load(self, taken: store.Expansion) -> _Job | None:
        request = await store.read_expansion(self._db, taken.company_id, taken.request_id)
        route = request and await self._route(taken.company_id, request["sender_id"])
        if request is None or route is None:
            await self._abandon(taken)
            return None
        return _Job(taken, request, route)

    async def _route(self, company_id: int, sender_id: UUID) -> Route | None:
        sender = await self._senders.get(company_id, sender_id)
        if sender is None:
            return None
        connectors = self._settings.connectors
        connector = connector_for(sender.address, sender.connector, connectors)
        if connector is None:
            return None
        return Route(sender_id=sender.id, sender_address=sender.address, connector=connector)

    async def _abandon(self, taken: store.Expansion) -> None:
        """The sender or its connector is gone since the request was accepted."""
        log.warning(EXPANSION_ABANDONED, company_id=taken.company_id)
        await store.reject_request(
            self._db, taken.company_id, taken.request_id, datetime.now(UTC),
            "The sender id, or the connector that carries it, is no longer there.",
        )  # fmt: skip

    async def _chunk(self, job: _Job) -> bool:
        """Make messages of the next recipients; whether the request is finished."""
        now = datetime.now(UTC)

        async def work(tx: asyncpg.Connection) -> _Progress:
            return await self._chunk_in(tx, job, now)

        progress = await self._db.run(work)
        job.advance(progress)
        if progress.queued:
            self._queued(job.route.connector)
        return progress.finished

    async def _chunk_in(self, tx: store.Runner, job: _Job, now: datetime) -> _Progress:
        mark = await store.lock_expansion(tx, job.company_id, job.request_id, self._node_id)
        if mark != job.next:
            raise _Moved
        locked = await store.lock_request(tx, job.company_id, job.request_id)
        if locked is None or locked.state == RequestState.CANCELED:
            await store.drop_expansion(tx, job.company_id, job.request_id)
            return _Progress(finished=True)
        given = job.recipients[job.next : job.next + CHUNK]
        fresh, duplicates = job.unseen(resolve_recipients(given, state=job.good_state(now)))
        pending, failed, queued = count_states(fresh)
        request = job.request
        content = content_of(request["body"], latin1=self._latin1(job.route.connector))
        if fresh:
            await store.add_messages(
                tx,
                job.company_id,
                job.request_id,
                message_rows(job.request_id, fresh, job.sequence + 1),
                route=job.route,
                content=content,
                priority=NORMAL_PRIORITY,
                now=now,
            )
        await store.count_prepared(
            tx, job.company_id, job.request_id, recipients=len(fresh), duplicates=duplicates,
            pending=pending, failed=failed, now=now,
        )  # fmt: skip
        progress = _Progress(
            next=job.next + len(given), sequence=job.sequence + len(fresh), queued=queued,
            fresh=fresh, finished=job.next + len(given) >= len(job.recipients),
        )  # fmt: skip
        if progress.finished:
            await store.finish_expansion(tx, job.company_id, job.request_id, now)
        else:
            await store.advance_expansion(
                tx, job.company_id, job.request_id, progress.next, progress.sequence
            )
        return progress

    def _latin1(self, connector: str) -> bool:
        settings = self._settings.connectors[connector]
        return isinstance(settings, SmppConnector) and settings.latin1

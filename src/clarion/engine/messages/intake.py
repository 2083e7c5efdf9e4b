"""Where message requests become durable: waiting requests are coalesced into one flush.

The rule that wins over any timer: flush whatever queued while the last flush ran. Alone, a request
waits for nothing; under load the batches grow by themselves.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import msgspec

from clarion import metrics
from clarion.engine.accounts.model import Caller
from clarion.engine.attachments.model import Link
from clarion.engine.attachments.service import link_checked
from clarion.engine.messages import store
from clarion.engine.messages.depth import QueueDepths
from clarion.engine.messages.express import Express, Kind, Offers, offers_for
from clarion.engine.messages.model import NewRequest, Route
from clarion.engine.messages.plan import asks_for_steps, has_rules
from clarion.engine.messages.planning import Planner
from clarion.engine.messages.prepare import Prepared, prepare, stopped_among
from clarion.engine.messages.reading import require_message
from clarion.engine.messages.routing import connector_for
from clarion.engine.senders.directory import SenderDirectory
from clarion.engine.senders.model import Sender
from clarion.errors import AlreadyExists, ClarionError, InvalidInput, NotAllowed, Unavailable
from clarion.log import get_logger
from clarion.settings import Settings, SmppConnector
from clarion.storage.database import Database

WRITER_SESSION = {"plan_cache_mode": "auto", "enable_nestloop": "off"}
"""For a pool that does nothing but flush: the statement only inserts, so its plan can be kept, and
its arrays are joined by hash however small the planner takes them to be."""

MAX_BATCH = 256
RETRY_SECONDS = 3.0
QUEUE_CHANNEL = "clarion_outbound"
EXPANSION_CHANNEL = "clarion_expansion"

INTAKE_FAILED = "intake.failed"
INTAKE_REFUSED = "intake.refused"

log = get_logger(__name__)


class _Waiting(msgspec.Struct, gc=False):
    """A request in line, and whoever waits for its id."""

    prepared: Prepared
    caller: Caller
    external_id: str | None
    fingerprint: bytes | None
    answer: asyncio.Future[UUID]


class Intake:
    """Accepts message requests for every door of this process."""

    def __init__(
        self,
        db: Database,
        senders: SenderDirectory,
        planner: Planner,
        settings: Settings,
        *,
        flushers: int = 1,
        queued: Callable[[str], None] | None = None,
        writer: Database | None = None,
        express: Express | None = None,
    ) -> None:
        """`queued` is told the connector when a flush has put messages into its queue; `writer` is
        a pool for the flushes alone, with WRITER_SESSION; `express` is this process's dispatchers,
        if it has any."""
        self._db = db
        self._writer = writer or db
        self._senders = senders
        self._planner = planner
        self._settings = settings
        self._billed = settings.billing.enabled  # every message then has its price
        self._depths = QueueDepths(db, settings.intake.sender_queue_limit)
        self._queued = queued
        self._express = express
        self._line: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._flushers = flushers
        self._tasks: list[asyncio.Task[None]] = []
        self._routes: dict[tuple[str, str | None], str | None] = {}

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._flush_until_stopped(), name=f"intake-{n}")
            for n in range(self._flushers)
        ]

    async def stop(self) -> None:
        """Flush what is in line, let flushes under way end, then end."""
        self._stopping = True
        self._wake.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def accept(self, caller: Caller, new: NewRequest) -> UUID:
        """Store a request; returns its id after the commit.

        A known external_id of the same application answers the id that it had the first time.
        Raises InvalidInput and its kinds, NotAllowed (sender not ACTIVE), AlreadyExists (the
        external_id came with another body), TooManyRequests (the sender's queue is full),
        Unavailable (nothing was stored).
        """
        begun = time.perf_counter()
        company_id = caller.company_id
        if new.reply_to is not None:
            await require_message(self._db, company_id, new.reply_to)
        if self._billed or asks_for_steps(new):
            return await self._accept_planned(caller, new)
        sender = self._senders.known(company_id, new.sender) or await self._senders.resolve(
            company_id, new.sender
        )
        if has_rules(sender) or await self._planner.needs_consent(sender):
            return await self._accept_planned(caller, new)
        route = self._route(sender)
        prepared = prepare(
            new,
            company_id=company_id,
            application_id=caller.application_id,
            route=route,
            latin1=self._latin1(route.connector),
            limits=self._settings.intake,
            now=datetime.now(UTC),
        )
        waiting = _wait_for(prepared, caller, new)
        request_id = await self._line_up_with_room(waiting, route)
        metrics.INTAKE_SECONDS.observe(time.perf_counter() - begun)
        return request_id

    async def _accept_planned(self, caller: Caller, new: NewRequest) -> UUID:
        """A request whose messages are made step by step, after the answer."""
        prepared = await self._planner.prepare(caller, new, datetime.now(UTC))
        waiting = _wait_for(prepared, caller, new)
        if prepared.sender_id is None:
            return await self._line_up(waiting)
        return await self._line_up_with_room(
            waiting, Route(prepared.sender_id, "", prepared.connector)
        )

    async def _line_up_with_room(self, waiting: _Waiting, route: Route) -> UUID:
        count = waiting.prepared.queued
        if not count:
            return await self._line_up(waiting)
        depth = await self._depths.reserve(
            count, company_id=waiting.caller.company_id, connector=route.connector,
            sender_id=route.sender_id,
        )  # fmt: skip
        try:
            request_id = await self._line_up(waiting)
            depth.accepted += count
        finally:
            depth.reserved -= count
        return request_id

    async def _line_up(self, waiting: _Waiting) -> UUID:
        if self._stopping:
            raise Unavailable("The gateway is stopping; nothing was accepted.")
        self._line.append(waiting)
        self._wake.set()
        return await waiting.answer

    def _route(self, sender: Sender) -> Route:
        if sender.state != "ACTIVE":
            raise NotAllowed(f"from: the sender id is {sender.state}, not ACTIVE", field="from")
        if "SMS" not in sender.capabilities:
            raise InvalidInput("from: the sender id cannot send SMS", field="from")
        key = (sender.address, sender.connector)
        if key not in self._routes:
            if len(self._routes) > 10_000:
                self._routes.clear()
            self._routes[key] = connector_for(
                sender.address, sender.connector, self._settings.connectors
            )
        connector = self._routes[key]
        if connector is None:
            raise InvalidInput("from: no connector carries this sender id", field="from")
        return Route(sender.id, sender.address, connector, sender.priority)

    def _latin1(self, connector: str) -> bool:
        settings = self._settings.connectors[connector]
        return isinstance(settings, SmppConnector) and settings.latin1

    async def _flush_until_stopped(self) -> None:
        while self._line or not self._stopping:
            await self._wake.wait()
            batch = [self._line.popleft() for _ in range(min(len(self._line), MAX_BATCH))]
            if not self._line and not self._stopping:
                self._wake.clear()
            if batch:
                await self._flush(batch)

    async def _flush(self, batch: list[_Waiting]) -> None:
        metrics.INTAKE_BATCH.observe(len(batch))
        try:
            await self._store(batch)
        except Unavailable as error:
            _answer_all([*batch, *self._line], error)  # those behind would only wait as long again
            self._line.clear()
        except ClarionError as error:
            if isinstance(error, InvalidInput) and len(batch) > 1:
                await self._find_culprit(batch, error)
            else:
                _answer_all(batch, error)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            await self._find_culprit(batch, error)
        except Exception as error:
            log.exception(INTAKE_FAILED, requests=len(batch))
            _answer_all(batch, error)

    async def _find_culprit(self, batch: list[_Waiting], error: Exception) -> None:
        """The database refused a value: whose it was is found by storing one at a time."""
        if len(batch) > 1:
            for waiting in batch:
                await self._flush([waiting])
            return
        log.warning(INTAKE_REFUSED, reason=type(error).__name__)
        _answer_all(batch, InvalidInput("The request holds a value that cannot be stored."))

    async def _store(self, batch: list[_Waiting]) -> None:
        """Store a batch, again while the database is briefly away: the ids stay the same, so what
        a lost connection left committed is met by its own key."""
        deadline = time.monotonic() + RETRY_SECONDS
        again = False
        offers = offers_for(self._express, [w.prepared for w in batch])
        try:
            while True:
                try:
                    fresh = await self._store_once(batch, offers, again=again)
                    break
                except Unavailable:
                    if time.monotonic() > deadline:
                        raise
                    again = True
                    await asyncio.sleep(0.1)
        except BaseException:
            for offer in offers.values():
                offer.doubt()
            raise
        self._tell(fresh, offers)

    async def _accept(self, on: store.Runner, batch: list[_Waiting], offers: Offers) -> None:
        await store.accept(
            on, [w.prepared for w in batch], datetime.now(UTC),
            claims={kind: offer.claim_id for kind, offer in offers.items()},
            node_id=self._express.node_id if self._express else None,
        )  # fmt: skip

    async def _store_once(
        self, batch: list[_Waiting], offers: Offers, *, again: bool
    ) -> list[_Waiting]:
        """Those that are stored now: a repeated external_id is not."""
        stored: list[_Waiting] = []
        if again:
            stored, batch = await self._part(batch)
            _acknowledge(stored)
        if not any(w.external_id or w.prepared.planned or w.prepared.told for w in batch):
            if batch:
                await self._accept(self._writer, batch, offers)
            _acknowledge(batch)
            return stored + batch
        async with self._db.transaction() as tx:
            fresh = await self._claim_external_ids(tx, batch)
            if fresh:
                await self._accept(tx, fresh, offers)
                await _link_attachments(tx, fresh)
        _acknowledge(fresh)
        won = {w.prepared.request_id for w in fresh}
        await self._answer_repeats([w for w in batch if w.prepared.request_id not in won])
        return stored + fresh

    async def _part(self, batch: list[_Waiting]) -> tuple[list[_Waiting], list[_Waiting]]:
        """Those of a batch that an earlier try of ours did commit, and those that it did not."""
        stored = await store.stored_requests(
            self._db, [(w.prepared.company_id, w.prepared.request_id) for w in batch]
        )
        return (
            [w for w in batch if w.prepared.request_id in stored],
            [w for w in batch if w.prepared.request_id not in stored],
        )

    async def _claim_external_ids(self, tx: store.Runner, batch: list[_Waiting]) -> list[_Waiting]:
        named = [w for w in batch if w.external_id]
        won = await store.claim_external_ids(
            tx,
            [
                (
                    w.caller.company_id,
                    w.caller.application_id,
                    w.external_id,
                    w.prepared.request_id,
                    w.fingerprint,
                )
                for w in sorted(named, key=lambda w: (w.caller.application_id, w.external_id or ""))
            ],
        )
        return [w for w in batch if not w.external_id or w.prepared.request_id in won]

    async def _answer_repeats(self, batch: list[_Waiting]) -> None:
        for waiting in batch:
            assert waiting.external_id is not None
            found = await store.read_external_id(
                self._db, waiting.caller.company_id, waiting.caller.application_id,
                waiting.external_id,
            )  # fmt: skip
            if found is None:
                _answer_all([waiting], Unavailable("Another request with this id is under way."))
            elif found[1] != waiting.fingerprint:
                _answer_all(
                    [waiting],
                    AlreadyExists(
                        "external_id: was used for another message request", field="external_id"
                    ),
                )
            elif not waiting.answer.done():
                waiting.answer.set_result(found[0])

    def _tell(self, fresh: Sequence[_Waiting], offers: Offers) -> None:
        """Count, hand over what was stored past the queue, wake whoever works on the rest."""
        express: dict[Kind, list[Prepared]] = {kind: [] for kind in offers}
        metrics.REQUESTS_ACCEPTED.inc(len(fresh))
        queued: dict[str, int] = {}
        for waiting in fresh:
            prepared = waiting.prepared
            if len(prepared.messages) > prepared.queued:
                metrics.MESSAGES_STOPPED.inc(stopped_among(prepared))
            if not prepared.messages:
                self._db.hint(EXPANSION_CHANNEL)
            elif prepared.kind in express:
                express[prepared.kind].append(prepared)
                metrics.MESSAGES_QUEUED.inc(prepared.queued)
            elif prepared.queued:
                queued[prepared.connector] = queued.get(prepared.connector, 0) + prepared.queued
        for kind, offer in offers.items():
            offer.deliver(express[kind])
        for connector, count in queued.items():
            metrics.MESSAGES_QUEUED.inc(count)
            if self._queued is not None:
                self._queued(connector)
            else:
                self._db.hint(QUEUE_CHANNEL, connector)


def _wait_for(prepared: Prepared, caller: Caller, new: NewRequest) -> _Waiting:
    return _Waiting(
        prepared=prepared,
        caller=caller,
        external_id=new.external_id,
        fingerprint=_fingerprint(new) if new.external_id else None,
        answer=asyncio.get_running_loop().create_future(),
    )


async def _link_attachments(tx: store.Runner, batch: Sequence[_Waiting]) -> None:
    """Their content stays as it is from now on."""
    prepared = [waiting.prepared for waiting in batch]
    links = [Link(p.company_id, p.request_id, p.attachments) for p in prepared if p.attachments]
    await link_checked(tx, links)


def _fingerprint(new: NewRequest) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(new)).digest()


def _acknowledge(batch: Sequence[_Waiting]) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_result(waiting.prepared.request_id)


def _answer_all(batch: Sequence[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)

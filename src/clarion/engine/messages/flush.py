"""Where message requests become durable: requests in line are stored together, a batch a flush.

The rule that wins over any timer: flush what queued while the last flush ran. Alone, a request
waits for nothing; under load the batches grow by themselves. They stay equal, and a flush is over
in this order: its clients are answered, the next one begins, its messages go their way. So clients
ask again and messages leave while the database works, and neither waits for the other. The figures
behind this are in docs/decisions/0015.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import asyncpg
from msgspec import Struct

from clarion import metrics
from clarion.engine.accounts.model import Caller
from clarion.engine.attachments.model import Link
from clarion.engine.attachments.service import link_checked
from clarion.engine.messages import store
from clarion.engine.messages.depth import Depth
from clarion.engine.messages.express import Express, Offers, offers_for
from clarion.engine.messages.prepared import Kind, Prepared
from clarion.errors import AlreadyExists, ClarionError, InvalidInput, Unavailable
from clarion.log import get_logger
from clarion.storage.database import Database

WRITER_SESSION = {"plan_cache_mode": "auto", "enable_nestloop": "off"}
"""For a pool that does nothing but flush: the statement only inserts, so its plan can be kept, and
its arrays are joined by hash however small the planner takes them to be."""

MAX_BATCH = 256
ANSWERS_FIRST = 16
"""With fewer requests in a flush, the next one begins before they are answered: most of its time is
then what it costs beside its rows, and the answers are soon given."""

RETRY_SECONDS = 3.0
QUEUE_CHANNEL = "clarion_outbound"
EXPANSION_CHANNEL = "clarion_expansion"

INTAKE_FAILED = "intake.failed"
INTAKE_REFUSED = "intake.refused"
INTAKE_UNTOLD = "intake.untold"

log = get_logger(__name__)


class Waiting(Struct, gc=False):
    """A request in line, and whoever waits for its id. It ends once, with the first word on it: a
    commit that was not heard of is looked at again, together with those that were."""

    prepared: Prepared
    caller: Caller
    external_id: str | None
    fingerprint: bytes | None
    depth: Depth | None  # of the queue in which it has reserved room
    begun: float  # when it came, by perf_counter
    answer: asyncio.Future[UUID]
    has_ended: bool = False

    def stored(self) -> None:
        """It is committed."""
        if self._ends(stored=True):
            self._answer(self.prepared.request_id)

    def repeats(self, id: UUID) -> None:
        """An earlier one, which has this id; nothing was stored."""
        if self._ends(stored=False):
            self._answer(id)

    def failed(self, error: Exception) -> None:
        """Nothing was stored, as far as anybody knows."""
        if self._ends(stored=False) and not self.answer.done():
            self.answer.set_exception(error)

    def _ends(self, *, stored: bool) -> bool:
        """Whether it does so now; its room in the queue is then given back, or taken."""
        if self.has_ended:
            return False
        self.has_ended = True
        if self.depth is not None:
            self.depth.settle(self.prepared.queued, stored=stored)
        return True

    def _answer(self, id: UUID) -> None:
        metrics.INTAKE_TIMES.add(time.perf_counter() - self.begun)
        if not self.answer.done():  # nobody waits any more
            self.answer.set_result(id)


def batch_size(before: int, in_line: int) -> int:
    """How many of those in line to store next. The clients of the batch before, if there was one,
    are about to ask again: half of both together evens out batches that have become unequal, of
    which the small ones would leave the database idle and the large ones everybody else."""
    half = (before + in_line + 1) // 2
    return min(half if before else in_line, in_line, MAX_BATCH)


class Flusher:
    """Stores what is in line."""

    def __init__(
        self,
        db: Database,
        *,
        writer: Database | None = None,
        queued: Callable[[str], None] | None = None,
        express: Express | None = None,
    ) -> None:
        """See Intake."""
        self._db = db
        self._writer = writer or db
        self._queued = queued
        self._express = express
        self._line: deque[Waiting] = deque()
        self._stored: deque[tuple[Sequence[Waiting], Offers]] = deque()  # and not told of yet
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._flush_until_stopped(), name="intake")

    async def stop(self) -> None:
        """Flush what is in line, let the flush under way end, then end."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def line_up(self, waiting: Waiting) -> None:
        """`waiting` hears of it when it is stored."""
        if self._stopping:
            waiting.failed(Unavailable("The gateway is stopping; nothing was accepted."))
            return
        self._line.append(waiting)
        if not self._wake.is_set():
            self._wake.set()

    async def _flush_until_stopped(self) -> None:
        try:
            await self._take_turns()
        finally:
            self._tell_stored()

    async def _take_turns(self) -> None:
        before = 0  # requests in the batch before
        soon = asyncio.get_running_loop().call_soon
        while self._line or not self._stopping:
            soon(self._tell_stored)  # of the batch before, once the next one is on its way
            if not self._line:
                before = 0
            await self._wake.wait()
            size = batch_size(before, len(self._line))
            batch = [self._line.popleft() for _ in range(size)]
            if not self._line and not self._stopping:
                self._wake.clear()
            if batch:
                await self._flush(batch)
                if size >= ANSWERS_FIRST:
                    await asyncio.sleep(0)  # in which they are
                before = size

    async def _flush(self, batch: list[Waiting]) -> None:
        metrics.INTAKE_BATCH.observe(len(batch))
        try:
            await self._store(batch)
        except Unavailable as error:
            behind = list(self._line)  # they would only wait as long again
            self._line.clear()
            _fail([*batch, *behind], error)
        except ClarionError as error:
            if isinstance(error, InvalidInput) and len(batch) > 1:
                await self._find_culprit(batch, error)
            else:
                _fail(batch, error)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            await self._find_culprit(batch, error)
        except Exception as error:
            log.exception(INTAKE_FAILED, requests=len(batch))
            _fail(batch, error)

    async def _find_culprit(self, batch: list[Waiting], error: Exception) -> None:
        """The database refused a value: whose it was is found by storing one at a time."""
        if len(batch) > 1:
            for waiting in batch:
                if not waiting.has_ended:
                    await self._flush([waiting])
                    self._tell_stored()
            return
        log.warning(INTAKE_REFUSED, reason=type(error).__name__)
        _fail(batch, InvalidInput("The request holds a value that cannot be stored."))

    async def _store(self, batch: list[Waiting]) -> None:
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
        self._stored.append((fresh, offers))

    async def _accept(self, on: store.Runner, batch: list[Waiting], offers: Offers) -> None:
        await store.accept(
            on, [w.prepared for w in batch], datetime.now(UTC),
            claims={kind: offer.claim_id for kind, offer in offers.items()},
            node_id=self._express.node_id if self._express else None,
        )  # fmt: skip

    async def _store_once(
        self, batch: list[Waiting], offers: Offers, *, again: bool
    ) -> list[Waiting]:
        """Those that are stored now: a repeated external_id is not."""
        stored: list[Waiting] = []
        if again:
            stored, batch = await self._part(batch)
            _acknowledge(stored)
        named = any(w.external_id for w in batch)
        if not named and store.takes_one_statement([w.prepared for w in batch]):
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

    async def _part(self, batch: list[Waiting]) -> tuple[list[Waiting], list[Waiting]]:
        """Those of a batch that an earlier try of ours did commit, and those that it did not."""
        stored = await store.stored_requests(
            self._db, [(w.prepared.company_id, w.prepared.request_id) for w in batch]
        )
        return (
            [w for w in batch if w.prepared.request_id in stored],
            [w for w in batch if w.prepared.request_id not in stored],
        )

    async def _claim_external_ids(self, tx: store.Runner, batch: list[Waiting]) -> list[Waiting]:
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

    async def _answer_repeats(self, batch: list[Waiting]) -> None:
        for waiting in batch:
            assert waiting.external_id is not None
            found = await store.read_external_id(
                self._db, waiting.caller.company_id, waiting.caller.application_id,
                waiting.external_id,
            )  # fmt: skip
            if found is None:
                waiting.failed(Unavailable("Another request with this id is under way."))
            elif found[1] != waiting.fingerprint:
                words = "external_id: was used for another message request"
                waiting.failed(AlreadyExists(words, field="external_id"))
            else:
                waiting.repeats(found[0])

    def _tell_stored(self) -> None:
        """Of all that is stored and not yet on its way, whatever becomes of the others."""
        while self._stored:
            stored, offers = self._stored.popleft()
            for tell in self._ways(stored, offers):
                try:
                    tell()
                except Exception:
                    log.exception(INTAKE_UNTOLD, requests=len(stored))

    def _ways(self, fresh: Sequence[Waiting], offers: Offers) -> Iterator[Callable[[], None]]:
        """Count, hand over what was stored past the queue, wake whoever works on the rest."""
        express: dict[Kind, list[Prepared]] = {kind: [] for kind in offers}
        metrics.REQUESTS_ACCEPTED.inc(len(fresh))
        queued: dict[str, int] = {}
        planned = False
        for waiting in fresh:
            prepared = waiting.prepared
            if prepared.refused:
                metrics.MESSAGES_STOPPED.inc(prepared.refused)
            if not (prepared.alone or prepared.messages):
                planned = True
            elif prepared.kind in express:
                express[prepared.kind].append(prepared)
            elif prepared.queued:
                queued[prepared.connector] = queued.get(prepared.connector, 0) + prepared.queued
        for kind, offer in offers.items():
            metrics.MESSAGES_QUEUED.inc(sum(p.queued for p in express[kind]))
            yield partial(offer.deliver, express[kind])
        for connector, count in queued.items():
            metrics.MESSAGES_QUEUED.inc(count)
            yield partial(self._tell_queued, connector)
        if planned:
            yield partial(self._db.hint, EXPANSION_CHANNEL)

    def _tell_queued(self, connector: str) -> None:
        if self._queued is not None:
            self._queued(connector)
        else:
            self._db.hint(QUEUE_CHANNEL, connector)


async def _link_attachments(tx: store.Runner, batch: Sequence[Waiting]) -> None:
    """Their content stays as it is from now on."""
    prepared = [waiting.prepared for waiting in batch]
    links = [Link(p.company_id, p.request_id, p.attachments) for p in prepared if p.attachments]
    await link_checked(tx, links)


def _acknowledge(batch: Sequence[Waiting]) -> None:
    for waiting in batch:
        waiting.stored()


def _fail(batch: Sequence[Waiting], error: Exception) -> None:
    for waiting in batch:
        waiting.failed(error)

"""Writes what carriers say: outcomes, receipts and inbound messages, hundreds to a commit.

One loop a process, so that an answer to a submission is written before the receipt that followed
it on the same bind. Results are kept until they are stored, however long the database is away
(dispatch claims no more while too many wait); receipts and inbound messages are
given back to the carrier instead, which keeps them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

import asyncpg

from clarion import metrics
from clarion.engine.messages import store
from clarion.engine.messages.inbound import InboundDesk
from clarion.engine.messages.model import FailureCode
from clarion.engine.messages.outcomes import Claim, Result, Verdict
from clarion.engine.messages.ports import Inbound, Receipt
from clarion.engine.messages.receipts import ReceiptDesk, normal_id
from clarion.engine.messages.states import Input
from clarion.engine.messages.stops import stop, take
from clarion.errors import Unavailable
from clarion.log import get_logger
from clarion.storage.database import Database

RECORDER_SESSION = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_mergejoin": "off",
}
"""For a pool that does nothing but claim and record: its statements look up rows by their keys, so
one plan holds for all, and planning them anew would cost as much as running them."""

MAX_BATCH = 1000
BUSY, FULL = 32, 400
"""Between so many answers and receipts in one commit, the next waits a moment for more to gather:
each commit costs what thirty answers cost. Under 32 nothing waits, so that a carrier with a small
window for receipts is not slowed down."""

GATHER_SECONDS = 0.03
RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)

RECORDER_LEFT_WORK = "recorder.left_work"
RECORDER_WAITS = "recorder.waits"
RECORDER_FAILED = "recorder.failed"
RECORDER_GIVES_BACK = "recorder.gives_back"
RESULT_LOST = "result.lost"
CARRIERS_WORD_LOST = "carriers_word.lost"

log = get_logger(__name__)
Settled = Callable[[bool], None]
T = TypeVar("T")


class Recorder:
    """The one writer of what carriers say, in this process."""

    def __init__(self, db: Database, receipts: ReceiptDesk, inbound: InboundDesk) -> None:
        self._db = db
        self._receipt_desk = receipts
        self._inbound_desk = inbound
        self._results: list[Result] = []
        self._receipts: list[tuple[str, Sequence[Receipt], Settled, float]] = []
        self._inbound: list[tuple[str, Sequence[Inbound], Settled]] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._doubtful = False  # the last commit's outcome is unknown
        self._task: asyncio.Task[None] | None = None

    @property
    def unrecorded(self) -> int:
        """Messages that the carrier has answered for and whose verdict is not stored yet."""
        return len(self._results)

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="recorder")

    async def stop(self, patience: float) -> None:
        """Write what is there, for at most `patience` seconds, then end."""
        try:
            async with asyncio.timeout(patience):
                await self._idle.wait()
        except TimeoutError:
            log.warning(RECORDER_LEFT_WORK, results=len(self._results))
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._refuse_pending()

    # ------------------------------------------------------------ told by connectors

    def results(self, batch: Sequence[Result]) -> None:
        if batch:
            self._results.extend(batch)
            self._stir()

    def receipts(self, connector: str, batch: Sequence[Receipt], settled: Settled) -> None:
        self._receipts.append((connector, batch, settled, time.monotonic()))
        self._stir()

    def inbound(self, connector: str, batch: Sequence[Inbound], settled: Settled) -> None:
        self._inbound.append((connector, batch, settled))
        self._stir()

    def _stir(self) -> None:
        self._idle.clear()
        self._wake.set()

    # ------------------------------------------------------------ the loop

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._results or self._receipts or self._inbound:
                count, receipts = self._waiting(), len(self._receipts)
                await self._write_results(len(self._results))
                await self._write_receipts(receipts)
                await self._write_inbound()
                if BUSY <= count < FULL:
                    await asyncio.sleep(GATHER_SECONDS)
            self._idle.set()

    def _waiting(self) -> int:
        return len(self._results) + sum(len(batch) for _, batch, _, _ in self._receipts)

    async def _write_results(self, count: int) -> None:
        """The first so many, until they are stored: nothing that a carrier has said is dropped.
        Those that come meanwhile wait, so that receipts have their turn too."""
        tries, left = 0, count
        while left > 0 and self._results:
            batch = self._results[: min(left, MAX_BATCH)]
            try:
                await self._store_results(batch)
            except Unavailable as error:
                self._doubtful = True
                self._refuse_pending()
                pause = RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)]
                tries += 1
                log.waits(RECORDER_WAITS, error, results=len(self._results))
                await asyncio.sleep(pause)
            except Exception:
                log.exception(RECORDER_FAILED, results=len(batch))
                await self._store_singly(batch)
                del self._results[: len(batch)]
                left -= len(batch)
            else:
                del self._results[: len(batch)]
                left -= len(batch)

    async def _store_singly(self, batch: Sequence[Result]) -> None:
        """One of a batch cannot be stored: the others must not wait for it. Its claim stays, so
        that after a restart it is tried again."""
        for place, result in enumerate(batch):
            try:
                await self._store_results([result])
            except Unavailable:
                self._doubtful = True
                self._results += batch[place:]
                return
            except Exception:
                log.exception(RESULT_LOST, message_id=str(result.entry.message_id))

    async def _store_results(self, batch: Sequence[Result]) -> None:
        if self._doubtful:
            batch = await self._still_open(batch)
            self._doubtful = False
        groups = _by_connector(batch)

        async def work(tx: asyncpg.Connection) -> None:
            now = datetime.now(UTC)
            for (company_id, connector), results in groups.items():
                await _store_group(tx, company_id, connector, results, now)

        await self._db.run(work)
        for result in batch:
            result.entry.claim.open.pop(result.entry.message_id, None)
        for (_, connector), results in groups.items():
            metrics.connector(connector).outcome_batch.observe(len(results))

    async def _still_open(self, batch: Sequence[Result]) -> Sequence[Result]:
        """Results that the commit in doubt did not store: their claims still list them."""
        open_messages: set[UUID] = set()
        for company_id, claims in store.by_company(
            {(r.entry.claim.company_id, r.entry.claim.id) for r in batch}
        ).items():
            open_messages |= await store.read_claims(self._db, company_id, claims)
        for result in batch:
            if result.entry.message_id not in open_messages:
                result.entry.claim.open.pop(result.entry.message_id, None)
        return [r for r in batch if r.entry.message_id in open_messages]

    async def _write_receipts(self, count: int) -> None:
        """The first so many: those that came with the answers that are written now, not before."""
        taken, self._receipts = self._receipts[:count], self._receipts[count:]
        if not taken:
            return
        stored = await self._attempt("receipts", self._receipt_desk.settle, [
            (connector, receipt) for connector, batch, _, _ in taken for receipt in batch
        ])  # fmt: skip
        ended = time.monotonic()
        for connector, batch, settled, begun in taken:
            settled(stored)
            counts = metrics.connector(connector)
            counts.settle_seconds.observe(ended - begun)
            counts.receipt_batch.observe(len(batch))

    async def _write_inbound(self) -> None:
        if not self._inbound:
            return
        taken, self._inbound = self._inbound, []
        stored = await self._attempt("inbound", self._inbound_desk.take, [
            (connector, message) for connector, batch, _ in taken for message in batch
        ])  # fmt: skip
        for _, _, settled in taken:
            settled(stored)

    async def _attempt(
        self, what: str, write: Callable[[list[T]], Awaitable[None]], batch: list[T]
    ) -> bool:
        """Whether the batch was stored; the carrier keeps what was not."""
        try:
            try:
                await write(batch)
            except (asyncpg.DataError, ValueError):
                await self._write_singly(what, write, batch)
        except Unavailable as error:
            log.waits(RECORDER_GIVES_BACK, error, what=what, count=len(batch))
            return False
        except Exception:
            log.exception(RECORDER_FAILED, what=what, count=len(batch))
            return False
        return True

    async def _write_singly(
        self, what: str, write: Callable[[list[T]], Awaitable[None]], batch: list[T]
    ) -> None:
        """A value that cannot be stored never can: it is dropped, so that the others get in."""
        for each in batch:
            try:
                await write([each])
            except (asyncpg.DataError, ValueError):
                log.exception(CARRIERS_WORD_LOST, what=what)

    def _refuse_pending(self) -> None:
        for _, _, settled, _ in self._receipts:
            settled(False)
        for _, _, settled in self._inbound:
            settled(False)
        self._receipts, self._inbound = [], []


Group = dict[tuple[int, str], list[Result]]


def _by_connector(batch: Sequence[Result]) -> Group:
    """In one order on every node, so that they do not wait for one another in a circle."""
    groups: Group = {}
    for result in batch:
        claim = result.entry.claim
        groups.setdefault((claim.company_id, claim.connector), []).append(result)
    return dict(sorted(groups.items(), key=lambda item: item[0]))


async def _store_group(
    tx: store.Runner, company_id: int, connector: str, results: list[Result], now: datetime
) -> None:
    """One company's results on one connector: the claims, states, parts, the queue.

    A claim that is gone was taken over, since this node seemed dead: its messages are in the queue
    already. What the carrier said of them is recorded all the same.
    """
    ours = await _close_claims(tx, company_id, results)
    taken = [r for r in results if r.verdict is Verdict.TAKEN]
    failed = [r for r in results if r.verdict is Verdict.FAILED]
    again = [r for r in results if r.verdict is Verdict.AGAIN and r.entry.claim.id in ours]
    closed = [r for r in results if r.verdict is Verdict.CLOSED and r.entry.claim.id in ours]
    await store.add_fragments(tx, company_id, connector, _fragments(results))
    await take(tx, company_id, _advances(taken), now)
    expired = FailureCode.EXPIRED.value
    await stop(
        tx, company_id, Input.REFUSED, _advances(r for r in failed if r.code != expired), now
    )
    await stop(tx, company_id, Input.EXPIRE, _advances(r for r in failed if r.code == expired), now)
    put_off = [store.Advance(r.entry.message_id, r.due_at) for r in closed if r.due_at]
    await store.advance(tx, company_id, Input.PUT_OFF, put_off, now)
    await store.requeue(tx, company_id, connector, [_requeued(r) for r in again + closed])


def _advances(results: Iterable[Result]) -> list[store.Advance]:
    return [store.Advance(r.entry.message_id, r.at, r.code, r.details) for r in results]


def _fragments(results: Iterable[Result]) -> list[store.NewFragment]:
    return [
        store.NewFragment(r.entry.message_id, number, r.entry.total, normal_id(shown), shown)
        for r in results
        for number, shown in r.entry.taken
    ]


def _requeued(result: Result) -> store.Requeued:
    entry = result.entry
    assert result.due_at is not None
    return store.Requeued(
        id=entry.message_id,
        priority=entry.claim.priority,
        due_at=result.due_at,
        attempts=result.attempts,
        parts_taken=entry.parts_taken,
    )


async def _close_claims(tx: store.Runner, company_id: int, results: list[Result]) -> set[UUID]:
    """Claims keep only what is not recorded yet; empty ones go. Answers those that were there."""
    done: dict[UUID, tuple[Claim, set[UUID]]] = {}
    for result in results:
        claim = result.entry.claim
        done.setdefault(claim.id, (claim, set()))[1].add(result.entry.message_id)
    there, finished = set(), []
    for claim, recorded in done.values():
        rest = {m: attempts for m, attempts in claim.open.items() if m not in recorded}
        if not rest:
            finished.append(claim.id)
        elif await store.shrink_claim(tx, company_id, claim.id, rest):
            there.add(claim.id)
    if finished:
        there |= await store.drop_claims(tx, company_id, finished)
    return there

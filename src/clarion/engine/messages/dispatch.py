"""Hands messages to one connector: claims due ones in fair turns and keeps its window full.

    hint or poll -> find lanes -> whose turn -> claim (commit) -> connector -> outcomes -> recorder

A claim is committed before anything of it is handed over, so that a crash leaves exactly known
which messages are uncertain. Claims are made by the hundred; nothing here is done once a message
but building its Submission.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

from clarion import metrics
from clarion.engine.messages import store
from clarion.engine.messages.claimed import Claimed, Sendable, read_claimed, sort_out
from clarion.engine.messages.express import Offer
from clarion.engine.messages.gate import Gate, Later, Pair
from clarion.engine.messages.lanes import Lanes
from clarion.engine.messages.leases import Membership, undo_claim
from clarion.engine.messages.outcomes import (
    Claim,
    Entry,
    Policy,
    Result,
    add_outcome,
    judge,
    put_off,
)
from clarion.engine.messages.pace import Pace
from clarion.engine.messages.ports import Connector, FailureKind, Outcome, Submission
from clarion.engine.messages.record import Recorder
from clarion.engine.messages.turns import Lane
from clarion.engine.senders.throughput.model import Flow
from clarion.engine.senders.throughput.service import Throughput
from clarion.engine.senders.windows.service import WindowDirectory
from clarion.errors import Unavailable
from clarion.kit import ids
from clarion.kit.doubts import Doubts
from clarion.log import get_logger
from clarion.settings import ConnectorSettings, Dispatch
from clarion.storage.database import Database

SMALL_CLAIM_SECONDS = 0.03  # after a small claim, the time to let more gather
UNAVAILABLE_SECONDS = 1.0
MAX_UNRECORDED = 4000  # answered messages whose commit is behind; in this process

DISPATCH_WAITS = "dispatch.waits"
DISPATCH_FAILED = "dispatch.failed"

log = get_logger(__name__)


class Dispatcher:
    """Feeds one connector. Its calls come from one event loop; `outcomes` from the connector."""

    def __init__(
        self,
        db: Database,
        connector: Connector,
        recorder: Recorder,
        *,
        membership: Membership,
        settings: ConnectorSettings,
        dispatch: Dispatch,
        throughput: Throughput | None = None,
    ) -> None:
        self.connector = connector
        self._db = db
        self._recorder = recorder
        self._membership = membership
        self._lapses = membership.lapses
        self._dispatch = dispatch
        self._policy = Policy(
            schedule=settings.retry, resend_uncertain=settings.on_uncertain == "resend"
        )
        now = time.monotonic()
        self._limit = settings.throughput
        self._pace = Pace(self._limit, now)
        self._gate = Gate(throughput)
        self._windows = WindowDirectory(db)
        self._lanes = Lanes(db, connector.name, poll_interval=dispatch.poll_interval)
        self._ready: deque[tuple[Entry, Submission]] = deque()
        self._entries: dict[UUID, Entry] = {}
        self._wake = asyncio.Event()
        self._rest_until = 0.0
        self._peers = 1
        self._stopping = False
        self._doubts = Doubts(time.monotonic)
        self._promised = 0  # messages that intake is storing for us
        self._behind: list[tuple[Lane, Pair]] = []  # of offers, after what the queue has
        self._metrics = metrics.connector(connector.name)

    # ------------------------------------------------------------ told from outside

    def queued(self) -> None:
        """Something was put into the queue."""
        self._lanes.hint()
        self._wake.set()

    def share_with(self, nodes: int) -> None:
        """So many nodes feed this connector: each keeps its share of every rate."""
        if nodes == self._peers:
            return
        self._peers = max(1, nodes)
        self._pace.set_limit(self._limit / self._peers, time.monotonic())

    def more_throughput(self) -> None:
        """Something was granted of a limit that held messages back."""
        if len(self._gate):
            self._wake.set()

    def room_changed(self) -> None:
        self._hand_over()
        if self._ready or self._behind or len(self._gate) or not self._lanes.is_clear():
            self._wake.set()

    def outcomes(self, batch: Sequence[Outcome]) -> None:
        """The connector's answers: judged, passed to the recorder, and room used again."""
        now = datetime.now(UTC)
        results: list[Result] = []
        taken = 0
        for outcome in batch:
            entry = self._entries.get(outcome.message_id)
            if entry is None:
                continue
            if outcome.failure is None:
                taken += 1
            else:
                self._note_failure(outcome.failure.kind)
            if add_outcome(entry, outcome):
                del self._entries[outcome.message_id]
                results.append(judge(entry, self._policy, now))
        if taken:
            self._metrics.outcome("taken", taken)
            self._pace.accepted(taken, time.monotonic())
        self._recorder.results(results)
        self.room_changed()

    def _note_failure(self, kind: FailureKind) -> None:
        self._metrics.outcome(kind.value)
        if kind is FailureKind.THROTTLED:
            self._pace.complained(time.monotonic())

    # ------------------------------------------------------------ past the queue

    def offer(
        self, lane: Lane, *, source: str, countries: Mapping[str | None, int]
    ) -> Offer | None:
        """Room for messages of a lane, so many to each country, that intake is about to store;
        None where they must wait their turn."""
        now, count = time.monotonic(), sum(countries.values())
        free = min(self._space(), self._pace.available(now))
        if self._stopping or free < count or not self._lanes.spare(lane, now):
            return None
        class_id = self._lanes.limited_by(lane)
        if class_id is not None:
            flows = {
                Flow(lane.company_id, class_id, source, country or ""): messages
                for country, messages in countries.items()
            }
            if self._gate.holds(lane) or not self._gate.take(flows):
                return None
        self._pace.take(count, now)
        self._promised += count
        return Offer(self, lane, count, lapses=self._membership.lapses)

    def release(self, count: int) -> None:
        """An offer has ended."""
        self._promised -= count

    def take(self, claim: Claim, lane: Lane, good: Sequence[Sendable], *, lapses: int) -> None:
        """Messages of an offer that are stored. If the lease lapsed meanwhile they may be others'
        by now, and go back as far as they are ours."""
        self._metrics.claim_batch.observe(len(good))
        claim.open = {entry.message_id: 0 for (entry, _), _ in good}
        self._entries |= {entry.message_id: entry for (entry, _), _ in good}
        self._behind += [(lane, pair) for pair, _ in good]
        class_id = self._lanes.limited_by(lane)
        if class_id is not None:
            self._gate.note(lane, class_id, good)
        if lapses != self._membership.lapses or self._stopping:
            self.give_back()
        if self._lanes.is_clear():
            self._let_in(len(self._behind))
            self._hand_over()
        else:
            self._wake.set()

    def _let_in(self, count: int) -> None:
        """The queue has no more of what came before the first so many of those behind it."""
        let_in, self._behind = self._behind[:count], self._behind[count:]
        if not len(self._gate):
            self._ready.extend(pair for _, pair in let_in)
            return
        for lane, pair in let_in:
            if not self._gate.hold_behind(lane, pair):
                self._ready.append(pair)

    def doubt(self, company_id: int, claim_id: UUID) -> None:
        """A claim of ours may be stored, and nothing of it was handed over: it is put back."""
        self._doubts.add(company_id, claim_id)
        self._wake.set()

    # ------------------------------------------------------------ the loop

    async def run(self) -> None:
        """Until told to stop; a claim under way is finished first."""
        while not self._stopping:
            self._wake.clear()
            try:
                busy = await self._step()
            except Unavailable as error:
                log.waits(DISPATCH_WAITS, error, connector=self.connector.name)
                await asyncio.sleep(UNAVAILABLE_SECONDS)
                continue
            except Exception:
                log.exception(DISPATCH_FAILED, connector=self.connector.name)
                await asyncio.sleep(UNAVAILABLE_SECONDS)
                continue
            if not busy:
                await self._rest()
        with suppress(Unavailable):
            await self._put_back()

    def stop(self) -> None:
        """Claim nothing more; `run` ends soon."""
        self._stopping = True
        self._wake.set()

    def give_back(self) -> None:
        """What was claimed and not handed over goes back into the queue, save what others have."""
        self._let_in(len(self._behind))
        self._gate.came_back(self._ready)
        self._put_off([*self._ready, *self._gate.drain()], 0.0)
        self._ready.clear()

    def _put_off(self, pairs: Sequence[tuple[Entry, Submission]], seconds: float) -> None:
        """Back into the queue, due after so many seconds; no try is counted."""
        now = datetime.now(UTC)
        self._recorder.results([put_off(entry, seconds, now) for entry, _ in pairs])
        for entry, _ in pairs:
            self._entries.pop(entry.message_id, None)

    async def _step(self) -> bool:
        """One claim if there is room and somebody's turn; whether to go on at once."""
        self._admit(*self._gate.release())
        self._hand_over()
        await self._put_back()
        if (self._ready or self._behind or len(self._gate)) and not self.connector.health().binds:
            self.give_back()  # there it can be canceled, expire, or leave by another node
        now = time.monotonic()
        wanted = self._wanted(now)
        if not wanted or self._stopping:
            return False
        behind = len(self._behind)  # what was queued before these is stored, and seen now
        lane = await self._lanes.next(now, self._gate.holds)
        if lane is None:
            self._let_in(behind)
            self._hand_over()
            return False
        got = await self._claim(lane, wanted)
        self._lanes.took(lane, got, now, emptied=got < wanted)
        self._let_in(behind)
        self._pace.take(got, now)
        if got < self._dispatch.batch_size // 4 and self._entries:
            self._rest_until = time.monotonic() + SMALL_CLAIM_SECONDS
        self._hand_over()
        return got > 0

    def _wanted(self, now: float) -> int:
        """How many to claim: up to what fits the window and one batch in reserve."""
        if now < self._rest_until:
            return 0
        return min(self._space(), self._pace.available(now))

    def _space(self) -> int:
        """How many claimed messages can be held: none without a bind, or while so much is not
        recorded that a crash would repeat too much; else the window's room and a batch in reserve.
        """
        if not self.connector.health().binds or self._membership.lapsed():
            return 0
        if self._recorder.unrecorded >= MAX_UNRECORDED:
            return 0
        room = max(0, self.connector.room())
        size = self._dispatch.batch_size
        if not room and len(self._ready) >= size // 2:
            return 0
        held = len(self._ready) + len(self._behind) + len(self._gate) + self._promised
        return max(0, min(size, room + size - held))

    async def _rest(self) -> None:
        now = time.monotonic()
        until = now + self._dispatch.poll_interval
        if len(self._lanes) and self._space():
            until = min(until, self._pace.ready_at(now))
        if self._rest_until > now:
            until = min(until, self._rest_until)
            await asyncio.sleep(max(0.0, until - now))
            return
        try:
            async with asyncio.timeout(max(0.001, until - now)):
                await self._wake.wait()
        except TimeoutError:
            return

    # ------------------------------------------------------------ claims

    async def _claim(self, lane: Lane, count: int) -> int:
        """Claim up to `count` messages of a lane; answers how many left the queue.

        A claim whose commit, or whose messages, could not be read, or during which the lease
        lapsed, is put back before the next: nothing of it has been handed over.
        """
        claim_id, lapses = ids.new_id(), self._membership.lapses
        self._doubts.add(lane.company_id, claim_id)
        now = datetime.now(UTC)
        taken = await store.claim_lane(
            self._db, claim_id, lane, connector=self.connector.name,
            node_id=self._membership.node_id, now=now, count=count,
        )  # fmt: skip
        rows = await read_claimed(
            self._db, lane.company_id, [row[0] for row in taken], windows=self._windows, now=now
        )
        if lapses != self._membership.lapses:
            return 0
        self._doubts.settle(claim_id)
        if taken:
            self._metrics.claim_batch.observe(len(taken))
            claim = Claim(
                id=claim_id, company_id=lane.company_id, connector=self.connector.name,
                priority=lane.priority, open={id: attempts for id, attempts, _ in taken},
            )  # fmt: skip
            self._accept(claim, lane, taken, rows, now)
        return len(taken)

    async def _put_back(self) -> None:
        for company_id, claims in self._doubts.due().items():
            for claim_id in claims:
                await undo_claim(self._db, company_id, claim_id)
                self._doubts.looked([claim_id])

    def _accept(
        self,
        claim: Claim,
        lane: Lane,
        taken: Sequence[tuple[UUID, int, int]],
        rows: Claimed,
        now: datetime,
    ) -> None:
        """Make ready what is to be sent; what is not has its result at once."""
        oldest = now - timedelta(hours=self._dispatch.max_age_hours)
        good, results = sort_out(claim, taken, rows, now=now, oldest=oldest)
        self._entries |= {entry.message_id: entry for (entry, _), _ in good}
        self._recorder.results(results)
        self._let_through(lane, good)

    def _let_through(
        self, lane: Lane, good: Sequence[tuple[tuple[Entry, Submission], str | None]]
    ) -> None:
        """What the limits of the sender's class allow becomes ready."""
        class_id = self._lanes.limited_by(lane)
        if class_id is None:
            self._ready.extend(pair for pair, _ in good)
            return
        self._admit(*self._gate.admit(lane, class_id, good))

    def _admit(self, ready: Sequence[tuple[Entry, Submission]], later: Sequence[Later]) -> None:
        self._ready.extend(ready)
        for each in later:
            self._put_off(each.pairs, each.seconds)

    def _hand_over(self) -> None:
        """Fill the connector's room from what is ready. The last message may be over it: one of
        ten parts must leave through a window of five."""
        if not self._ready or not self._may_hand_over():
            return
        room = self.connector.room()
        batch: list[Submission] = []
        while self._ready and room > 0:
            submission = self._ready.popleft()[1]
            room -= len(submission.pending)
            batch.append(submission)
        if batch:
            self._gate.left(batch)
            self._metrics.submitted.inc(len(batch))
            self.connector.submit(batch)

    def _may_hand_over(self) -> bool:
        """Not what others have taken over, or may have, since our lease lapsed."""
        if self._lapses != self._membership.lapses:
            self._lapses = self._membership.lapses
            self.give_back()
        return not self._membership.lapsed()

"""The lanes of this process: what is claimed goes to the courier, and its answers to the recorder.

Connections are shared: a lane's first ones are always to be had while there are any; more than
those only while a quarter of all is free; and those that fail have no more than half of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

from msgspec import Struct

from clarion import metrics
from clarion.engine.events.delivering.judging import Judgement, judge
from clarion.engine.events.delivering.lane import Item, Lane
from clarion.engine.events.delivering.ports import Answer, Courier
from clarion.engine.events.delivering.record import DeliveryRecorder
from clarion.engine.events.delivering.store import Given, Tried
from clarion.engine.events.model import DeliveryStatus
from clarion.log import get_logger
from clarion.settings import Events

FAILING_A_SECOND = 200  # tries of all failing lanes together
LEAST_REST = 0.02  # seconds between two tries of one of them
MAX_LOOKS = 20  # for a lane that can use the room that has become free
SHORT_HOLD = 1.0  # seconds; for a longer one, what is in hand goes back into the queue

RECEIVER_FAILS = "receiver.fails"
RECEIVER_IS_BACK = "receiver.is_back"

log = get_logger(__name__)


class _Flight(Struct, eq=False):
    """A delivery that is posted and not answered."""

    lane: Lane
    item: Item
    address: str
    failing: bool  # whether its lane was


class Posting:
    """Its calls come from one event loop."""

    def __init__(
        self,
        courier: Courier,
        recorder: DeliveryRecorder,
        settings: Events,
        *,
        hungry: Callable[[], None],
        lapsed: Callable[[], bool],
    ) -> None:
        """`hungry`: a lane has room for more, and the queue has more of it. `lapsed`: others may
        think that this node is dead, and have what it holds."""
        self._courier = courier
        self._recorder = recorder
        self._schedule = settings.retry_seconds
        self._connections = settings.connections
        self._total = settings.connections_total
        self._hungry = hungry
        self._lapsed = lapsed
        self._loop = asyncio.get_running_loop()
        self._lanes: dict[tuple[int, int], Lane] = {}
        self._waiting: deque[Lane] = deque()  # for room
        self._failing = 0  # lanes
        self._failing_flying = 0
        self.flying = 0
        self.held = 0  # claimed and not posted
        self.held_bytes = 0
        self.stopped = False
        self._landed = asyncio.Event()  # nothing is on its way
        self._landed.set()

    def lane(self, company_id: int, id: int) -> Lane:
        key = (company_id, id)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(company_id, id, connections=self._connections)
        return lane

    def known_lane(self, company_id: int, id: int) -> Lane | None:
        return self._lanes.get((company_id, id))

    def lanes(self) -> Iterable[Lane]:
        return self._lanes.values()

    def forget_idle(self, most: int) -> None:
        """Lanes that have nothing in hand, if there are more than so many."""
        if len(self._lanes) > most:
            self._lanes = {
                key: lane for key, lane in self._lanes.items()
                if lane.flying or lane.held() or lane.failures
            }  # fmt: skip

    def share_out(self) -> None:
        """Of the connections that are not kept back, each busy lane has its part: more than that
        would be opened only to be closed for others."""
        busy = [lane for lane in self._lanes.values() if lane.more or lane.flying]
        part = self._total * 3 // 4 // max(1, len(busy))
        for lane in busy:
            lane.fair = part

    def begin_anew(self, lane: Lane) -> None:
        """Its configuration has changed: nothing is held against it."""
        self._failing -= lane.failing
        lane.begin_anew()
        self.feed(lane)

    def accept(self, lane: Lane, items: list[Item]) -> None:
        """Claimed: post as much as there is room for."""
        self.held += len(items)
        self.held_bytes += sum(len(item.event.body) for item in items)
        lane.take(items)
        self.feed(lane)

    async def stop(self, patience: float) -> None:
        """Post nothing more, give back what is not posted, wait a while for answers."""
        self.stopped = True
        for lane in self._lanes.values():
            self.give_back(lane)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._landed.wait()

    def give_back(self, lane: Lane) -> None:
        """What is not posted goes into the queue again, due at once; no try is counted."""
        self._return(lane, lane.drain(), datetime.now(UTC))

    # ------------------------------------------------------------ out

    def feed(self, lane: Lane) -> None:
        """Post what is ready, as far as connections go."""
        if self.stopped or lane.destination is None:
            return
        if lane.rest_until > self._loop.time():
            self._rest(lane)
            return
        while lane.ready and lane.flying < lane.limit and not self._lapsed():
            if not self._has_room(lane):
                if not lane.waits_for_room:
                    lane.waits_for_room = True
                    self._waiting.append(lane)
                return
            self._post(lane, lane.ready.popleft())
        if lane.more and lane.wants():
            self._hungry()

    def _post(self, lane: Lane, item: Item) -> None:
        assert lane.destination is not None
        self.held -= 1
        self.held_bytes -= len(item.event.body)
        lane.flying += 1
        self.flying += 1
        self._landed.clear()
        address = lane.destination.configuration.address or ""
        flight = _Flight(lane, item, address, lane.failing)
        self._failing_flying += flight.failing
        self._courier.post(
            lane.destination,
            item.event,
            attempt=item.attempts + 1,
            answered=partial(self._answered, flight),
        )

    def _has_room(self, lane: Lane) -> bool:
        if self.flying >= self._total:
            return False
        if lane.failing and self._failing_flying >= max(1, self._total // 2):
            return False
        return lane.small or self.flying < self._total * 3 // 4

    def _pass_room_on(self) -> None:
        """To the first of those that wait who can use it: one that fails may not."""
        flying = self.flying
        for _ in range(min(len(self._waiting), MAX_LOOKS)):
            lane = self._waiting.popleft()
            lane.waits_for_room = False
            self.feed(lane)
            if self.flying > flying:
                return

    def _rest(self, lane: Lane) -> None:
        if lane.resting is None:
            lane.resting = self._loop.call_at(lane.rest_until, self._rested, lane)

    def _rested(self, lane: Lane) -> None:
        lane.resting = None
        self.feed(lane)

    # ------------------------------------------------------------ back

    def _answered(self, flight: _Flight, answer: Answer) -> None:
        lane, item = flight.lane, flight.item
        lane.flying -= 1
        self.flying -= 1
        self._failing_flying -= flight.failing
        at = datetime.now(UTC)
        tries = item.attempts + 1 - item.tries_from
        judgement = judge(answer, tries=tries, schedule=self._schedule, at=at)
        self._recorder.tried(_tried(flight, answer, judgement, at))
        metrics.delivery(judgement.status.value, answer.milliseconds / 1000)
        if judgement.due_at is None:
            lane.passed(item)
        else:
            self._return(lane, lane.stuck(item), judgement.due_at)
        self._note(lane, judgement, answer, at)
        if self._waiting:  # before it may take the room again itself
            self._pass_room_on()
        self.feed(lane)
        if not self.flying:
            self._landed.set()

    def _note(self, lane: Lane, judgement: Judgement, answer: Answer, at: datetime) -> None:
        """What this says of the receiver."""
        failing = lane.failing
        if judgement.status is DeliveryStatus.SUCCESS:
            lane.succeeded()
            if lane.told:
                lane.told = False
                self._recorder.health(lane.company_id, lane.id, (0, None))
        else:
            self._note_failure(lane, judgement, at)
        if lane.failing != failing:
            self._failing += lane.failing - failing
            _tell(lane, answer)
        if judgement.gone and lane.destination is not None:
            words = f"The receiver answered 410 Gone. {answer.text}".strip()
            self._recorder.gone(lane.destination.configuration, words)
            lane.destination = None
            self.give_back(lane)

    def _note_failure(self, lane: Lane, judgement: Judgement, at: datetime) -> None:
        lane.failed()
        lane.told = True
        now = self._loop.time()
        held_until = at + timedelta(seconds=judgement.held) if judgement.held else None
        self._recorder.health(lane.company_id, lane.id, (lane.failures, held_until))
        rest = judgement.held
        if lane.failing:
            rest = max(rest, LEAST_REST, (self._failing + 1) / FAILING_A_SECOND)
        lane.rest_until = max(lane.rest_until, now + rest)
        if rest >= SHORT_HOLD or (lane.failing and lane.held() > lane.limit):
            self.give_back(lane)

    def _return(self, lane: Lane, items: list[Item], due_at: datetime) -> None:
        self.held -= len(items)
        self.held_bytes -= sum(len(item.event.body) for item in items)
        self._recorder.given_back([Given(item, lane.id, due_at) for item in items])


def _tried(flight: _Flight, answer: Answer, judgement: Judgement, at: datetime) -> Tried:
    return Tried(
        item=flight.item,
        configuration_id=flight.lane.id,
        at=at - timedelta(milliseconds=answer.milliseconds),
        address=flight.address,
        http_status=answer.status,
        answer=answer.text,
        milliseconds=answer.milliseconds,
        next=judgement.status.value,
        due_at=judgement.due_at,
    )


def _tell(lane: Lane, answer: Answer) -> None:
    """A receiver has begun to fail, or does well again."""
    who = {"company_id": lane.company_id, "configuration_id": lane.id}
    if lane.failing:
        reason = answer.text if answer.status is None else f"It answers {answer.status}."
        log.warning(RECEIVER_FAILS, **who, reason=reason)
    else:
        log.info(RECEIVER_IS_BACK, **who)

"""The limits of sender id classes, at the last moment before a message leaves.

What a limit does not let through waits here, in hand, if its turn comes within a moment; else it
goes back into the queue until then. A sender of which something waits here is claimed no further.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from clarion.engine.messages.outcomes import Entry
from clarion.engine.messages.ports import Submission
from clarion.engine.messages.turns import Lane
from clarion.engine.senders.throughput.model import Flow
from clarion.engine.senders.throughput.service import Throughput

MOST = 500
"""Messages that wait in hand at most: what a crash makes uncertain stays small."""

PATIENCE = 1.0  # seconds; what must wait longer waits in the queue

Pair = tuple[Entry, Submission]
Sender = tuple[int, UUID]  # company and sender id


class Later(NamedTuple):
    """What goes back into the queue, and after how many seconds it is worth another try."""

    pairs: list[Pair]
    seconds: float


class Gate:
    """What one dispatcher may send. Calls come from one event loop."""

    def __init__(self, throughput: Throughput | None) -> None:
        self._throughput = throughput
        self._held: dict[tuple[Lane, Flow], deque[Pair]] = {}
        self._senders: Counter[Sender] = Counter()  # messages held of each
        self._granted: dict[UUID, Flow] = {}  # let through, and not yet handed over

    def __len__(self) -> int:
        return self._senders.total()

    def holds(self, lane: Lane) -> bool:
        """Whether something of the lane's sender waits here."""
        return (lane.company_id, lane.sender_id) in self._senders

    def admit(
        self, lane: Lane, class_id: str, asked: Sequence[tuple[Pair, str | None]]
    ) -> tuple[list[Pair], list[Later]]:
        """Claimed messages of a lane with their countries: those that may leave now, and those
        that go back. The rest is held."""
        if self._throughput is None:
            return [pair for pair, _ in asked], []
        flows: dict[Flow, list[Pair]] = {}
        for pair, country in asked:
            flow = Flow(lane.company_id, class_id, pair[1].source, country or "")
            flows.setdefault(flow, []).append(pair)
        ready: list[Pair] = []
        later: list[Later] = []
        for flow, pairs in flows.items():
            granted = self._throughput.take(flow, len(pairs))
            ready += self._let_through(flow, pairs[:granted])
            rest, seconds = pairs[granted:], self._throughput.when_next(flow)
            room = 0 if seconds >= PATIENCE else max(0, MOST - len(self))
            if rest[:room]:
                self._held.setdefault((lane, flow), deque()).extend(rest[:room])
                self._senders[lane.company_id, lane.sender_id] += len(rest[:room])
            if rest[room:]:
                later.append(Later(rest[room:], max(seconds, PATIENCE)))
        return ready, later

    def take(self, flows: Mapping[Flow, int]) -> bool:
        """Let all of these through, or none of them: messages that are still to be stored."""
        if self._throughput is None:
            return True
        taken: list[tuple[Flow, int]] = []
        for flow, count in flows.items():
            granted = self._throughput.take(flow, count)
            taken.append((flow, granted))
            if granted < count:
                self.untake(taken)
                return False
        return True

    def note(self, lane: Lane, class_id: str, good: Sequence[tuple[Pair, str | None]]) -> None:
        """These are what `take` was asked for, now that they are stored."""
        for (entry, submission), country in good:
            flow = Flow(lane.company_id, class_id, submission.source, country or "")
            self._granted[entry.message_id] = flow

    def hold_behind(self, lane: Lane, pair: Pair) -> bool:
        """Hold a message that was let through, if something of its sender waits here already: else
        it would overtake that."""
        flow = self._granted.get(pair[0].message_id) if self.holds(lane) else None
        if flow is None:
            return False
        self.came_back([pair])
        self._held.setdefault((lane, flow), deque()).append(pair)
        self._senders[lane.company_id, lane.sender_id] += 1
        return True

    def untake(self, taken: Iterable[tuple[Flow, int]]) -> None:
        """So many of each did not leave after all."""
        if self._throughput is not None:
            for flow, count in taken:
                self._throughput.give_back(flow, count)

    def release(self) -> tuple[list[Pair], list[Later]]:
        """What was held and may leave now, and what would have to wait here for too long."""
        ready: list[Pair] = []
        later: list[Later] = []
        for (lane, flow), pairs in tuple(self._held.items()):
            assert self._throughput is not None
            granted = self._throughput.take(flow, len(pairs))
            ready += self._let_through(flow, [pairs.popleft() for _ in range(granted)])
            self._drop(lane, granted)
            seconds = self._throughput.when_next(flow)
            if pairs and seconds >= PATIENCE:
                later.append(Later(list(pairs), seconds))
                self._drop(lane, len(pairs))
                pairs.clear()
            if not pairs:
                del self._held[lane, flow]
        return ready, later

    def drain(self) -> list[Pair]:
        """All that is held: it goes back."""
        pairs = [pair for held in self._held.values() for pair in held]
        self._held.clear()
        self._senders.clear()
        return pairs

    def left(self, batch: Sequence[Submission]) -> None:
        """These are with the connector."""
        if self._granted:
            for submission in batch:
                self._granted.pop(submission.message_id, None)

    def came_back(self, pairs: Sequence[Pair]) -> None:
        """These were let through and do not leave after all."""
        flows = Counter(
            flow for entry, _ in pairs if (flow := self._granted.pop(entry.message_id, None))
        )
        self.untake(flows.items())

    def _let_through(self, flow: Flow, pairs: list[Pair]) -> list[Pair]:
        self._granted |= {entry.message_id: flow for entry, _ in pairs}
        return pairs

    def _drop(self, lane: Lane, count: int) -> None:
        sender = (lane.company_id, lane.sender_id)
        self._senders[sender] -= count
        if self._senders[sender] <= 0:
            del self._senders[sender]

"""What every figure shares: a gateway under test, its cost while something happens, the sample."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from msgspec import Struct
from tests.peers.smsc import Smsc

from bench import load, processes
from bench.load import Load

POLL = 0.03
STALLED = 15.0
QUIET = 0.6  # seconds without another message until we believe that there is none
GENERATOR, SMSC = "generator", "smsc"


class Stalled(Exception):
    """Nothing moves any more and not everything has arrived."""


class Plan(Struct, frozen=True):
    """How much to send, and how."""

    messages: int = 40_000
    connections: int = 64
    bulk: int = 100_000
    warm_up: int = 2_000


class Gateway(Protocol):
    """A deployment of a system."""

    name: str
    address: str  # HOST:PORT where it takes messages
    template: str  # its request for one message, see load.py

    def start(self) -> None:
        """It takes messages when this returns."""

    def stop(self) -> None: ...

    def warmed_up(self) -> None:
        """What comes now is measured."""

    def groups(self) -> dict[str, list[int]]:
        """Its parts and the processes at the top of each."""

    def recorded(self, smsc: Mapping[str, Any]) -> int:
        """Receipts that it has dealt with to the end; `smsc`: the SMSC's own counts."""

    def idle(self) -> bool:
        """Nothing waits in it."""

    def details(self, messages: int) -> list[str]:
        """What there is to say beyond the sample, a line each."""

    def latencies(self, since: float) -> dict[str, tuple[float, float]]:
        """By name, p50 and p99 in ms of what it knows of messages since then (Unix time)."""


class Cost(Struct):
    """What a stretch of time has cost."""

    seconds: float = 0.0
    cpu: dict[str, float] = {}  # seconds of each group
    memory: dict[str, float] = {}  # MiB of each group, at the end
    others: float = 0.0  # CPU seconds of everybody else on the machine


class Sample(Struct, frozen=True):
    """One run of one figure."""

    figure: str
    gateway: str
    messages: int
    rate: float  # messages a second: what the figure is about
    cost: Cost
    load: Load | None = None
    latencies: dict[str, tuple[float, float]] = {}

    def micros(self) -> dict[str, float]:
        """CPU microseconds a message, by group."""
        return {name: cpu / self.messages * 1e6 for name, cpu in self.cost.cpu.items()}


@contextmanager
def costs(groups: Mapping[str, list[int]]) -> Iterator[Cost]:
    """Fills the cost in at the end."""
    cost = Cost()
    busy, before, begun = (
        processes.machine_busy_seconds(),
        processes.cpu_seconds(groups),
        time.perf_counter(),
    )
    yield cost
    after = processes.cpu_seconds(groups)
    cost.seconds = time.perf_counter() - begun
    cost.cpu |= {name: after[name] - before[name] for name in groups}
    cost.others = processes.machine_busy_seconds() - busy - sum(cost.cpu.values())
    cost.memory = processes.memory_mib(groups)


class Bench:
    """A gateway and the SMSC that it sends to."""

    def __init__(self, gateway: Gateway, smsc: Smsc | None) -> None:
        self.gateway = gateway
        self.smsc = smsc
        self._taken = 0  # before the figure began
        self._recorded = 0

    def warm_up(self, plan: Plan, *, receipts: bool) -> None:
        """Caches, prepared statements, the path itself."""
        self.post(plan.warm_up, plan.connections)
        if self.smsc is not None:
            taken, _ = self.all_taken(plan.warm_up)
            if receipts:
                self.all_recorded(taken)
                self._recorded = taken
            self.until_idle()
            self._taken = taken
        self.gateway.warmed_up()

    @contextmanager
    def costs(self) -> Iterator[Cost]:
        groups = self.gateway.groups()
        if self.smsc is not None:
            groups[SMSC] = [self.smsc.pid]
        with costs(groups) as cost:
            yield cost

    def post(self, messages: int, connections: int) -> Load:
        gateway = self.gateway
        done = load.post(
            gateway.address, gateway.template, messages=messages, connections=connections
        )
        if done.refused:
            raise RuntimeError(f"{gateway.name} refused {done.refused} of {done.requests} requests")
        return done

    def stats(self) -> dict[str, Any]:
        assert self.smsc is not None
        found: dict[str, Any] = self.smsc.call("GET", "/stats")
        return found

    def all_taken(self, wanted: int) -> tuple[int, float]:
        """How many messages the SMSC has when no more come, and when the last came (Unix time)."""
        wait(lambda: self.stats()["taken"] - self._taken, wanted)
        quiet_since, taken = time.monotonic(), -1
        while time.monotonic() - quiet_since < QUIET:
            stats = self.stats()
            if stats["taken"] != taken:
                quiet_since, taken = time.monotonic(), stats["taken"]
            time.sleep(POLL)
        return taken - self._taken, stats["last_at"] / 1000

    def all_recorded(self, wanted: int) -> None:
        """Until the gateway has dealt with so many receipts."""
        wait(lambda: self.gateway.recorded(self.stats()) - self._recorded, wanted)

    def until_idle(self) -> None:
        wait(lambda: int(self.gateway.idle()), 1)


def wait(count: Callable[[], int], wanted: int) -> None:
    """Until `count` has come to `wanted`. Stalled: it does not grow any more."""
    highest, moved = -1, time.monotonic()
    while True:
        now = count()
        if now >= wanted:
            return
        if now > highest:
            highest, moved = now, time.monotonic()
        if time.monotonic() - moved > STALLED:
            raise Stalled(f"{now} of {wanted}, and nothing moves")
        time.sleep(POLL)

"""What the gateway counts and measures, for `/metrics` in Prometheus' text form.

Every metric is a constant here. On the hot path use the children that `connector(name)` and
`HttpDoor` keep, or a Tally: looking one up by labels costs more than counting. Several worker
processes share one set of figures through PROMETHEUS_MULTIPROC_DIR, which the supervisor sets
before they start.
"""

from __future__ import annotations

import asyncio
import os
from bisect import bisect_left
from functools import cache

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
    multiprocess,
)

REGISTRY = CollectorRegistry(auto_describe=True)
SHARED_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that prometheus_client reads: where workers keep the figures they share."""

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_SIZE = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)


def _counter(name: str, words: str, *labels: str) -> Counter:
    return Counter(f"clarion_{name}", words, labels, registry=REGISTRY)


def _gauge(name: str, words: str, *labels: str, over_workers: str = "livesum") -> Gauge:
    return Gauge(
        f"clarion_{name}",
        words,
        labels,
        registry=REGISTRY,
        multiprocess_mode=over_workers,  # type: ignore[arg-type]
    )


def _histogram(name: str, words: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(f"clarion_{name}", words, labels, buckets=buckets, registry=REGISTRY)


# ---------------------------------------------------------------- intake

REQUESTS_ACCEPTED = _counter("requests_accepted", "Message requests stored and acknowledged.")
REQUESTS_REFUSED = _counter("requests_refused", "Message requests refused, by error code.", "code")
MESSAGES_QUEUED = _counter("messages_queued", "Messages put into the outbound queue.")
MESSAGES_STOPPED = _counter(
    "messages_stopped", "Messages made in FAILED or EXPIRED: a recipient, consent, price or text."
)
LINK_CLICKS = _counter("link_clicks", "Tracked links opened by people.")
INTAKE_SECONDS = _histogram("intake_seconds", "From a request's arrival to its commit.", _LATENCY)
INTAKE_BATCH = _histogram("intake_batch_requests", "Requests stored by one flush.", _SIZE)

# ---------------------------------------------------------------- connectors

SUBMITTED = _counter("parts_submitted", "Message parts handed to a connector.", "connector")
OUTCOMES = _counter(
    "part_outcomes", "Answers to submitted parts: taken, or the kind of failure.",
    "connector", "kind",
)  # fmt: skip
RECEIPTS = _counter("receipts", "Delivery receipts recorded, by state.", "connector", "state")
RECEIPTS_UNMATCHED = _counter(
    "receipts_unmatched", "Receipts kept because their message is not (yet) known.", "connector"
)
RECEIPTS_DROPPED = _counter(
    "receipts_dropped", "Receipts given up: no message came for them in time.", "connector"
)
RECEIPTS_UNREADABLE = _counter(
    "receipts_unreadable", "Receipts that name no message or no state; answered and dropped.",
    "connector",
)  # fmt: skip
INBOUND = _counter("inbound_messages", "Messages received from subscribers.", "connector")
INBOUND_STRAY = _counter(
    "inbound_stray", "Messages received for an address that no sender id has.", "connector"
)
SUBMIT_SECONDS = _histogram(
    "submit_seconds",
    "From writing a part to the carrier's answer, of one in each batch.",
    _LATENCY,
    "connector",
)
SETTLE_SECONDS = _histogram(
    "settle_seconds", "From a receipt's arrival to its commit.", _LATENCY, "connector"
)
CLAIM_BATCH = _histogram(
    "claim_batch_messages", "Messages claimed from the queue at once.", _SIZE, "connector"
)
OUTCOME_BATCH = _histogram(
    "outcome_batch_parts", "Outcomes recorded by one flush.", _SIZE, "connector"
)
RECEIPT_BATCH = _histogram("receipt_batch", "Receipts recorded by one flush.", _SIZE, "connector")
# Every node reads depth and age from the database, so the workers' figures are one and the same.
QUEUE_DEPTH = _gauge(
    "queue_depth_messages", "Messages waiting for a connector.", "connector", over_workers="livemax"
)
QUEUE_AGE = _gauge(
    "queue_age_seconds", "How long the oldest due message has waited.", "connector",
    over_workers="livemax",
)  # fmt: skip
CLAIMED = _gauge(
    "claimed_messages", "Messages that nodes took from the queue, until their outcome is recorded.",
    "connector", over_workers="livemax",
)  # fmt: skip
BINDS = _gauge("binds_open", "Binds (connections to the carrier) open now.", "connector")
BINDS_WANTED = _gauge("binds_wanted", "Binds that this node should hold open.", "connector")
IN_FLIGHT = _gauge("parts_in_flight", "Parts submitted and not yet answered.", "connector")

# ---------------------------------------------------------------- events

DELIVERIES = _counter(
    "event_deliveries", "Tries to deliver an event, by the status that they led to.", "status"
)
DELIVERY_SECONDS = _histogram(
    "event_delivery_seconds", "From posting an event to the receiver's answer.", _LATENCY
)
# Every node with the role jobs reads these from the database, so they are one and the same.
ANNOUNCEMENTS = _gauge(
    "event_announcements", "Batches of what has happened that wait to be matched.",
    over_workers="livemax",
)  # fmt: skip
ANNOUNCEMENT_AGE = _gauge(
    "event_announcement_age_seconds", "How long the oldest of them has waited.",
    over_workers="livemax",
)  # fmt: skip
DELIVERIES_OPEN = _gauge(
    "event_deliveries_open", "Deliveries PENDING, RETRY, or FAILED and not handled.", "status",
    over_workers="livemax",
)  # fmt: skip
DELIVERY_AGE = _gauge(
    "event_delivery_age_seconds",
    "How long the oldest due delivery has waited that nothing holds back.",
    over_workers="livemax",
)

# ---------------------------------------------------------------- process

POOL_CONNECTIONS = _gauge("pool_connections", "Database connections held.")
POOL_IDLE = _gauge("pool_idle_connections", "Database connections held and not in use.")
DATABASE_FAILURES = _counter("database_failures", "Statements lost to connection trouble.")
FILE_STORE_FAILURES = _counter("file_store_failures", "Times that the file store did not answer.")
TOKEN_LOOKUPS = _counter("token_lookups", "Access tokens looked up in the database.")
HTTP_REQUESTS = _counter("http_requests", "HTTP answers.", "door", "method", "status")
HTTP_SECONDS = _histogram("http_seconds", "From request to answer.", _LATENCY, "door")

if not os.environ.get(SHARED_DIRECTORY):  # of one process; with workers it would be anyone's
    ProcessCollector(registry=REGISTRY)


class ConnectorMetrics:
    """The children of one connector's metrics."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.submitted = SUBMITTED.labels(name)
        self.unmatched = RECEIPTS_UNMATCHED.labels(name)
        self.dropped = RECEIPTS_DROPPED.labels(name)
        self.inbound = INBOUND.labels(name)
        self.stray = INBOUND_STRAY.labels(name)
        self.settle_seconds = SETTLE_SECONDS.labels(name)
        self.claim_batch = CLAIM_BATCH.labels(name)
        self.outcome_batch = OUTCOME_BATCH.labels(name)
        self.receipt_batch = RECEIPT_BATCH.labels(name)
        self.queue_depth = QUEUE_DEPTH.labels(name)
        self.queue_age = QUEUE_AGE.labels(name)
        self.claimed = CLAIMED.labels(name)
        self.binds = BINDS.labels(name)
        self.binds_wanted = BINDS_WANTED.labels(name)
        self.in_flight = IN_FLIGHT.labels(name)
        self._outcomes: dict[str, Counter] = {}
        self._receipts: dict[str, Counter] = {}

    def outcome(self, kind: str, count: int = 1) -> None:
        """`kind` is "taken" or the value of a FailureKind."""
        child = self._outcomes.get(kind)
        if child is None:
            child = self._outcomes[kind] = OUTCOMES.labels(self.name, kind)
        child.inc(count)

    def receipt(self, state: str, count: int = 1) -> None:
        """`state` is the value of a ReceiptState."""
        child = self._receipts.get(state)
        if child is None:
            child = self._receipts[state] = RECEIPTS.labels(self.name, state)
        child.inc(count)


@cache
def connector(name: str) -> ConnectorMetrics:
    """The metrics of one connector; names come from the settings, so they are few."""
    return ConnectorMetrics(name)


TELL_SECONDS = 0.25
"""How long what a Tally has counted may stay with it."""


class Tally:
    """A counter and a histogram of what happens with every message: counted here, in lists, and
    told to Prometheus a few times a second, since each single call of its library costs as much
    as parsing a request."""

    def __init__(self, seconds: Histogram, count: Counter | None = None) -> None:
        """Of metrics without labels, or of their children."""
        self._seconds = seconds
        self._count = count
        self._bounds = seconds._upper_bounds
        self._buckets = [0] * len(self._bounds)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """Something has happened, and took so long."""
        self._buckets[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds
        if self not in _untold:
            self._wait()

    def _wait(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.tell()
            return
        _untold.add(self)
        loop.call_later(TELL_SECONDS, self.tell)

    def tell(self) -> None:
        """What Histogram.observe and Counter.inc would have done by now."""
        _untold.discard(self)
        for place, count in enumerate(self._buckets):
            if count:
                self._seconds._buckets[place].inc(count)
        self._seconds._sum.inc(self._sum)
        if self._count is not None:
            self._count.inc(sum(self._buckets))
        self._buckets = [0] * len(self._bounds)
        self._sum = 0.0


_untold: set[Tally] = set()


def tell_all() -> None:
    """Nothing stays with a Tally: for who looks, and for a process that ends."""
    for tally in list(_untold):
        tally.tell()


INTAKE_TIMES = Tally(INTAKE_SECONDS)
_deliveries: dict[str, Tally] = {}


def delivery(status: str, seconds: float) -> None:
    """A try to deliver an event has ended. `status` is the value of a DeliveryStatus."""
    tally = _deliveries.get(status)
    if tally is None:
        tally = _deliveries[status] = Tally(DELIVERY_SECONDS, DELIVERIES.labels(status))
    tally.add(seconds)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class HttpDoor:
    """Counts one door's answers. Labels stay few whatever a client sends."""

    def __init__(self, door: str) -> None:
        self._door = door
        self._seconds = HTTP_SECONDS.labels(door)
        self._answers: dict[tuple[str, int], Tally] = {}

    def answered(self, method: str, status: int, seconds: float) -> None:
        tally = self._answers.get((method, status))
        if tally is None:
            tally = self._new(method if method in _METHODS else "other", status)
        tally.add(seconds)

    def _new(self, method: str, status: int) -> Tally:
        if (method, status) not in self._answers:
            count = HTTP_REQUESTS.labels(self._door, method, str(status))
            self._answers[method, status] = Tally(self._seconds, count)
        return self._answers[method, status]


def render() -> tuple[bytes, str]:
    """The figures and their media type; of all workers together where there are several."""
    tell_all()
    if not os.environ.get(SHARED_DIRECTORY):
        return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
    shared = CollectorRegistry()
    multiprocess.MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    return generate_latest(shared), CONTENT_TYPE_LATEST


def forget_worker(pid: int, directory: str) -> None:
    """A worker process is gone: its gauges no longer count. `directory`: where figures are."""
    multiprocess.mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]

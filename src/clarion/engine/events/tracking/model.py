"""Deliveries as they are shown, and what can be asked of them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from clarion.engine.events.model import DeliveryStatus, Event

Place = tuple[UUID, int]
"""A delivery among all of a company: its event and its configuration."""


class Wanted(Struct, frozen=True, kw_only=True):
    """Which deliveries are meant: all that fit everything that is said."""

    event_id: str | None = None  # as shown: the publisher's or our own
    topic: str | None = None
    event_type: str | None = None
    configuration_id: int | None = None
    configuration_name: str | None = None
    status: DeliveryStatus | None = None
    since: datetime | None = None  # of the event's timestamp, both inclusive
    until: datetime | None = None


class Delivery(Struct, frozen=True, kw_only=True):
    """One event on its way to one delivery configuration."""

    event: Event
    configuration_id: int
    configuration_name: str
    address: str | None
    status: DeliveryStatus
    attempts: int
    handled_at: datetime | None
    updated_at: datetime


class Attempt(Struct, frozen=True, kw_only=True):
    """One try."""

    number: int
    at: datetime
    succeeded: bool
    address: str
    http_status: int | None
    answer: str
    milliseconds: int


class Tracking(Struct, frozen=True, kw_only=True):
    """A delivery with its tries, the first one first."""

    delivery: Delivery
    attempts: list[Attempt]


class Counts(Struct, kw_only=True):
    """Deliveries that are not done, by status; of FAILED ones those that nobody has handled."""

    pending: int = 0
    retry: int = 0
    failed: int = 0

    def add(self, other: Counts) -> None:
        self.pending += other.pending
        self.retry += other.retry
        self.failed += other.failed


class TopicSummary(Struct, kw_only=True):
    topic: str
    types: dict[str, Counts]
    counts: Counts


class ConfigurationSummary(Struct, kw_only=True):
    id: int
    name: str
    topics: dict[str, TopicSummary]
    counts: Counts


class Replayed(Struct, frozen=True, kw_only=True):
    """How many deliveries go once more; `more_after`: where there are more than fit one call, the
    last that did."""

    count: int
    more_after: Place | None = None

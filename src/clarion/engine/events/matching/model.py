"""What matching works with: announcements as they are taken, subscriptions as they are held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from clarion.engine.events.announcing import Runner
from clarion.engine.events.criteria import Criteria
from clarion.engine.events.model import Happening, Value


class Announcement(Struct, frozen=True):
    """One batch of things of one type that have happened to a company.

    Either `happenings` says it all, or `subjects` are the ids of what it happened to, with a place
    for each in the other four; these may be empty. An empty text among `afters` stands for a state
    that its describer finds out.
    """

    id: UUID
    topic: str
    type: str
    at: datetime
    subjects: Sequence[UUID]
    befores: Sequence[str]
    afters: Sequence[str]
    codes: Sequence[str]
    details: Sequence[str]
    happenings: Sequence[Happening]


class Describer(Protocol):
    """Turns the subjects of announcements of one topic into what has happened to them."""

    async def __call__(
        self, on: Runner, company_id: int, batch: Sequence[Announcement]
    ) -> list[Sequence[Happening]]:
        """For each announcement, in its order. What is no longer there is left out."""


class Held(Struct, frozen=True):
    """A subscription, ready to be asked."""

    id: int
    configuration_id: int
    starts_at: datetime
    ends_at: datetime | None
    criteria: Criteria | None  # None: every event that has its key

    def takes(self, fields: Mapping[str, Value], at: datetime) -> bool:
        return self._is_open(at) and (self.criteria is None or self.criteria.matches(fields))

    def may_take(self, known: Mapping[str, Value]) -> bool:
        """Whether it may take an event of which only this is known so far."""
        return self.criteria is None or self.criteria.may_match(known)

    def _is_open(self, at: datetime) -> bool:
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


class Matched(Struct, frozen=True):
    """An event that somebody wants, and the delivery configurations that it goes to."""

    id: UUID
    external_id: str | None
    happening: Happening
    at: datetime
    body: str
    configurations: Sequence[int]

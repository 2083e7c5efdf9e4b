"""Whose turn it is: weighted fair turns between companies, priorities and senders within one.

A lane is what waits for one sender of one company at one priority. Among companies with a lane
that can move, the one that has had the least for its weight is next (stride scheduling); within
it high goes before normal before low, and lanes of one priority take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from msgspec import Struct


class Lane(Struct, frozen=True):
    """One company, sender and priority of one connector's queue."""

    company_id: int
    sender_id: UUID
    priority: int


class _Company:
    def __init__(self, weight: int, passed: float) -> None:
        self.weight = weight
        self.passed = passed  # messages it has had, divided by its weight
        self.lanes: dict[int, list[Lane]] = {}


class Turns:
    """The lanes of one connector that may have something to send."""

    def __init__(self) -> None:
        self._companies: dict[int, _Company] = {}
        self._lanes: set[Lane] = set()

    def __len__(self) -> int:
        return len(self._lanes)

    def __contains__(self, lane: Lane) -> bool:
        return lane in self._lanes

    def lanes(self) -> Iterable[Lane]:
        return tuple(self._lanes)

    def add(self, lane: Lane, *, weight: int) -> None:
        """A known lane keeps its place."""
        company = self._companies.get(lane.company_id)
        if company is None:
            passed = min((c.passed for c in self._companies.values()), default=0.0)
            company = self._companies[lane.company_id] = _Company(weight, passed)
        company.weight = weight
        if lane in self._lanes:
            return
        company.lanes.setdefault(lane.priority, []).append(lane)
        self._lanes.add(lane)

    def remove(self, lane: Lane) -> None:
        """Nothing is left in the lane for now."""
        if lane not in self._lanes:
            return
        self._lanes.remove(lane)
        company = self._companies[lane.company_id]
        company.lanes[lane.priority].remove(lane)
        if not company.lanes[lane.priority]:
            del company.lanes[lane.priority]
        if not company.lanes:
            del self._companies[lane.company_id]

    def next(self, held_back: Callable[[Lane], bool]) -> Lane | None:
        """The lane whose turn it is; None: nobody may move."""
        for company in sorted(self._companies.values(), key=lambda c: c.passed):
            for priority in sorted(company.lanes):
                for lane in company.lanes[priority]:
                    if not held_back(lane):
                        return lane
        return None

    def took(self, lane: Lane, count: int) -> None:
        """The lane has had its turn."""
        company = self._companies[lane.company_id]
        company.passed += count / company.weight
        waiting = company.lanes[lane.priority]
        waiting.remove(lane)
        waiting.append(lane)

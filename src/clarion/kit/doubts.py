"""Claims of which it is not known whether they were committed.

A commit whose connection broke may still come about when the server gets to it. So what was not
there at the first look is looked for again, until no server could be that late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

LOOKS = (0.0, 1.0, 5.0, 20.0, 60.0)
"""Seconds after the doubt arose."""


class Doubts:
    """Of one process. `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._claims: dict[UUID, tuple[int, float, int]] = {}  # company, since when, looks

    def add(self, company_id: int, *claims: UUID) -> None:
        since = self._clock()
        self._claims |= dict.fromkeys(claims, (company_id, since, 0))

    def settle(self, *claims: UUID) -> None:
        """It is known what became of them."""
        for claim in claims:
            self._claims.pop(claim, None)

    def due(self) -> dict[int, list[UUID]]:
        """Those to be looked for now, by company."""
        now = self._clock()
        found: dict[int, list[UUID]] = {}
        for claim, (company_id, since, looks) in self._claims.items():
            if since + LOOKS[looks] <= now:
                found.setdefault(company_id, []).append(claim)
        return found

    def looked(self, claims: Iterable[UUID]) -> None:
        """What was there of them is put back."""
        for claim in claims:
            company_id, since, looks = self._claims.pop(claim)
            if looks + 1 < len(LOOKS):
                self._claims[claim] = (company_id, since, looks + 1)

"""From matching into a deliverer's hands, past the queue (decision 13).

A deliverer of the same process promises room before the commit (an Offer), the commit puts the
deliveries into a claim of this node in place of the queue, and afterwards they are handed over from
memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from clarion.engine.events.announcing import Runner
from clarion.engine.events.matching import store
from clarion.engine.events.matching.model import Matched
from clarion.engine.events.model import Event


class Offer(Protocol):
    """Room for deliveries to one configuration. Ends with one call of its three methods."""

    @property
    def claim_id(self) -> UUID: ...

    @property
    def count(self) -> int:
        """Deliveries that there is room for; the others go through the queue."""

    @property
    def version(self) -> int:
        """Of the configuration, as its deliverer knows it."""

    def deliver(self, events: Sequence[Event]) -> None:
        """They are stored, in the claim of this offer: take them over."""

    def withdraw(self) -> None:
        """Nothing was stored in it."""

    def doubt(self) -> None:
        """It is not known whether anything was: a claim that is there is put back."""


class Express(Protocol):
    """Whoever may promise room, in the same process as the matcher."""

    @property
    def node_id(self) -> UUID: ...

    def offers(
        self, company_id: int, counts: Mapping[int, int], *, size: int
    ) -> Mapping[int, Offer]:
        """Room for so many deliveries by configuration, or for some of them; none of their bodies
        is larger than `size`."""


class Handing:
    """One transaction's events on their way to whoever delivers them. Each try of the transaction
    calls `begin`; after the last either `done` or `doubt` is called."""

    def __init__(self, express: Express | None) -> None:
        self._express = express
        self._company_id = 0
        self._events: Sequence[Matched] = ()
        self._offers: Mapping[int, Offer] = {}
        self._claimed: Collection[int] = ()

    def begin(self) -> None:
        """An earlier try, if there was one, was rolled back: nothing of it is stored."""
        for offer in self._offers.values():
            offer.withdraw()
        self._events, self._offers, self._claimed = (), {}, ()

    async def record(
        self, tx: Runner, company_id: int, done: Sequence[UUID], events: Sequence[Matched],
        now: datetime,
    ) -> None:  # fmt: skip
        """`store.record`, with what there is room for in claims."""
        self._company_id, self._events = company_id, events
        if self._express is not None and events:
            counts = Counter(id for event in events for id in event.configurations)
            largest = max(len(event.body) for event in events)
            self._offers = self._express.offers(company_id, counts, size=largest)
        self._claimed = await store.record(
            tx, company_id, done, events, now,
            claims={
                id: store.Promised(offer.claim_id, offer.count, offer.version)
                for id, offer in self._offers.items()
            },
            node_id=self._express.node_id if self._express is not None else None,
        )  # fmt: skip

    def done(self) -> bool:
        """Stored: hand over what was claimed. Whether the queue has something of it."""
        taken: dict[int, list[Event]] = {id: [] for id in self._claimed}
        queued = False
        for matched in self._events:
            event = None
            for id in matched.configurations:
                if id not in taken or len(taken[id]) >= self._offers[id].count:
                    queued = True
                    continue
                if event is None:
                    event = _event(self._company_id, matched)
                taken[id].append(event)
        for id, offer in self._offers.items():
            if id in taken:
                offer.deliver(taken[id])
            else:
                offer.withdraw()
        return queued

    def doubt(self) -> None:
        """It is not known whether the transaction was committed."""
        for offer in self._offers.values():
            offer.doubt()


def _event(company_id: int, matched: Matched) -> Event:
    return Event(
        company_id=company_id,
        id=matched.id,
        external_id=matched.external_id,
        topic=matched.happening.topic,
        type=matched.happening.type,
        key=matched.happening.key,
        at=matched.at,
        body=matched.body,
    )

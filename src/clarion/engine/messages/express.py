"""The short way: from intake into a dispatcher's hands, past the queue.

Where nothing waits and the window has room, a message would be written to the queue only to be read
back and deleted a moment later. So a dispatcher of the same process promises room before the
commit (an Offer), the commit puts the messages into a claim of this node in place of the queue, and
afterwards they are handed over from memory. What holds for every claim holds for these: it is
committed before anything of it leaves, and others take it over if this node dies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from clarion.engine.messages.claimed import Sendable
from clarion.engine.messages.outcomes import Claim, Entry
from clarion.engine.messages.prepared import Kind, Prepared
from clarion.engine.messages.submissions import sms_submission
from clarion.engine.messages.turns import Lane
from clarion.kit import ids

if TYPE_CHECKING:
    from clarion.engine.messages.dispatch import Dispatcher


class Express(Protocol):
    """Whoever may promise room, in the same process as intake."""

    @property
    def node_id(self) -> UUID: ...

    def offer(
        self, connector: str, lane: Lane, *, source: str, countries: Mapping[str | None, int]
    ) -> Offer | None:
        """Room for messages of a lane, so many to each country; None: through the queue."""


class Offer:
    """Room that a dispatcher keeps for messages that are being stored. Ends with one call of
    `deliver` or `doubt`."""

    def __init__(self, dispatcher: Dispatcher, lane: Lane, count: int, *, lapses: int) -> None:
        self.claim_id = ids.new_id()
        self._dispatcher = dispatcher
        self._lane = lane
        self._count = count
        self._lapses = lapses  # of this node's lease, when the room was promised

    def deliver(self, batch: Sequence[Prepared]) -> None:
        """These are stored, in the claim of this offer, and no others: hand them over."""
        self._dispatcher.release(self._count)
        claim = Claim(
            id=self.claim_id,
            company_id=self._lane.company_id,
            connector=self._dispatcher.connector.name,
            priority=self._lane.priority,
            open={},
        )
        ready = [pair for prepared in batch for pair in _entries(claim, prepared)]
        if ready:
            self._dispatcher.take(claim, self._lane, ready, lapses=self._lapses)

    def doubt(self) -> None:
        """It is not known whether they were stored: a claim that is there is put back."""
        self._dispatcher.release(self._count)
        self._dispatcher.doubt(self._lane.company_id, self.claim_id)


Offers = dict[Kind, Offer]


def offers_for(express: Express | None, batch: Sequence[Prepared]) -> Offers:
    """Room for those kinds of a batch whose messages are due now."""
    if express is None:
        return {}
    kinds: dict[Kind, list[Prepared]] = {}
    for prepared in batch:
        if prepared.queued and prepared.ready:
            kinds.setdefault(prepared.kind, []).append(prepared)
    asked = {kind: _ask(express, of_kind) for kind, of_kind in kinds.items()}
    return {kind: offer for kind, offer in asked.items() if offer is not None}


def _ask(express: Express, batch: Sequence[Prepared]) -> Offer | None:
    """Room for requests of one kind."""
    first = batch[0]
    assert first.ready is not None
    route = first.ready.route
    countries = Counter(
        country for each in batch if each.ready for _, _, country in each.ready.leaving
    )
    lane = Lane(first.company_id, route.sender_id, route.priority)
    return express.offer(first.connector, lane, source=route.sender_address, countries=countries)


def _entries(claim: Claim, prepared: Prepared) -> list[Sendable]:
    ready, found = prepared.ready, []
    if ready is None:
        return []
    total = ready.content.fragments
    for message_id, peer, country in ready.leaving:
        entry = Entry(
            message_id=message_id, claim=claim, attempts=0, parts_taken=0, total=total,
            waiting=total, taken=[],
        )  # fmt: skip
        submission = sms_submission(
            entry,
            source=ready.route.sender_address,
            destination=peer,
            body=ready.body,
            encoding=ready.content.encoding,
            expires_at=ready.expires_at,
        )
        found.append(((entry, submission), country))
    return found

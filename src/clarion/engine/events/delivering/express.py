"""The short way: what is matched in this process goes past the queue into its lanes (decision 13).

Room is promised only to lanes that are doing well and have nothing in the queue, so nobody is
overtaken for long; throttled and ordered configurations, whose pace and order all nodes keep
together, always go through the queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

from clarion.engine.events.delivering.claiming import Claimer, Lease
from clarion.engine.events.delivering.lane import Claim, Item, Lane
from clarion.engine.events.delivering.posting import Posting
from clarion.engine.events.model import Event
from clarion.kit import ids

BELIEVED = 30.0  # seconds that a destination is believed though its version has not changed
MAX_HELD = 10_000  # claimed deliveries that are not posted; in this process
MAX_HELD_BYTES = 64 << 20
MAX_OFFERED = MAX_HELD // 2  # of them past the queue: what waits in it always has the other half
MAX_OFFERED_BYTES = MAX_HELD_BYTES // 2  # likewise
LANE_OFFERED = 2500  # that one lane may hold in this way


class ShortWay:
    """One a deliverer. Its calls come from one event loop."""

    def __init__(self, posting: Posting, claimer: Claimer, lease: Lease) -> None:
        self._posting = posting
        self._claimer = claimer
        self._lease = lease
        self._loop = asyncio.get_running_loop()
        self._promised = 0
        self._promised_bytes = 0

    @property
    def room(self) -> int:
        """Deliveries that this process may take into its hands."""
        return MAX_HELD - self._posting.held - self._promised

    @property
    def full(self) -> bool:
        """Whether they are so large that only who has none in hand or on its way may have one:
        else the few that hold them all would keep everybody waiting."""
        return self._posting.held_bytes >= MAX_HELD_BYTES

    def offers(
        self, company_id: int, counts: Mapping[int, int], *, size: int
    ) -> dict[int, RoomOffer]:
        """`matching.handing.Express`."""
        found: dict[int, RoomOffer] = {}
        if self._lease.lapsed():
            return found
        for id, count in counts.items():
            lane = self._posting.known_lane(company_id, id)
            if lane is None:
                continue
            room = min(count, self._room_of(lane, size))
            lane.more |= room < count  # what comes next goes behind what the queue gets now
            if room > 0:
                found[id] = RoomOffer(
                    self, lane, room, size=size, partial=room < count, lapses=self._lease.lapses
                )
                self._promised += room
                self._promised_bytes += room * size
        return found

    def _room_of(self, lane: Lane, size: int) -> int:
        to, now = lane.destination, self._loop.time()
        if to is None or to.configuration.throttling or to.configuration.ordered:
            return 0
        if lane.more or lane.failures or lane.rest_until > now or now > lane.read_at + BELIEVED:
            return 0
        bytes_left = MAX_OFFERED_BYTES - self._posting.held_bytes - self._promised_bytes
        return min(
            LANE_OFFERED - lane.held(),
            self.room - (MAX_HELD - MAX_OFFERED),
            bytes_left // size,
        )

    def end(self, offer: RoomOffer, events: Sequence[Event]) -> None:
        """What was promised is free again, or used."""
        self._promised -= offer.count
        self._promised_bytes -= offer.count * offer.size
        if not events:
            return
        lane = offer.lane
        known = self._posting.known_lane(lane.company_id, lane.id) is lane  # not forgotten as idle
        if self._posting.stopped or offer.lapses != self._lease.lapses or not known:
            self.doubt(lane.company_id, offer.claim_id)
            return
        lane.more |= offer.partial  # the queue may have been looked into before the commit
        claim = Claim(lane.company_id, offer.claim_id, {event.id for event in events})
        self._posting.accept(lane, [Item(event, claim, 0, 0, None) for event in events])

    def doubt(self, company_id: int, claim_id: UUID) -> None:
        self._claimer.doubt(company_id, claim_id)


class RoomOffer:
    """`matching.handing.Offer`."""

    __slots__ = ("_way", "claim_id", "count", "lane", "lapses", "partial", "size", "version")

    def __init__(
        self, way: ShortWay, lane: Lane, count: int, *, size: int, partial: bool, lapses: int
    ) -> None:
        assert lane.destination is not None
        self._way = way
        self.lane = lane
        self.count = count
        self.size = size  # of the largest of them, at most
        self.partial = partial  # more go to the configuration than there is room for
        self.lapses = lapses  # of this node's lease, when the room was promised
        self.claim_id = ids.new_id()
        self.version = lane.destination.configuration.version

    def deliver(self, events: Sequence[Event]) -> None:
        self._way.end(self, events)

    def withdraw(self) -> None:
        self._way.end(self, ())

    def doubt(self) -> None:
        self._way.end(self, ())
        self._way.doubt(self.lane.company_id, self.claim_id)

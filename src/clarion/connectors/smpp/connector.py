"""The SMPP connector: the engine's port over any number of binds to one SMSC."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from clarion import metrics
from clarion.connectors.smpp import dial, incoming, statuses
from clarion.connectors.smpp.complaints import Complaints
from clarion.connectors.smpp.link import Link
from clarion.connectors.smpp.model import Answer, Delivery, Ending, Reply, State
from clarion.connectors.smpp.outgoing import Outgoing, Request, Ticket, Unsendable
from clarion.connectors.smpp.session import Session
from clarion.connectors.smpp.statuses import Statuses
from clarion.engine.messages.ports import (
    CarrierEvents,
    Failure,
    Health,
    Inbound,
    Outcome,
    Receipt,
    Submission,
)
from clarion.log import get_logger
from clarion.settings import SmppConnector as Settings

log = get_logger(__name__)

UNREADABLE = "smpp.receipt_unreadable"

Bind = list[Link]
"""One bind of the settings: a link, or for `pair` a transmitter's and a receiver's."""


class SmppConnector:
    """Implements ports.Connector."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.media = settings.media
        self._settings = settings
        self._bound_to = f"bound to {dial.where(settings)}"
        self._outgoing = Outgoing(settings)
        self._statuses = Statuses(
            refused=settings.refused_statuses, temporary=settings.temporary_statuses
        )
        self._events: CarrierEvents | None = None
        self._stopping = False
        self._held = 0
        self._binds: list[Bind] = []
        self._leaving: list[Link] = []
        self._waiting: list[Request] = []  # handed over, and no window has room
        self._untold: list[Outcome] = []
        self._submit_seconds = metrics.SUBMIT_SECONDS.labels(name)
        self._unreadable = metrics.RECEIPTS_UNREADABLE.labels(name)
        self._complaints = Complaints(log)

    # ------------------------------------------------------------ ports.Connector

    async def start(self, events: CarrierEvents) -> None:
        self._events = events
        self._stopping = False
        self._adjust()

    async def stop(self) -> None:
        self._stopping = True
        self._held = 0
        self._adjust()
        self._give_back()
        await asyncio.gather(*(link.gone() for link in self._leaving))
        self._leaving.clear()
        self._tell()

    def hold_binds(self, count: int) -> None:
        self._held = 0 if self._stopping else count
        if self._events is not None:
            self._adjust()

    def room(self) -> int:
        free = sum(session.free for session in self._sessions())
        return 0 if self._stopping else max(free - len(self._waiting), 0)

    def submit(self, batch: Sequence[Submission]) -> None:
        """What is over `room()` waits here, in order, for the windows to open."""
        write = self._outgoing.requests
        for submission in batch:
            try:
                self._waiting += write(submission)
            except Unsendable as error:
                self._fail([(submission.message_id, submission.pending)], error.failure)
        self._pump()

    def health(self) -> Health:
        open_now = sum(all(link.bound for link in bind) for bind in self._binds)
        return Health(
            ready=any(link.bound for link in self._links()),
            binds=open_now,
            wanted=self._held,
            in_flight=self._in_flight(),
            words=self._words(),
        )

    def _in_flight(self) -> int:
        links = [*self._links(), *self._leaving]
        written = sum(link.session.in_flight for link in links if link.session is not None)
        return written + len(self._waiting)

    def _words(self) -> str:
        if not self._held:
            return "this node holds no bind"
        unbound = [link.words for link in self._links() if not link.bound]
        return unbound[0] if unbound else self._bound_to

    # ------------------------------------------------------------ binds

    def _adjust(self) -> None:
        """Open or leave binds until as many are held as should be."""
        self._leaving = [link for link in self._leaving if not link.over]
        while len(self._binds) > self._held:
            for link in self._binds.pop():
                link.leave()
                self._leaving.append(link)
        while len(self._binds) < self._held:
            kinds = dial.KINDS[self._settings.bind]
            self._binds.append([Link(self.name, self._settings, kind, self) for kind in kinds])

    def _links(self) -> Iterator[Link]:
        for bind in self._binds:
            yield from bind

    def _sessions(self) -> Iterator[Session[Ticket]]:
        for link in self._links():
            if link.session is not None:
                yield link.session

    # ------------------------------------------------------------ out

    def _pump(self) -> None:
        """Hand what waits to the sessions, by the room that each has."""
        while self._waiting:
            free = [(session.free, session) for session in self._sessions() if session.free > 0]
            if not free:
                break
            room = sum(slots for slots, _ in free)
            count = len(self._waiting)
            for slots, session in free:
                self._hand_over(session, slots, share=-(-count * slots // room))
        if self._waiting and not self._can_transmit():
            self._give_back()

    def _hand_over(self, session: Session[Ticket], slots: int, *, share: int) -> None:
        waiting, cut = self._waiting, min(share, slots, len(self._waiting))
        # Parts of one message stay together where there is room.
        while 0 < cut < min(slots, len(waiting)) and waiting[cut][0][0] == waiting[cut - 1][0][0]:
            cut += 1
        if not cut:
            return
        requests, self._waiting = waiting[:cut], waiting[cut:]
        session.submit(requests)

    def _can_transmit(self) -> bool:
        return any(s.transmits and s.state is State.BOUND for s in self._sessions())

    def _give_back(self) -> None:
        tickets = [ticket for ticket, _ in self._waiting]
        self._waiting = []
        self._fail(tickets, statuses.NOT_SENT)

    def _fail(self, tickets: Iterable[Ticket], failure: Failure) -> None:
        """Told from the loop, not from within `submit`: the engine is busy handing over."""
        outcomes = [
            Outcome(message_id, number, None, failure)
            for message_id, numbers in tickets
            for number in numbers
        ]
        if outcomes and not self._untold:
            asyncio.get_running_loop().call_soon(self._tell)
        self._untold += outcomes

    def _tell(self) -> None:
        outcomes, self._untold = self._untold, []
        if outcomes and self._events is not None:
            self._events.outcomes(self.name, outcomes)
            self._events.room_changed(self.name)

    # ------------------------------------------------------------ session.Listener

    def answered(self, session: Session[Ticket], answers: list[Answer[Ticket]]) -> None:
        outcomes = []
        for (message_id, numbers), status, external_id in answers:
            failure = None if status == statuses.OK else self._statuses.failure(status)
            taken = external_id if failure is None else None
            for number in numbers:
                outcomes.append(Outcome(message_id, number, taken, failure))
        self._submit_seconds.observe(session.waited)
        assert self._events is not None
        self._events.outcomes(self.name, outcomes)
        self.writable(session)

    def writable(self, session: Session[Ticket]) -> None:
        self._pump()
        assert self._events is not None
        self._events.room_changed(self.name)

    def unanswered(self, session: Session[Ticket], tickets: list[Ticket]) -> None:
        self._fail(tickets, statuses.UNCERTAIN_SILENT)
        self._pump()

    def ended(self, session: Session[Ticket], ending: Ending, tickets: list[Ticket]) -> None:
        self._fail(tickets, statuses.UNCERTAIN_LOST)
        self._pump()

    def delivered(self, session: Session[Ticket], deliveries: list[Delivery]) -> None:
        receipts: list[Receipt] = []
        inbound: list[Inbound] = []
        of_receipts: list[Reply] = []
        of_inbound: list[Reply] = []
        unreadable: list[Reply] = []
        alphabet = self._settings.default_alphabet
        for reply, message in deliveries:
            found = incoming.read(message, alphabet)
            if type(found) is Receipt:
                receipts.append(found)
                of_receipts.append(reply)
            elif type(found) is Inbound:
                inbound.append(found)
                of_inbound.append(reply)
            else:
                unreadable.append(reply)
        self._pass_on(session, (receipts, of_receipts), (inbound, of_inbound))
        if unreadable:
            self._complain(session, unreadable)

    def _pass_on(
        self,
        session: Session[Ticket],
        receipts: tuple[list[Receipt], list[Reply]],
        inbound: tuple[list[Inbound], list[Reply]],
    ) -> None:
        assert self._events is not None
        if receipts[0]:
            settled = partial(_settle, session, receipts[1])
            self._events.receipts(self.name, receipts[0], settled)
        if inbound[0]:
            settled = partial(_settle, session, inbound[1])
            self._events.inbound(self.name, inbound[0], settled)

    def _complain(self, session: Session[Ticket], replies: list[Reply]) -> None:
        """The SMSC would only repeat what nobody can read, so it is told that all is well."""
        session.reply(replies, status=statuses.OK)
        self._unreadable.inc(len(replies))
        self._complaints.warn(UNREADABLE, connector=self.name, count=len(replies))


def _settle(session: Session[Ticket], replies: list[Reply], stored: bool) -> None:  # noqa: FBT001 - the port's callback has one positional argument
    session.reply(replies, status=statuses.OK if stored else statuses.RX_T_APPN)

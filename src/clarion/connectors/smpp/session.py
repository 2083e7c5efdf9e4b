"""One bind to an SMSC: an asyncio.Protocol without a task, a future or a timer a message.

Everything that one `data_received` causes leaves in one write, and so does everything that one
`submit` brings. A request is in the window before its bytes are written. Requests are in the
window in the order of their time, so one coarse timer finds those that are overdue at its front.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, TypeVar, cast

from clarion.connectors.smpp import codec, pdu, statuses
from clarion.connectors.smpp.codec import HEADER, MAX_PDU, Malformed
from clarion.connectors.smpp.complaints import Complaints
from clarion.connectors.smpp.keepalive import KeepAlive, Verdict
from clarion.connectors.smpp.listener import Listener
from clarion.connectors.smpp.model import Answer, Delivery, End, Ending, Limits, Reply, State
from clarion.connectors.smpp.pdu import BindResp
from clarion.connectors.smpp.remainder import Remainder
from clarion.connectors.smpp.window import Window
from clarion.log import get_logger

log = get_logger(__name__)

MALFORMED = "smpp.malformed"
UNEXPECTED = "smpp.unexpected"
NOTICE = "smpp.notice"

MAX_UNSETTLED = 10_000
"""Deliveries of one bind that may wait for their commit; above it the SMSC is asked to wait."""

MAX_UNREAD = 4 * 1024 * 1024
"""Octets that may wait for a peer that does not read; above it the connection is ended."""

PARTING = 1.0
"""Seconds that a peer has for unbind_resp, or to read the last that we wrote."""

T = TypeVar("T")


class Session(asyncio.Protocol, Generic[T]):
    """A connection and the bind on it."""

    def __init__(
        self, command_id: int, bind: pdu.Bind, limits: Limits, listener: Listener[T]
    ) -> None:
        self.state = State.OPENING
        self.peer: BindResp | None = None
        self.transmits = command_id != pdu.BIND_RECEIVER
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[BindResp | None] = loop.create_future()
        self.closed: asyncio.Future[Ending] = loop.create_future()
        self._command_id = command_id
        self._bind = bind
        self._limits = limits
        self._listener = listener
        self._now = loop.time
        self._call_later = loop.call_later
        self._transport: asyncio.Transport | None = None
        self._window: Window[T] = Window()
        self._unsettled = 0
        self._rest = Remainder()
        self._out: list[bytes] = []
        self._corked = False
        self._paused = False
        self._alive = KeepAlive(loop.time())
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ending: Ending | None = None
        self._complaints = Complaints(log)
        self._answers: list[Answer[T]] = []
        self.waited = 0.0  # seconds for the last answer
        self._deliveries: list[Delivery] = []

    # ------------------------------------------------------------ for the owner

    @property
    def free(self) -> int:
        """Requests that can be submitted now."""
        if self.state is not State.BOUND or self._paused or not self.transmits:
            return 0
        return self._limits.window - len(self._window)

    @property
    def round_trip(self) -> float | None:
        """Seconds that the last enquire_link took."""
        return self._alive.round_trip

    @property
    def address(self) -> str | None:
        """Where the connection leads; None: there is none yet."""
        peer = self._transport.get_extra_info("peername") if self._transport else None
        return str(peer[0]) if peer else None

    @property
    def in_flight(self) -> int:
        return len(self._window)

    def submit(self, requests: Sequence[tuple[T, bytes]]) -> None:
        """Write these submit_sm; not more than are free."""
        now, add, out = self._now(), self._window.add, self._out
        for ticket, body in requests:
            out.append(HEADER.pack(16 + len(body), pdu.SUBMIT_SM, 0, add(now, ticket)))
            out.append(body)
        self._flush()

    def reply(self, replies: Sequence[Reply], *, status: int) -> None:
        """Answer deliveries."""
        self._unsettled -= len(replies)
        if self.state is State.CLOSED:
            return
        pack, out = HEADER.pack, self._out
        for command_id, sequence in replies:
            out.append(pack(17, command_id, status, sequence) + b"\0")
        self._flush()
        self._part_when_idle()

    def enquire(self) -> None:
        """Ask whether the SMSC is there; `round_trip` will tell."""
        sequence = self._window.next_sequence()
        self._alive.asked(sequence, self._now())
        self._send(codec.header(pdu.ENQUIRE_LINK, sequence))

    def drain(self, seconds: float) -> None:
        """Take nothing more, let what is under way end for so long, then unbind and close."""
        if self.state is State.BOUND:
            self.state = State.DRAINING
            self._end_within(seconds)
            self._part_when_idle()
        elif self.state is State.OPENING:
            self.abort(Ending(End.STOPPED, "stopped before the bind was answered"))

    def abort(self, ending: Ending) -> None:
        """Close at once."""
        self._begin_end(ending)
        if self._transport is None:
            self._finish(ending)
        else:
            self._transport.abort()

    # ------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._ending is not None:  # aborted while it connected
            self._transport.abort()
            return
        self._alive.heard = self._now()
        sequence = self._window.next_sequence()
        body = codec.write_bind(self._bind)
        head = HEADER.pack(16 + len(body), self._command_id, 0, sequence)
        self._send(head + body)
        self._tick()

    def data_received(self, data: bytes) -> None:
        self._alive.heard = self._now()
        whole = self._rest.join(data)
        if whole is None:
            return
        self._corked = True
        try:
            self._read(whole)
            self._report()
        finally:
            self._corked = False
            self._flush()
        self._part_when_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        words = f"the connection was lost: {exc}" if exc else "the SMSC closed the connection"
        self._finish(self._ending or Ending(End.LOST, words))

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self.state is State.BOUND:
            self._listener.writable(self)

    # ------------------------------------------------------------ reading

    def _read(self, data: bytes) -> None:
        """Take every whole PDU from `data`; keep the beginning of the next."""
        start, end = 0, len(data)
        unpack, window, answers = HEADER.unpack_from, self._window.entries, self._answers
        while end - start >= 16:
            length, command_id, status, sequence = unpack(data, start)
            if not 16 <= length <= MAX_PDU:
                return self._not_smpp(length, sequence)
            stop = start + length
            if stop > end:
                break
            if command_id == pdu.SUBMIT_SM_RESP:
                entry = window.pop(sequence, None)
                if entry is not None:  # else: overdue, and counted as uncertain already
                    message_id = codec.read_message_id(data, start + 16, stop)
                    answers.append((entry[1], status, message_id))
                    self.waited = self._alive.heard - entry[0]
            elif command_id in (pdu.DELIVER_SM, pdu.DATA_SM):
                self._deliver(command_id, sequence, data[start + 16 : stop])
            else:
                self._take(pdu.Pdu(command_id, status, sequence, data[start + 16 : stop]))
                if self._ending is not None:
                    return None
            start = stop
        if start < end:
            self._rest.keep(data[start:])
        return None

    def _deliver(self, command_id: int, sequence: int, body: bytes) -> None:
        reply = (command_id | pdu.RESPONSE, sequence)
        self._unsettled += 1
        if self._unsettled > MAX_UNSETTLED:
            return self.reply((reply,), status=statuses.RX_T_APPN)
        read = codec.read_data if command_id == pdu.DATA_SM else codec.read_message
        try:
            message = read(body)
        except Malformed as error:
            # The frame is sound, so the session goes on; the same bytes would fail again.
            self._complaints.warn(MALFORMED, command=pdu.name(command_id), words=str(error))
            return self.reply((reply,), status=statuses.RX_P_APPN)
        self._deliveries.append((reply, message))
        return None

    def _report(self) -> None:
        """Tell the owner what came, in batches."""
        answers, deliveries = self._answers, self._deliveries
        if answers:
            self._answers = []
            self._listener.answered(self, answers)
        if deliveries:
            self._deliveries = []
            self._listener.delivered(self, deliveries)

    def _take(self, received: pdu.Pdu) -> None:
        """The PDUs that are not messages."""
        handle = self._HANDLERS.get(received.command_id)
        if handle is not None:
            handle(self, received)
        elif not received.command_id & pdu.RESPONSE:
            self._complaints.warn(UNEXPECTED, command=pdu.name(received.command_id))
            nack = codec.header(pdu.GENERIC_NACK, received.sequence, status=statuses.RINVCMDID)
            self._send(nack)

    def _take_bind_resp(self, received: pdu.Pdu) -> None:
        if self.state is not State.OPENING:
            return
        if received.status != statuses.OK:
            self._refused(received.status)
            return
        self.state = State.BOUND
        self.peer = codec.read_bind_resp(cast(bytes, received.body))
        if not self.opened.done():
            self.opened.set_result(self.peer)
        self._listener.writable(self)

    def _refused(self, status: int) -> None:
        words = f"the bind was refused: {statuses.name(status)} ({statuses.words(status)})"
        self._close(Ending(End.REFUSED, words, status))

    def _take_enquire_link(self, received: pdu.Pdu) -> None:
        self._send(codec.header(pdu.ENQUIRE_LINK_RESP, received.sequence))

    def _take_enquire_link_resp(self, received: pdu.Pdu) -> None:
        self._alive.answered(received.sequence, self._now())

    def _take_unbind(self, received: pdu.Pdu) -> None:
        self._send(codec.header(pdu.UNBIND_RESP, received.sequence))
        self._close(Ending(End.UNBOUND, "the SMSC unbound"))

    def _take_unbind_resp(self, _: pdu.Pdu) -> None:
        if self.state is State.UNBINDING:
            self._close(Ending(End.STOPPED, "unbound"))

    def _take_generic_nack(self, received: pdu.Pdu) -> None:
        status = received.status or statuses.RUNKNOWNERR
        entry = self._window.entries.pop(received.sequence, None)
        if entry is not None:
            self._answers.append((entry[1], status, ""))
        elif self.state is State.OPENING:
            self._refused(status)
        else:
            self._complaints.warn(UNEXPECTED, command="generic_nack", status=statuses.name(status))

    def _take_notice(self, received: pdu.Pdu) -> None:
        """alert_notification and outbind: they have no response, and nobody waits for them."""
        log.info(NOTICE, command=pdu.name(received.command_id))

    _HANDLERS: ClassVar[dict[int, Callable[[Session[Any], pdu.Pdu], None]]] = {
        **dict.fromkeys((command | pdu.RESPONSE for command in pdu.BINDS), _take_bind_resp),
        pdu.ENQUIRE_LINK: _take_enquire_link,
        pdu.ENQUIRE_LINK_RESP: _take_enquire_link_resp,
        pdu.UNBIND: _take_unbind,
        pdu.UNBIND_RESP: _take_unbind_resp,
        pdu.GENERIC_NACK: _take_generic_nack,
        pdu.ALERT_NOTIFICATION: _take_notice,
        pdu.OUTBIND: _take_notice,
    }

    def _not_smpp(self, length: int, sequence: int) -> None:
        self._complaints.warn(MALFORMED, command_length=length)
        self._send(codec.header(pdu.GENERIC_NACK, sequence, status=statuses.RINVCMDLEN))
        self._close(Ending(End.BROKEN, f"the SMSC sent a PDU of {length} octets"))

    # ------------------------------------------------------------ writing

    def _send(self, octets: bytes) -> None:
        self._out.append(octets)
        self._flush()

    def _flush(self) -> None:
        if self._corked or not self._out:
            return
        if self._transport is None or self._ending is not None:
            self._out.clear()
            return
        octets = b"".join(self._out)
        self._out.clear()
        self._transport.write(octets)
        if self._paused and self._transport.get_write_buffer_size() > MAX_UNREAD:
            self.abort(Ending(End.SILENT, "the SMSC does not read"))

    # ------------------------------------------------------------ time

    def _tick(self) -> None:
        limits, now = self._limits, self._now()
        overdue = self._window.overdue(now - limits.response_timeout)
        if overdue:
            self._listener.unanswered(self, overdue)
        self._watch(now)
        self._part_when_idle()
        if self.state is not State.CLOSED:
            pause = min(1.0, limits.response_timeout / 4, limits.enquire_link / 4)
            self._timer = self._call_later(pause, self._tick)

    def _watch(self, now: float) -> None:
        """Ask a silent peer whether it is there; end what does not even answer that."""
        if self.state in (State.OPENING, State.CLOSED):
            return  # the owner limits the time of a bind
        limits = self._limits
        verdict = self._alive.verdict(
            now, silence=limits.enquire_link, patience=limits.response_timeout
        )
        if verdict is Verdict.ASK:
            self.enquire()
        elif verdict is Verdict.GONE:
            self.abort(Ending(End.SILENT, "the SMSC does not answer enquire_link"))

    # ------------------------------------------------------------ the end

    def _part_when_idle(self) -> None:
        if self._deadline is None:
            return
        late = self._now() >= self._deadline
        if self.state is State.DRAINING and (late or not (self._window or self._unsettled)):
            self.state = State.UNBINDING
            self._end_within(PARTING)
            self._send(codec.header(pdu.UNBIND, self._window.next_sequence()))
        elif self.state is State.UNBINDING and late:
            self.abort(Ending(End.STOPPED, "stopped; the SMSC did not answer unbind"))

    def _close(self, ending: Ending) -> None:
        """Close once what is written has left; `_part_when_idle` sees to a peer that stalls."""
        self._corked, corked = False, self._corked
        self._flush()
        self._corked = corked
        self._begin_end(ending)
        if self._transport is not None:
            self._transport.close()

    def _begin_end(self, ending: Ending) -> None:
        self._ending = self._ending or ending
        if self.state is not State.CLOSED:
            self.state = State.UNBINDING
            self._end_within(PARTING)

    def _end_within(self, seconds: float) -> None:
        self._deadline = self._now() + seconds
        self._call_later(seconds + 0.01, self._part_when_idle)  # timers may be a hair early

    def _finish(self, ending: Ending) -> None:
        if self.state is State.CLOSED:
            return
        self._report()  # nothing, unless reading failed half way: those answers count
        self.state = State.CLOSED
        if self._timer is not None:
            self._timer.cancel()
        self._out.clear()
        if not self.opened.done():
            self.opened.set_result(None)
        if not self.closed.done():
            self.closed.set_result(ending)
        self._listener.ended(self, ending, self._window.clear())

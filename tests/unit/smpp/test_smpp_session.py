"""The session against bytes that no decent peer sends; its transport only keeps what is written."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.waiting import PATIENCE

from clarion.connectors.smpp import codec, pdu, session, statuses
from clarion.connectors.smpp.model import End, Ending, Limits, State
from clarion.connectors.smpp.pdu import MessageResp, Pdu, ShortMessage
from clarion.connectors.smpp.session import Session

RECEIPT = ShortMessage(
    source="49171", destination="12345", esm_class=4, content=b"id:1 stat:DELIVRD"
)


class Wire(asyncio.Transport):
    """Keeps writes; `close` and `abort` end the connection at once."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.protocol: asyncio.Protocol | None = None
        self.buffered = 0

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def close(self) -> None:
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            protocol.connection_lost(None)

    abort = close

    def taken(self) -> list[Pdu]:
        """The PDUs written since the last look."""
        octets, found = b"".join(self.writes), []
        self.writes.clear()
        while octets:
            length = int.from_bytes(octets[:4], "big")
            found.append(codec.decode(octets[:length]))
            octets = octets[length:]
        return found


class Owner:
    """A session's listener that keeps what it hears."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.late: list[str] = []
        self.deliveries: list[Any] = []
        self.lost: list[str] = []
        self.ending: Ending | None = None
        self.calls: list[str] = []

    def answered(self, _: Session[str], answers: list[Any]) -> None:
        self.calls.append("answered")
        self.answers += answers

    def unanswered(self, _: Session[str], tickets: list[str]) -> None:
        self.late += tickets

    def delivered(self, _: Session[str], deliveries: list[Any]) -> None:
        self.calls.append("delivered")
        self.deliveries += deliveries

    def writable(self, _: Session[str]) -> None:
        self.calls.append("writable")

    def ended(self, _: Session[str], ending: Ending, tickets: list[str]) -> None:
        self.ending, self.lost = ending, tickets


class Bench:
    """A session with its wire and its owner, bound unless told otherwise."""

    def __init__(self, *, window: int = 10, bound: bool = True, **limits: float) -> None:
        self.owner, self.wire = Owner(), Wire()
        timing = {"enquire_link": 30.0, "response_timeout": 10.0, **limits}
        self.session: Session[str] = Session(
            pdu.BIND_TRANSCEIVER, pdu.Bind("me", "secret"), Limits(window, **timing), self.owner
        )
        self.wire.protocol = self.session
        self.session.connection_made(self.wire)
        (self.bind,) = self.wire.taken()
        if bound:
            self.hear(pdu.BIND_TRANSCEIVER | pdu.RESPONSE, pdu.BindResp("SMSC"))

    def hear(self, command_id: int, body: Any = b"", *, status: int = 0, sequence: int = 1) -> None:
        self.session.data_received(codec.encode(Pdu(command_id, status, sequence, body)))

    def submit(self, *tickets: str) -> list[int]:
        """The sequence numbers."""
        body = codec.write_message(ShortMessage(destination="49171", content=b"hi"))
        self.session.submit([(ticket, body) for ticket in tickets])
        return [written.sequence for written in self.wire.taken()]


def answer(sequence: int, message_id: str = "id", status: int = 0) -> bytes:
    return codec.encode(Pdu(pdu.SUBMIT_SM_RESP, status, sequence, MessageResp(message_id)))


async def test_it_binds_first() -> None:
    bench = Bench(bound=False)
    assert bench.bind.command_id == pdu.BIND_TRANSCEIVER
    assert bench.bind.body == pdu.Bind("me", "secret")
    assert (bench.session.state, bench.session.free) == (State.OPENING, 0)
    bench.hear(pdu.BIND_TRANSCEIVER | pdu.RESPONSE, pdu.BindResp("SMSC", 0x34))
    assert (bench.session.state, bench.session.free) == (State.BOUND, 10)
    assert bench.session.opened.result() == pdu.BindResp("SMSC", 0x34)
    assert bench.owner.calls == ["writable"]


@pytest.mark.parametrize("command_id", [pdu.BIND_TRANSCEIVER | pdu.RESPONSE, pdu.GENERIC_NACK])
async def test_a_refused_bind_names_its_status(command_id: int) -> None:
    bench = Bench(bound=False)
    bench.hear(command_id, status=0x0E)
    assert bench.session.opened.result() is None
    assert bench.owner.ending is not None
    assert (bench.owner.ending.kind, bench.owner.ending.status) == (End.REFUSED, 0x0E)
    assert "ESME_RINVPASWD" in bench.owner.ending.words


async def test_one_submit_is_one_write() -> None:
    bench = Bench()
    body = codec.write_message(ShortMessage(content=b"hi"))
    bench.session.submit([(str(n), body) for n in range(5)])
    assert len(bench.wire.writes) == 1
    assert len(bench.wire.taken()) == 5
    assert (bench.session.free, bench.session.in_flight) == (5, 5)


async def test_everything_that_one_read_causes_is_one_write_and_one_call() -> None:
    bench = Bench()
    sequences = bench.submit("a", "b")
    bench.owner.calls.clear()
    enquiry = codec.header(pdu.ENQUIRE_LINK, 77)
    unknown = codec.header(0x00000112, 78)
    delivery = codec.encode(Pdu(pdu.DELIVER_SM, 0, 79, RECEIPT))
    replies = b"".join(answer(sequence) for sequence in sequences)
    bench.session.data_received(enquiry + replies + unknown + delivery + enquiry)
    assert len(bench.wire.writes) == 1
    assert [written.command_id for written in bench.wire.taken()] == [
        pdu.ENQUIRE_LINK_RESP,
        pdu.GENERIC_NACK,
        pdu.ENQUIRE_LINK_RESP,
    ]
    assert bench.owner.calls == ["answered", "delivered"]
    assert bench.owner.answers == [("a", 0, "id"), ("b", 0, "id")]


async def test_a_delivery_is_answered_when_its_owner_says_so() -> None:
    bench = Bench()
    bench.hear(pdu.DELIVER_SM, RECEIPT, sequence=5)
    bench.hear(pdu.DATA_SM, ShortMessage(source="49171"), sequence=6)
    assert bench.wire.taken() == []
    bench.session.reply([reply for reply, _ in bench.owner.deliveries], status=0)
    assert len(bench.wire.writes) == 1
    assert bench.wire.taken() == [
        Pdu(pdu.DELIVER_SM_RESP, 0, 5, MessageResp()),
        Pdu(pdu.DATA_SM_RESP, 0, 6, MessageResp()),
    ]


@pytest.mark.parametrize("size", [1, 3, 16, 17])
async def test_pdus_may_come_in_any_pieces(size: int) -> None:
    bench = Bench()
    sequences = bench.submit("a", "b", "c")
    octets = b"".join(answer(sequence, f"id{sequence}") for sequence in sequences)
    octets += codec.encode(Pdu(pdu.DELIVER_SM, 0, 9, RECEIPT))
    for start in range(0, len(octets), size):
        bench.session.data_received(octets[start : start + size])
    assert [ticket for ticket, _, _ in bench.owner.answers] == ["a", "b", "c"]
    assert [message for _, message in bench.owner.deliveries] == [RECEIPT]


async def test_answers_may_come_in_any_order_and_twice() -> None:
    bench = Bench()
    first, second = bench.submit("a", "b")
    for sequence in (second, second, first, 4711):
        bench.session.data_received(answer(sequence))
    assert [ticket for ticket, _, _ in bench.owner.answers] == ["b", "a"]
    assert bench.session.free == 10


async def test_generic_nack_answers_the_request_that_it_names() -> None:
    bench = Bench()
    (sequence,) = bench.submit("a")
    bench.hear(pdu.GENERIC_NACK, status=statuses.RINVCMDID, sequence=sequence)
    bench.hear(pdu.GENERIC_NACK, status=statuses.RINVCMDLEN, sequence=0)
    assert bench.owner.answers == [("a", statuses.RINVCMDID, "")]
    assert bench.session.state is State.BOUND


async def test_a_generic_nack_without_a_status_is_no_success() -> None:
    bench = Bench()
    (sequence,) = bench.submit("a")
    bench.hear(pdu.GENERIC_NACK, sequence=sequence)
    assert bench.owner.answers == [("a", statuses.RUNKNOWNERR, "")]


@pytest.mark.parametrize("command_id", [pdu.ALERT_NOTIFICATION, pdu.OUTBIND, 0x80000112])
async def test_pdus_that_need_no_answer_get_none(command_id: int) -> None:
    bench = Bench()
    bench.hear(command_id, b"\xff\xff")
    assert bench.wire.taken() == []
    assert bench.session.state is State.BOUND


async def test_a_malformed_delivery_is_refused_and_the_session_lives() -> None:
    bench = Bench()
    bench.hear(pdu.DELIVER_SM, b"\xff\xff\xff", sequence=5)
    assert bench.wire.taken() == [Pdu(pdu.DELIVER_SM_RESP, statuses.RX_P_APPN, 5, MessageResp())]
    assert bench.session.state is State.BOUND


@pytest.mark.parametrize("length", [0, 15, 65_537, 0x48545450, 0xFFFFFFFF])
async def test_what_is_no_pdu_ends_the_session(length: int) -> None:
    bench = Bench()
    bench.submit("a")
    bench.session.data_received(length.to_bytes(4, "big") + b"/1.1 400 Bad")
    (nack,) = bench.wire.taken()
    assert (nack.command_id, nack.status) == (pdu.GENERIC_NACK, statuses.RINVCMDLEN)
    assert bench.owner.ending is not None
    assert bench.owner.ending.kind is End.BROKEN
    assert bench.owner.lost == ["a"]


async def test_too_many_unsettled_deliveries_are_sent_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MAX_UNSETTLED", 3)
    bench = Bench()
    for sequence in range(1, 6):
        bench.hear(pdu.DELIVER_SM, RECEIPT, sequence=sequence)
    assert [(w.sequence, w.status) for w in bench.wire.taken()] == [
        (4, statuses.RX_T_APPN),
        (5, statuses.RX_T_APPN),
    ]
    assert len(bench.owner.deliveries) == 3


async def test_back_pressure_closes_the_window_until_the_peer_reads() -> None:
    bench = Bench()
    bench.session.pause_writing()
    assert bench.session.free == 0
    bench.owner.calls.clear()
    bench.session.resume_writing()
    assert bench.session.free == 10
    assert bench.owner.calls == ["writable"]


async def test_a_peer_that_never_reads_is_left() -> None:
    bench = Bench()
    bench.session.pause_writing()
    bench.wire.buffered = session.MAX_UNREAD + 1
    bench.hear(pdu.ENQUIRE_LINK)
    assert bench.owner.ending is not None
    assert bench.owner.ending.kind is End.SILENT


async def test_a_lost_connection_gives_back_what_is_not_answered() -> None:
    bench = Bench()
    first, *_ = bench.submit("a", "b", "c")
    bench.session.data_received(answer(first))
    bench.session.connection_lost(ConnectionResetError("reset by peer"))
    assert bench.owner.ending is not None
    assert bench.owner.ending.kind is End.LOST
    assert bench.owner.lost == ["b", "c"]
    assert bench.session.free == 0
    bench.session.reply([(pdu.DELIVER_SM_RESP, 1)], status=0)  # settled too late: nothing happens
    assert bench.wire.taken() == []


async def test_unbind_from_the_peer_is_answered() -> None:
    bench = Bench()
    bench.submit("a")
    bench.hear(pdu.UNBIND, sequence=33)
    assert bench.wire.taken() == [Pdu(pdu.UNBIND_RESP, 0, 33)]
    assert bench.owner.ending is not None
    assert (bench.owner.ending.kind, bench.owner.lost) == (End.UNBOUND, ["a"])


async def test_draining_waits_for_answers_and_deliveries_then_unbinds() -> None:
    bench = Bench()
    (sequence,) = bench.submit("a")
    bench.hear(pdu.DELIVER_SM, RECEIPT, sequence=5)
    bench.session.drain(10)
    assert (bench.session.free, bench.wire.taken()) == (0, [])
    bench.session.data_received(answer(sequence))
    assert bench.wire.taken() == []
    bench.session.reply([(pdu.DELIVER_SM_RESP, 5)], status=0)
    reply, unbind = bench.wire.taken()
    assert (reply.command_id, unbind.command_id) == (pdu.DELIVER_SM_RESP, pdu.UNBIND)
    bench.hear(pdu.UNBIND_RESP, sequence=unbind.sequence)
    assert bench.owner.ending == Ending(End.STOPPED, "unbound")
    assert bench.owner.lost == []


async def test_draining_ends_in_time() -> None:
    bench = Bench()
    bench.submit("a")
    bench.session.drain(0.01)
    async with asyncio.timeout(PATIENCE):
        ending = await bench.session.closed
    assert ending.kind is End.STOPPED
    assert bench.owner.lost == ["a"]
    assert [written.command_id for written in bench.wire.taken()] == [pdu.UNBIND]


async def test_late_answers_are_uncertain_and_then_unknown() -> None:
    bench = Bench(response_timeout=0.04)
    (sequence,) = bench.submit("a")
    async with asyncio.timeout(PATIENCE):
        while not bench.owner.late:
            await asyncio.sleep(0.005)
    assert bench.owner.late == ["a"]
    bench.session.data_received(answer(sequence))
    assert (bench.owner.answers, bench.session.free) == ([], 10)


async def test_a_silent_peer_is_asked_and_then_left() -> None:
    bench = Bench(enquire_link=0.02, response_timeout=0.1)
    async with asyncio.timeout(PATIENCE):
        ending = await bench.session.closed
    assert ending.kind is End.SILENT
    assert bench.wire.taken()[0].command_id == pdu.ENQUIRE_LINK


async def test_sequence_numbers_go_round() -> None:
    bench = Bench()
    bench.session._window._sequence = 0x7FFFFFFE
    assert bench.submit("a", "b") == [0x7FFFFFFF, 1]


@given(st.lists(st.binary(max_size=80), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_any_bytes_leave_it_whole(chunks: list[bytes]) -> None:
    asyncio.run(_feed(chunks))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                (*codec._READERS, pdu.UNBIND, pdu.ENQUIRE_LINK, pdu.GENERIC_NACK, 0x112)
            ),
            st.integers(0, 5),
            st.binary(max_size=60),
        ),
        max_size=12,
    )
)
@settings(max_examples=200)
def test_any_pdus_leave_it_whole(heard: list[tuple[int, int, bytes]]) -> None:
    frames = [
        codec.HEADER.pack(16 + len(body), command, 0, sequence) + body
        for command, sequence, body in heard
    ]
    asyncio.run(_feed([b"".join(frames)]))


async def _feed(chunks: list[bytes]) -> None:
    bench = Bench()
    bench.submit("a", "b", "c")
    for chunk in chunks:
        if bench.owner.ending is None:
            bench.session.data_received(chunk)
    if bench.owner.ending is None:
        bench.session.connection_lost(None)
    answered = [ticket for ticket, _, _ in bench.owner.answers]
    assert sorted(answered + bench.owner.lost) == ["a", "b", "c"]

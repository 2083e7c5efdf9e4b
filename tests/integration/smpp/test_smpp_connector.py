"""The connector's binds, windows and ends, against an SMSC that is not ours."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import msgspec
import pytest
from tests.contract.connectors.recording_engine import RecordingEngine, until
from tests.integration.smpp.connected import connected, kinds, submission
from tests.peers.smsc import Smsc

from clarion import log
from clarion.connectors.smpp import dial
from clarion.engine.messages.ports import FailureKind
from clarion.settings import SmppConnector as Settings

# ---------------------------------------------------------------- binds


@pytest.mark.parametrize("bind", ["transceiver", "transmitter", "receiver"])
async def test_kinds_of_bind(smsc: Smsc, engine: RecordingEngine, bind: str) -> None:
    who = {"system_id": "me", "password": "secret", "system_type": "VMA", "address_range": "^49"}
    async with connected(smsc, engine, bind=bind, interface_version="5.0", **who) as connector:
        stats = await smsc.stats()
        assert stats["last_bind"] == {"command": f"bind_{bind}", "interface_version": 0x50, **who}
        assert connector.room() == (0 if bind == "receiver" else 100)


async def test_a_pair_is_one_bind_of_two_sessions(smsc: Smsc, engine: RecordingEngine) -> None:
    async with connected(smsc, engine, bind="pair", binds=2) as connector:
        stats = await smsc.stats()
        assert (stats["sessions"], stats["receivers"]) == (4, 2)
        assert (connector.room(), connector.health().wanted) == (200, 2)


async def test_a_receiver_gives_messages_back(smsc: Smsc, engine: RecordingEngine) -> None:
    async with connected(smsc, engine, bind="receiver") as connector:
        connector.submit([submission()])
        await until(lambda: bool(engine.taken))
        assert kinds(engine) == {FailureKind.NOT_SENT: 1}


async def test_messages_spread_over_the_binds(smsc: Smsc, engine: RecordingEngine) -> None:
    async with connected(smsc, engine, binds=3, window=10) as connector:
        assert connector.room() == 30
        connector.submit([submission() for _ in range(30)])
        await until(lambda: len(engine.taken) == 30)
        messages = await smsc.messages()
        assert set(Counter(message["connection"] for message in messages).values()) == {10}


async def test_binds_come_and_go_as_they_are_held(smsc: Smsc, engine: RecordingEngine) -> None:
    async with connected(smsc, engine) as connector:
        connector.hold_binds(3)
        await until(lambda: connector.health().binds == 3)
        connector.hold_binds(1)
        await smsc.until(lambda stats: stats["sessions"] == 1)
        assert (await smsc.stats())["unbinds"] == 2
        connector.submit([submission()])
        await until(lambda: len(engine.taken) == 1)


async def test_more_than_there_is_room_for_waits_in_order(
    smsc: Smsc, engine: RecordingEngine
) -> None:
    await smsc.configure(answer_delay=5)
    async with connected(smsc, engine, window=2) as connector:
        connector.submit(
            [submission("one", "two", "three"), *(submission(str(n)) for n in range(9))]
        )
        assert (connector.room(), connector.health().in_flight) == (0, 12)
        await until(lambda: len(engine.taken) == 12)
        assert (await smsc.stats())["peak_unanswered"] == 2
        sent = [message["text"] for message in await smsc.messages()]
        assert sent == ["one", "two", "three", *map(str, range(9))]


async def test_the_window_is_never_passed(smsc: Smsc, engine: RecordingEngine) -> None:
    await smsc.configure(answer_delay=2)
    async with connected(smsc, engine, window=7) as connector:
        left = 200
        while left:
            await until(lambda: connector.room() > 0)
            batch = min(connector.room(), left)
            connector.submit([submission() for _ in range(batch)])
            left -= batch
        await until(lambda: len(engine.taken) == 200)
        assert (await smsc.stats())["peak_unanswered"] == 7


# ---------------------------------------------------------------- keep-alive and ends


async def test_keep_alive_both_ways(smsc: Smsc, engine: RecordingEngine) -> None:
    async with connected(smsc, engine, enquire_link=0.05):
        await smsc.send("enquire")
        stats = await smsc.until(lambda s: s["enquires"] >= 2 and s["enquires_answered"])
        assert stats["connections"] == 1


async def test_a_peer_that_does_not_answer_keep_alive_is_left(
    smsc: Smsc, engine: RecordingEngine
) -> None:
    await smsc.configure(silent_enquire=True)
    with log.capture() as lines:
        async with connected(smsc, engine, enquire_link=0.05, response_timeout=0.2):
            await smsc.until(lambda stats: stats["binds"] >= 2)
    assert "silent" in [line["kind"] for line in lines if line["event"] == "smpp.lost"]


async def test_a_lost_connection_leaves_written_parts_uncertain_and_comes_back(
    smsc: Smsc, engine: RecordingEngine
) -> None:
    await smsc.configure(silent=1)
    with log.capture() as lines:
        async with connected(smsc, engine, window=3) as connector:
            connector.submit([submission() for _ in range(5)])
            await smsc.until(lambda stats: stats["submits"] == 3)
            await smsc.kick()
            await until(lambda: len(engine.taken) == 5)
            # Two were never written: they are no try.
            assert kinds(engine) == {FailureKind.UNCERTAIN: 3, FailureKind.NOT_SENT: 2}
            calls = engine.room_calls
            await until(lambda: connector.health().ready)
            await until(lambda: connector.room() == 3 and engine.room_calls > calls)
            await smsc.configure(silent=0)
            connector.submit([submission()])
            await until(lambda: len(engine.taken) == 6)
            assert engine.taken[-1].failure is None
    events = [line["event"] for line in lines]
    assert events == ["smpp.bound", "smpp.lost", "smpp.reconnecting", "smpp.bound", "smpp.unbound"]


async def test_without_a_bind_nothing_is_sent(smsc: Smsc, engine: RecordingEngine) -> None:
    async with connected(smsc, engine, port=1, wait=False) as connector:
        connector.submit([submission("one", "two")])
        await until(lambda: len(engine.taken) == 2)
        assert kinds(engine) == {FailureKind.NOT_SENT: 2}
        await until(lambda: "no connection to 127.0.0.1:1" in connector.health().words)


async def test_no_answer_is_uncertain(smsc: Smsc, engine: RecordingEngine) -> None:
    await smsc.configure(silent=1)
    async with connected(smsc, engine, response_timeout=0.1) as connector:
        connector.submit([submission()])
        await until(lambda: len(engine.taken) == 1)
        (outcome,) = engine.taken
        assert outcome.failure is not None
        assert (outcome.failure.kind, outcome.failure.code) == (FailureKind.UNCERTAIN, "TIMEOUT")
        assert (await smsc.stats())["connections"] == 1


async def test_a_refused_bind_is_told_and_tried_again(smsc: Smsc, engine: RecordingEngine) -> None:
    await smsc.configure(refuse=0x0D)
    async with connected(smsc, engine, wait=False) as connector:
        await until(lambda: "ESME_RBINDFAIL" in connector.health().words)
        assert not connector.health().ready
        await smsc.configure(refuse=0)
        await until(lambda: connector.health().ready)
        assert "bound to" in connector.health().words


async def test_a_bind_without_an_answer_is_given_up(smsc: Smsc, engine: RecordingEngine) -> None:
    await smsc.configure(silent_bind=True)
    async with connected(smsc, engine, wait=False, connect_timeout=0.1) as connector:
        await until(lambda: "did not answer the bind" in connector.health().words)


async def test_the_smsc_may_unbind(smsc: Smsc, engine: RecordingEngine) -> None:
    async with connected(smsc, engine) as connector:
        await smsc.send("unbind")
        await smsc.until(lambda stats: stats["binds"] == 2)
        await until(lambda: connector.health().ready)


async def test_stopping_drains_and_unbinds(smsc: Smsc, engine: RecordingEngine) -> None:
    await smsc.configure(answer_delay=100)
    async with connected(smsc, engine) as connector:
        connector.submit([submission() for _ in range(20)])
    assert kinds(engine) == {None: 20}
    stats = await smsc.stats()
    assert (stats["unbinds"], stats["sessions"]) == (1, 0)


async def test_stopping_does_not_wait_for_ever(smsc: Smsc, engine: RecordingEngine) -> None:
    await smsc.configure(silent_unbind=True)
    async with connected(smsc, engine) as connector:
        began = asyncio.get_running_loop().time()
        await connector.stop()
        assert asyncio.get_running_loop().time() - began < 5


async def test_stopping_while_it_connects_is_quick(smsc: Smsc, engine: RecordingEngine) -> None:
    await smsc.configure(silent_bind=True)
    async with connected(smsc, engine, wait=False) as connector:
        await smsc.until(lambda stats: stats["connections"] == 1)
        began = asyncio.get_running_loop().time()
        await connector.stop()
        assert asyncio.get_running_loop().time() - began < 1


# ---------------------------------------------------------------- odd peers


ODD = [
    ("an unknown request", "00000010000001120000000000000005"),
    ("an unknown response", "00000010800001120000000000000005"),
    ("a response to nothing", "00000011800000040000000000000FFF00"),
    ("a generic_nack for nothing", "00000010800000000000000300000000"),
    ("a malformed deliver_sm", "00000014000000050000000000000005FFFFFFFF"),
    ("a request of ours", "00000010000000040000000000000005"),
]


@pytest.mark.parametrize("octets", [case[1] for case in ODD], ids=[case[0] for case in ODD])
async def test_odd_pdus_are_survived(smsc: Smsc, engine: RecordingEngine, octets: str) -> None:
    async with connected(smsc, engine) as connector:
        await smsc.raw(bytes.fromhex(octets))
        connector.submit([submission()])
        await until(lambda: len(engine.taken) == 1)
        assert engine.taken[0].failure is None
        assert (await smsc.stats())["connections"] == 1


@pytest.mark.parametrize("command", ["alert", "outbind"])
async def test_notifications_are_survived(
    smsc: Smsc, engine: RecordingEngine, command: str
) -> None:
    async with connected(smsc, engine) as connector:
        await smsc.send(command)
        connector.submit([submission()])
        await until(lambda: len(engine.taken) == 1)
        assert (await smsc.stats())["connections"] == 1


async def test_unknown_requests_get_generic_nack(smsc: Smsc, engine: RecordingEngine) -> None:
    async with connected(smsc, engine):
        await smsc.raw(bytes.fromhex("00000010000001120000000000000005"))
        stats = await smsc.until(lambda stats: stats["nacks"] == 1)
        assert stats["last_nack"] == 0x03


async def test_nonsense_ends_the_session_and_the_next_one_works(
    smsc: Smsc, engine: RecordingEngine
) -> None:
    async with connected(smsc, engine) as connector:
        await smsc.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await smsc.until(lambda stats: stats["binds"] == 2)
        await until(lambda: connector.health().ready)


async def test_a_peer_of_version_3_3_names_no_version(smsc: Smsc, engine: RecordingEngine) -> None:
    await smsc.configure(version=0)
    async with connected(smsc, engine, interface_version="3.3") as connector:
        connector.submit([submission()])
        await until(lambda: len(engine.taken) == 1)
        assert engine.taken[0].failure is None


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("options", "kind", "code"),
    [
        ({"error": 1, "error_status": 0x08}, FailureKind.TEMPORARY, "ESME_RSYSERR"),
        ({"error": 1, "error_status": 0x14}, FailureKind.THROTTLED, "ESME_RMSGQFUL"),
        ({"error": 1, "error_status": 0x0B}, FailureKind.INVALID_RECIPIENT, "ESME_RINVDSTADR"),
        ({"error": 1, "error_status": 0x45F}, FailureKind.TEMPORARY, "0x0000045f"),
        ({"nack": True}, FailureKind.REFUSED, "ESME_RINVCMDID"),
    ],
)
async def test_errors_are_told_apart(
    smsc: Smsc, engine: RecordingEngine, options: dict[str, Any], kind: FailureKind, code: str
) -> None:
    await smsc.configure(**options)
    async with connected(smsc, engine) as connector:
        connector.submit([submission()])
        await until(lambda: len(engine.taken) == 1)
        failure = engine.taken[0].failure
        assert failure is not None
        assert (failure.kind, failure.code) == (kind, code)


async def test_throttling_is_told_for_what_is_over_the_limit(
    smsc: Smsc, engine: RecordingEngine
) -> None:
    await smsc.configure(throttle=5)
    async with connected(smsc, engine) as connector:
        connector.submit([submission() for _ in range(20)])
        await until(lambda: len(engine.taken) == 20)
        assert kinds(engine)[FailureKind.THROTTLED] == (await smsc.stats())["throttled"] >= 10


async def test_a_submission_that_cannot_be_written_leaves_the_others_alone(
    smsc: Smsc, engine: RecordingEngine
) -> None:
    async with connected(smsc, engine) as connector:
        connector.submit([submission(source="x" * 30), submission()])
        await until(lambda: len(engine.taken) == 2)
        assert kinds(engine) == {FailureKind.REFUSED: 1, None: 1}


async def test_nothing_is_told_from_within_submit(smsc: Smsc, engine: RecordingEngine) -> None:
    async with connected(smsc, engine) as connector:
        connector.submit([submission(source="x" * 30)])
        assert engine.taken == []
        await until(lambda: len(engine.taken) == 1)


async def test_a_dropped_connection_loses_no_outcome(smsc: Smsc, engine: RecordingEngine) -> None:
    await smsc.configure(drop_after=37, answer_delay=1)
    async with connected(smsc, engine, window=20) as connector:
        left = 300
        while left:
            await until(lambda: connector.room() > 0)
            batch = min(connector.room(), left)
            connector.submit([submission() for _ in range(batch)])
            left -= batch
        await until(lambda: len(engine.taken) == 300)
    assert len({outcome.message_id for outcome in engine.taken}) == 300
    taken = {outcome.external_id for outcome in engine.taken if outcome.failure is None}
    assert taken <= {message["id"] for message in await smsc.messages()}


async def test_a_surprise_costs_one_connection(
    smsc: Smsc, engine: RecordingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = dial.open_session
    surprises = [RuntimeError("surprise")]

    async def surprising(session: Any, settings: Any) -> Any:
        if surprises:
            raise surprises.pop()
        return await opened(session, settings)

    monkeypatch.setattr(dial, "open_session", surprising)
    with log.capture("error") as lines:
        async with connected(smsc, engine) as connector:
            assert connector.health().ready
    assert [line["event"] for line in lines] == ["smpp.crashed"]


@pytest.mark.parametrize("key", ["system_id", "password", "system_type", "service_type"])
def test_what_no_pdu_can_hold_is_no_setting(key: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=key):
        msgspec.convert({"kind": "smpp", "host": "smsc", key: "日本"}, Settings)

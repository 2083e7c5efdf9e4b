"""What the SMSC reads in what we write, and we in what it writes: texts, parts, receipts."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.contract.connectors.recording_engine import RecordingEngine, until
from tests.integration.smpp.connected import connected, submission
from tests.peers.smsc import Smsc

from clarion.engine.messages.ports import Encoding, Inbound, Receipt, ReceiptState
from clarion.kit.segments import segment

LONG = "The quick brown fox jumps over the lazy dog. [€] " * 8
LONG_UCS2 = "Съешь же ещё этих мягких французских булок 😀 " * 6


def long_submission(text: str, **more: Any) -> Any:
    segments = segment(text)
    return submission(*segments.parts, encoding=Encoding(segments.encoding.value), **more)


# ---------------------------------------------------------------- out


@pytest.mark.parametrize(
    ("text", "encoding", "settings", "coding"),
    [
        ("@£$ Größe {[~]} €", Encoding.GSM7, {}, 0),
        ("Größe", Encoding.LATIN1, {"latin1": True}, 3),
        ("Съешь 😀", Encoding.UCS2, {}, 8),
    ],
)
async def test_texts(
    smsc: Smsc,
    engine: RecordingEngine,
    text: str,
    encoding: Encoding,
    settings: dict[str, Any],
    coding: int,
) -> None:
    async with connected(smsc, engine, **settings) as connector:
        connector.submit([submission(text, encoding=encoding)])
        await until(lambda: len(engine.taken) == 1)
        (message,) = await smsc.messages()
        assert (message["text"], message["data_coding"]) == (text, coding)


@pytest.mark.parametrize("text", [LONG, LONG_UCS2], ids=["gsm7", "ucs2"])
async def test_long_texts_with_headers(smsc: Smsc, engine: RecordingEngine, text: str) -> None:
    async with connected(smsc, engine) as connector:
        sent = long_submission(text, reference=0xC8)
        connector.submit([sent])
        await until(lambda: len(engine.taken) == len(sent.parts))
        messages = await smsc.messages()
        total = len(sent.parts)
        assert [m["udh"] for m in messages] == [
            [f"0003c8{total:02x}{n + 1:02x}"] for n in range(total)
        ]
        assert "".join(m["text"] for m in messages) == text
        assert all(len(bytes.fromhex(m["hex"])) <= 160 for m in messages)


@pytest.mark.parametrize("text", [LONG, LONG_UCS2], ids=["gsm7", "ucs2"])
async def test_long_texts_with_sar(smsc: Smsc, engine: RecordingEngine, text: str) -> None:
    async with connected(smsc, engine, concatenation="sar") as connector:
        sent = long_submission(text)
        connector.submit([sent])
        await until(lambda: len(engine.taken) == len(sent.parts))
        messages = await smsc.messages()
        total = len(sent.parts)
        assert [m["sar"] for m in messages] == [
            {"reference": 7, "total": total, "number": n + 1} for n in range(total)
        ]
        assert "".join(m["text"] for m in messages) == text
        assert {m["esm_class"] for m in messages} == {0}


@pytest.mark.parametrize("text", [LONG, LONG_UCS2], ids=["gsm7", "ucs2"])
async def test_long_texts_in_message_payload(
    smsc: Smsc, engine: RecordingEngine, text: str
) -> None:
    async with connected(smsc, engine, concatenation="payload") as connector:
        sent = long_submission(text)
        connector.submit([sent])
        await until(lambda: len(engine.taken) == len(sent.parts))
        (message,) = await smsc.messages()
        assert (message["payload"], message["text"]) == (True, text)
        assert {outcome.external_id for outcome in engine.taken} == {message["id"]}
        assert [outcome.number for outcome in engine.taken] == list(sent.pending)


async def test_a_partial_retry_continues_the_message(smsc: Smsc, engine: RecordingEngine) -> None:
    async with connected(smsc, engine) as connector:
        connector.submit([submission("one", "two", "three", pending=(2, 3), reference=9)])
        await until(lambda: len(engine.taken) == 2)
        messages = await smsc.messages()
        assert [m["udh"] for m in messages] == [["0003090302"], ["0003090303"]]


async def test_addresses_and_flags(smsc: Smsc, engine: RecordingEngine) -> None:
    async with connected(smsc, engine, service_type="CMT") as connector:
        expiry = datetime.now(UTC) + timedelta(hours=2, seconds=0.9)
        connector.submit([submission(source="12345", priority=0, expires_at=expiry)])
        await until(lambda: len(engine.taken) == 1)
        (message,) = await smsc.messages()
        shown = {key: message[key] for key in ("source", "source_ton", "source_npi", "destination")}
        assert shown == {
            "source": "12345", "source_ton": 3, "source_npi": 0, "destination": "4917112345678",
        }  # fmt: skip
        assert (message["destination_ton"], message["destination_npi"]) == (1, 1)
        assert (message["service_type"], message["priority"]) == ("CMT", 1)
        assert message["registered_delivery"] == 1
        left = datetime.fromisoformat(message["validity"]) - datetime.now(UTC)
        assert timedelta(hours=1, minutes=59) < left < timedelta(hours=2, minutes=1)


# ---------------------------------------------------------------- in


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"text": "@ Größe €"}, "@ Größe €"),
        ({"text": "Größe", "data_coding": 3}, "Größe"),
        ({"text": "Съешь 😀", "data_coding": 8}, "Съешь 😀"),
        ({"hex": "e4f6fc", "data_coding": 4}, "äöü"),
        ({"text": "by data_sm", "data_sm": True}, "by data_sm"),
        ({"text": "by payload", "payload": True}, "by payload"),
        ({"text": "x" * 400, "payload": True}, "x" * 400),
        ({"text": ""}, ""),
    ],
)
async def test_subscribers_messages(
    smsc: Smsc, engine: RecordingEngine, fields: dict[str, Any], text: str
) -> None:
    async with connected(smsc, engine):
        await smsc.mo(**fields, from_="491700000009", to="12345")
        await until(lambda: len(engine.received) == 1)
        assert engine.received == [Inbound("491700000009", "12345", text, None, 1, 1)]
        await smsc.until(lambda stats: stats["inbounds_acked"] == 1)


@pytest.mark.parametrize(
    ("concat", "reference"), [("udh", 0x42), ("udh16", 0x1234), ("sar", 0x1234)]
)
async def test_parts_of_subscribers_messages(
    smsc: Smsc, engine: RecordingEngine, concat: str, reference: int
) -> None:
    async with connected(smsc, engine):
        await smsc.mo(parts=["a" * 150, "b€", "c"], concat=concat, reference=reference)
        await until(lambda: len(engine.received) == 3)
        found = [(m.text, m.reference, m.total, m.number) for m in engine.received]
        assert found == [
            ("a" * 150, reference, 3, 1),
            ("b€", reference, 3, 2),
            ("c", reference, 3, 3),
        ]


async def test_a_subscriber_cannot_write_a_receipt(smsc: Smsc, engine: RecordingEngine) -> None:
    async with connected(smsc, engine):
        text = "id:1 sub:001 dlvrd:001 done date:2601151031 stat:DELIVRD err:000 text:x"
        await smsc.mo(text=text)
        await until(lambda: len(engine.received) == 1)
        assert (engine.received[0].text, engine.reported) == (text, [])


async def test_an_unreadable_receipt_is_answered_and_dropped(
    smsc: Smsc, engine: RecordingEngine
) -> None:
    async with connected(smsc, engine):
        await smsc.mo(text="delivered, probably", esm_class=4)
        await smsc.mo(text="hello")
        await smsc.until(lambda stats: stats["inbounds_acked"] == 2)
        assert ([m.text for m in engine.received], engine.reported) == (["hello"], [])


# ---------------------------------------------------------------- settled


class LateEngine(RecordingEngine):
    """Settles when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.unsettled: list[Any] = []

    def receipts(self, connector: str, batch: Any, settled: Any) -> None:
        self.reported += batch
        self.unsettled.append(settled)

    inbound = receipts


@pytest.mark.parametrize("fields", [{"text": "hi"}, {"text": "id:1 stat:DELIVRD", "esm_class": 4}])
async def test_nothing_is_acknowledged_before_it_is_stored(
    smsc: Smsc, fields: dict[str, Any]
) -> None:
    engine = LateEngine()
    async with connected(smsc, engine):
        await smsc.mo(**fields)
        await until(lambda: len(engine.unsettled) == 1)
        await smsc.send("enquire")  # its answer comes after any that was written before
        stats = await smsc.until(lambda stats: stats["enquires_answered"] == 1)
        assert stats["inbounds_acked"] == 0
        engine.unsettled.pop()(True)
        await smsc.until(lambda stats: stats["inbounds_acked"] == 1)


async def test_what_could_not_be_stored_comes_again(smsc: Smsc, engine: RecordingEngine) -> None:
    engine.store_nothing(2)
    async with connected(smsc, engine):
        await smsc.mo(text="hi")
        await until(lambda: len(engine.received) == 1)
        stats = await smsc.until(lambda stats: stats["inbounds_acked"] == 1)
        assert stats["refusals"] == {str(0x64): 2}


# ---------------------------------------------------------------- receipts


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"receipt_tlvs": False},
        {"receipt_digits": 12},
        {"receipt_digits": 14, "receipt_tlvs": False},
        {"receipt_early": 1},
        {"receipt_jitter": 30},
    ],
    ids=str,
)
async def test_receipts(smsc: Smsc, engine: RecordingEngine, options: dict[str, Any]) -> None:
    await smsc.configure(receipts=True, receipt_delay=5, **options)
    async with connected(smsc, engine) as connector:
        connector.submit([submission() for _ in range(30)])
        await until(lambda: len(engine.reported) == len(engine.taken) == 30)
        assert Counter(o.external_id for o in engine.taken) == Counter(
            r.external_id for r in engine.reported
        )
        assert {r.state for r in engine.reported} == {ReceiptState.DELIVERED}
        assert all(_is_now(receipt) for receipt in engine.reported)
        stats = await smsc.until(lambda stats: stats["receipts_acked"] == 30)
        assert stats["receipts_sent"] == 30


def _is_now(receipt: Receipt) -> bool:
    assert receipt.at is not None
    return abs(datetime.now(UTC) - receipt.at) < timedelta(minutes=2)


@pytest.mark.parametrize("form", ["hex", "HEX", "decimal", "padded"])
async def test_ids_are_told_as_they_are_spelled(
    smsc: Smsc, engine: RecordingEngine, form: str
) -> None:
    await smsc.configure(receipts=True, receipt_delay=1, receipt_id=form)
    async with connected(smsc, engine) as connector:
        connector.submit([submission()])
        await until(lambda: len(engine.reported) == len(engine.taken) == 1)
        number = int(str(engine.taken[0].external_id), 16)
        spelled = {"hex": f"{number:x}", "HEX": f"{number:X}", "decimal": str(number)}
        assert engine.reported[0].external_id == spelled.get(form, str(number).zfill(20))


async def test_receipts_that_come_twice_are_told_twice(smsc: Smsc, engine: RecordingEngine) -> None:
    await smsc.configure(receipts=True, receipt_delay=1, receipt_twice=1)
    async with connected(smsc, engine) as connector:
        connector.submit([submission()])
        await until(lambda: len(engine.reported) == 2)
        assert engine.reported[0] == engine.reported[1]


_OTHER_MEDIA = {ReceiptState.READ, ReceiptState.DEAD_ADDRESS}  # no SMSC says these


@pytest.mark.parametrize("state", [state for state in ReceiptState if state not in _OTHER_MEDIA])
async def test_states_of_receipts(smsc: Smsc, engine: RecordingEngine, state: ReceiptState) -> None:
    await smsc.configure(receipts=True, receipt_delay=1, state=state.value)
    async with connected(smsc, engine) as connector:
        connector.submit([submission()])
        await until(lambda: len(engine.reported) == 1)
        error = None if state is ReceiptState.DELIVERED else "011"
        assert (engine.reported[0].state, engine.reported[0].error) == (state, error)


async def test_receipts_that_were_lost_with_a_connection_come_again(smsc: Smsc) -> None:
    await smsc.configure(receipts=True, receipt_delay=1)
    engine = LateEngine()
    async with connected(smsc, engine) as connector:
        connector.submit([submission()])
        await until(lambda: len(engine.unsettled) == 1)
        await smsc.kick()
        engine.unsettled[0](True)  # stored, but nobody is left to be told
        await until(lambda: len(engine.unsettled) == 2)
        engine.unsettled[1](True)
        stats = await smsc.until(lambda stats: stats["receipts_acked"] == 1)
        assert stats["receipts_sent"] == 2


async def test_receipts_are_not_asked_for_where_the_settings_say_so(
    smsc: Smsc, engine: RecordingEngine
) -> None:
    await smsc.configure(receipts=True, receipt_delay=0)
    async with connected(smsc, engine, receipts=False) as connector:
        connector.submit([submission()])
        await until(lambda: len(engine.taken) == 1)
        assert (await smsc.messages())[0]["registered_delivery"] == 0

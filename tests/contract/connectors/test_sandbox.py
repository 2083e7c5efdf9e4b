"""The sandbox keeps the contract of connectors; and its magic numbers do as the table says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest
from conformance import (
    Carrier,
    ConnectorConformance,
    Harness,
    MediaConformance,
    rich_submission,
    submission,
)
from recording_engine import RecordingEngine, until

from clarion.connectors.sandbox.addresses import (
    APPLICATION,
    MAILBOX_DOMAIN,
    MAILBOXES,
    TOKENS,
    handset_of,
    key_of,
)
from clarion.connectors.sandbox.answers import LONG_ANSWER
from clarion.connectors.sandbox.carrier import Sandbox
from clarion.connectors.sandbox.numbers import (
    MAGIC,
    MAGIC_PREFIX,
    ORDINARY,
    Handset,
    magic_ending,
)
from clarion.engine.messages.ports import FailureKind, Medium, ReceiptState
from clarion.engine.messages.receipts import normal_id
from clarion.kit.e164 import parse_address
from clarion.settings import SandboxConnector

NUMBERS = {
    Carrier.TAKES: "+4915112345678",
    Carrier.REFUSES: MAGIC_PREFIX + "0001",
    Carrier.KNOWS_NO_RECIPIENT: MAGIC_PREFIX + "0002",
    Carrier.THROTTLES: MAGIC_PREFIX + "0003",
    Carrier.HAS_TROUBLE: MAGIC_PREFIX + "0005",
    Carrier.IS_SILENT: MAGIC_PREFIX + "0006",
    Carrier.CANNOT_DELIVER: MAGIC_PREFIX + "0011",
    Carrier.ECHOES: MAGIC_PREFIX + "0031",
}


def sandbox(outstanding: Sequence[str] = ()) -> Sandbox:
    async def unreceipted(connector: str) -> Sequence[str]:
        assert connector == "sandbox"
        return outstanding

    settings = SandboxConnector(receipt_delay=0.02)
    return Sandbox("sandbox", settings, outstanding=unreceipted, response_timeout=0.05)


def token(word: str) -> str:
    return f"fcm:{APPLICATION}{word}-{next(_serial)}"


def mailbox(word: str) -> str:
    return f"{word}+{next(_serial)}@{MAILBOX_DOMAIN}"


_serial = count(1)
ADDRESSES = {
    Medium.MMS: NUMBERS
    | {Carrier.REFUSES_MEDIA: MAGIC_PREFIX + "0022", Carrier.IS_READ: MAGIC_PREFIX + "0021"},
    Medium.PSH: {
        Carrier.TAKES: "apn:0123456789abcdef0123456789abcdef",
        Carrier.REFUSES: token("refused"),
        Carrier.KNOWS_NO_RECIPIENT: token("bad"),
        Carrier.THROTTLES: token("throttled"),
        Carrier.HAS_TROUBLE: token("down"),
        Carrier.IS_SILENT: token("silent"),
        Carrier.CANNOT_DELIVER: token("lost"),
        Carrier.SAYS_ADDRESS_IS_DEAD: token("dead"),
        Carrier.FINDS_ADDRESS_DEAD: token("removed"),
        Carrier.REFUSES_MEDIA: token("media"),
        Carrier.IS_READ: token("read"),
    },
    Medium.EMAIL: {
        Carrier.TAKES: "ann@example.com",
        Carrier.REFUSES: mailbox("refused"),
        Carrier.KNOWS_NO_RECIPIENT: mailbox("bad"),
        Carrier.THROTTLES: mailbox("throttled"),
        Carrier.HAS_TROUBLE: mailbox("full"),
        Carrier.IS_SILENT: mailbox("silent"),
        Carrier.CANNOT_DELIVER: mailbox("bounce"),
        Carrier.SAYS_ADDRESS_IS_DEAD: mailbox("unknown"),
        Carrier.FINDS_ADDRESS_DEAD: mailbox("gone"),
        Carrier.REFUSES_MEDIA: mailbox("media"),
        Carrier.IS_READ: mailbox("read"),
        Carrier.ECHOES: mailbox("echo"),
    },
}


class TestSandbox(ConnectorConformance):
    @pytest.fixture
    def harness(self) -> Harness:
        return Harness(sandbox(), NUMBERS)


@pytest.fixture(params=ADDRESSES)
def medium(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TestSandboxMedia(MediaConformance):
    @pytest.fixture
    def harness(self, medium: str) -> Harness:
        return Harness(sandbox(), ADDRESSES[Medium(medium)])


def test_the_suites_run_for_all_that_it_carries() -> None:
    assert sandbox().media == {Medium.SMS, *ADDRESSES}


@pytest.fixture
async def engine() -> RecordingEngine:
    return RecordingEngine()


@pytest.fixture
async def carrier(engine: RecordingEngine):
    carrier = sandbox()
    await carrier.start(engine)
    yield carrier
    await carrier.stop()


def test_every_magic_number_is_a_possible_number() -> None:
    for ending in MAGIC:
        number = MAGIC_PREFIX + ending
        assert parse_address(number).e164 == number
        assert magic_ending(number) == ending


def test_every_magic_number_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs/sandbox.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith(f"| `{MAGIC_PREFIX}")]
    assert rows == [f"| `{MAGIC_PREFIX}{ending}` | {h.words} |" for ending, h in MAGIC.items()]
    tokens = [f"| `{APPLICATION}{word}` | {h.words} |" for word, h in TOKENS.items()]
    mailboxes = [f"| `{word}@{MAILBOX_DOMAIN}` | {h.words} |" for word, h in MAILBOXES.items()]
    assert [line for line in page.splitlines() if line in tokens] == tokens
    assert [line for line in page.splitlines() if line in mailboxes] == mailboxes


@pytest.mark.parametrize(
    ("destination", "medium", "behind"),
    [
        ("apn:sandbox-dead", Medium.PSH, TOKENS["dead"]),
        ("gcm:sandbox-dead-42-b", Medium.PSH, TOKENS["dead"]),
        ("apn:sandbox-deadly", Medium.PSH, ORDINARY),
        ("apn:sandbox-", Medium.PSH, ORDINARY),
        ("apn:dead", Medium.PSH, ORDINARY),
        ("bounce@sandbox.test", Medium.EMAIL, MAILBOXES["bounce"]),
        ("Bounce+ann@Sandbox.test", Medium.EMAIL, MAILBOXES["bounce"]),
        ("bounce@example.test", Medium.EMAIL, ORDINARY),
        ("ann@sandbox.test", Medium.EMAIL, ORDINARY),
        (MAGIC_PREFIX + "0001", Medium.MMS, MAGIC["0001"]),
        ("dead", Medium.SMS, ORDINARY),
    ],
)
def test_who_is_behind_an_address(destination: str, medium: Medium, behind: Handset) -> None:
    assert handset_of(key_of(destination, medium)) is behind


async def test_receipts_of_tokens_and_mailboxes_are_given_after_a_restart(
    engine: RecordingEngine,
) -> None:
    before = sandbox()
    await before.start(engine)
    before.submit(
        [
            rich_submission(Medium.PSH, token("removed")),
            rich_submission(Medium.EMAIL, mailbox("bounce")),
            rich_submission(Medium.EMAIL, mailbox("mute")),
        ]
    )
    await until(lambda: len(engine.taken) == 3)
    owed = [str(outcome.external_id) for outcome in engine.taken]
    await before.stop()
    assert not engine.reported

    after = sandbox([normal_id(external_id) for external_id in owed])
    await after.start(engine)
    await until(lambda: len(engine.reported) == 2)
    await after.stop()
    assert {receipt.external_id: receipt.state for receipt in engine.reported} == {
        normal_id(owed[0]): ReceiptState.DEAD_ADDRESS,
        normal_id(owed[1]): ReceiptState.UNDELIVERABLE,
    }


@pytest.mark.parametrize("number", ["+15559990099", "+155599900010", "+1555999", "+4915550001"])
def test_other_numbers_are_ordinary(number: str) -> None:
    assert magic_ending(number) == ""


@pytest.mark.parametrize(
    ("ending", "states"),
    [
        ("0011", [ReceiptState.UNDELIVERABLE]),
        ("0012", [ReceiptState.EXPIRED]),
        ("0013", [ReceiptState.REJECTED]),
        ("0014", [ReceiptState.DELETED]),
        ("0015", [ReceiptState.UNKNOWN]),
        ("0018", [ReceiptState.DELIVERED, ReceiptState.DELIVERED]),
        ("0019", [ReceiptState.DELIVERED]),
        ("0020", [ReceiptState.ENROUTE, ReceiptState.ACCEPTED, ReceiptState.DELIVERED]),
    ],
)
async def test_a_magic_number_gives_its_receipts(
    carrier: Sandbox, engine: RecordingEngine, ending: str, states: list[ReceiptState]
) -> None:
    carrier.submit([submission(MAGIC_PREFIX + ending)])
    await until(lambda: len(engine.reported) == len(states))
    assert [receipt.state for receipt in engine.reported] == states
    assert {r.external_id for r in engine.reported} == {o.external_id for o in engine.taken}


@pytest.mark.parametrize("ending", ["0016", "0017"])
async def test_some_receipts_are_late_or_never_come(
    carrier: Sandbox, engine: RecordingEngine, ending: str
) -> None:
    carrier.submit([submission(MAGIC_PREFIX + ending), submission(NUMBERS[Carrier.TAKES])])
    await until(lambda: len(engine.reported) == 1)
    waiting, ordinary = engine.taken
    assert waiting.failure is None
    assert engine.reported[0].external_id == ordinary.external_id


async def test_a_receipt_can_come_before_its_response(
    carrier: Sandbox, engine: RecordingEngine
) -> None:
    carrier.submit([submission(MAGIC_PREFIX + "0019")])
    await until(lambda: len(engine.calls) == 2)
    assert engine.calls == ["receipts", "outcomes"]


@pytest.mark.parametrize(
    ("ending", "kind"), [("0003", FailureKind.THROTTLED), ("0004", FailureKind.TEMPORARY)]
)
async def test_some_fail_once_and_are_then_taken(
    carrier: Sandbox, engine: RecordingEngine, ending: str, kind: FailureKind
) -> None:
    sent = submission(MAGIC_PREFIX + ending)
    for tries in (1, 2, 3):
        carrier.submit([sent])
        await until(lambda: len(engine.taken) == tries)  # noqa: B023 - awaited at once
    kinds = [outcome.failure and outcome.failure.kind for outcome in engine.taken]
    assert kinds == [kind, None, kind]


async def test_a_handset_answers_stop(carrier: Sandbox, engine: RecordingEngine) -> None:
    carrier.submit([submission(MAGIC_PREFIX + "0032")])
    await until(lambda: bool(engine.received))
    assert [message.text for message in engine.received] == ["STOP"]


async def test_a_long_answer_arrives_in_the_wrong_order(
    carrier: Sandbox, engine: RecordingEngine
) -> None:
    carrier.submit([submission(MAGIC_PREFIX + "0033")])
    await until(lambda: len(engine.received) == 3)
    assert [message.number for message in engine.received] == [3, 2, 1]
    assert "".join(message.text for message in reversed(engine.received)) == LONG_ANSWER


async def test_receipts_owed_at_a_crash_are_given_after_the_restart(
    engine: RecordingEngine,
) -> None:
    before = sandbox()
    await before.start(engine)
    ordinary, undelivered = submission(NUMBERS[Carrier.TAKES]), submission(MAGIC_PREFIX + "0011")
    before.submit([ordinary, undelivered, submission(MAGIC_PREFIX + "0017")])
    await until(lambda: len(engine.taken) == 3)
    owed = [str(outcome.external_id) for outcome in engine.taken]
    await before.stop()
    assert not engine.reported

    after = sandbox(owed)
    await after.start(engine)
    await until(lambda: len(engine.reported) == 2)
    await after.stop()
    states = {receipt.external_id: receipt.state for receipt in engine.reported}
    assert states == {owed[0]: ReceiptState.DELIVERED, owed[1]: ReceiptState.UNDELIVERABLE}


async def test_it_asks_again_for_what_it_owes_when_the_database_is_away(
    engine: RecordingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.connectors.sandbox.carrier.AGAIN", 0.01)
    answers: list[Exception | list[str]] = [OSError("away"), OSError("away"), ["sbx-1-1"]]

    async def outstanding(_: str) -> Sequence[str]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    carrier = Sandbox("sandbox", SandboxConnector(receipt_delay=0), outstanding=outstanding)
    await carrier.start(engine)
    await until(lambda: bool(engine.reported))
    await carrier.stop()
    assert [receipt.external_id for receipt in engine.reported] == ["sbx-1-1"]


async def test_thousands_are_answered_in_batches(carrier: Sandbox, engine: RecordingEngine) -> None:
    for _ in range(20):
        carrier.submit([submission(NUMBERS[Carrier.TAKES]) for _ in range(250)])
        await asyncio.sleep(0)
    await until(lambda: len(engine.reported) == 5000)
    assert engine.calls.count("receipts") < 500

"""What every connector must do, whatever its protocol: the contract of engine/messages/ports.py.

To run it against a connector, subclass `ConnectorConformance` in a test module and give it a
fixture `harness` that yields a Harness: the connector, not yet started, and numbers behind which
its carrier behaves in each of the ways of `Carrier`. One that carries more than SMS passes
`MediaConformance` too, once for each other medium.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum
from itertools import count
from typing import Any

import pytest
from msgspec import structs
from recording_engine import RecordingEngine, until

from clarion.engine.messages.ports import (
    Connector,
    Encoding,
    FailureKind,
    Media,
    Medium,
    Outcome,
    ReceiptState,
    Submission,
)
from clarion.kit import ids

SENDER = "4930123456"


class Carrier(Enum):
    """What the carrier does with a part sent to one of the harness's numbers."""

    TAKES = "takes it and reports it delivered"
    REFUSES = "refuses it for good"
    KNOWS_NO_RECIPIENT = "says that the recipient does not exist"
    THROTTLES = "asks for patience, at least once"
    HAS_TROUBLE = "fails for now, at least once"
    IS_SILENT = "does not answer"
    CANNOT_DELIVER = "takes it and reports it undeliverable"
    ECHOES = "takes it, and the subscriber sends the same text back"
    SAYS_ADDRESS_IS_DEAD = "refuses it, since the address is gone for good"
    FINDS_ADDRESS_DEAD = "takes it and reports that the address is gone for good"
    REFUSES_MEDIA = "refuses it for good if something is beside the text"
    IS_READ = "takes it, reports it delivered, and then read"


@dataclass
class Harness:
    connector: Connector
    numbers: dict[Carrier, str]  # E.164; of another medium, its addresses

    def address(self, carrier: Carrier) -> str:
        """Skips the test where the medium has no such thing: numbers do not die, since the next
        subscriber gets them, and nobody answers a push."""
        if carrier not in self.numbers:
            pytest.skip(f"this medium has no carrier that {carrier.value}")
        return self.numbers[carrier]


FAILURES = [
    (Carrier.REFUSES, FailureKind.REFUSED),
    (Carrier.KNOWS_NO_RECIPIENT, FailureKind.INVALID_RECIPIENT),
    (Carrier.THROTTLES, FailureKind.THROTTLED),
    (Carrier.HAS_TROUBLE, FailureKind.TEMPORARY),
    (Carrier.IS_SILENT, FailureKind.UNCERTAIN),
]

_references = count(1)


def submission(destination: str, *parts: str, pending: tuple[int, ...] | None = None) -> Submission:
    texts = parts or ("Hello",)
    return Submission(
        message_id=ids.new_id(),
        source=SENDER,
        destination=destination,
        parts=texts,
        pending=pending or tuple(range(1, len(texts) + 1)),
        encoding=Encoding.GSM7,
        reference=next(_references) % 256,
        expires_at=None,
        priority=1,
    )


class _Suite:
    """How both suites set up a connector."""

    @pytest.fixture
    def engine(self) -> RecordingEngine:
        return RecordingEngine()

    @pytest.fixture
    async def connector(
        self, harness: Harness, engine: RecordingEngine
    ) -> AsyncIterator[Connector]:
        """Started, bound, and stopped in the end."""
        connector = harness.connector
        await connector.start(engine)
        connector.hold_binds(1)
        await until(lambda: connector.health().ready and connector.room() > 0)
        yield connector
        await connector.stop()

    @staticmethod
    def outcome(engine: RecordingEngine, sent: Submission) -> Outcome:
        (found,) = (o for o in engine.taken if o.message_id == sent.message_id)
        return found


class ConnectorConformance(_Suite):
    """The suite."""

    def test_it_says_what_it_carries(self, harness: Harness) -> None:
        assert harness.connector.media <= set(Medium)
        assert harness.connector.media

    # ------------------------------------------------------------ outcomes

    async def test_every_pending_part_gets_exactly_one_outcome(
        self, harness: Harness, connector: Connector, engine: RecordingEngine
    ) -> None:
        number = harness.numbers[Carrier.TAKES]
        batch = [submission(number, *["part"] * (1 + n % 3)) for n in range(30)]
        connector.submit(batch[:15])
        connector.submit(batch[15:])
        wanted = Counter((s.message_id, part) for s in batch for part in s.pending)
        await until(lambda: len(engine.taken) >= sum(wanted.values()))
        await self._settle_down(harness, connector, engine)
        answered = Counter((o.message_id, o.number) for o in engine.taken)
        assert wanted == Counter({key: answered[key] for key in wanted})

    async def test_each_part_taken_has_an_id_of_its_own(
        self, harness: Harness, connector: Connector, engine: RecordingEngine
    ) -> None:
        number = harness.numbers[Carrier.TAKES]
        connector.submit([submission(number, "one", "two") for _ in range(10)])
        await until(lambda: len(engine.taken) == 20)
        assert all(outcome.failure is None for outcome in engine.taken)
        assert len({outcome.external_id for outcome in engine.taken}) == 20
        assert all(outcome.external_id for outcome in engine.taken)

    async def test_parts_that_are_not_pending_are_not_sent_again(
        self, harness: Harness, connector: Connector, engine: RecordingEngine
    ) -> None:
        number = harness.numbers[Carrier.TAKES]
        connector.submit([submission(number, "one", "two", "three", pending=(2,))])
        await until(lambda: bool(engine.taken))
        await self._settle_down(harness, connector, engine)
        assert [outcome.number for outcome in engine.taken[:-1]] == [2]

    @pytest.mark.parametrize(("carrier", "kind"), FAILURES)
    async def test_each_way_to_fail_is_told_apart(
        self,
        harness: Harness,
        connector: Connector,
        engine: RecordingEngine,
        carrier: Carrier,
        kind: FailureKind,
    ) -> None:
        sent = submission(harness.numbers[carrier], "one", "two")
        connector.submit([sent])
        await until(lambda: len(engine.taken) == 2)
        for outcome in engine.taken:
            assert outcome.message_id == sent.message_id
            assert outcome.external_id is None
            assert outcome.failure is not None
            assert outcome.failure.kind is kind
            assert outcome.failure.code
            assert outcome.failure.words

    async def test_a_failure_leaves_the_others_of_its_batch_alone(
        self, harness: Harness, connector: Connector, engine: RecordingEngine
    ) -> None:
        bad = submission(harness.numbers[Carrier.REFUSES])
        good = submission(harness.numbers[Carrier.TAKES])
        connector.submit([bad, good])
        await until(lambda: len(engine.taken) == 2)
        assert self.outcome(engine, bad).failure is not None
        assert self.outcome(engine, good).failure is None

    # ------------------------------------------------------------ room

    async def test_as_much_as_there_is_room_for_can_be_submitted(
        self, harness: Harness, connector: Connector, engine: RecordingEngine
    ) -> None:
        room = connector.room()
        assert room > 0
        number = harness.numbers[Carrier.TAKES]
        connector.submit([submission(number) for _ in range(room)])
        assert connector.room() >= 0
        calls = engine.room_calls
        await until(lambda: len(engine.taken) == room)
        await until(lambda: connector.room() == room and engine.room_calls > calls)

    async def test_what_is_not_answered_takes_up_room(
        self, harness: Harness, connector: Connector, engine: RecordingEngine
    ) -> None:
        room = connector.room()
        connector.submit([submission(harness.numbers[Carrier.IS_SILENT], "one", "two")])
        assert connector.room() == room - 2
        assert connector.health().in_flight == 2
        await until(lambda: len(engine.taken) == 2)
        assert connector.health().in_flight == 0

    # ------------------------------------------------------------ receipts

    @pytest.mark.parametrize(
        ("carrier", "state"),
        [
            (Carrier.TAKES, ReceiptState.DELIVERED),
            (Carrier.CANNOT_DELIVER, ReceiptState.UNDELIVERABLE),
        ],
    )
    async def test_receipts_follow_under_the_ids_of_the_outcomes(
        self,
        harness: Harness,
        connector: Connector,
        engine: RecordingEngine,
        carrier: Carrier,
        state: ReceiptState,
    ) -> None:
        connector.submit([submission(harness.numbers[carrier], "one", "two") for _ in range(5)])
        await until(lambda: len(engine.taken) == len(engine.reported) == 10)
        reported = {receipt.external_id.lower() for receipt in engine.reported}
        assert reported == {str(outcome.external_id).lower() for outcome in engine.taken}
        assert {receipt.state for receipt in engine.reported} == {state}

    async def test_receipts_that_could_not_be_stored_are_offered_again(
        self, harness: Harness, connector: Connector, engine: RecordingEngine
    ) -> None:
        engine.store_nothing(1)
        connector.submit([submission(harness.numbers[Carrier.TAKES]) for _ in range(3)])
        await until(lambda: len({r.external_id for r in engine.reported}) == 3)
        assert engine.refused

    async def test_receipts_that_were_stored_are_not_offered_again(
        self, harness: Harness, connector: Connector, engine: RecordingEngine
    ) -> None:
        connector.submit([submission(harness.numbers[Carrier.TAKES]) for _ in range(3)])
        await until(lambda: len(engine.reported) == 3)
        await self._settle_down(harness, connector, engine)
        assert max(Counter(r.external_id for r in engine.reported).values()) == 1

    # ------------------------------------------------------------ inbound

    async def test_a_subscribers_message_comes_in_with_its_addresses(
        self, harness: Harness, connector: Connector, engine: RecordingEngine
    ) -> None:
        number = harness.numbers[Carrier.ECHOES]
        connector.submit([submission(number, "Größe: 5 €")])
        await until(lambda: bool(engine.received))
        (message,) = engine.received
        assert message.text == "Größe: 5 €"
        assert message.source.removeprefix("+") == number.removeprefix("+")
        assert message.destination.removeprefix("+") == SENDER
        assert (message.total, message.number, message.reference) == (1, 1, None)

    async def test_a_subscribers_long_message_comes_in_parts(
        self, harness: Harness, connector: Connector, engine: RecordingEngine
    ) -> None:
        texts = ("a" * 153, "b" * 153, "c" * 20)
        connector.submit([submission(harness.numbers[Carrier.ECHOES], *texts)])
        await until(lambda: len(engine.received) == 3)
        parts = sorted(engine.received, key=lambda part: part.number)
        assert "".join(part.text for part in parts) == "".join(texts)
        assert [(part.number, part.total) for part in parts] == [(1, 3), (2, 3), (3, 3)]
        assert len({part.reference for part in parts} - {None}) == 1

    async def test_inbound_that_could_not_be_stored_is_offered_again(
        self, harness: Harness, connector: Connector, engine: RecordingEngine
    ) -> None:
        engine.store_nothing(2)  # it may be the receipt that comes first
        connector.submit([submission(harness.numbers[Carrier.ECHOES], "again")])
        await until(lambda: bool(engine.received and engine.reported))
        assert {message.text for message in engine.received} == {"again"}

    # ------------------------------------------------------------ life

    async def test_health_says_how_it_is(self, harness: Harness, engine: RecordingEngine) -> None:
        connector = harness.connector
        before = connector.health()
        assert (before.ready, before.binds, before.in_flight) == (False, 0, 0)
        assert connector.room() == 0
        await connector.start(engine)
        connector.hold_binds(1)
        await until(lambda: connector.health().ready and connector.health().binds == 1)
        assert connector.health().wanted == 1
        assert connector.health().words
        await connector.stop()
        assert (connector.health().ready, connector.health().binds) == (False, 0)
        assert connector.room() == 0

    async def test_it_holds_the_binds_that_it_is_told_to(
        self, harness: Harness, connector: Connector, engine: RecordingEngine
    ) -> None:
        connector.hold_binds(0)
        await until(lambda: connector.health().binds == 0)
        assert (connector.room(), connector.health().ready) == (0, False)
        calls = engine.room_calls
        connector.hold_binds(1)
        await until(lambda: connector.health().binds == 1)
        await until(lambda: connector.room() > 0 and engine.room_calls > calls)

    async def test_stopping_waits_for_the_answers_under_way(
        self, harness: Harness, connector: Connector, engine: RecordingEngine
    ) -> None:
        number = harness.numbers[Carrier.TAKES]
        connector.submit([submission(number) for _ in range(min(20, connector.room()))])
        wanted = connector.health().in_flight
        await connector.stop()
        assert len(engine.taken) == wanted
        assert all(outcome.failure is None for outcome in engine.taken)

    async def test_stopping_answers_what_the_carrier_did_not(
        self, harness: Harness, connector: Connector, engine: RecordingEngine
    ) -> None:
        connector.submit([submission(harness.numbers[Carrier.IS_SILENT])])
        await connector.stop()
        (outcome,) = engine.taken
        assert outcome.failure is not None
        assert outcome.failure.kind is FailureKind.UNCERTAIN

    async def test_nothing_comes_after_the_stop(
        self, harness: Harness, connector: Connector, engine: RecordingEngine
    ) -> None:
        numbers = harness.numbers
        connector.submit([submission(number) for number in numbers.values()])
        await connector.stop()
        told = (len(engine.taken), len(engine.reported), len(engine.received))
        assert told[0] == len(numbers)
        # A second connector's whole round trip is time enough for the first to misbehave.
        await self._another_life(harness, RecordingEngine())
        assert told == (len(engine.taken), len(engine.reported), len(engine.received))

    async def test_it_can_be_stopped_twice(self, connector: Connector) -> None:
        await connector.stop()
        await connector.stop()

    # ------------------------------------------------------------ helpers

    async def _settle_down(
        self, harness: Harness, connector: Connector, engine: RecordingEngine
    ) -> None:
        """Send something later, and wait for all of it: what came before has had its time."""
        last = submission(harness.numbers[Carrier.TAKES])
        connector.submit([last])
        await until(lambda: any(o.message_id == last.message_id for o in engine.taken))
        external_id = str(self.outcome(engine, last).external_id).lower()
        await until(lambda: any(r.external_id.lower() == external_id for r in engine.reported))

    async def _another_life(self, harness: Harness, engine: RecordingEngine) -> None:
        connector = harness.connector
        await connector.start(engine)
        connector.hold_binds(1)
        await until(lambda: connector.room() > 0)
        await self._settle_down(harness, connector, engine)
        await connector.stop()


PHOTO = Media(name="photo.jpg", mime_type="image/jpeg", size=48_000, key="photos/1")


def rich_submission(medium: str, destination: str, text: str = "Hello", **more: Any) -> Submission:
    """A message that is no SMS."""
    return structs.replace(submission(destination, text), medium=medium, **more)


class MediaConformance(_Suite):
    """The suite for MMS, push and e-mail: a subclass gives the fixture `medium`, and in its
    harness those addresses that the medium has."""

    async def test_a_message_is_one_part_however_long(
        self, harness: Harness, connector: Connector, engine: RecordingEngine, medium: str
    ) -> None:
        address = harness.numbers[Carrier.TAKES]
        sent = [
            rich_submission(medium, address, "Wort " * 1000, subject="Größe", media=(PHOTO,))
            for _ in range(5)
        ]
        connector.submit(sent)
        await until(lambda: len(engine.taken) == len(engine.reported) == 5)
        assert {(o.message_id, o.number) for o in engine.taken} == {(s.message_id, 1) for s in sent}
        assert all(o.failure is None for o in engine.taken)
        external_ids = {str(o.external_id).lower() for o in engine.taken}
        assert external_ids == {r.external_id.lower() for r in engine.reported}
        assert len(external_ids) == 5
        assert {r.state for r in engine.reported} == {ReceiptState.DELIVERED}

    @pytest.mark.parametrize(
        ("carrier", "kind"), [*FAILURES, (Carrier.SAYS_ADDRESS_IS_DEAD, FailureKind.DEAD_ADDRESS)]
    )
    async def test_each_way_to_fail_is_told_apart(
        self,
        harness: Harness,
        connector: Connector,
        engine: RecordingEngine,
        medium: str,
        carrier: Carrier,
        kind: FailureKind,
    ) -> None:
        sent = rich_submission(medium, harness.address(carrier))
        good = rich_submission(medium, harness.numbers[Carrier.TAKES])
        connector.submit([sent, good])
        await until(lambda: len(engine.taken) == 2)
        failure = self.outcome(engine, sent).failure
        assert failure is not None
        assert failure.kind is kind
        assert failure.code
        assert failure.words
        assert self.outcome(engine, good).failure is None

    async def test_what_the_carrier_does_not_show_is_refused(
        self, harness: Harness, connector: Connector, engine: RecordingEngine, medium: str
    ) -> None:
        address = harness.numbers[Carrier.REFUSES_MEDIA]
        rich = rich_submission(medium, address, media=(PHOTO,))
        plain = rich_submission(medium, address)
        connector.submit([rich, plain])
        await until(lambda: len(engine.taken) == 2)
        failure = self.outcome(engine, rich).failure
        assert failure is not None
        assert failure.kind is FailureKind.REFUSED
        assert self.outcome(engine, plain).failure is None

    @pytest.mark.parametrize(
        ("carrier", "states"),
        [
            (Carrier.CANNOT_DELIVER, [ReceiptState.UNDELIVERABLE]),
            (Carrier.FINDS_ADDRESS_DEAD, [ReceiptState.DEAD_ADDRESS]),
            (Carrier.IS_READ, [ReceiptState.DELIVERED, ReceiptState.READ]),
        ],
    )
    async def test_receipts_say_what_became_of_it(
        self,
        harness: Harness,
        connector: Connector,
        engine: RecordingEngine,
        medium: str,
        carrier: Carrier,
        states: list[ReceiptState],
    ) -> None:
        connector.submit([rich_submission(medium, harness.address(carrier))])
        await until(lambda: len(engine.reported) == len(states))
        assert [receipt.state for receipt in engine.reported] == states

    async def test_an_answer_comes_in_whole(
        self, harness: Harness, connector: Connector, engine: RecordingEngine, medium: str
    ) -> None:
        address = harness.address(Carrier.ECHOES)
        text = "Größe: 5 €\n" * 100
        connector.submit([rich_submission(medium, address, text, subject="Maße", media=(PHOTO,))])
        await until(lambda: bool(engine.received))
        (message,) = engine.received
        assert message.medium == medium
        assert message.text == text
        assert message.source.removeprefix("+") == address.removeprefix("+")
        assert message.destination == SENDER
        assert (message.total, message.number, message.reference) == (1, 1, None)
        assert [each.name for each in message.media] == [PHOTO.name]
        if medium == Medium.EMAIL:
            assert message.subject is not None
            assert message.subject.endswith("Maße")

"""Receipts settle messages: whatever their order, their spelling, and what they speak of."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import asyncpg
import pytest
from pipeline import Place
from tests.factories import Tenant
from tests.waiting import eventually

from clarion.engine.messages.outcomes import Claim, Entry, Result, Verdict
from clarion.engine.messages.ports import Receipt, ReceiptState
from clarion.engine.messages.receipts import CREDIBLE, ReceiptDesk
from clarion.engine.messages.record import Recorder
from clarion.kit import ids
from clarion.settings import SandboxConnector, SmppConnector

S = ReceiptState
ONE = "+4915112345678"
_ids = count(0x5EED0000)


class Taken:
    """A place where the carrier took a message, under ids of the test's choice."""

    def __init__(self, place: Place, tenant: Tenant, desk: ReceiptDesk) -> None:
        self.place = place
        self.tenant = tenant
        self.desk = desk

    async def message(self, *external_ids: str, others: int = 0) -> UUID:
        """A request of which the first message's parts were taken under these ids."""
        gateway = self.place.gateway()
        gateway.intake.start()
        body = "x" if len(external_ids) == 1 else "x" * 153 * len(external_ids)
        to = [f"+4915112345{n:03}" for n in range(1 + others)]
        request = await gateway.send(self.tenant, *to, body=body)
        await gateway.intake.stop()
        first = ids.message_id(request, 1)
        await self.answer(first, dict(enumerate(external_ids, 1)))
        return request

    async def answer(self, message: UUID, parts: dict[int, str]) -> None:
        """The carrier's answer is recorded: it has these parts, which are all that were missing."""
        row = await self.place.db.fetchrow(
            "delete from outbound where company_id = $1 and message_id = $2 returning connector",
            self.tenant.company_id,
            message,
        )
        claim = Claim(
            id=ids.new_id(), company_id=self.tenant.company_id, connector=self.place.name,
            priority=1, open={message: 0},
        )  # fmt: skip
        assert row is not None
        entry = Entry(
            message_id=message, claim=claim, attempts=0, parts_taken=0, total=len(parts), waiting=0,
            taken=list(parts.items()),
        )  # fmt: skip
        recorder = self.place.gateway().recorder
        recorder.start()
        recorder.results([Result(entry=entry, verdict=Verdict.TAKEN, at=datetime.now(UTC))])
        await recorder.stop(5.0)

    async def receipts(self, *said: tuple[str, ReceiptState]) -> None:
        """One batch of them."""
        await self.desk.settle([(self.place.name, _receipt(id, state)) for id, state in said])

    async def state(self, request: UUID) -> str:
        return (await self.place.states(self.tenant, request))[0]

    async def kept(self) -> list[asyncpg.Record]:
        return await self.place.db.fetch(
            "select * from unmatched_receipt where connector = $1", self.place.name
        )

    async def look_again(self) -> None:
        """The kept receipts' time comes."""
        await self.place.db.execute(
            "update unmatched_receipt set next_try_at = now() where connector = $1",
            self.place.name,
        )
        await self.desk.retry()


def _receipt(id: str, state: ReceiptState, *, at: datetime | None = None) -> Receipt:
    return Receipt(id, state, None if state is S.DELIVERED else "011", at)


def _id() -> str:
    return f"{next(_ids):x}"


@pytest.fixture
async def taken(place: Place) -> Taken:
    tenant = await place.tenant()
    desk = ReceiptDesk(place.db, {place.name: SandboxConnector()})
    return Taken(place, tenant, desk)


@pytest.mark.parametrize(
    ("words", "said", "state"),
    [
        ("delivered", [S.DELIVERED], "DELIVERED"),
        ("twice", [S.DELIVERED, S.DELIVERED], "DELIVERED"),
        ("in order", [S.ENROUTE, S.ACCEPTED, S.DELIVERED], "DELIVERED"),
        ("out of order", [S.DELIVERED, S.ACCEPTED, S.ENROUTE], "DELIVERED"),
        ("failed, then delivered after all", [S.UNDELIVERABLE, S.DELIVERED], "DELIVERED"),
        ("delivered, then failed", [S.DELIVERED, S.UNDELIVERABLE], "DELIVERED"),
        ("expired, then delivered", [S.EXPIRED, S.DELIVERED], "DELIVERED"),
        ("failed twice", [S.REJECTED, S.UNDELIVERABLE], "FAILED"),
        ("expired, then failed", [S.EXPIRED, S.UNDELIVERABLE], "EXPIRED"),
        ("nobody knows", [S.UNKNOWN], "SENT"),
    ],
)
@pytest.mark.parametrize("how", ["in one batch", "one by one"])
@pytest.mark.parametrize("parts", [1, 2])
async def test_receipts_add_up(
    taken: Taken, words: str, said: list[ReceiptState], state: str, how: str, parts: int
) -> None:
    external_ids = [_id() for _ in range(parts)]
    for others in (0, 1):
        request = await taken.message(*external_ids, others=others)
        batches = [said] if how == "in one batch" else [[each] for each in said]
        for batch in batches:
            await taken.receipts(*((id, each) for id in external_ids for each in batch))
        if (state, how) != ("EXPIRED", "in one batch"):  # either may come first
            assert await taken.state(request) == state, words
        external_ids = [_id() for _ in range(parts)]


async def test_a_long_message_has_arrived_when_all_its_parts_have(taken: Taken) -> None:
    parts = [_id() for _ in range(3)]
    request = await taken.message(*parts)
    for part in parts[::-1]:
        assert await taken.state(request) == "SENT"
        await taken.receipts((part, S.DELIVERED))
    assert await taken.state(request) == "DELIVERED"


async def test_one_lost_part_fails_a_long_message_and_says_why(taken: Taken) -> None:
    for second in (False, True):
        parts = [_id() for _ in range(3)]
        request = await taken.message(*parts, others=int(second))
        await taken.receipts(
            (parts[0], S.DELIVERED), (parts[1], S.UNDELIVERABLE), (parts[2], S.DELIVERED)
        )
        message = (await taken.place.messages(taken.tenant, request))[0]
        assert (message["state"], message["failure_code"]) == ("FAILED", "1009")
        assert message["failure_details"]
        await taken.receipts((parts[1], S.DELIVERED))
        assert await taken.state(request) == "DELIVERED"


async def test_a_part_that_has_arrived_stays_so(taken: Taken) -> None:
    parts = [_id(), _id()]
    request = await taken.message(*parts)
    for id, state in (
        (parts[0], S.DELIVERED),
        (parts[0], S.UNDELIVERABLE),
        (parts[1], S.DELIVERED),
    ):
        await taken.receipts((id, state))
    assert await taken.state(request) == "DELIVERED"


async def test_parts_that_share_an_id_share_its_receipt(taken: Taken) -> None:
    """One message_payload."""
    id = _id()
    request = await taken.message(id, id, id)
    await taken.receipts((id, S.DELIVERED))
    assert await taken.state(request) == "DELIVERED"


async def test_a_receipt_that_comes_first_is_kept_until_the_answer_comes(taken: Taken) -> None:
    """The real order of a fast carrier on two binds."""
    for parts in ([_id()], [_id(), _id()]):
        await taken.receipts(*((part, S.DELIVERED) for part in parts))
        assert len(await taken.kept()) == len(parts)
        request = await taken.message(*parts)
        assert await taken.state(request) == "SENT"
        await taken.look_again()
        assert await taken.state(request) == "DELIVERED"
        assert await taken.kept() == []


async def test_a_receipt_for_an_unknown_id_is_kept_and_asked_for_ever_more_seldom(
    taken: Taken,
) -> None:
    await taken.receipts((_id(), S.DELIVERED))
    waits = []
    for _ in range(5):
        (kept,) = await taken.kept()
        waits.append(kept["next_try_at"] - datetime.now(UTC))
        await taken.look_again()
    assert waits == sorted(waits)
    assert (await taken.kept())[0]["tries"] == 5


async def test_two_desks_look_again_without_settling_twice(taken: Taken) -> None:
    parts = [_id() for _ in range(40)]
    await taken.receipts(*((part, S.DELIVERED) for part in parts))
    requests = [await taken.message(part, others=1) for part in parts[:5]]
    other = ReceiptDesk(taken.place.db, {taken.place.name: SandboxConnector()})
    await taken.place.db.execute("update unmatched_receipt set next_try_at = now()")
    await asyncio.gather(taken.desk.retry(), other.retry(), taken.desk.retry(), other.retry())
    for request in requests:
        assert (await taken.place.request(taken.tenant, request))["delivered_count"] == 1
    assert len(await taken.kept()) == 35


async def test_a_receipt_that_overtakes_its_answer_is_not_taken_for_another_messages(
    taken: Taken,
) -> None:
    """Both are decimal numbers, and one read as hexadecimal is the other."""
    early, other = "73194682", str(0x73194682)
    elsewhere = await taken.message(other)
    await taken.receipts((early, S.UNDELIVERABLE))
    assert await taken.state(elsewhere) == "SENT"
    request = await taken.message(early)
    await taken.look_again()
    assert await taken.state(request) == "FAILED"
    assert await taken.state(elsewhere) == "SENT"


async def test_a_carriers_habit_of_changing_the_base_is_learnt_and_forgotten(
    taken: Taken,
) -> None:
    requests, numbers = [], [next(_ids) for _ in range(3)]
    for number in numbers:
        requests.append(await taken.message(f"{number:X}"))
    await taken.receipts((str(numbers[0]), S.DELIVERED))
    assert await taken.state(requests[0]) == "SENT"
    await taken.look_again()
    assert await taken.state(requests[0]) == "DELIVERED"
    await taken.receipts((str(numbers[1]), S.DELIVERED))
    assert await taken.state(requests[1]) == "DELIVERED"
    usual = _id()
    await taken.message(usual)
    await taken.receipts((usual, S.DELIVERED))  # it has gone back to spelling ids as it did
    await taken.receipts((str(numbers[2]), S.DELIVERED))
    assert await taken.state(requests[2]) == "SENT"
    await taken.look_again()
    assert await taken.state(requests[2]) == "DELIVERED"


async def test_an_exact_carrier_is_never_read_in_another_base(place: Place) -> None:
    tenant = await place.tenant()
    settings = {place.name: SmppConnector(host="x", receipt_ids="exact")}
    exact = Taken(place, tenant, ReceiptDesk(place.db, settings))
    number = next(_ids)
    request = await exact.message(f"{number:x}")
    await exact.receipts((str(number), S.DELIVERED))
    await exact.look_again()
    assert await exact.state(request) == "SENT"
    await exact.receipts((f"000{number:X}", S.DELIVERED))
    assert await exact.state(request) == "DELIVERED"


async def test_another_connectors_id_is_another_message(taken: Taken) -> None:
    id = _id()
    request = await taken.message(id)
    await taken.desk.settle([("another carrier", _receipt(id, S.DELIVERED))])
    assert await taken.state(request) == "SENT"


async def test_an_id_that_the_carrier_uses_again_is_the_latest_message(taken: Taken) -> None:
    id = _id()
    first = await taken.message(id)
    second = await taken.message(id)
    await taken.receipts((id, S.DELIVERED))
    assert (await taken.state(first), await taken.state(second)) == ("SENT", "DELIVERED")


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ("no date", None),
        ("the future", timedelta(hours=5)),
        ("long ago", -CREDIBLE - timedelta(hours=1)),
        ("some time zone before it was sent", -timedelta(hours=5)),
        ("now", timedelta(0)),
    ],
)
async def test_a_carriers_clock_is_believed_within_reason(
    taken: Taken, words: str, at: timedelta | None
) -> None:
    id = _id()
    request = await taken.message(id)
    before = datetime.now(UTC)
    said = None if at is None else before + at
    await taken.desk.settle([(taken.place.name, _receipt(id, S.DELIVERED, at=said))])
    message = await taken.place.message(taken.tenant, request)
    assert message["sent_at"] <= message["delivered_at"] <= datetime.now(UTC), words
    assert (message["delivered_at"] == said) == (words == "now"), words


async def test_a_message_that_was_scheduled_long_ahead_is_found(
    taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its id is as old as its request: the first look does not go back so far."""
    id = _id()
    request = await taken.message(id)
    real = ids.floor_id
    monkeypatch.setattr(ids, "floor_id", lambda at: real(at + timedelta(days=30)))
    await taken.receipts((id, S.DELIVERED))
    assert await taken.state(request) == "SENT"
    await taken.look_again()
    assert await taken.state(request) == "DELIVERED"


# ---------------------------------------------------------------- the recorder


class _Settled:
    """What carriers were told."""

    def __init__(self) -> None:
        self.answers: list[bool] = []

    def __call__(self, stored: bool) -> None:  # noqa: FBT001 - as the port has it
        self.answers.append(stored)


async def _recorded(recorder: Recorder, batches: Sequence[tuple[str, Receipt]]) -> list[bool]:
    settled = [_Settled() for _ in batches]
    for (connector, receipt), each in zip(batches, settled, strict=True):
        recorder.receipts(connector, [receipt], each)
    await eventually(lambda: all(each.answers for each in settled))
    return [answer for each in settled for answer in each.answers]


async def test_a_carrier_is_answered_once_and_after_the_commit(taken: Taken) -> None:
    id = _id()
    request = await taken.message(id)
    recorder = taken.place.gateway().recorder
    recorder.start()
    answers = await _recorded(recorder, [(taken.place.name, _receipt(id, S.DELIVERED))] * 3)
    assert answers == [True, True, True]
    assert await taken.state(request) == "DELIVERED"
    await recorder.stop(1.0)


async def test_a_receipt_that_cannot_be_stored_holds_up_no_other(taken: Taken) -> None:
    id = _id()
    request = await taken.message(id)
    recorder = taken.place.gateway().recorder
    recorder.start()
    answers = await _recorded(
        recorder,
        [
            (taken.place.name, _receipt("a\0b", S.DELIVERED)),
            (taken.place.name, _receipt(id, S.DELIVERED)),
        ],
    )
    assert answers == [True, True]
    assert await taken.state(request) == "DELIVERED"
    await recorder.stop(1.0)


async def test_what_is_left_when_the_recorder_ends_goes_back_to_the_carrier(taken: Taken) -> None:
    recorder = taken.place.gateway().recorder
    settled = _Settled()
    recorder.receipts(taken.place.name, [_receipt(_id(), S.DELIVERED)], settled)
    await recorder.stop(0.01)  # it was never started
    assert settled.answers == [False]

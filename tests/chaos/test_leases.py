"""What a node has in hand when its lease lapses, its carrier goes, or an answer is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast
from uuid import UUID

import pytest

from clarion import settings
from clarion.engine.consent.keywords.directory import KeywordDirectory
from clarion.engine.messages import store
from clarion.engine.messages.dispatch import Dispatcher
from clarion.engine.messages.inbound import InboundDesk
from clarion.engine.messages.leases import Membership, recover_claims
from clarion.engine.messages.ports import Failure, FailureKind, Health, Outcome, Submission
from clarion.engine.messages.receipts import ReceiptDesk
from clarion.engine.messages.record import Recorder
from clarion.engine.senders.directory import SenderDirectory
from clarion.kit import ids
from clarion.storage.database import Database
from tests.waiting import PATIENCE

from ..factories import Tenant, a_request, a_tenant, an_intake
from .deaf import Deaf

SETTINGS = settings.Settings(connectors={"carrier": settings.SandboxConnector(default=True)})
COUNT = 5
LEASE = 2.0


class Carrier:
    """A connector that only notes what it is given."""

    name = "carrier"

    def __init__(self) -> None:
        self.binds = 1
        self.free = 0
        self.given: list[Submission] = []

    def room(self) -> int:
        return self.free

    def submit(self, batch: Sequence[Submission]) -> None:
        self.given += batch

    def health(self) -> Health:
        return Health(ready=True, binds=self.binds, wanted=1, in_flight=0, words="")


@dataclass
class Bench:
    """One node's dispatcher, at work on a queue."""

    db: Database
    deaf: Deaf
    carrier: Carrier
    dispatcher: Dispatcher
    membership: Membership

    async def counts(self) -> tuple[int, int]:
        """Messages in the queue, and messages in claims."""
        queued = await self.db.fetchval("select count(*) from outbound")
        claimed = await self.db.fetchval(
            "select coalesce(sum(cardinality(messages)), 0) from claim"
        )
        return queued, claimed

    async def until(self, queued: int, claimed: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while (found := await self.counts()) != (queued, claimed):
            assert time.monotonic() < deadline, found
            await self.membership.renew()
            await asyncio.sleep(0.01)

    async def until_taken_over(self) -> None:
        """The lease lapses, and another node does what it does then."""
        while not self.membership.lapsed():
            await asyncio.sleep(0.01)
        await recover_claims(self.db, SETTINGS.connectors)

    async def until_sent(self, message: UUID) -> None:
        deadline = time.monotonic() + PATIENCE
        sql = "select state::text from message where id = $1"
        while (state := await self.db.fetchval(sql, message)) != "SENT":
            assert time.monotonic() < deadline, state
            await asyncio.sleep(0.01)

    async def until_given(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while len(self.carrier.given) != count:
            assert time.monotonic() < deadline, self.carrier.given
            await self.membership.renew()
            await asyncio.sleep(0.01)


@pytest.fixture
async def bench(db: Database) -> AsyncIterator[Bench]:
    """With COUNT messages waiting."""
    tenant = await a_tenant(db)
    await _fill(db, tenant)
    deaf, carrier = Deaf(db), Carrier()
    async with (
        _recorder(db) as recorder,
        _dispatcher(deaf, carrier, recorder) as (node, membership),
    ):
        yield Bench(db, deaf, carrier, node, membership)


async def test_what_waits_for_a_window_is_not_sent_once_the_lease_has_lapsed(bench: Bench) -> None:
    await bench.until(0, COUNT)
    await bench.until_taken_over()
    bench.carrier.free = 100
    bench.dispatcher.room_changed()
    assert bench.carrier.given == []
    await bench.until(0, COUNT)  # it lives again, and claims anew
    await bench.until_given(COUNT)
    assert await bench.counts() == (0, COUNT)


async def test_what_was_claimed_goes_back_when_the_last_bind_ends(bench: Bench) -> None:
    await bench.until(0, COUNT)
    bench.carrier.binds = 0
    bench.dispatcher.room_changed()
    await bench.until(COUNT, 0)
    bench.carrier.binds, bench.carrier.free = 1, 100
    bench.dispatcher.room_changed()
    await bench.until_given(COUNT)


async def test_an_answer_of_a_node_thought_dead_is_recorded_and_queues_nothing(
    bench: Bench,
) -> None:
    bench.carrier.free = 100
    await bench.until_given(COUNT)
    await bench.until_taken_over()
    first, *others = [given.message_id for given in bench.carrier.given]
    refused = Failure(FailureKind.TEMPORARY, "ESME_RSYSERR", "later")
    bench.dispatcher.outcomes(
        [Outcome(first, 1, "abc", None), *(Outcome(m, 1, None, refused) for m in others)]
    )
    await bench.until_sent(first)
    assert await bench.counts() == (COUNT, 0)


@pytest.mark.parametrize("lost", ["claim_lane", "read_claimed"])
async def test_a_claim_whose_answer_was_lost_is_made_again(db: Database, lost: str) -> None:
    tenant = await a_tenant(db)
    await _fill(db, tenant)
    deaf, carrier = Deaf(db), Carrier()
    carrier.free = 100
    deaf.lose_answer_to(store.SQL[lost])
    async with _recorder(db) as recorder, _dispatcher(deaf, carrier, recorder) as (node, member):
        bench = Bench(db, deaf, carrier, node, member)
        await bench.until_given(COUNT)
        assert await bench.counts() == (0, COUNT)


# ---------------------------------------------------------------- parts


@asynccontextmanager
async def _recorder(db: Database) -> AsyncIterator[Recorder]:
    inbound = InboundDesk(db, SenderDirectory(db), KeywordDirectory(), part_patience=60)
    recorder = Recorder(db, ReceiptDesk(db, SETTINGS.connectors), inbound)
    recorder.start()
    try:
        yield recorder
    finally:
        await recorder.stop(1)


@asynccontextmanager
async def _dispatcher(
    deaf: Deaf, carrier: Carrier, recorder: Recorder
) -> AsyncIterator[tuple[Dispatcher, Membership]]:
    db = cast(Database, deaf)
    membership = Membership(db, ids.new_id(), "node", roles=frozenset({"dispatch"}), lease=LEASE)
    await membership.renew()
    dispatcher = Dispatcher(
        db,
        carrier,  # type: ignore[arg-type]
        recorder,
        membership=membership,
        settings=SETTINGS.connectors["carrier"],
        dispatch=settings.Dispatch(poll_interval=0.05),
    )
    task = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher, membership
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _fill(db: Database, tenant: Tenant) -> None:
    intake = an_intake(db, SETTINGS)
    intake.start()
    for number in range(COUNT):
        await intake.accept(tenant.caller, a_request(f"+4915112345{number:03d}"))
    await intake.stop()

"""The turns of the flusher: answers, the next flush, what was stored goes its way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from pipeline import Place
from tests.factories import Tenant, a_request, an_intake

from clarion.engine.accounts.model import Caller
from clarion.engine.messages import flush, store
from clarion.engine.messages.flush import MAX_BATCH, batch_size
from clarion.engine.messages.intake import Intake
from clarion.engine.messages.leases import undo_claim
from clarion.engine.messages.prepared import Prepared
from clarion.kit import ids

GOOD = "+4915112345678"


@pytest.mark.parametrize(
    ("before", "in_line", "size"),
    [
        (0, 1, 1),
        (0, 40, 40),  # the first after a rest takes all
        (1, 1, 1),
        (10, 54, 32),
        (54, 10, 10),
        (32, 32, 32),
        (0, 10 * MAX_BATCH, MAX_BATCH),
        (MAX_BATCH, 10 * MAX_BATCH, MAX_BATCH),
    ],
)
def test_a_batch_is_half_of_who_waits_and_who_was_just_answered(
    before: int, in_line: int, size: int
) -> None:
    assert batch_size(before, in_line) == size


@pytest.mark.parametrize("clients", [2, 5, 64])
def test_unequal_batches_become_equal(clients: int) -> None:
    """Clients that ask again as soon as they are answered; all but one were in the first batch."""
    before, in_line = clients - 1, 1
    for _ in range(6):
        size = batch_size(before, in_line)
        before, in_line = size, clients - size
    assert abs(before - in_line) <= 1


class Watched:
    """An intake on a real database; what happens in it, in order."""

    def __init__(self, place: Place, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[str] = []
        self.may_store = asyncio.Event()
        self.stored_before_wait = 0  # so many flushes go on, the next waits again; 0: none does
        self.refused_sizes: set[int] = set()
        self.intake: Intake = an_intake(place.db, place.gateway().settings, queued=self._queued)
        self._flushes = 0
        self._caller: Caller = tenant.caller
        self._sender = tenant.address
        self._accept = store.accept
        monkeypatch.setattr(store, "accept", self._accepted)

    async def send(self, name: str) -> None:
        await self.intake.accept(self._caller, a_request(GOOD, sender=self._sender))
        self.told.append(f"{name} is answered")

    async def _accepted(
        self, on: store.Runner, batch: Sequence[Prepared], *rest: Any, **more: Any
    ) -> None:
        self._flushes += 1
        if self._flushes - 1 == self.stored_before_wait:
            self.may_store.clear()
        self.told.append(f"flush {self._flushes} of {len(batch)} begins")
        await self.may_store.wait()
        if len(batch) in self.refused_sizes:
            raise asyncpg.DataError("a value that cannot be stored")
        await self._accept(on, batch, *rest, **more)

    def _queued(self, _: str) -> None:
        self.told.append("messages go their way")


@pytest.mark.parametrize("first", ["answers", "flush"])
async def test_messages_leave_while_the_next_are_stored(
    place: Place, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """Clients are answered before the next flush begins, or after it if they are few."""
    monkeypatch.setattr(flush, "ANSWERS_FIRST", 1 if first == "answers" else 2)
    watched = Watched(place, tenant, monkeypatch)
    watched.intake.start()
    one = asyncio.create_task(watched.send("first"))
    await _until(watched, "flush 1 of 1 begins")
    two = asyncio.create_task(watched.send("second"))
    await asyncio.sleep(0)
    watched.may_store.set()
    await asyncio.gather(one, two)
    await watched.intake.stop()
    turn = ["first is answered", "flush 2 of 1 begins"]
    if first == "flush":
        turn.reverse()
    assert watched.told[:4] == ["flush 1 of 1 begins", *turn, "messages go their way"]
    assert sorted(watched.told[4:]) == ["messages go their way", "second is answered"]


async def test_batches_are_equal_and_the_first_after_a_rest_takes_all(
    place: Place, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(place, tenant, monkeypatch)
    watched.intake.start()
    first = asyncio.create_task(watched.send("first"))
    await _until(watched, "flush 1 of 1 begins")
    behind = [asyncio.create_task(watched.send("behind")) for _ in range(5)]
    await asyncio.sleep(0)
    watched.may_store.set()
    await asyncio.gather(first, *behind)
    await _rest(watched, tells=3)
    await asyncio.gather(*(watched.send("rested") for _ in range(4)))
    await watched.intake.stop()
    begun = [word for word in watched.told if "begins" in word]
    assert begun == [f"flush {n} of {size} begins" for n, size in enumerate([1, 3, 2, 4], 1)]


async def test_what_the_search_for_a_culprit_stores_goes_its_way_at_once(
    place: Place, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value that cannot be stored sends each of its batch into a flush of its own."""
    watched = Watched(place, tenant, monkeypatch)
    watched.refused_sizes = {3}
    watched.intake.start()
    sending = [asyncio.create_task(watched.send(str(number))) for number in range(3)]
    await _until(watched, "flush 1 of 3 begins")
    watched.stored_before_wait = 3  # the batch, and two single ones
    watched.may_store.set()
    await _until(watched, "flush 4 of 1 begins")
    assert watched.told.count("messages go their way") == 2
    watched.may_store.set()
    await asyncio.gather(*sending)
    await watched.intake.stop()


async def test_nothing_stored_is_kept_back_when_intake_stops(
    place: Place, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(place, tenant, monkeypatch)
    watched.intake.start()
    only = asyncio.create_task(watched.send("only"))
    await _until(watched, "flush 1 of 1 begins")
    stopping = asyncio.create_task(watched.intake.stop())
    watched.may_store.set()
    await asyncio.gather(only, stopping)
    assert "messages go their way" in watched.told


class Room:
    """Express: once open, a promise for whoever asks; the first cannot be kept."""

    def __init__(self) -> None:
        self.node_id = ids.new_id()
        self.is_open = False
        self.promises: list[Promise] = []

    def offer(self, *_: object, **__: object) -> Promise | None:
        if not self.is_open:
            return None
        self.promises.append(Promise(is_kept=bool(self.promises)))
        return self.promises[-1]


class Promise:
    def __init__(self, *, is_kept: bool) -> None:
        self.claim_id = ids.new_id()
        self.delivered: list[UUID] = []
        self._is_kept = is_kept

    def deliver(self, batch: Sequence[Prepared]) -> None:
        if not self._is_kept:
            raise RuntimeError("this carrier is out of order")
        self.delivered += [prepared.request_id for prepared in batch]


async def test_who_fails_to_take_messages_stands_in_nobodys_way(
    place: Place, tenant: Tenant
) -> None:
    room, other = Room(), await place.tenant()
    intake = an_intake(place.db, place.gateway().settings, express=room)
    intake.start()
    for is_known in (False, True):  # the sender ids; until they are, each request waits for its own
        room.is_open = is_known
        _, second = await asyncio.gather(
            *(intake.accept(t.caller, a_request(GOOD, sender=t.address)) for t in (tenant, other))
        )
    await intake.stop()
    broken, kept = room.promises
    assert (broken.delivered, kept.delivered) == ([], [second])
    for company, promise in zip((tenant, other), room.promises, strict=True):
        await undo_claim(place.db, company.company_id, promise.claim_id)


async def _until(watched: Watched, word: str) -> None:
    async with asyncio.timeout(10):
        while word not in watched.told:
            await asyncio.sleep(0)


async def _rest(watched: Watched, *, tells: int) -> None:
    """Until all is told and nobody is in line."""
    async with asyncio.timeout(10):
        while watched.told.count("messages go their way") < tells:
            await asyncio.sleep(0)

"""The turns of the flusher: answers, the next flush, what was stored goes its way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from pipeline import Place
from tests.factories import Tenant, a_request, an_intake

from clarion.engine.accounts.model import Caller
from clarion.engine.messages import flush, store
from clarion.engine.messages.flush import MAX_BATCH, batch_size
from clarion.engine.messages.intake import Intake
from clarion.engine.messages.prepared import Prepared

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
        self.told.append(f"flush {self._flushes} of {len(batch)} begins")
        await self.may_store.wait()
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


async def test_intake_goes_on_when_those_behind_it_fail(place: Place, tenant: Tenant) -> None:
    failed = asyncio.Event()

    def queued(_: str) -> None:
        failed.set()
        raise RuntimeError("nobody listens")

    intake = an_intake(place.db, place.gateway().settings, queued=queued)
    intake.start()
    async with asyncio.timeout(10):
        for _ in range(3):
            failed.clear()
            await intake.accept(tenant.caller, a_request(GOOD, sender=tenant.address))
            await failed.wait()  # the line is empty: it was told of in the flusher's own turn
    await intake.stop()


async def _until(watched: Watched, word: str) -> None:
    async with asyncio.timeout(10):
        while word not in watched.told:
            await asyncio.sleep(0)

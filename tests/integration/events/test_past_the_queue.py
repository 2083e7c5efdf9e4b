"""Past the queue: deliveries that a matcher puts straight into the hands of its deliverer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any
from unittest.mock import patch

import asyncpg
import pytest
from posthouse import House, Running, until_requests
from tests.peers.receiver import Receiver
from tests.subscribers import Subscriber, a_matcher
from tests.waiting import eventually

from clarion.engine.events.announcing import announce
from clarion.engine.events.configurations import service as configurations
from clarion.engine.events.configurations.model import ConfigurationChange
from clarion.engine.events.delivering import express
from clarion.engine.events.matching import store
from clarion.engine.events.matching.handing import Handing
from clarion.engine.events.matching.interest import Interests
from clarion.engine.events.matching.publishing import Published, publish
from clarion.engine.events.model import Happening
from clarion.errors import Unavailable

NIS, PORTED = "NIS-Events", "porting_event"
PORTING = {
    "tracking_id": "t",
    "carrier_id": "c",
    "carrier_name": "Acme",
    "porting_date": "2026-11-22T10:00:00Z",
}

Work = Callable[[asyncpg.Connection], Awaitable[Any]]
Run = Callable[[Work], Awaitable[Any]]


@pytest.fixture
async def running(house: House) -> Running:
    return await house.deliverer(timeout=300.0)


@contextmanager
def transactions(house: House, behave: Callable[[Run, Work], Awaitable[Any]]) -> Iterator[None]:
    """In which `behave` runs the work."""
    with patch.object(house.db, "run", partial(behave, house.db.run)):
        yield


def keys(receiver: Receiver, path: str) -> list[str]:
    return [each.headers["x-ess-event-key"] for each in receiver.requests(path)]


async def announced(house: House, running: Running, *numbers: str) -> None:
    """Events published in the process of this deliverer."""
    await publish(
        house.db,
        house.company_id,
        1,
        [Published(type=PORTED, fields={"number": number} | PORTING) for number in numbers],
        interests=Interests(),
        delivered=running.deliverer.wake,
        express=running.deliverer,
    )


async def warm(house: House, running: Running, path: str, receiver: Receiver, **more: Any) -> int:
    """A configuration that is known and does well; the receiver hangs from now on."""
    to = await house.configuration(receiver.url(path), **more)
    await Subscriber(house.db, house.caller, to).wants(NIS, PORTED)
    receiver.become(path, "ok")
    before = (await house.statuses(to))["SUCCESS"]
    await announced(house, running, "+1")
    await house.settled({"SUCCESS": before + 1}, to)
    await house.nothing_left()

    async def looked() -> bool:
        running.deliverer.wake()
        lane = running.deliverer._posting.known_lane(house.company_id, to)
        return lane is not None and not lane.more

    await eventually(looked)
    receiver.become(path, "hang")
    return to


async def test_an_event_is_in_hand_when_it_is_stored(
    house: House, running: Running, receiver: Receiver
) -> None:
    path = "/hang/short"
    to = await warm(house, running, path, receiver)
    await announced(house, running, "+2", "+3")
    (claim,) = await house.db.fetch("select * from delivery_claim")
    assert (claim["configuration_id"], claim["node_id"]) == (to, running.place.node_id)
    assert (claim["attempts"], claim["keys"]) == ([0, 0], [None, None])
    assert await house.left() == (0, 1)
    await until_requests(receiver, 3, path)
    assert keys(receiver, path) == ["+1", "+2", "+3"]


async def test_what_goes_past_the_queue_is_tried_again_like_any_other(
    house: House, running: Running, receiver: Receiver
) -> None:
    path = "/ok/short-again"
    to = await warm(house, running, path, receiver)
    receiver.become(path, "first-fail/1")
    await announced(house, running, "+2")
    await house.settled({"SUCCESS": 2}, to)
    await house.nothing_left()
    assert keys(receiver, path) == ["+1", "+2", "+2"]


@pytest.mark.parametrize("kind", [{"throttling": 600_000}, {"ordered": True}])
async def test_pace_and_order_are_kept_in_the_queue(
    house: House, running: Running, receiver: Receiver, kind: dict[str, Any]
) -> None:
    to = await warm(house, running, f"/hang/{next(iter(kind))}", receiver, **kind)
    assert running.deliverer.offers(house.company_id, {to: 1}, size=1) == {}


async def test_a_configuration_that_has_changed_goes_through_the_queue(
    house: House, running: Running, receiver: Receiver
) -> None:
    to = await warm(house, running, "/hang/old", receiver)
    change = ConfigurationChange(address=receiver.url("/ok/new"))
    await configurations.change(house.db, house.caller, to, change)
    assert running.deliverer.offers(house.company_id, {to: 1}, size=1) != {}  # not heard of
    await announced(house, running, "+2")
    await house.settled({"SUCCESS": 2}, to)
    assert keys(receiver, "/ok/new") == ["+2"]
    assert len(receiver.requests("/hang/old")) == 1


async def test_one_that_is_switched_off_gets_nothing(
    house: House, running: Running, receiver: Receiver
) -> None:
    to = await warm(house, running, "/hang/off", receiver)
    await configurations.change(house.db, house.caller, to, ConfigurationChange(active=False))
    await announced(house, running, "+2")
    assert await house.left() == (1, 0)


async def test_what_there_is_no_room_for_waits_in_the_queue_and_is_not_overtaken(
    house: House, running: Running, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = await warm(house, running, "/hang/behind", receiver)
    monkeypatch.setattr(express, "LANE_OFFERED", 3)
    await announced(house, running, *(f"+2{n}" for n in range(5)))
    assert running.deliverer.offers(house.company_id, {to: 1}, size=1) == {}
    first, *_ = await house.db.fetch("select events from delivery_claim order by id")
    assert len(first["events"]) == 3
    assert (await house.statuses(to))["PENDING"] == 5


async def test_nobody_takes_the_room_of_those_in_the_queue(
    house: House, running: Running, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = await warm(house, running, "/hang/room", receiver)
    monkeypatch.setattr(express, "MAX_OFFERED", 3)
    first = running.deliverer.offers(house.company_id, {to: 2}, size=1)
    assert running.deliverer.offers(house.company_id, {to: 1}, size=1)[to].count == 1
    assert running.deliverer.offers(house.company_id, {to: 1}, size=1) == {}
    first[to].withdraw()
    lane = running.deliverer._posting.known_lane(house.company_id, to)
    assert lane is not None
    lane.more = False
    assert running.deliverer.offers(house.company_id, {to: 3}, size=1)[to].count == 2


async def test_large_events_leave_half_of_the_memory_to_those_in_the_queue(
    house: House, running: Running, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call could fill it, and nobody else was posted to until a slow receiver had them all."""
    await warm(house, running, "/hang/large", receiver)
    other = await house.configuration(receiver.url("/ok/other"))
    monkeypatch.setattr(express, "MAX_HELD_BYTES", 1600)
    monkeypatch.setattr(express, "MAX_OFFERED_BYTES", 800)
    await announced(house, running, *(f"+2{n}" for n in range(20)))
    assert running.deliverer._posting.held_bytes <= 800
    await house.put(other, "+3")
    await house.settled({"SUCCESS": 1}, other)


async def test_who_holds_large_events_keeps_nobody_waiting(
    house: House, running: Running, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = await house.configuration(receiver.url("/hang/full"))
    other = await house.configuration(receiver.url("/ok/meanwhile"))
    monkeypatch.setattr(express, "MAX_HELD_BYTES", 100)
    await house.put(slow, *(f"+2{n}" for n in range(8)))
    await until_requests(receiver, 2, "/hang/full")
    assert running.deliverer._posting.held_bytes > 100
    await house.put(other, "+3", "+4")
    await house.settled({"SUCCESS": 2}, other)


async def test_a_receiver_that_fails_is_not_offered_room(
    house: House, running: Running, receiver: Receiver
) -> None:
    to = await warm(house, running, "/ok/fails", receiver)
    receiver.become("/ok/fails", "status/500")
    await announced(house, running, "+2")

    async def failed() -> bool:
        lane = running.deliverer._posting.known_lane(house.company_id, to)
        return lane is not None and lane.failures > 0

    await eventually(failed)
    assert running.deliverer.offers(house.company_id, {to: 1}, size=1) == {}


async def test_one_that_waits_for_its_next_try_leaves_the_others_the_short_way(
    house: House, receiver: Receiver
) -> None:
    """Else one event that its receiver never takes would send all others through the queue for a
    day."""
    running = await house.deliverer(timeout=300.0, retry_seconds=(3600.0,))
    to = await warm(house, running, "/ok/poison", receiver)
    receiver.become("/ok/poison", "status/500")
    await announced(house, running, "+2")

    async def failed() -> bool:
        return (await house.statuses(to))["RETRY"] == 1

    await eventually(failed)
    receiver.become("/ok/poison", "ok")
    await house.put(to, "+3")  # it does well again
    await house.settled({"SUCCESS": 2, "RETRY": 1}, to)
    running.deliverer.wake()

    async def seen() -> bool:
        return (house.company_id, to) in running.deliverer._due

    async def is_offered() -> bool:
        offers = running.deliverer.offers(house.company_id, {to: 1}, size=1)
        for offer in offers.values():
            offer.withdraw()
        return bool(offers)

    await eventually(seen)
    await eventually(is_offered)


async def test_a_commit_whose_answer_is_lost_is_delivered_once(
    house: House, running: Running, receiver: Receiver
) -> None:
    path = "/ok/doubt"
    to = await warm(house, running, path, receiver)
    receiver.become(path, "ok")

    async def lost(run: Run, work: Work) -> Any:
        await run(work)
        raise Unavailable("The answer is lost.")

    with transactions(house, lost), pytest.raises(Unavailable):
        await announced(house, running, "+2")
    await house.settled({"SUCCESS": 2}, to)
    await house.nothing_left()
    assert keys(receiver, path) == ["+1", "+2"]


async def test_what_is_rolled_back_is_not_delivered_and_its_room_is_free(
    house: House, running: Running, receiver: Receiver
) -> None:
    path = "/ok/rolled-back"
    to = await warm(house, running, path, receiver)
    receiver.become(path, "ok")
    room = running.deliverer._short_way.room

    async def undone(run: Run, work: Work) -> Any:
        async def then_fails(tx: asyncpg.Connection) -> None:
            await work(tx)
            raise asyncpg.DataError("no")

        await run(then_fails)

    with transactions(house, undone), pytest.raises(asyncpg.DataError):
        await announced(house, running, "+2")
    assert running.deliverer._short_way.room == room
    await announced(house, running, "+3")
    await house.settled({"SUCCESS": 2}, to)
    assert keys(receiver, path) == ["+1", "+3"]


async def test_a_match_that_is_repeated_in_vain_hands_nothing_over(
    house: House, running: Running, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first try is rolled back; then another matcher has the company."""
    path = "/ok/in-vain"
    to = await warm(house, running, path, receiver)
    receiver.become(path, "ok")
    told = Happening(topic=NIS, type=PORTED, key="+2", fields={"number": "+2"} | PORTING)
    await announce(house.db, house.company_id, [told], at=datetime.now(UTC))
    matcher = a_matcher(house.db, express=running.deliverer, delivered=running.deliverer.wake)
    room, real = running.deliverer._short_way.room, Handing.record

    async def taken(*_: object) -> bool:
        return False

    async def collides(*given: Any) -> None:
        await real(*given)
        monkeypatch.setattr(store, "hold_company", taken)
        raise asyncpg.SerializationError("no")

    monkeypatch.setattr(Handing, "record", collides)
    assert not await matcher.step()
    monkeypatch.undo()
    assert running.deliverer._short_way.room == room
    assert await house.left() == (0, 0)
    assert await matcher.step()
    await house.settled({"SUCCESS": 2}, to)
    assert keys(receiver, path) == ["+1", "+2"]


async def test_a_lease_that_lapses_before_the_commit_hands_nothing_over(
    house: House, running: Running, receiver: Receiver
) -> None:
    path = "/ok/lapsed"
    to = await warm(house, running, path, receiver)
    receiver.become(path, "ok")

    async def late(run: Run, work: Work) -> Any:
        done = await run(work)
        running.place.lapses += 1
        return done

    with transactions(house, late):
        await announced(house, running, "+2")
    assert (running.deliverer._posting.held, running.deliverer._posting.flying) == (0, 0)
    await house.settled({"SUCCESS": 2}, to)
    await house.nothing_left()


async def test_a_lane_that_was_forgotten_meanwhile_is_not_handed_anything(
    house: House, running: Running, receiver: Receiver
) -> None:
    """Nobody would take back what it holds, when it is switched off for one."""
    to = await warm(house, running, "/hang/forgotten", receiver)

    async def forgetful(run: Run, work: Work) -> Any:
        done = await run(work)
        running.deliverer._posting.forget_idle(0)
        return done

    with transactions(house, forgetful):
        await announced(house, running, *(f"+2{n}" for n in range(9)))
    await until_requests(receiver, 2, "/hang/forgotten")
    await configurations.change(house.db, house.caller, to, ConfigurationChange(active=False))

    async def taken_back() -> bool:
        return running.deliverer._posting.held == 0

    await eventually(taken_back)


async def test_what_a_dead_process_was_handed_is_delivered_by_another(
    house: House, running: Running, receiver: Receiver
) -> None:
    path = "/hang/dies-short"
    to = await warm(house, running, path, receiver)
    await announced(house, running, "+2", "+3")
    task = running.deliverer._task
    assert task is not None
    task.cancel()  # as a process that is gone
    await running.courier.close()
    await house.beat(running.place, seconds=-1)
    receiver.become(path, "ok")
    heir = await house.deliverer()
    await heir.deliverer.recover()
    await house.settled({"SUCCESS": 3}, to)

"""Deliveries that must not be in one another's way: of receivers that hang or are gone, of one key,
of one that is throttled; by one deliverer or two."""

from __future__ import annotations

import asyncio

from posthouse import House, shown, until_requests
from tests.peers.receiver import Receiver
from tests.waiting import eventually

# ---------------------------------------------------------------- others' trouble


async def test_ten_hanging_receivers_of_a_hundred_delay_no_other(
    house: House, receiver: Receiver
) -> None:
    """Those that hang are not answered before the others are done: they would be in the way for as
    long as the test waits."""
    await house.deliverer(timeout=300.0, connections=4, connections_total=120)
    hanging = [await house.configuration(receiver.url(f"/hang/{n}")) for n in range(10)]
    good = [await house.configuration(receiver.url(f"/ok/{n}")) for n in range(90)]
    for each in hanging:
        await house.put(each, *(f"k{n}" for n in range(50)))
    for each in good:
        await house.put(each, *(f"k{n}" for n in range(10)))

    async def done() -> bool:
        return (await house.statuses())["SUCCESS"] == 900

    await eventually(done, seconds=60)
    assert await house.statuses() == {"SUCCESS": 900, "PENDING": 500}
    for n in range(10):
        assert len(receiver.requests(f"/hang/{n}")) <= 2  # connections of who never answered


async def test_what_hangs_leaves_connections_to_others_even_when_all_hang_at_once(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer(timeout=300.0, connections=16, connections_total=8)
    for n in range(3):
        await house.put(
            await house.configuration(receiver.url(f"/hang/all-{n}")), *"abcdefghijklmnop"
        )
    await until_requests(receiver, 6, "")
    good = await house.configuration(receiver.url("/ok/among-them"))
    await house.put(good, *"abcd")
    await house.settled({"SUCCESS": 4}, good)


async def test_a_receiver_that_is_gone_is_tried_slowly_and_comes_back(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer(retry_seconds=(0.2,) * 60)
    with Receiver() as flaky:
        to = await house.configuration(flaky.url("/ok/flaky"))
        flaky.stop()
        await house.put(to, *(f"k{n}" for n in range(100)))

        async def failing() -> bool:
            return (await house.health(to))["failures"] >= 8

        await eventually(failing)
        waiting = await house.statuses(to)
        assert waiting["PENDING"] > 0  # used up none of their tries
        flaky.start()
        await house.settled({"SUCCESS": 100}, to)
        await house.nothing_left()

    async def well() -> bool:
        return (await house.health(to))["failures"] == 0

    await eventually(well)


# ---------------------------------------------------------------- order


async def test_events_with_one_key_go_one_after_another(house: House, receiver: Receiver) -> None:
    await house.deliverer(connections=8)
    path = "/first-fail/1/ordered"
    to = await house.configuration(receiver.url(path), ordered=True)
    keys = [f"k{n % 3}" for n in range(30)]
    events = await house.put(to, *keys, ordered=True)
    await house.settled({"SUCCESS": 30})
    await house.nothing_left()
    asked = [(r.headers["x-ess-event-key"], r.event_id) for r in receiver.requests(path)]
    for key in set(keys):
        own = [event for each, event in asked if each == key]
        expected = [e for e, k in zip(shown(events), keys, strict=True) if k == key]
        assert own == [event for event in expected for _ in range(2)]  # each failed once


async def test_a_key_that_waits_for_its_next_try_holds_up_no_other_key(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer(retry_seconds=(3600.0,))
    path = "/fail/poisoned"
    to = await house.configuration(receiver.url(path), ordered=True)
    await house.put(to, "bad", ordered=True)
    await house.settled({"RETRY": 1})
    receiver.become(path, "ok")
    await house.put(to, "bad", "good", "bad", "good", ordered=True)
    await house.settled({"SUCCESS": 2, "RETRY": 1, "PENDING": 2})


async def test_two_deliverers_keep_the_order(house: House, receiver: Receiver) -> None:
    for _ in range(2):
        await house.deliverer(connections=8, retry_seconds=(0.05,) * 20)
    path = "/random/0.2/two"
    to = await house.configuration(receiver.url(path), ordered=True)
    keys = [f"k{n % 5}" for n in range(60)]
    events = []
    for first in range(0, 60, 10):
        events += await house.put(to, *keys[first : first + 10], ordered=True)
        await asyncio.sleep(0)
    await house.settled({"SUCCESS": 60})
    for key in set(keys):
        own = [r for r in receiver.requests(path) if r.headers["x-ess-event-key"] == key]
        order = list(dict.fromkeys(r.event_id for r in own))
        assert order == [e for e, k in zip(shown(events), keys, strict=True) if k == key]
        assert [r.event_id for r in own] == sorted((r.event_id for r in own), key=order.index)


# ---------------------------------------------------------------- pace


async def test_two_deliverers_together_keep_the_throttle(house: House, receiver: Receiver) -> None:
    """A limit of 600 a minute: a burst of 60 at most, then nine a second."""
    for _ in range(2):
        await house.deliverer(connections=8)
    to = await house.configuration(receiver.url("/ok/throttled"), throttling=600)
    await house.put(to, *(f"k{n}" for n in range(80)))
    await house.settled({"SUCCESS": 80})
    at = sorted(r.at for r in receiver.requests("/ok/throttled"))
    assert len(at) == 80
    assert at[-1] - at[0] >= 20 / (541 / 60) * 0.8


async def test_a_throttled_configuration_holds_up_no_other(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer()
    slow = await house.configuration(receiver.url("/ok/slowly"), throttling=1)
    await house.put(slow, *"abc")
    quick = await house.configuration(receiver.url("/ok/quickly"))
    await house.put(quick, *(f"k{n}" for n in range(50)))
    await house.settled({"SUCCESS": 50}, quick)
    await house.settled({"SUCCESS": 1, "PENDING": 2}, slow)

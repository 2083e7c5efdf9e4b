"""Deliveries: what is posted, what is tried again and when, who is held, who delays nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
from posthouse import House, shown, until_requests
from tests.peers.receiver import Receiver
from tests.waiting import eventually

from clarion.engine.events.configurations import service as configurations
from clarion.engine.events.configurations.model import ConfigurationChange
from clarion.engine.events.model import Protocol
from clarion.storage.database import Database


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    built = await House.build(db)
    yield built
    await built.close()


async def test_an_event_is_posted_once_and_its_attempt_is_recorded(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer()
    to = await house.configuration(receiver.url("/ok/once"))
    (event,) = await house.put(to, "+15550100")
    await house.settled({"SUCCESS": 1})
    await house.nothing_left()
    (request,) = receiver.requests("/ok/once")
    assert request.event == {
        "topic": "SCG-Message",
        "attempt": 1,
        "event": {
            "evt-tp": "mo_message_received",
            "timestamp": request.headers["x-ess-event-timestamp"],
            "fld-val-list": {"from_address": "+15550100", "number": 0},
        },
        "event-id": shown([event])[0],
    }
    assert request.headers["x-ess-event-key"] == "+15550100"
    (attempt,) = await house.attempts(event)
    assert (attempt["number"], attempt["succeeded"], attempt["http_status"]) == (1, True, 200)
    assert attempt["answer"] == "Hello World"
    assert attempt["address"] == receiver.url("/ok/once")


async def test_many_deliveries_go_over_few_connections(house: House, receiver: Receiver) -> None:
    await house.deliverer(connections=4)
    to = await house.configuration(receiver.url("/ok/many"))
    events = await house.put(to, *(f"k{n}" for n in range(600)))
    await house.settled({"SUCCESS": 600})
    await house.nothing_left()
    requests = receiver.requests("/ok/many")
    assert sorted(r.event_id for r in requests) == sorted(shown(events))
    assert len({r.link for r in requests}) <= 4


# ---------------------------------------------------------------- tries


async def test_what_fails_is_tried_again_with_the_same_event_id(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer()
    to = await house.configuration(receiver.url("/first-fail/2"))
    (event,) = await house.put(to, "k")
    await house.settled({"SUCCESS": 1})
    requests = receiver.requests("/first-fail/2")
    assert [r.event["attempt"] for r in requests] == [1, 2, 3]
    assert {r.event_id for r in requests} == set(shown([event]))
    attempts = await house.attempts(event)
    assert [(a["number"], a["succeeded"], a["http_status"]) for a in attempts] == [
        (1, False, 500), (2, False, 500), (3, True, 200),
    ]  # fmt: skip


async def test_tries_follow_the_schedule_and_end_with_it(house: House, receiver: Receiver) -> None:
    await house.deliverer(retry_seconds=(0.1, 0.4))
    to = await house.configuration(receiver.url("/fail/schedule"))
    (event,) = await house.put(to, "k")
    await house.settled({"FAILED": 1})
    await house.nothing_left()
    at = [r.at for r in receiver.requests("/fail/schedule")]
    assert len(at) == 3
    assert at[1] - at[0] >= 0.08  # give or take a fifth
    assert at[2] - at[1] >= 0.32
    assert await house.db.fetchval("select event_id from failed_delivery") == event


async def test_between_tries_a_delivery_is_in_retry(house: House, receiver: Receiver) -> None:
    await house.deliverer(retry_seconds=(3600.0,))
    to = await house.configuration(receiver.url("/fail/waits"))
    await house.put(to, "k")
    await house.settled({"RETRY": 1})
    assert await house.left() == (1, 0)


@pytest.mark.parametrize("mode", ["status/205", "redirect/ok/elsewhere", "status/404", "garbage"])
async def test_anything_but_200_to_204_is_a_failure(
    house: House, receiver: Receiver, mode: str
) -> None:
    await house.deliverer(retry_seconds=(3600.0,))
    to = await house.configuration(receiver.url(f"/{mode}"))
    await house.put(to, "k")
    await house.settled({"RETRY": 1})
    assert receiver.requests("/ok/elsewhere") == []


async def test_204_is_a_success(house: House, receiver: Receiver) -> None:
    await house.deliverer()
    await house.put(await house.configuration(receiver.url("/status/204")), "k")
    await house.settled({"SUCCESS": 1})


async def test_a_hanging_receiver_has_so_long_and_no_longer(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer(timeout=0.3, retry_seconds=(3600.0,))
    to = await house.configuration(receiver.url("/hang/long"))
    (event,) = await house.put(to, "k")
    await house.settled({"RETRY": 1})
    (attempt,) = await house.attempts(event)
    assert attempt["http_status"] is None
    assert attempt["answer"] == "No answer within 0.3 seconds."


# ---------------------------------------------------------------- what receivers ask for


async def test_410_switches_the_configuration_off(house: House, receiver: Receiver) -> None:
    await house.db.execute(
        "insert into subscription_key values ($1, 'ESS-Delivery', '', '', '', 1)", house.company_id
    )
    await house.deliverer()
    to = await house.configuration(receiver.url("/status/410"))
    await house.put(to, "first")
    await house.settled({"FAILED": 1})
    health = await eventually(lambda: _off(house, to))
    assert "410" in health["inactive_reason"]
    row = await house.db.fetchrow("select * from announcement")
    assert row is not None
    assert row["type"] == "delivery_configuration_disabled"
    assert row["bodies"][0]["fields"]["del_cfg_id"] == str(to)
    await house.put(to, "second")
    good = await house.configuration(receiver.url("/ok/after-410"))
    await house.put(good, "third")  # delivered later, so the second one would have been
    await house.settled({"SUCCESS": 1}, good)
    assert await house.statuses(to) == {"FAILED": 1, "PENDING": 1}


async def _off(house: House, configuration: int) -> object:
    health = await house.health(configuration)
    return None if health["active"] else health


@pytest.mark.parametrize("code", ["429", "503"])
async def test_retry_after_holds_the_configuration_back(
    house: House, receiver: Receiver, code: str
) -> None:
    await house.deliverer()
    path = f"/retry-after/{code}/3000"
    to = await house.configuration(receiver.url(path))
    await house.put(to, *"abcdefgh")
    health = await eventually(lambda: _held(house, to))
    left = (health["held_until"] - datetime.now(UTC)).total_seconds()
    assert 2900 < left <= 3000
    good = await house.configuration(receiver.url(f"/ok/after-{code}"))
    await house.put(good, *"abcdefgh")
    await house.settled({"SUCCESS": 8}, good)
    assert len(receiver.requests(path)) <= 4  # those that were on their way

    async def in_queue() -> bool:
        return await house.left() == (8, 0)

    await eventually(in_queue)


async def _held(house: House, configuration: int) -> object:
    health = await house.health(configuration)
    return health if health["held_until"] else None


async def test_a_short_retry_after_is_waited_for(house: House, receiver: Receiver) -> None:
    await house.deliverer()
    path = "/retry-after/429/1"
    to = await house.configuration(receiver.url(path))
    await house.put(to, "k")
    await until_requests(receiver, 1, path)
    receiver.become(path, "ok")
    await house.settled({"SUCCESS": 1})
    first, second = receiver.requests(path)
    assert second.at - first.at >= 0.95


async def test_another_address_is_not_held_back_for_what_the_old_one_said(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer(retry_seconds=(3600.0,))
    to = await house.configuration(receiver.url("/retry-after/429/3000"))
    await house.put(to, "a")
    await eventually(lambda: _held(house, to))
    await house.put(to, "b")
    change = ConfigurationChange(address=receiver.url("/ok/instead"))
    await configurations.change(house.db, house.caller, to, change)
    await house.settled({"SUCCESS": 1, "RETRY": 1})


# ---------------------------------------------------------------- who gets anything at all


async def test_switched_off_deleted_and_collected_configurations_get_nothing(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer()
    off = await house.configuration(receiver.url("/ok/off"), active=False)
    deleted = await house.configuration(receiver.url("/ok/deleted"))
    await configurations.delete(house.db, house.caller, deleted)
    files = await house.configuration(None, cron_expression="0 0 0 1 1 *")
    stream = await house.configuration(None, protocol=Protocol.STREAM)
    for each in (off, deleted, files, stream):
        await house.put(each, "k")
    good = await house.configuration(receiver.url("/ok/on"))
    await house.put(good, "k")
    await house.settled({"SUCCESS": 1, "PENDING": 4})
    assert receiver.requests("/ok/off") == receiver.requests("/ok/deleted") == []


async def test_whoever_is_switched_off_gets_no_more_of_what_is_in_hand(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer(timeout=60.0, connections=2)
    to = await house.configuration(receiver.url("/hang/off"))
    await house.put(to, *"abcdefgh")
    await until_requests(receiver, 2, "/hang/off")
    change = ConfigurationChange(active=False)
    await configurations.change(house.db, house.caller, to, change)

    async def given_back() -> bool:
        return (await house.left())[0] == 6

    await eventually(given_back)
    assert len(receiver.requests("/hang/off")) == 2


async def test_a_changed_address_is_used_for_what_waits(house: House, receiver: Receiver) -> None:
    await house.deliverer(retry_seconds=(0.5,) * 20)
    to = await house.configuration(receiver.url("/fail/old"))
    await house.put(to, "k")
    await until_requests(receiver, 1, "/fail/old")
    change = ConfigurationChange(address=receiver.url("/ok/new"))
    await configurations.change(house.db, house.caller, to, change)
    await house.settled({"SUCCESS": 1})
    assert len(receiver.requests("/ok/new")) == 1


async def test_an_address_that_may_not_be_posted_to_fails_at_once(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer()
    to = await house.configuration("http://169.254.169.254/latest/meta-data")
    (event,) = await house.put(to, "k")
    await house.settled({"FAILED": 1})
    (attempt,) = await house.attempts(event)
    assert attempt["http_status"] is None
    assert "link-local" in attempt["answer"]


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

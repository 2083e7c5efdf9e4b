"""Who goes first and how fast, end to end: fair turns, priorities, rates."""

from __future__ import annotations

from time import monotonic
from typing import Any

import pytest
from pipeline import Gateway, Place
from tests.factories import Tenant
from tests.peers.smsc import Smsc
from tests.waiting import eventually

from clarion.engine.messages import lanes
from clarion.settings import SmppConnector


def _smpp(smsc: Smsc, **more: Any) -> SmppConnector:
    chosen: dict[str, Any] = {"receipts": False, "window": 10}
    return SmppConnector(host="127.0.0.1", port=smsc.port, **{**chosen, **more})


async def _queue(gateway: Gateway, tenant: Tenant, count: int, *, first: int = 0) -> None:
    """Messages that wait; each request has 50 at most, so that they are there at once."""
    numbers = [f"49151{10_000_000 + first + n}" for n in range(count)]
    for start in range(0, count, 50):
        await gateway.send(tenant, *numbers[start : start + 50])


async def _accepting(place: Place, smsc: Smsc, **more: Any) -> Gateway:
    """Takes requests; dispatches once it is started."""
    gateway = place.gateway(_smpp(smsc, **more), dispatch={"batch_size": 10})
    gateway.intake.start()
    return gateway


async def _dispatch(gateway: Gateway) -> None:
    await gateway.intake.stop()
    await gateway.start()


async def _sources(smsc: Smsc, count: int) -> list[str]:
    """Whose messages came, in the order of arrival, once there are so many."""
    await smsc.until(lambda stats: stats["taken"] >= count)
    return [message["source"] for message in await smsc.messages()]


async def _limit(place: Place, tenant: Tenant, rate: float) -> None:
    """A sender class of the company's own."""
    name = f"class {tenant.company_id}"
    await place.db.execute(
        "insert into sender_id_class (id, name, description, designation, applicable_countries, "
        "country_peak_throughput, created_at, updated_at) "
        "values ($1, $1, '', 'ALL', '{}', $2, now(), now()) "
        "on conflict (id) do update set country_peak_throughput = $2",
        name,
        rate,
    )
    await place.db.execute(
        "update sender_id set class_id = $2 where company_id = $1", tenant.company_id, name
    )


async def test_a_small_company_does_not_wait_for_a_large_one(place: Place, smsc: Smsc) -> None:
    large, small = await place.tenant(), await place.tenant()
    gateway = await _accepting(place, smsc)
    await _queue(gateway, large, 400)
    await _queue(gateway, small, 40)
    await _dispatch(gateway)
    sources = await _sources(smsc, 440)
    last = max(n for n, source in enumerate(sources) if source == small.address)
    assert last < 130  # 80 in exact turns, and a claim or two of slack


async def test_a_company_of_more_weight_gets_more(place: Place, smsc: Smsc) -> None:
    heavy, light = await place.tenant(weight=3), await place.tenant(weight=1)
    gateway = await _accepting(place, smsc)
    await _queue(gateway, light, 200)
    await _queue(gateway, heavy, 200)
    await _dispatch(gateway)
    sources = await _sources(smsc, 400)
    when_heavy_is_done = max(n for n, s in enumerate(sources) if s == heavy.address)
    served = sources[:when_heavy_is_done].count(light.address)
    assert 40 < served < 100  # 67 in exact turns


async def test_high_leaves_before_normal_before_low(place: Place, smsc: Smsc) -> None:
    tenant = await place.tenant()
    gateway = await _accepting(place, smsc)
    await _queue(gateway, tenant, 150)
    chosen = [row["message_id"] for row in await place.waiting(tenant)]
    for priority, messages in ((1, chosen), (0, chosen[40:50]), (2, chosen[10:20])):
        await place.db.execute(
            "update outbound set priority = $3 where company_id = $1 and message_id = any($2)",
            tenant.company_id,
            messages,
            priority,
        )
    await _dispatch(gateway)
    await smsc.until(lambda stats: stats["taken"] == 150)
    order = [int(message["destination"]) - 4_915_110_000_000 for message in await smsc.messages()]
    assert order[:10] == list(range(40, 50))
    assert order[-10:] == list(range(10, 20))


async def test_a_senders_rate_is_held(place: Place, smsc: Smsc) -> None:
    tenant = await place.tenant()
    await _limit(place, tenant, 40.0)
    gateway = await _accepting(place, smsc)
    await _queue(gateway, tenant, 120)
    await _dispatch(gateway)
    await smsc.until(lambda stats: stats["taken"] == 120)
    at = [message["at"] / 1000 for message in await smsc.messages()]
    assert at[-1] - at[0] > 1.0  # 40 at once, 80 more in two seconds
    for start in at:  # 60 of the 120, and more where the SMSC was held up
        assert sum(start <= moment < start + 0.5 for moment in at) <= 100


async def test_a_slow_sender_holds_up_nobody(place: Place, smsc: Smsc) -> None:
    slow, free = await place.tenant(), await place.tenant()
    await _limit(place, slow, 2.0)
    gateway = await _accepting(place, smsc)
    await _queue(gateway, slow, 20)
    await _queue(gateway, free, 200)
    await _dispatch(gateway)

    async def is_done() -> list[str]:
        sources = await _sources(smsc, 200)
        return sources if sources.count(free.address) == 200 else []

    sources = await eventually(is_done)
    assert sources.count(slow.address) < 20


async def test_a_new_rate_is_noticed_while_a_sender_is_busy(
    place: Place, smsc: Smsc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "RATE_SECONDS", 0.05)
    tenant = await place.tenant()
    await _limit(place, tenant, 1.0)
    gateway = await _accepting(place, smsc)
    await _queue(gateway, tenant, 200)
    await _dispatch(gateway)
    await smsc.until(lambda stats: stats["taken"] >= 1)
    await _limit(place, tenant, 2000.0)
    await smsc.until(lambda stats: stats["taken"] == 200)


async def test_the_operators_limit_on_a_connector_is_held(place: Place, smsc: Smsc) -> None:
    first, second = await place.tenant(), await place.tenant()
    gateway = await _accepting(place, smsc, throughput=40.0)
    await _queue(gateway, first, 40)
    await _queue(gateway, second, 40)
    await _dispatch(gateway)
    await smsc.until(lambda stats: stats["taken"] == 80)
    at = [message["at"] / 1000 for message in await smsc.messages()]
    assert at[-1] - at[0] > 0.5  # 40 at once, 40 more in a second


async def test_the_window_is_kept_full_and_not_overrun(place: Place, smsc: Smsc) -> None:
    await smsc.configure(answer_delay=5)
    tenant = await place.tenant()
    gateway = await _accepting(place, smsc)
    await _queue(gateway, tenant, 300)
    await _dispatch(gateway)
    stats = await smsc.until(lambda stats: stats["taken"] == 300)
    assert stats["peak_unanswered"] == 10


async def test_without_room_a_dispatcher_rests(place: Place, smsc: Smsc) -> None:
    """It waits for a hint, for room or for the next look, though it has work."""
    await smsc.configure(silent=1)
    tenant = await place.tenant()
    gateway = place.gateway(
        _smpp(smsc, window=1, reconnect=(0.01,), retry=(0.01,)),
        dispatch={"batch_size": 10, "poll_interval": 0.1},
    )
    gateway.intake.start()
    await _queue(gateway, tenant, 50)
    dispatcher = gateway.carriers._dispatchers[place.name]
    step, steps = dispatcher._step, []

    async def counted() -> bool:
        steps.append(monotonic())
        return await step()

    dispatcher._step = counted  # type: ignore[method-assign]
    await _dispatch(gateway)
    await smsc.until(lambda stats: stats["taken"] == 1)
    await eventually(lambda: len(dispatcher._ready) >= 5)
    before = len(steps)
    await eventually(lambda: len(steps) > before + 3)
    assert steps[before + 3] - steps[before] > 0.2
    await smsc.configure(silent=0)
    await smsc.kick()
    await _sources(smsc, 51)

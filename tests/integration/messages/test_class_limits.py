"""Limits of sender id classes: a company and country, by the second and by the day."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from pipeline import Gateway, Place
from tests.factories import Tenant
from tests.peers.smsc import Smsc
from tests.waiting import eventually

from clarion.engine.messages import gate
from clarion.engine.senders.throughput.model import Limits
from clarion.engine.senders.throughput.service import set_limits
from clarion.settings import SmppConnector

GERMAN = [f"49151{30_000_000 + n}" for n in range(60)]
FRENCH = [f"3361234{n:04}" for n in range(30)]


async def _limit(place: Place, tenant: Tenant, **limits: Any) -> None:
    """A class of the company's own."""
    name = f"limits {tenant.company_id}"
    await place.db.execute(
        "insert into sender_id_class (id, name, description, designation, applicable_countries, "
        "created_at, updated_at) values ($1, $1, '', 'ALL', '{}', now(), now())",
        name,
    )
    nothing = {"peak": None, "peak_total": None, "daily": None}
    await set_limits(place.db, name, Limits(**{**nothing, **limits}))
    await place.db.execute(
        "update sender_id set class_id = $2 where company_id = $1", tenant.company_id, name
    )


async def _started(place: Place, smsc: Smsc, **more: Any) -> Gateway:
    connector = SmppConnector(host="127.0.0.1", port=smsc.port, receipts=False, binds=2)
    return await place.started(connector, **more)


async def _countries(smsc: Smsc) -> Counter[str]:
    return Counter(message["destination"][:2] for message in await smsc.messages())


async def test_a_country_that_is_limited_holds_up_no_other(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    """The day's limit is a country's: what is over it waits in the queue, not in hand."""
    await _limit(place, tenant, daily=20)
    gateway = await _started(place, smsc)
    request = await gateway.send(tenant, *GERMAN[:25], *FRENCH[:10])
    await smsc.until(lambda stats: stats["taken"] >= 30)
    await eventually(lambda: _waits(place, tenant, 5))
    assert await _countries(smsc) == {"49": 20, "33": 10}
    states = Counter(await place.states(tenant, request))
    assert states == {"SENT": 30, "CREATED": 5}


async def _waits(place: Place, tenant: Tenant, count: int) -> bool:
    return len(await place.waiting(tenant)) == count


async def test_a_peak_is_held_by_two_nodes_together(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    await _limit(place, tenant, peak=20.0)
    soon = {"node_lease": 2.0}
    first, second = [await _started(place, smsc, dispatch=soon) for _ in range(2)]
    for n, number in enumerate(GERMAN):
        await (first, second)[n % 2].send(tenant, number)
    await smsc.until(lambda stats: stats["taken"] == len(GERMAN))
    at = sorted(message["at"] / 1000 for message in await smsc.messages())
    for start in at:  # 40 of the 60, and more where the SMSC was held up
        assert sum(start <= moment < start + 1.0 for moment in at) <= 55


async def test_what_is_too_much_to_hold_in_hand_goes_back_and_comes_again(
    place: Place, smsc: Smsc, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "MOST", 3)
    monkeypatch.setattr(gate, "PATIENCE", 0.2)
    await _limit(place, tenant, peak=30.0)
    gateway = await _started(place, smsc)
    request = await gateway.send(tenant, *GERMAN[:50])
    await place.until(tenant, request, "SENT")
    assert (await _countries(smsc)) == {"49": 50}


async def test_what_a_stopped_node_held_is_sent_by_the_next(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    await _limit(place, tenant, peak=10.0)
    first = await _started(place, smsc)
    request = await first.send(tenant, *GERMAN[:30])
    await smsc.until(lambda stats: stats["taken"] >= 1)
    await first.stop()
    await _started(place, smsc)
    await place.until(tenant, request, "SENT")
    assert (await _countries(smsc)) == {"49": 30}

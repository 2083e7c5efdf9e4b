"""What the pipeline counts for `/metrics`."""

from __future__ import annotations

import pytest
from pipeline import Place
from tests.factories import Tenant
from tests.peers.smsc import Smsc
from tests.waiting import eventually

from clarion import metrics
from clarion.engine.messages import tasks
from clarion.settings import SmppConnector

ONE, TWO = "+4915112345678", "+4915112345679"


def _figure(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(f"clarion_{name}", labels) or 0.0


@pytest.mark.parametrize("many", [0, 150])
async def test_messages_that_fail_at_once_are_counted(
    place: Place, tenant: Tenant, many: int
) -> None:
    gateway = await place.started()
    stopped, queued = _figure("messages_stopped_total"), _figure("messages_queued_total")
    more = [f"+4915100{n:06}" for n in range(many)]
    request = await gateway.send(tenant, ONE, "nobody", *more)

    async def completed() -> bool:
        return bool((await place.request(tenant, request))["state"] == "COMPLETED")

    await eventually(completed)
    assert _figure("messages_stopped_total") - stopped == 1
    assert _figure("messages_queued_total") - queued == 1 + many


async def test_what_the_carrier_has_not_answered_is_counted_and_then_timed(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    await smsc.configure(answer_delay=300)
    gateway = await place.started(SmppConnector(host="127.0.0.1", port=smsc.port))
    (name,) = gateway.connectors
    answered = _figure("submit_seconds_count", connector=name)
    took = _figure("submit_seconds_sum", connector=name)
    request = await gateway.send(tenant, ONE, TWO)
    await smsc.until(lambda stats: stats["submits"] == 2)
    await tasks.measure_queues(place.db, [name])
    assert _figure("claimed_messages", connector=name) == 2
    await place.until(tenant, request, "DELIVERED")
    assert _figure("submit_seconds_count", connector=name) > answered
    assert _figure("submit_seconds_sum", connector=name) - took >= 0.25
    await tasks.measure_queues(place.db, [name])
    assert _figure("claimed_messages", connector=name) == 0

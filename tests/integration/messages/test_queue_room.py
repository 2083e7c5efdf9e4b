"""Room in a sender's queue is reserved once for each request, and given back once, however storing
it ends; and what is asked of the database while a client waits comes to an end."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from pipeline import Gateway, Place
from tests.factories import Tenant, a_request
from tests.waiting import PATIENCE, eventually

from clarion import settings
from clarion.engine.messages import depth, flush, store
from clarion.engine.messages.depth import Depth
from clarion.errors import ClarionError, TooManyRequests, Unavailable

GOOD = "+4915112345678"


@pytest.fixture
def gateway(accepting: Gateway) -> Gateway:
    return accepting


def room(gateway: Gateway) -> Depth:
    """Of the only sender id that has sent."""
    (found,) = gateway.intake._depths._depths.values()
    return found


async def _three(gateway: Gateway, tenant: Tenant) -> list[UUID | BaseException]:
    """The second repeats an earlier request."""
    return await asyncio.gather(
        gateway.send(tenant, GOOD),
        gateway.send(tenant, GOOD, external_id="x"),
        gateway.send(tenant, GOOD),
        return_exceptions=True,
    )


async def test_what_is_looked_at_again_is_counted_once(
    gateway: Gateway, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit went well, and what it repeats could not be read at first."""
    first = await gateway.send(tenant, GOOD, external_id="x")
    read, tries = store.read_external_id, []

    async def late(*args: Any) -> Any:
        tries.append(args)
        if len(tries) == 1:
            raise Unavailable
        return await read(*args)

    monkeypatch.setattr(store, "read_external_id", late)
    made = await _three(gateway, tenant)
    assert made[1] == first
    assert (room(gateway).reserved, room(gateway).accepted) == (0, 3)


async def test_what_was_stored_stays_so_when_the_rest_of_its_batch_fails(
    gateway: Gateway, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flush, "RETRY_SECONDS", 0.3)
    await gateway.send(tenant, GOOD, external_id="x")

    async def away(*_: Any) -> Any:
        raise Unavailable

    monkeypatch.setattr(store, "read_external_id", away)
    made = await _three(gateway, tenant)
    assert [isinstance(each, Unavailable) for each in made] == [False, True, False]
    assert (room(gateway).reserved, room(gateway).accepted) == (0, 3)


async def test_clients_that_go_and_a_stop_leave_no_room_reserved(
    gateway: Gateway, tenant: Tenant
) -> None:
    await gateway.send(tenant, GOOD)
    new = a_request(GOOD, sender=tenant.address)
    waiting = [asyncio.ensure_future(gateway.intake.accept(tenant.caller, new)) for _ in range(300)]
    for each in waiting[::3]:
        each.cancel()
    await gateway.intake.stop()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert not [each for each in found if isinstance(each, ClarionError)]
    with pytest.raises(Unavailable, match="stopping"):
        await gateway.intake.accept(tenant.caller, new)
    assert room(gateway).reserved == 0
    assert room(gateway).accepted == 301  # those whose clients have gone are stored all the same


async def test_a_count_that_takes_long_is_asked_for_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer counts, however old it is when it comes."""
    gateway = place.gateway(intake=settings.Intake(sender_queue_limit=3, direct_recipients=2))
    tenant = await place.tenant()
    gateway.intake.start()
    for _ in range(3):
        await gateway.send(tenant, GOOD)
    monkeypatch.setattr(depth, "FULL_SECONDS", -1.0)  # every count is too old at once
    counted, asked = store.queue_depth, []

    async def noted(*args: Any, **more: Any) -> int:
        asked.append(args)
        return await counted(*args, **more)

    monkeypatch.setattr(store, "queue_depth", noted)
    with pytest.raises(TooManyRequests):
        async with asyncio.timeout(PATIENCE):
            await gateway.send(tenant, GOOD)
    assert len(asked) == 1
    await gateway.intake.stop()


async def test_a_sender_id_that_changes_is_noticed(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    """The way of its messages is kept, and is the way of the sender id as it is."""
    await gateway.send(tenant, GOOD)
    await place.db.execute(
        "update sender_id set connector = 'gone' where company_id = $1", tenant.company_id
    )

    async def refused() -> bool:
        try:
            await gateway.send(tenant, GOOD)
        except ClarionError:
            return True
        return False

    await eventually(refused)

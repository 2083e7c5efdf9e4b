"""What clients do to requests and messages that exist: pause, resume, cancel, convert, delete."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from pipeline import Gateway, Place
from tests.factories import Tenant
from tests.peers.smsc import Smsc
from tests.waiting import eventually

from clarion.engine.messages import service, tasks
from clarion.errors import ClarionError, Conflict, InvalidInput, NotFound, StaleVersion
from clarion.settings import SmppConnector

ONE, TWO = "+4915112345678", "+4915112345679"


async def _resume(gateway: Gateway, tenant: Tenant, request: UUID) -> None:
    (connector,) = await service.resume_request(
        gateway.db, gateway.senders, gateway.settings.connectors, tenant.company_id, request
    )
    gateway.carriers.queued(connector)


async def _paused(gateway: Gateway, tenant: Tenant, *to: str, **more: object) -> UUID:
    return await gateway.send(tenant, *to, pause_before_transmit=True, **more)


# ---------------------------------------------------------------- pause and resume


@pytest.mark.parametrize("to", [(ONE,), (ONE, TWO), (ONE, TWO, "nobody")])
async def test_a_paused_request_leaves_when_it_is_resumed(
    place: Place, gateway: Gateway, tenant: Tenant, to: tuple[str, ...]
) -> None:
    request = await _paused(gateway, tenant, *to)
    later = await gateway.send(tenant, ONE)
    await place.until(tenant, later, "DELIVERED")
    assert set(await place.states(tenant, request)) <= {"PAUSED", "FAILED"}
    assert (await place.request(tenant, request))["state"] == "PAUSED"
    await _resume(gateway, tenant, request)
    await eventually(lambda: _has_state(place, tenant, request, "COMPLETED"))
    sent = [state for state in await place.states(tenant, request) if state != "FAILED"]
    assert len(sent) == len({ONE, TWO} & set(to))


async def test_resuming_twice_at_once_sends_once(
    place: Place, accepting: Gateway, tenant: Tenant
) -> None:
    request = await _paused(accepting, tenant, *(f"+4915112345{n:03}" for n in range(40)))
    await asyncio.gather(
        *(_resume(accepting, tenant, request) for _ in range(6)), return_exceptions=True
    )
    assert len(await place.waiting(tenant)) == 40
    assert set(await place.states(tenant, request)) == {"CREATED"}
    assert (await place.request(tenant, request))["state"] == "TRANSMITTING"


async def test_a_resumed_message_that_is_for_later_waits_for_its_time(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    request = await _paused(gateway, tenant, ONE, TWO, scheduled_at=later)
    await _resume(gateway, tenant, request)
    assert set(await place.states(tenant, request)) == {"SCHEDULED"}
    await place.make_due(tenant)
    await place.until(tenant, request, "DELIVERED")


@pytest.mark.parametrize("to", [(ONE,), (ONE, TWO)])
async def test_only_a_paused_request_can_be_resumed(
    place: Place, gateway: Gateway, tenant: Tenant, to: tuple[str, ...]
) -> None:
    request = await gateway.send(tenant, *to)
    with pytest.raises(Conflict):
        await _resume(gateway, tenant, request)
    await place.until(tenant, request, "DELIVERED")
    with pytest.raises(Conflict):
        await _resume(gateway, tenant, request)


@pytest.mark.parametrize("to", [(ONE,), (ONE, TWO)])
async def test_a_pause_that_runs_out_expires_the_messages(
    place: Place, accepting: Gateway, tenant: Tenant, to: tuple[str, ...]
) -> None:
    request = await _paused(accepting, tenant, *to, pause_expires_at=datetime.now(UTC))
    await tasks.expire_pauses(place.db)
    assert set(await place.states(tenant, request)) == {"EXPIRED"}
    assert {m["failure_code"] for m in await place.messages(tenant, request)} == {"1007"}
    assert (await place.request(tenant, request))["state"] == "COMPLETED"
    with pytest.raises(Conflict):
        await _resume(accepting, tenant, request)


async def test_a_pause_that_has_not_run_out_stays(
    place: Place, accepting: Gateway, tenant: Tenant
) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    request = await _paused(accepting, tenant, ONE, TWO, pause_expires_at=soon)
    await tasks.expire_pauses(place.db)
    assert set(await place.states(tenant, request)) == {"PAUSED"}


async def test_a_pause_that_runs_out_while_the_client_resumes_ends_one_way(
    place: Place, accepting: Gateway, tenant: Tenant
) -> None:
    to = [f"+4915112345{n:03}" for n in range(30)]
    requests = [
        await _paused(accepting, tenant, *to, pause_expires_at=datetime.now(UTC)) for _ in range(6)
    ]
    await asyncio.gather(
        *(_resume(accepting, tenant, request) for request in requests),
        *(service.expire_paused(place.db, tenant.company_id, request) for request in requests),
        return_exceptions=True,
    )
    for request in requests:
        states = await place.states(tenant, request)
        assert set(states) <= {"CREATED", "EXPIRED"}
        shown = await place.request(tenant, request)
        assert shown["state"] == ("TRANSMITTING" if "CREATED" in states else "COMPLETED")


async def test_what_expires_during_a_pause_expires_after_it(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    soon = datetime.now(UTC) + timedelta(milliseconds=30)
    request = await _paused(gateway, tenant, ONE, TWO, expires_at=soon)
    await eventually(lambda: datetime.now(UTC) > soon)
    await _resume(gateway, tenant, request)
    await place.until(tenant, request, "EXPIRED")


# ---------------------------------------------------------------- cancel


@pytest.mark.parametrize("to", [(ONE,), (ONE, TWO), (ONE, "nobody")])
async def test_what_waits_in_the_queue_is_canceled(
    place: Place, accepting: Gateway, tenant: Tenant, to: tuple[str, ...]
) -> None:
    request = await accepting.send(tenant, *to)
    await service.cancel_request(place.db, tenant.company_id, request)
    assert set(await place.states(tenant, request)) - {"FAILED"} == {"CANCELED"}
    assert (await place.request(tenant, request))["state"] == "CANCELED"


async def test_what_was_canceled_is_not_sent(
    place: Place, accepting: Gateway, tenant: Tenant, smsc: Smsc
) -> None:
    request = await accepting.send(tenant, ONE, TWO)
    await service.cancel_request(place.db, tenant.company_id, request)
    gateway = await place.started(SmppConnector(host="127.0.0.1", port=smsc.port))
    later = await gateway.send(tenant, "+4915100000001")
    await place.until(tenant, later, "DELIVERED")
    assert [m["destination"] for m in await smsc.messages()] == ["4915100000001"]
    assert set(await place.states(tenant, request)) == {"CANCELED"}
    assert await place.waiting(tenant) == []


@pytest.mark.parametrize("to", [(ONE,), (ONE, TWO)])
async def test_what_is_paused_is_canceled(
    place: Place, accepting: Gateway, tenant: Tenant, to: tuple[str, ...]
) -> None:
    request = await _paused(accepting, tenant, *to)
    await service.cancel_request(place.db, tenant.company_id, request)
    assert set(await place.states(tenant, request)) == {"CANCELED"}
    with pytest.raises(Conflict):
        await _resume(accepting, tenant, request)
    await tasks.expire_pauses(place.db)
    assert (await place.request(tenant, request))["state"] == "CANCELED"


async def test_what_is_scheduled_is_canceled_and_makes_room_in_the_queue(
    place: Place, accepting: Gateway, tenant: Tenant
) -> None:
    later = datetime.now(UTC) + timedelta(days=3)
    request = await accepting.send(tenant, ONE, TWO, scheduled_at=later)
    await service.cancel_request(place.db, tenant.company_id, request)
    assert set(await place.states(tenant, request)) == {"CANCELED"}
    assert await place.waiting(tenant) == []


@pytest.mark.parametrize("to", [(ONE,), (ONE, TWO)])
async def test_what_the_carrier_has_in_hand_goes_out_all_the_same(
    place: Place, smsc: Smsc, tenant: Tenant, to: tuple[str, ...]
) -> None:
    await smsc.configure(answer_delay=300, receipt_delay=400)
    gateway = await place.started(SmppConnector(host="127.0.0.1", port=smsc.port))
    request = await gateway.send(tenant, *to)
    await smsc.until(lambda stats: stats["taken"] == len(to))
    await service.cancel_request(place.db, tenant.company_id, request)
    assert set(await place.states(tenant, request)) == {"CANCELED"}
    await place.until(tenant, request, "DELIVERED")
    shown = await place.request(tenant, request)
    assert (shown["canceled_count"], shown["sent_count"]) == (0, len(to))


async def test_what_is_canceled_between_two_tries_is_not_tried_again(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    await smsc.configure(error=1, answer_delay=200)
    gateway = await place.started(
        SmppConnector(host="127.0.0.1", port=smsc.port, retry=(0.01, 0.01))
    )
    request = await gateway.send(tenant, ONE, TWO)
    await smsc.until(lambda stats: stats["submits"] == 2)
    await service.cancel_request(place.db, tenant.company_id, request)
    await smsc.configure(error=0, answer_delay=0)
    later = await gateway.send(tenant, "+4915100000001")
    await place.until(tenant, later, "DELIVERED")
    await eventually(lambda: _no_claims(place, tenant))
    assert set(await place.states(tenant, request)) == {"CANCELED"}
    assert (await smsc.stats())["submits"] == 3


async def test_canceling_what_has_left_or_twice_changes_nothing(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    for to in ((ONE,), (ONE, TWO)):
        request = await gateway.send(tenant, *to)
        await place.until(tenant, request, "DELIVERED")
        for _ in range(2):
            await service.cancel_request(place.db, tenant.company_id, request)
        assert set(await place.states(tenant, request)) == {"DELIVERED"}
        assert (await place.request(tenant, request))["state"] == "COMPLETED"


async def test_canceling_beside_everything_else_keeps_the_books(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    """Sending, canceling, pausing, resuming and deleting at once; the fixture looks at the end."""

    async def life(n: int) -> None:
        to = [f"+49151{40_000_000 + n * 10 + k}" for k in range(1 + n % 7)]
        request = await gateway.send(tenant, *to, pause_before_transmit=n % 3 == 0)
        if n % 3 == 0:
            await _resume(gateway, tenant, request)
        if n % 2 == 0:
            await service.cancel_request(place.db, tenant.company_id, request)
        if n % 5 == 0:
            await service.delete_request(place.db, tenant.company_id, request)

    results = await asyncio.gather(*(life(n) for n in range(120)), return_exceptions=True)
    assert {type(r) for r in results} <= {type(None), Conflict}
    await eventually(lambda: _all_ended(place, tenant))


async def test_nobody_else_can_cancel(place: Place, accepting: Gateway, tenant: Tenant) -> None:
    stranger = await place.tenant()
    request = await accepting.send(tenant, ONE)
    for company_id, id in ((stranger.company_id, request), (tenant.company_id, uuid4())):
        with pytest.raises(NotFound):
            await service.cancel_request(place.db, company_id, id)
    assert await place.states(tenant, request) == ["CREATED"]


# ---------------------------------------------------------------- delete and convert


async def test_a_deleted_request_is_canceled_and_not_there(
    place: Place, accepting: Gateway, tenant: Tenant
) -> None:
    request = await accepting.send(tenant, ONE, TWO)
    await service.delete_request(place.db, tenant.company_id, request)
    assert set(await place.states(tenant, request)) == {"CANCELED"}
    assert (await place.request(tenant, request))["deleted_at"] is not None
    for again in (service.delete_request, service.cancel_request):
        with pytest.raises(NotFound):
            await again(place.db, tenant.company_id, request)


async def test_a_deleted_message_is_not_sent(
    place: Place, accepting: Gateway, tenant: Tenant
) -> None:
    request = await accepting.send(tenant, ONE, TWO)
    first, _ = await place.messages(tenant, request)
    await service.delete_message(place.db, tenant.company_id, first["id"])
    gateway = await place.started()
    await place.until(tenant, request, "CANCELED", "DELIVERED")
    assert (await place.messages(tenant, request))[0]["deleted_at"] is not None
    with pytest.raises(NotFound):
        await service.delete_message(gateway.db, tenant.company_id, first["id"])


@pytest.mark.parametrize("to", [(ONE,), (ONE, TWO)])
@pytest.mark.parametrize("paused", [True, False])
async def test_a_request_whose_messages_were_all_deleted_is_completed(
    place: Place, accepting: Gateway, tenant: Tenant, to: tuple[str, ...], *, paused: bool
) -> None:
    later = datetime.now(UTC) + timedelta(days=3)
    wishes: dict[str, object] = {"pause_before_transmit": True} if paused else {}
    request = await accepting.send(tenant, *to, scheduled_at=later, **wishes)
    for message in await place.messages(tenant, request):
        await service.delete_message(place.db, tenant.company_id, message["id"])
    shown = await place.request(tenant, request)
    assert (shown["state"], shown["canceled_count"]) == ("COMPLETED", len(to))
    await service.cancel_request(place.db, tenant.company_id, request)  # there is nothing left
    assert (await place.request(tenant, request))["state"] == "COMPLETED"


@pytest.mark.parametrize("to", [(ONE,), (ONE, TWO)])
async def test_a_canceled_request_stays_so_when_its_messages_are_converted(
    place: Place, accepting: Gateway, tenant: Tenant, to: tuple[str, ...]
) -> None:
    request = await accepting.send(tenant, *to)
    await service.cancel_request(place.db, tenant.company_id, request)
    for message in await place.messages(tenant, request):
        await service.change_message(place.db, tenant.caller, message["id"], state="CONVERTED")
    shown = await place.request(tenant, request)
    assert shown["state"] == "CANCELED"
    assert (shown["canceled_count"], shown["converted_count"]) == (0, len(to))


async def test_a_receipt_for_a_deleted_message_is_recorded(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    await smsc.configure(receipt_delay=300)
    gateway = await place.started(SmppConnector(host="127.0.0.1", port=smsc.port))
    request = await gateway.send(tenant, ONE)
    await place.until(tenant, request, "SENT")
    message = await place.message(tenant, request)
    await service.delete_message(place.db, tenant.company_id, message["id"])
    await place.until(tenant, request, "DELIVERED")


async def test_a_client_says_that_the_recipient_acted(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    request = await gateway.send(tenant, ONE, TWO)
    await place.until(tenant, request, "DELIVERED")
    message = (await place.messages(tenant, request))[0]["id"]
    at = datetime.now(UTC) - timedelta(minutes=5)
    for _ in range(2):  # twice is once
        await service.change_message(
            place.db, tenant.caller, message, state="CONVERTED", converted_at=at, source="shop"
        )
    row = (await place.messages(tenant, request))[0]
    assert (row["state"], row["converted_at"], row["conversion_source"]) == (
        "CONVERTED",
        at,
        "shop",
    )
    assert (await place.request(tenant, request))["converted_count"] == 1


async def test_a_receipt_that_comes_after_a_conversion_is_counted(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    await smsc.configure(receipt_delay=300)
    gateway = await place.started(SmppConnector(host="127.0.0.1", port=smsc.port))
    request = await gateway.send(tenant, ONE, TWO)
    await place.until(tenant, request, "SENT")
    for message in await place.messages(tenant, request):
        await service.change_message(place.db, tenant.caller, message["id"], state="CONVERTED")

    async def counted() -> bool:
        shown = await place.request(tenant, request)
        return bool(shown["delivered_count"] == 2)

    await eventually(counted)
    assert set(await place.states(tenant, request)) == {"CONVERTED"}


async def test_what_was_converted_before_it_left_is_not_sent(
    place: Place, accepting: Gateway, tenant: Tenant
) -> None:
    request = await accepting.send(tenant, ONE, TWO)
    for message in await place.messages(tenant, request):
        await service.change_message(place.db, tenant.caller, message["id"], state="CONVERTED")
    await place.started()
    await eventually(lambda: _nothing_waits(place, tenant))
    assert set(await place.states(tenant, request)) == {"CONVERTED"}
    assert (await place.request(tenant, request))["state"] == "COMPLETED"


@pytest.mark.parametrize(
    ("wishes", "state", "error"),
    [
        ({}, "SENT", InvalidInput),
        ({}, "PROCESSED", InvalidInput),
        ({}, "", InvalidInput),
        ({"test": True}, "CONVERTED", InvalidInput),
    ],
)
async def test_other_states_cannot_be_asked_for(
    place: Place, accepting: Gateway, wishes: dict[str, bool], state: str, error: type[ClarionError]
) -> None:
    tenant = await place.tenant()
    request = await accepting.send(tenant, ONE, **wishes)
    message = await place.message(tenant, request)
    with pytest.raises(error) as caught:
        await service.change_message(place.db, tenant.caller, message["id"], state=state)
    assert caught.value.field == "state"


@pytest.mark.parametrize("state", ["CONVERTED", "DELETED"])
async def test_a_change_to_an_old_version_is_refused(
    place: Place, accepting: Gateway, tenant: Tenant, state: str
) -> None:
    request = await accepting.send(tenant, ONE)
    message = await place.message(tenant, request)
    with pytest.raises(StaleVersion):
        await service.change_message(
            place.db, tenant.caller, message["id"], state=state, version=message["version"] + 1
        )
    await service.change_message(
        place.db, tenant.caller, message["id"], state=state, version=message["version"]
    )


async def _has_state(place: Place, tenant: Tenant, request: UUID, state: str) -> bool:
    return bool((await place.request(tenant, request))["state"] == state)


async def _no_claims(place: Place, tenant: Tenant) -> bool:
    claims = "select from claim where company_id = $1"
    return not await place.db.fetch(claims, tenant.company_id)


async def _nothing_waits(place: Place, tenant: Tenant) -> bool:
    return not await place.waiting(tenant) and await _no_claims(place, tenant)


async def _all_ended(place: Place, tenant: Tenant) -> bool:
    """Receipts too."""
    pending = await place.db.fetchval(
        "select count(*) from message where company_id = $1 "
        "and state not in ('DELIVERED', 'CANCELED')",
        tenant.company_id,
    )
    return bool(pending == 0) and await _nothing_waits(place, tenant)

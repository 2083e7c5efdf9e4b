"""Requests with many recipients become messages: with progress, once, across crashes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from pipeline import Gateway, Place
from tests.factories import Tenant

from clarion import settings
from clarion.engine.messages import expand, service
from clarion.errors import Unavailable

CHUNK = 40


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expand, "CHUNK", CHUNK)


@pytest.fixture
async def gateway(place: Place) -> AsyncIterator[Gateway]:
    """Accepts; expands when the test says so; sends nothing."""
    gateway = place.gateway()
    await gateway.membership.renew()
    gateway.intake.start()
    yield gateway
    await gateway.intake.stop()
    await gateway.membership.leave()


def _numbers(count: int, *, first: int = 0) -> list[str]:
    return [f"+49151{10_000_000 + first + n}" for n in range(count)]


async def _expand(gateway: Gateway) -> None:
    while await gateway.expander.step():
        pass


async def _progress(place: Place, tenant: Tenant, request: UUID) -> tuple[str, int]:
    shown = await place.request(tenant, request)
    return shown["state"], shown["recipient_count"]


async def test_progress_can_be_watched(place: Place, gateway: Gateway, tenant: Tenant) -> None:
    request = await gateway.send(tenant, *_numbers(100))
    seen = [await _progress(place, tenant, request)]
    while seen[-1][0] == "PREPARING":
        await gateway.expander.step()
        seen.append(await _progress(place, tenant, request))
    assert seen == [
        ("PREPARING", 0),
        ("PREPARING", 40),
        ("PREPARING", 80),
        ("TRANSMITTING", 100),
    ]
    rows = await place.messages(tenant, request)
    assert [row["peer_address"] for row in rows] == _numbers(100)
    assert len(await place.waiting(tenant)) == 100


async def test_duplicates_are_sent_once_and_counted_wherever_they_stand(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    to = [*_numbers(60), *_numbers(30), *(f"mdn:{n}" for n in _numbers(10)), *_numbers(5, first=60)]
    request = await gateway.send(tenant, *to)
    await _expand(gateway)
    shown = await place.request(tenant, request)
    assert (shown["recipient_count"], shown["duplicate_count"]) == (65, 40)
    assert [row["peer_address"] for row in await place.messages(tenant, request)] == _numbers(65)


async def test_bad_recipients_fail_by_themselves(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    request = await gateway.send(tenant, *_numbers(50), "nobody", "", *_numbers(10, first=50))
    await _expand(gateway)
    shown = await place.request(tenant, request)
    assert (shown["state"], shown["pending_count"], shown["failed_count"]) == (
        "TRANSMITTING",
        60,
        2,
    )
    failed = [row for row in await place.messages(tenant, request) if row["state"] == "FAILED"]
    assert [(row["peer_address"], row["failure_code"]) for row in failed] == [
        ("nobody", "1002"),
        ("", "1002"),
    ]


async def test_bad_recipients_only_make_a_rejected_request(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    request = await gateway.send(tenant, *(f"nobody {n}" for n in range(60)))
    await _expand(gateway)
    assert await _progress(place, tenant, request) == ("REJECTED", 60)
    assert await place.waiting(tenant) == []


@pytest.mark.parametrize(
    ("wishes", "message_state", "request_state"),
    [
        ({"test": True}, "TEST", "COMPLETED"),
        ({"pause_before_transmit": True}, "PAUSED", "PAUSED"),
    ],
)
async def test_what_the_client_wished_holds_for_many(
    place: Place, gateway: Gateway, wishes: dict[str, Any], message_state: str, request_state: str
) -> None:
    tenant = await place.tenant()
    request = await gateway.send(tenant, *_numbers(60), **wishes)
    await _expand(gateway)
    assert set(await place.states(tenant, request)) == {message_state}
    assert await _progress(place, tenant, request) == (request_state, 60)
    assert await place.waiting(tenant) == []


async def test_a_request_that_is_canceled_in_the_middle_goes_no_further(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    request = await gateway.send(tenant, *_numbers(100))
    await gateway.expander.step()
    await service.cancel_request(place.db, tenant.company_id, request)
    await _expand(gateway)
    assert await _progress(place, tenant, request) == ("CANCELED", 40)
    assert set(await place.states(tenant, request)) == {"CANCELED"}


async def test_canceling_while_expanding_leaves_nothing_behind(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    requests = [await gateway.send(tenant, *_numbers(200, first=n)) for n in range(5)]

    async def cancel() -> None:
        for request in requests:
            await service.cancel_request(place.db, tenant.company_id, request)

    await asyncio.gather(_expand(gateway), cancel())
    await _expand(gateway)
    for request in requests:
        assert set(await place.states(tenant, request)) <= {"CANCELED"}
        assert (await place.request(tenant, request))["state"] == "CANCELED"


async def test_a_request_that_is_deleted_in_the_middle_goes_no_further(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    request = await gateway.send(tenant, *_numbers(100))
    await gateway.expander.step()
    await service.delete_request(place.db, tenant.company_id, request)
    await _expand(gateway)
    assert len(await place.states(tenant, request)) == 40


async def test_a_dead_nodes_work_is_finished_by_another(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    request = await gateway.send(tenant, *_numbers(100), *_numbers(20))
    await gateway.expander.step()
    await gateway.expander.step()
    other = place.gateway()
    await other.expander.step()
    assert await _progress(place, tenant, request) == ("PREPARING", 80)  # its node is alive
    await _lapse(place, gateway)
    await _expand(other)
    assert await _progress(place, tenant, request) == ("TRANSMITTING", 100)
    assert (await place.request(tenant, request))["duplicate_count"] == 20


@pytest.mark.parametrize("chunks", [1, 2])
async def test_a_node_that_was_thought_dead_makes_nothing_twice(
    place: Place, gateway: Gateway, tenant: Tenant, chunks: int
) -> None:
    """Both before and at its last chunk; the other node's work stands."""
    request = await gateway.send(tenant, *_numbers(100))
    for _ in range(chunks):
        await gateway.expander.step()
    await _lapse(place, gateway)
    other = place.gateway()
    await other.membership.renew()
    await other.expander.step()
    await gateway.membership.renew()
    await _expand(gateway)
    await _expand(other)
    assert await _progress(place, tenant, request) == ("TRANSMITTING", 100)
    assert [row["peer_address"] for row in await place.messages(tenant, request)] == _numbers(100)
    await other.membership.leave()


async def test_two_nodes_that_fight_over_a_request_make_each_message_once(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    request = await gateway.send(tenant, *_numbers(1000))
    nodes = [gateway, place.gateway()]  # the second never renews: each thinks the other dead
    await _lapse(place, gateway)
    while (await _progress(place, tenant, request))[0] == "PREPARING":
        await asyncio.gather(*(node.expander.step() for node in nodes))
    assert await _progress(place, tenant, request) == ("TRANSMITTING", 1000)
    assert len(await place.waiting(tenant)) == 1000


async def test_a_chunk_whose_commit_was_not_heard_of_is_not_made_twice(
    place: Place, gateway: Gateway, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await gateway.send(tenant, *_numbers(100))
    await gateway.expander.step()
    run = place.db.run

    async def run_and_lose_the_answer(work: Any) -> Any:
        await run(work)
        raise Unavailable

    monkeypatch.setattr(place.db, "run", run_and_lose_the_answer)
    with pytest.raises(Unavailable):
        await gateway.expander.step()
    monkeypatch.setattr(place.db, "run", run)
    await _expand(gateway)
    assert await _progress(place, tenant, request) == ("TRANSMITTING", 100)


async def test_what_was_taken_and_never_begun_is_not_forgotten(
    place: Place, gateway: Gateway, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away between taking a request and reading it."""
    request = await gateway.send(tenant, *_numbers(100))

    async def away(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(gateway.expander, "_load", away)
        with pytest.raises(Unavailable):
            await gateway.expander.step()
    await _expand(gateway)
    assert await _progress(place, tenant, request) == ("TRANSMITTING", 100)


async def test_several_large_requests_take_turns(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    requests = [await gateway.send(tenant, *_numbers(200)) for _ in range(3)]
    await gateway.expander.step()
    assert [await _progress(place, tenant, r) for r in requests] == [("PREPARING", CHUNK)] * 3
    await _expand(gateway)
    assert [await _progress(place, tenant, r) for r in requests] == [("TRANSMITTING", 200)] * 3


async def test_a_request_whose_sender_is_gone_is_rejected(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    request = await gateway.send(tenant, *_numbers(100))
    await place.db.execute(
        "update sender_id set deleted_at = now() where company_id = $1", tenant.company_id
    )
    await _expand(gateway)
    assert await _progress(place, tenant, request) == ("REJECTED", 0)
    assert (await place.request(tenant, request))["failure_code"] == "1015"


async def test_a_limit_that_was_lowered_meanwhile_does_not_stop_what_was_accepted(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    request = await gateway.send(tenant, *_numbers(100), body="x" * 400)
    stricter = place.gateway(intake=settings.Intake(max_fragments=1))
    await stricter.membership.renew()
    await _expand(stricter)
    await stricter.membership.leave()
    assert await _progress(place, tenant, request) == ("TRANSMITTING", 100)


async def test_a_hundred_thousand_recipients_become_messages_once(
    place: Place, gateway: Gateway, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    to = _numbers(99_990)
    request = await gateway.send(tenant, *to, *to[:10])
    await _expand(gateway)
    shown = await place.request(tenant, request)
    assert (shown["recipient_count"], shown["duplicate_count"]) == (99_990, 10)
    distinct = await place.db.fetchval(
        "select count(distinct peer_address) from message where company_id = $1", tenant.company_id
    )
    assert distinct == 99_990


async def _lapse(place: Place, gateway: Gateway) -> None:
    await place.db.execute(
        "update node set expires_at = now() - interval '1 s' where id = $1", gateway.node_id
    )

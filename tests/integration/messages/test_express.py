"""Past the queue: messages that intake puts straight into a dispatcher's hands."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pipeline import Gateway, Place
from tests.factories import Tenant
from tests.peers.smsc import Smsc
from tests.waiting import eventually

from clarion.engine.messages import flush, store
from clarion.errors import Unavailable
from clarion.settings import SmppConnector

ONE, TWO = "4915112345678", "4915112345679"
MANY = [f"49151{20_000_000 + n}" for n in range(30)]
Accept = Callable[..., Awaitable[None]]
REAL: Accept = store.accept


@pytest.fixture
async def gateway(place: Place, smsc: Smsc, tenant: Tenant) -> Gateway:
    """It has sent something of the tenant's, so that it knows the sender's rate."""
    started = await place.started(_smpp(smsc))
    await _warm(place, started, tenant)
    return started


def _smpp(smsc: Smsc, **more: Any) -> SmppConnector:
    chosen: dict[str, Any] = {"retry": (0.05,) * 6, "reconnect": (0.05,), "response_timeout": 60}
    return SmppConnector(host="127.0.0.1", port=smsc.port, **{**chosen, **more})


async def _warm(place: Place, gateway: Gateway, tenant: Tenant) -> None:
    await place.until(tenant, await gateway.send(tenant, TWO), "DELIVERED")
    await eventually(lambda: _nothing_waits(place, tenant))


async def _nothing_waits(place: Place, tenant: Tenant) -> bool:
    claims = await place.db.fetchval(
        "select count(*) from claim where company_id = $1", tenant.company_id
    )
    return not claims and not await place.waiting(tenant)


async def _counts(smsc: Smsc) -> Counter[str]:
    return Counter(message["destination"] for message in await smsc.messages())


async def test_a_message_is_in_hand_when_its_request_is_answered(
    place: Place, smsc: Smsc, tenant: Tenant, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the latest a few messages later: a slow machine forgets the sender's rate in between."""
    await smsc.numbers({number: {"silent": True} for number in MANY})
    queued: list[Any] = []
    real = store.claim_lane

    async def from_the_queue(*args: Any, **more: Any) -> Any:
        found = await real(*args, **more)
        queued.extend(row[0] for row in found)
        return found

    monkeypatch.setattr(store, "claim_lane", from_the_queue)
    for number in MANY:
        message = await place.message(tenant, await gateway.send(tenant, number))
        claims = await place.db.fetch(
            "select * from claim where company_id = $1", tenant.company_id
        )
        mine = [claim for claim in claims if claim["messages"] == [message["id"]]]
        if mine and message["id"] not in queued:
            assert (mine[0]["attempts"], mine[0]["node_id"]) == ([0], gateway.node_id)
            assert await place.waiting(tenant) == []
            return
    pytest.fail("all of them went through the queue")


async def test_what_is_tried_again_goes_through_the_queue(
    place: Place, smsc: Smsc, tenant: Tenant, gateway: Gateway
) -> None:
    await smsc.numbers({ONE: {"status": 8, "times": 2}})
    await place.until(tenant, await gateway.send(tenant, ONE), "DELIVERED")
    assert (await _counts(smsc))[ONE] == 3


async def test_parts_and_several_recipients_go_the_same_way(
    place: Place, smsc: Smsc, tenant: Tenant, gateway: Gateway
) -> None:
    request = await gateway.send(tenant, *MANY, "nobody", body="long " * 60)
    await place.until(tenant, request, *["DELIVERED"] * len(MANY), "FAILED")
    counts = await _counts(smsc)
    assert {counts[number] for number in MANY} == {2}


async def test_what_is_due_later_waits_in_the_queue(
    place: Place, smsc: Smsc, tenant: Tenant, gateway: Gateway
) -> None:
    """Even beside messages of the same kind that leave at once."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    now, later = await asyncio.gather(
        gateway.send(tenant, ONE), gateway.send(tenant, ONE, scheduled_at=tomorrow)
    )
    await place.until(tenant, now, "DELIVERED")
    assert await place.states(tenant, later) == ["SCHEDULED"]
    assert len(await place.waiting(tenant)) == 1


async def test_a_senders_rate_is_held(
    place: Place, smsc: Smsc, tenant: Tenant, gateway: Gateway
) -> None:
    await place.db.execute(
        "insert into sender_id_class (id, name, description, designation, applicable_countries, "
        "country_peak_throughput, created_at, updated_at) "
        "values ('five', 'five', '', 'ALL', '{}', 5, now(), now()) on conflict do nothing"
    )
    slow = await place.tenant()
    await place.db.execute(
        "update sender_id set class_id = 'five' where company_id = $1", slow.company_id
    )
    await _warm(place, gateway, slow)
    requests = [await gateway.send(slow, number) for number in MANY[:12]]
    for request in requests:
        await place.until(slow, request, "DELIVERED")
    at = [m["at"] / 1000 for m in await smsc.messages() if m["source"] == slow.address]
    assert at[-1] - at[0] > 1.0  # 13 in all: 5 at once, 5 a second


@pytest.mark.parametrize("answers", [0, 1])
async def test_when_the_commits_answer_is_lost_it_is_sent_once(
    place: Place, smsc: Smsc, tenant: Tenant, gateway: Gateway, monkeypatch: pytest.MonkeyPatch,
    answers: int,
) -> None:  # fmt: skip
    """Whether the gateway then finds out that it was stored, or gives up and refuses it."""
    monkeypatch.setattr(flush, "RETRY_SECONDS", 0.2)

    async def lost(*args: Any, **more: Any) -> None:
        await REAL(*args, **more)
        raise Unavailable

    async def nothing_known(*_: object) -> set[object]:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(store, "accept", lost)
        if not answers:
            patched.setattr(store, "stored_requests", nothing_known)
            with pytest.raises(Unavailable):
                await gateway.send(tenant, ONE)
        else:
            await place.until(tenant, await gateway.send(tenant, ONE), "DELIVERED")
    await smsc.until(lambda stats: stats["taken"] == 2)
    await eventually(lambda: _nothing_waits(place, tenant))
    assert await _counts(smsc) == {ONE: 1, TWO: 1}


async def test_what_was_promised_before_the_lease_lapsed_is_given_back(
    place: Place, smsc: Smsc, tenant: Tenant, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(*args: Any, **more: Any) -> None:
        await REAL(*args, **more)
        gateway.membership.lapses += 1

    with monkeypatch.context() as patched:
        patched.setattr(store, "accept", slow)
        request = await gateway.send(tenant, ONE)
    await place.until(tenant, request, "DELIVERED")
    assert await _counts(smsc) == {ONE: 1, TWO: 1}


async def test_a_value_that_cannot_be_stored_leaves_no_promise_behind(
    place: Place, smsc: Smsc, tenant: Tenant, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: Any, **__: Any) -> None:
        raise ValueError

    with monkeypatch.context() as patched:
        patched.setattr(store, "accept", refused)
        with pytest.raises(Exception, match="cannot be stored"):
            await gateway.send(tenant, ONE)
    await place.until(tenant, await gateway.send(tenant, ONE), "DELIVERED")
    (dispatcher,) = gateway.carriers._dispatchers.values()
    assert dispatcher._promised == 0

"""A message's way out through the sandbox carrier, in each way that it can go.

Its magic numbers (+1 555 999 ....) make the carrier and the handset behave badly.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from pipeline import Place
from tests.waiting import eventually

from clarion.kit import ids
from clarion.settings import SandboxConnector

GOOD = "+4915112345678"
SHORT = (0.03, 0.03)


def _magic(ending: str) -> str:
    return f"+1555999{ending}"


async def test_a_message_is_sent_and_delivered(place: Place) -> None:
    gateway = await place.started()
    tenant = await place.tenant()
    request = await gateway.send(tenant, GOOD, body="hello")
    await place.until(tenant, request, "DELIVERED")
    message = await place.message(tenant, request)
    assert message["sent_at"] <= message["delivered_at"] <= datetime.now(UTC)
    assert (message["peer_address"], message["country"]) == (GOOD, "DE")
    shown = await place.request(tenant, request)
    assert shown["state"] == "COMPLETED"
    assert (shown["sent_count"], shown["delivered_count"], shown["failed_count"]) == (1, 1, 0)


@pytest.mark.parametrize(
    ("words", "ending", "state", "code"),
    [
        ("refused for good", "0001", "FAILED", "1009"),
        ("an unknown recipient", "0002", "FAILED", "1002"),
        ("trouble once", "0004", "DELIVERED", None),
        ("trouble every time", "0005", "FAILED", "1009"),
        ("no answer, ever", "0006", "FAILED", "1009"),
        ("undelivered", "0011", "FAILED", "1009"),
        ("expired with the carrier", "0012", "EXPIRED", "1007"),
        ("rejected later", "0013", "FAILED", "1009"),
        ("deleted", "0014", "FAILED", "1009"),
        ("a receipt twice", "0018", "DELIVERED", None),
        ("a receipt before the response", "0019", "DELIVERED", None),
        ("en route, accepted, delivered", "0020", "DELIVERED", None),
    ],
)
async def test_a_carriers_word_becomes_a_state(
    place: Place, words: str, ending: str, state: str, code: str | None
) -> None:
    gateway = await place.started()
    tenant = await place.tenant()
    alone = await gateway.send(tenant, _magic(ending))
    among_others = await gateway.send(tenant, GOOD, _magic(ending))
    await place.until(tenant, alone, state)
    await place.until(tenant, among_others, "DELIVERED", state)
    message = await place.message(tenant, alone)
    assert message["failure_code"] == code
    assert (message["failure_details"] is None) == (code is None)
    for request in (alone, among_others):
        assert (await place.request(tenant, request))["state"] == "COMPLETED"


@pytest.mark.parametrize("ending", ["0015", "0017"])
async def test_without_a_final_receipt_a_message_stays_sent(place: Place, ending: str) -> None:
    gateway = await place.started()
    tenant = await place.tenant()
    request = await gateway.send(tenant, _magic(ending))
    await place.until(tenant, request, "SENT")
    later = await gateway.send(tenant, GOOD)
    await place.until(tenant, later, "DELIVERED")
    assert await place.states(tenant, request) == ["SENT"]


async def test_a_temporary_failure_is_tried_by_the_schedule(place: Place) -> None:
    gateway = await place.started(SandboxConnector(receipt_delay=0.01, retry=(3600.0,)))
    tenant = await place.tenant()
    request = await gateway.send(tenant, _magic("0004"))

    async def put_back() -> list[datetime]:
        return [row["due_at"] for row in await place.waiting(tenant) if row["attempts"] == 1]

    (due_at,) = await eventually(put_back)
    assert timedelta(minutes=47) < due_at - datetime.now(UTC) < timedelta(minutes=73)
    assert await place.states(tenant, request) == ["CREATED"]
    await place.make_due(tenant)
    await place.until(tenant, request, "DELIVERED")


async def test_asked_to_slow_down_nothing_is_lost(place: Place) -> None:
    gateway = await place.started()
    tenant = await place.tenant()
    request = await gateway.send(tenant, _magic("0003"), GOOD)
    await place.until(tenant, request, "DELIVERED")


async def test_an_uncertain_message_fails_where_the_operator_wants_no_doubles(
    place: Place,
) -> None:
    connector = SandboxConnector(receipt_delay=0.01, retry=SHORT, on_uncertain="fail")
    gateway = await place.started(connector)
    tenant = await place.tenant()
    request = await gateway.send(tenant, _magic("0006"))
    await place.until(tenant, request, "FAILED")
    assert "NO_ANSWER" in (await place.message(tenant, request))["failure_details"]


async def test_a_test_request_sends_nothing_and_completes(place: Place) -> None:
    gateway = await place.started()
    tenant = await place.tenant()
    alone = await gateway.send(tenant, GOOD, test=True)
    several = await gateway.send(tenant, GOOD, "+4915112345679", test=True)
    later = await gateway.send(tenant, GOOD)
    await place.until(tenant, later, "DELIVERED")
    assert await place.states(tenant, alone) == ["TEST"]
    assert await place.states(tenant, several) == ["TEST", "TEST"]
    for request in (alone, several):
        shown = await place.request(tenant, request)
        assert (shown["state"], shown["sent_count"]) == ("COMPLETED", 0)


async def test_what_expired_before_it_came_is_not_sent(place: Place) -> None:
    gateway = await place.started()
    tenant = await place.tenant()
    past = datetime.now(UTC) - timedelta(seconds=1)
    request = await gateway.send(tenant, GOOD, expires_at=past)
    assert await place.states(tenant, request) == ["EXPIRED"]
    assert (await place.message(tenant, request))["failure_code"] == "1007"


async def test_what_expires_in_the_queue_is_not_sent(place: Place) -> None:
    gateway = place.gateway()  # not started: nothing leaves
    tenant = await place.tenant()
    gateway.intake.start()
    soon = datetime.now(UTC) + timedelta(milliseconds=20)
    alone = await gateway.send(tenant, GOOD, expires_at=soon)
    several = await gateway.send(tenant, GOOD, "+4915112345679", expires_at=soon)
    await eventually(lambda: datetime.now(UTC) > soon)
    await gateway.expire()
    assert await place.states(tenant, alone) == ["EXPIRED"]
    assert await place.states(tenant, several) == ["EXPIRED", "EXPIRED"]
    assert await place.waiting(tenant) == []
    shown = await place.request(tenant, several)
    assert (shown["state"], shown["failed_count"]) == ("COMPLETED", 2)
    await gateway.intake.stop()


async def test_what_expires_while_it_is_claimed_is_not_sent(place: Place) -> None:
    gateway = place.gateway()
    tenant = await place.tenant()
    gateway.intake.start()
    soon = datetime.now(UTC) + timedelta(milliseconds=20)
    request = await gateway.send(tenant, GOOD, expires_at=soon)
    await eventually(lambda: datetime.now(UTC) > soon)
    await gateway.start()  # nobody ran the job: the dispatcher sees it itself
    await place.until(tenant, request, "EXPIRED")


@pytest.mark.parametrize(
    ("scheduled_hours_ago", "state"), [(None, "EXPIRED"), (1.5, "EXPIRED"), (0.5, "DELIVERED")]
)
async def test_a_message_that_could_not_leave_for_long_expires(
    place: Place, monkeypatch: pytest.MonkeyPatch, scheduled_hours_ago: float | None, state: str
) -> None:
    now = datetime.now(UTC)
    monkeypatch.setattr(ids, "created_at", lambda _: now - timedelta(hours=2))
    scheduled = scheduled_hours_ago and now - timedelta(hours=scheduled_hours_ago)
    gateway = await place.started(dispatch={"max_age_hours": 1})
    tenant = await place.tenant()
    request = await gateway.send(tenant, GOOD, scheduled_at=scheduled)
    await place.until(tenant, request, state)


@pytest.mark.parametrize("recipients", [1, 2])
async def test_a_scheduled_message_leaves_when_its_time_has_come(
    place: Place, recipients: int
) -> None:
    gateway = await place.started()
    tenant = await place.tenant()
    later = datetime.now(UTC) + timedelta(hours=3)
    to = [f"+491511234567{n}" for n in range(recipients)]
    request = await gateway.send(tenant, *to, scheduled_at=later)
    before = await gateway.send(tenant, GOOD)
    await place.until(tenant, before, "DELIVERED")
    assert set(await place.states(tenant, request)) == {"SCHEDULED"}
    assert (await place.request(tenant, request))["state"] == "TRANSMITTING"
    await place.make_due(tenant)
    await place.until(tenant, request, "DELIVERED")


async def test_a_time_that_has_passed_is_now(place: Place) -> None:
    gateway = await place.started()
    tenant = await place.tenant()
    request = await gateway.send(tenant, GOOD, scheduled_at=datetime.now(UTC) - timedelta(hours=1))
    await place.until(tenant, request, "DELIVERED")


async def test_a_long_message_is_one_message(place: Place) -> None:
    gateway = await place.started()
    tenant = await place.tenant()
    request = await gateway.send(tenant, GOOD, body="x" * 400)
    await place.until(tenant, request, "DELIVERED")
    parts = await place.db.fetch(
        "select number, total, state::text, external_id from fragment "
        "where company_id = $1 order by number",
        tenant.company_id,
    )
    assert [(p["number"], p["total"], p["state"]) for p in parts] == [
        (n, 3, "DELIVERED") for n in (1, 2, 3)
    ]
    assert len({p["external_id"] for p in parts}) == 3


async def test_many_requests_at_once_all_arrive(place: Place) -> None:
    gateway = await place.started()
    tenants = [await place.tenant() for _ in range(3)]
    sent = await asyncio.gather(
        *(
            gateway.send(tenants[n % 3], f"+49151{10_000_000 + n}", f"+49152{10_000_000 + n}")
            for n in range(300)
        )
    )
    assert len(set(sent)) == 300

    async def delivered() -> bool:
        counts = [
            await place.db.fetchval(
                "select count(*) from message where company_id = $1 and state = 'DELIVERED'",
                tenant.company_id,
            )
            for tenant in tenants
        ]
        return counts == [200, 200, 200]

    await eventually(delivered)


async def test_stopping_in_order_leaves_nothing_uncertain(place: Place) -> None:
    gateway = await place.started()
    tenant = await place.tenant()
    for n in range(50):
        await gateway.send(tenant, f"+49151{20_000_000 + n}", f"+49152{20_000_000 + n}")
    await gateway.stop()
    claims = "select count(*) from claim where connector = $1"
    assert await place.db.fetchval(claims, place.name) == 0
    assert {row["attempts"] for row in await place.waiting(tenant)} <= {0}

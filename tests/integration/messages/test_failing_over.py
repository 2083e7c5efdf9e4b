"""An SMS goes to the contact where a push fails; dead tokens are used no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from pipeline import Gateway, Place
from stage import Stage
from tests.waiting import eventually

from clarion import settings
from clarion.engine.billing.model import ANY, Rate
from clarion.engine.billing.rates import load_rates
from clarion.engine.messages import service, store, tasks
from clarion.engine.messages.model import Options
from clarion.engine.messages.states import Input
from clarion.engine.messages.stops import stop
from clarion.kit import ids

ONE = "+4915112345678"
FAILOVER = Options(failover="SMS", contact_delivery_address_priority=["PUSH", "MDN"])


@pytest.fixture
async def running(place: Place) -> Stage:
    """A gateway that sends, with a carrier of every medium."""
    return Stage(place, await place.started(), await place.tenant())


async def _channel(stage: Stage) -> tuple[str, UUID]:
    push = await stage.sender("PSH")
    return await stage.channel(await stage.sender("SMS"), push), push


async def _contact(stage: Stage, push: UUID, *tokens: str) -> str:
    contact = await stage.contact(ONE)
    for token in tokens:
        await stage.token(contact, push, token)
    return f"contact:{ids.show(contact)}"


async def _media(stage: Stage, request: UUID) -> list[tuple[str, str]]:
    return [(row["medium"], row["state"]) for row in await stage.messages(request)]


async def _until(stage: Stage, request: UUID, *wanted: tuple[str, str]) -> None:
    async def reached() -> bool:
        return await _media(stage, request) == list(wanted)

    await eventually(reached, words=f"for {wanted}")


@pytest.mark.parametrize("token", ["sandbox-refused-1", "sandbox-lost-2", "sandbox-expired-3"])
async def test_an_sms_follows_a_push_that_fails(running: Stage, token: str) -> None:
    channel, push = await _channel(running)
    to = await _contact(running, push, token)
    request = await running.accept(to, sender=channel, options=FAILOVER)
    end = "EXPIRED" if "expired" in token else "FAILED"
    await _until(running, request, ("PSH", end), ("SMS", "DELIVERED"))
    first, second = await running.messages(request)
    assert (second["peer_address"], second["contact_id"]) == (ONE, first["contact_id"])
    shown = await running.request(request)
    assert (shown["state"], shown["recipient_count"], shown["failed_count"]) == ("COMPLETED", 1, 1)


async def test_a_request_is_completed_when_the_sms_has_left_and_not_before(running: Stage) -> None:
    channel, push = await _channel(running)
    to = await _contact(running, push, "sandbox-lost-4")
    request = await running.accept(to, sender=channel, options=FAILOVER)

    async def completed() -> bool:
        return (await running.request(request))["state"] == "COMPLETED"

    await eventually(completed)
    push_, sms = await _media(running, request)
    assert push_ == ("PSH", "FAILED")
    assert sms[1] in ("SENT", "DELIVERED")


async def test_a_push_that_is_stopped_while_it_is_prepared_is_followed(running: Stage) -> None:
    channel, push = await _channel(running)
    to = await _contact(running, push, "fine")
    await running.db.execute(
        """insert into contact_address_status (company_id, id, sender_id, address_type, address,
            consent_status, updated_at) values ($1, $2, $3, 'PUSH', 'apn:fine', 'OPTOUT', now())""",
        running.company_id,
        ids.new_id(),
        push,
    )
    request = await running.accept(
        to, sender=channel, options=FAILOVER, consent_requirement="OPT_OUT"
    )
    await _until(running, request, ("PSH", "FAILED"), ("SMS", "DELIVERED"))
    shown = await running.request(request)
    assert (shown["state"], shown["recipient_count"], shown["failed_count"]) == ("COMPLETED", 1, 1)


async def test_a_push_that_cannot_be_paid_for_is_followed_by_an_sms_that_can(place: Place) -> None:
    gateway = await _billed(place)
    stage = Stage(place, gateway, await place.tenant())
    await load_rates(
        stage.db,
        [Rate(stage.company_id, ANY, "SMS", ANY, ANY, Decimal("0.1"))],
        starts_at=datetime.now(UTC) - timedelta(seconds=1),
        source="test",
    )
    await stage.credit("1")
    channel, push = await _channel(stage)
    request = await stage.send(await _contact(stage, push, "t"), sender=channel, options=FAILOVER)
    assert [(r["medium"], r["failure_code"]) for r in await stage.messages(request)] == [
        ("PSH", "1003"),
        ("SMS", None),
    ]
    assert (await stage.request(request))["state"] == "TRANSMITTING"
    await gateway.intake.stop()
    await gateway.membership.leave()


async def test_a_text_that_cannot_be_made_is_tried_once(stage: Stage) -> None:
    channel, push = await _channel(stage)
    request = await stage.send(
        await _contact(stage, push, "t"), sender=channel, options=FAILOVER,
        body="Dear $contact.first_name",
    )  # fmt: skip
    assert await _media(stage, request) == [("PSH", "FAILED")]
    assert (await stage.request(request))["state"] == "REJECTED"


async def test_the_push_comes_first_unless_the_client_wishes_otherwise(stage: Stage) -> None:
    channel, push = await _channel(stage)
    to = await _contact(stage, push, "t")
    for wish, medium in (([], "PSH"), (["MDN", "PUSH"], "SMS")):
        options = Options(failover="SMS", contact_delivery_address_priority=wish)
        request = await stage.send(to, sender=channel, options=options)
        assert await _media(stage, request) == [(medium, "CREATED")]


async def test_a_contact_without_any_device_gets_the_sms_at_once(stage: Stage) -> None:
    channel, _ = await _channel(stage)
    only_push = Options(failover="SMS", contact_delivery_address_priority=["PUSH"])
    group = await stage.group(await stage.contact(ONE))
    request = await stage.send(f"group:{ids.show(group)}", sender=channel, options=only_push)
    assert await _media(stage, request) == [("SMS", "CREATED")]
    assert (await stage.request(request))["recipient_count"] == 1


async def test_a_request_waits_for_news_of_a_push_for_a_while(stage: Stage) -> None:
    channel, push = await _channel(stage)
    request = await stage.send(await _contact(stage, push, "t"), sender=channel, options=FAILOVER)
    await _sent(stage, request)
    await tasks.settle_failovers(stage.db)
    assert (await stage.request(request))["state"] == "TRANSMITTING"
    await tasks.settle_failovers(stage.db, patience=timedelta(0))
    assert (await stage.request(request))["state"] == "COMPLETED"
    assert not await _failovers(stage)


async def test_news_that_a_push_has_arrived_is_enough(stage: Stage) -> None:
    channel, push = await _channel(stage)
    request = await stage.send(await _contact(stage, push, "t"), sender=channel, options=FAILOVER)
    message = await _sent(stage, request)
    arrived = [store.Advance(message, datetime.now(UTC))]
    await store.advance(stage.db, stage.company_id, Input.DELIVERED, arrived, datetime.now(UTC))
    assert (await stage.request(request))["state"] == "COMPLETED"
    await tasks.settle_failovers(stage.db)
    assert not await _failovers(stage)


async def test_a_push_that_arrives_after_all_is_followed_by_nothing(stage: Stage) -> None:
    channel, push = await _channel(stage)
    request = await stage.send(await _contact(stage, push, "t"), sender=channel, options=FAILOVER)
    message = await _fail(stage, request, sent=True)
    arrived = [store.Advance(message, datetime.now(UTC))]
    await store.advance(stage.db, stage.company_id, Input.DELIVERED, arrived, datetime.now(UTC))
    await stage.expand()
    assert await _media(stage, request) == [("PSH", "DELIVERED")]
    assert (await stage.request(request))["state"] == "COMPLETED"


@pytest.mark.parametrize("way", ["cancel", "expire"])
async def test_a_push_that_is_stopped_before_it_left_is_not_waited_for(
    stage: Stage, way: str
) -> None:
    channel, push = await _channel(stage)
    expires_at = datetime.now(UTC) + timedelta(seconds=0.5 if way == "expire" else 60)
    request = await stage.send(
        await _contact(stage, push, "t"), sender=channel, options=FAILOVER, expires_at=expires_at
    )
    if way == "cancel":
        await service.cancel_request(stage.db, stage.company_id, request)
    else:
        await eventually(lambda: tasks.expire_queued(stage.db))
    await stage.expand()
    shown = await stage.request(request)
    end = "CANCELED" if way == "cancel" else "COMPLETED"
    assert (shown["state"], shown["pending_count"]) == (end, 0)
    assert not await _failovers(stage)


async def test_what_follows_a_request_that_was_resumed_does_not_pause(stage: Stage) -> None:
    channel, push = await _channel(stage)
    request = await stage.send(
        await _contact(stage, push, "t"),
        sender=channel,
        options=FAILOVER,
        pause_before_transmit=True,
    )
    assert await _media(stage, request) == [("PSH", "PAUSED")]
    gateway = stage.gateway
    await service.resume_request(
        stage.db, gateway.senders, gateway.settings.connectors, stage.company_id, request
    )
    await _fail(stage, request)
    await stage.expand()
    assert await _media(stage, request) == [("PSH", "FAILED"), ("SMS", "CREATED")]


async def test_a_push_that_arrives_is_all(running: Stage) -> None:
    channel, push = await _channel(running)
    request = await running.accept(
        await _contact(running, push, "fine"), sender=channel, options=FAILOVER
    )
    await _until(running, request, ("PSH", "DELIVERED"))
    bad = await running.accept(
        f"psh:apn@{ids.show(push)}@sandbox-refused-9", sender=channel, options=FAILOVER
    )
    await _until(running, bad, ("PSH", "FAILED"))  # nobody knows the number


async def test_several_devices_do_not_fail_over(running: Stage) -> None:
    channel, push = await _channel(running)
    to = await _contact(running, push, "sandbox-refused-5", "sandbox-refused-6")
    request = await running.accept(to, sender=channel, options=FAILOVER)
    await _until(running, request, ("PSH", "FAILED"), ("PSH", "FAILED"))
    assert not await _failovers(running)
    assert (await running.request(request))["recipient_count"] == 1  # one person


async def test_a_request_that_is_canceled_meanwhile_fails_over_no_more(stage: Stage) -> None:
    channel, push = await _channel(stage)
    request = await stage.send(await _contact(stage, push, "t"), sender=channel, options=FAILOVER)
    await _fail(stage, request)
    await service.cancel_request(stage.db, stage.company_id, request)
    await stage.db.execute(
        "update message_request set state = 'CANCELED' where company_id = $1", stage.company_id
    )
    await stage.expand()
    assert await _media(stage, request) == [("PSH", "FAILED")]


async def test_two_nodes_make_one_sms(stage: Stage, place: Place) -> None:
    channel, push = await _channel(stage)
    request = await stage.send(await _contact(stage, push, "t"), sender=channel, options=FAILOVER)
    await _fail(stage, request)
    other = place.gateway()
    for _ in range(2):
        for gateway in (stage.gateway, other):
            await gateway.expander.step()
    assert await _media(stage, request) == [("PSH", "FAILED"), ("SMS", "CREATED")]


async def test_consent_and_credit_hold_for_what_follows(place: Place) -> None:
    gateway = await _billed(place)
    stage = Stage(place, gateway, await place.tenant())
    await stage.prices("0.5")
    await stage.credit("0.6")
    channel, push = await _channel(stage)
    request = await stage.send(await _contact(stage, push, "t"), sender=channel, options=FAILOVER)
    await _fail(stage, request, sent=True)
    await stage.expand()
    assert [(r["state"], r["failure_code"]) for r in await stage.messages(request)] == [
        ("FAILED", None),
        ("FAILED", "4020"),
    ]
    assert await stage.balance() == Decimal("0.1")
    await gateway.intake.stop()
    await gateway.membership.leave()


@pytest.mark.parametrize("word", ["dead", "bad", "removed"])
async def test_a_token_that_its_provider_refuses_is_used_no_more(running: Stage, word: str) -> None:
    push = await running.sender("PSH")
    to = await _contact(running, push, f"sandbox-{word}-7")
    request = await running.accept(to, sender=push)
    await _until(running, request, ("PSH", "FAILED"))
    assert (await running.message(request))["failure_code"] == "1002"
    state = await running.db.fetchval(
        "select state from application_token where company_id = $1", running.company_id
    )
    assert state == "INVALID"


async def _fail(stage: Stage, request: UUID, *, sent: bool = False) -> UUID:
    """The carrier's word on the request's push, without a carrier."""
    if sent:
        await _sent(stage, request)
    message = await stage.message(request)
    at = message["updated_at"]
    async with stage.db.transaction() as tx:
        await tx.execute("delete from outbound where company_id = $1", stage.company_id)
        input = Input.UNDELIVERABLE if sent else Input.REFUSED
        await stop(tx, stage.company_id, input, [store.Advance(message["id"], at)], at)
    id: UUID = message["id"]
    return id


async def _sent(stage: Stage, request: UUID) -> UUID:
    """The carrier has taken the request's push."""
    message = await stage.message(request)
    at, id = message["updated_at"], message["id"]
    async with stage.db.transaction() as tx:
        await tx.execute("delete from outbound where company_id = $1", stage.company_id)
        await store.advance(tx, stage.company_id, Input.TAKEN, [store.Advance(id, at)], at)
    assert isinstance(id, UUID)
    return id


async def _failovers(stage: Stage) -> int:
    count: int = await stage.db.fetchval(
        "select count(*) from failover where company_id = $1", stage.company_id
    )
    return count


async def _billed(place: Place) -> Gateway:
    gateway = place.gateway(billing=settings.Billing(enabled=True))
    await gateway.membership.renew()
    gateway.intake.start()
    return gateway

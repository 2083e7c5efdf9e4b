"""Deliveries: what is posted, what is tried again and when, who is held, who delays nobody."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime

import pytest
from posthouse import House, shown, until_requests
from tests.peers.receiver import Receiver
from tests.waiting import eventually

from clarion.engine.events.configurations import service as configurations
from clarion.engine.events.configurations.model import ConfigurationChange
from clarion.engine.events.model import Protocol


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


async def test_what_is_sealed_is_opened_for_who_posts(house: House, receiver: Receiver) -> None:
    await house.deliverer()
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
    to = await house.configuration(
        receiver.url("/oauth/sealed"),
        authentication={
            "type": "OAUTH", "grant_type": "client_credentials", "client_id": "me",
            "client_secret": "hush", "token_url": receiver.url("/token/3600"),
        },
        secret=secret,
    )  # fmt: skip
    await house.put(to, "k")
    await house.settled({"SUCCESS": 1})
    (request,) = receiver.requests("/oauth/sealed")
    head = request.headers
    signed = f"{request.event_id}.{head['webhook-timestamp']}.{request.body}".encode()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    assert head["webhook-signature"] == f"v1,{expected}"
    assert head["webhook-id"] == request.event_id


async def test_a_configuration_whose_secrets_cannot_be_opened_is_in_nobodys_way(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer()
    lost = await house.configuration(
        receiver.url("/ok/lost"),
        authentication={"type": "BASIC", "username": "u", "password": "p"},
    )
    await house.db.execute(
        "update delivery_configuration set authentication = '\\x0102' where id = $1", lost
    )
    await house.put(lost, "k")
    good = await house.configuration(receiver.url("/ok/found"))
    await house.put(good, "k")
    await house.settled({"SUCCESS": 1}, good)
    assert await house.statuses(lost) == {"PENDING": 1}
    assert receiver.requests("/ok/lost") == []


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

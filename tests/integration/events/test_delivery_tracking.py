"""Deliveries as they are listed, counted, traced, handled and sent again."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from posthouse import House, shown, until_requests
from tests.peers.receiver import Receiver
from tests.waiting import eventually

from clarion.engine.accounts.service import create_company
from clarion.engine.events.configurations import service as configurations
from clarion.engine.events.model import DeliveryStatus
from clarion.engine.events.subscriptions.tasks import give_up
from clarion.engine.events.tracking import service as tracking
from clarion.engine.events.tracking.model import Counts, Wanted
from clarion.errors import NotFound


async def _listed(house: House, **wanted: object) -> list[UUID]:
    found = await tracking.deliveries(
        house.db,
        house.company_id,
        Wanted(**wanted),
        offset=0,
        limit=100,  # type: ignore[arg-type]
    )
    return [each.event.id for each in found]


async def _agrees(house: House) -> None:
    """The summary's counts are those of the rows, at one and the same moment."""
    async with house.db.transaction() as tx:
        await tx.execute("set transaction isolation level repeatable read")
        rows = await tx.fetch(
            "select status::text, count(*) from event_delivery where company_id = $1"
            " and (status in ('PENDING', 'RETRY') or (status = 'FAILED' and handled_at is null))"
            " group by status", house.company_id,
        )  # fmt: skip
        summary = await tracking.summary(tx, house.company_id)
    counted = Counter({row["status"].lower(): row["count"] for row in rows})
    total = Counts()
    for one in summary:
        total.add(one.counts)
        for topic in one.topics.values():
            assert topic.counts.pending == sum(c.pending for c in topic.types.values())
    assert (total.pending, total.retry, total.failed) == (
        counted["pending"], counted["retry"], counted["failed"],
    )  # fmt: skip


# ---------------------------------------------------------------- lists


async def test_deliveries_are_listed_newest_first_and_by_every_filter(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer(retry_seconds=(3600.0,))
    good = await house.configuration(receiver.url("/ok/listed"))
    bad = await house.configuration(receiver.url("/fail/listed"))
    first, second = await house.put(good, "a", "b")
    (third,) = await house.put(bad, "c")
    await house.settled({"SUCCESS": 2, "RETRY": 1})
    assert await _listed(house) == [third, second, first]
    assert await _listed(house, status=DeliveryStatus.RETRY) == [third]
    assert await _listed(house, configuration_id=good) == [second, first]
    assert await _listed(house, configuration_name="to-2") == [third]
    assert await _listed(house, topic="SCG-Message") == [third, second, first]
    assert await _listed(house, topic="NIS-Events") == []
    both = {"event_type": "mo_message_received", "status": DeliveryStatus.SUCCESS}
    delivered = await _listed(house, **both)
    assert delivered == [second, first]
    assert await _listed(house, event_id=shown([second])[0]) == [second]
    assert await _listed(house, event_id="nothing like it") == []
    at = datetime.now(UTC)
    assert await _listed(house, until=at, since=at - timedelta(hours=1)) == [third, second, first]
    assert await _listed(house, since=at + timedelta(seconds=1)) == []
    page = await tracking.deliveries(house.db, house.company_id, Wanted(), offset=1, limit=1)
    assert [each.event.id for each in page] == [second]
    (delivery,) = page
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.SUCCESS, 1)
    assert delivery.address == receiver.url("/ok/listed")


async def test_a_publishers_own_id_finds_its_event(house: House) -> None:
    to = await house.configuration("http://192.0.2.1/", active=False)
    (event,) = await house.put(to, "a")
    await house.db.execute("update event set external_id = 'order-1' where id = $1", event)
    assert await _listed(house, event_id="order-1") == [event]
    assert await _listed(house, event_id=shown([event])[0]) == [event]


async def test_no_company_sees_anothers(house: House, receiver: Receiver) -> None:
    to = await house.configuration(receiver.url("/ok/x"), active=False)
    (event,) = await house.put(to, "a")
    other = (await create_company(house.db, name="other")).id
    assert await tracking.deliveries(house.db, other, Wanted(), offset=0, limit=10) == []
    assert await tracking.summary(house.db, other) == []
    assert await tracking.replay(house.db, other, Wanted(), only_failed=False) is not None
    with pytest.raises(NotFound):
        await tracking.tracking_of(house.db, other, shown([event])[0], to)
    with pytest.raises(NotFound):
        await tracking.retry_delivery(house.db, other, shown([event])[0], to)


async def test_tracking_shows_every_try(house: House, receiver: Receiver) -> None:
    await house.deliverer()
    to = await house.configuration(receiver.url("/first-fail/1"))
    (event,) = await house.put(to, "a")
    await house.settled({"SUCCESS": 1})
    found = await tracking.tracking_of(house.db, house.company_id, shown([event])[0], to)
    assert [(a.number, a.succeeded, a.http_status, a.answer) for a in found.attempts] == [
        (1, False, 500, "not now"), (2, True, 200, "Hello World"),
    ]  # fmt: skip
    assert found.delivery.attempts == 2


# ---------------------------------------------------------------- counts


async def test_the_summary_agrees_with_the_rows_whatever_happens(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer(retry_seconds=(0.05, 3600.0), connections=2, timeout=300.0)
    addresses = ("/ok/s", "/fail/s", "/hang/s", "/status/410")
    for path in addresses:
        to = await house.configuration(receiver.url(path))
        for _ in range(3):
            await house.put(to, *"abcd")
        await _agrees(house)

    async def calm() -> bool:
        statuses = await house.statuses()
        return statuses["SUCCESS"] == 12 and statuses["RETRY"] > 0 and statuses["FAILED"] > 0

    await eventually(calm)
    await _agrees(house)


async def test_a_summary_names_what_is_subscribed_and_what_waits(house: House) -> None:
    to = await house.configuration("http://192.0.2.1/", active=False)
    await house.db.execute(
        "insert into subscription (company_id, topic, event_type, configuration_id, criteria,"
        " starts_at, updated_at) values ($1, 'NIS-Events', 'porting_event', $2, '', now(), now())",
        house.company_id, to,
    )  # fmt: skip
    await house.put(to, "a", "b")
    (one,) = await tracking.summary(house.db, house.company_id)
    assert (one.id, one.name, one.counts) == (to, "to-1", Counts(pending=2))
    assert one.topics["NIS-Events"].types == {"porting_event": Counts()}
    assert one.topics["SCG-Message"].types == {"mo_message_received": Counts(pending=2)}
    later = datetime.now(UTC) + timedelta(minutes=1)
    (empty,) = await tracking.summary(house.db, house.company_id, since=later)
    assert empty.counts == Counts()


# ---------------------------------------------------------------- handled


async def test_handled_failures_count_no_longer_and_stay_failed(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer(retry_seconds=(0.01,))
    to = await house.configuration(receiver.url("/fail/handled"))
    other = await house.configuration(receiver.url("/fail/other"))
    first, second = await house.put(to, "a", "b")
    await house.put(other, "c")
    await house.settled({"FAILED": 3})
    one = Wanted(event_id=shown([first])[0])
    assert await tracking.mark_handled(house.db, house.company_id, one) == 1
    assert await tracking.mark_handled(house.db, house.company_id, one) == 0
    await _agrees(house)
    name = Wanted(configuration_name="to-1", topic="SCG-Message", event_type="mo_message_received")
    assert await tracking.mark_handled(house.db, house.company_id, name) == 1
    none = Wanted(until=datetime.now(UTC) - timedelta(days=1))
    assert await tracking.mark_handled(house.db, house.company_id, none) == 0
    assert await tracking.mark_handled(house.db, house.company_id, Wanted()) == 1
    await _agrees(house)
    assert await house.statuses() == {"FAILED": 3}
    found = await tracking.tracking_of(house.db, house.company_id, shown([second])[0], to)
    assert found.delivery.handled_at is not None


# ---------------------------------------------------------------- again


async def test_a_failed_delivery_can_be_sent_again_with_all_tries_of_the_schedule(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer(retry_seconds=(0.05,))
    path = "/fail/again"
    to = await house.configuration(receiver.url(path))
    (event,) = await house.put(to, "a")
    await house.settled({"FAILED": 1})
    receiver.become(path, "first-fail/1")
    delivery = await tracking.retry_delivery(house.db, house.company_id, shown([event])[0], to)
    assert delivery.status in (DeliveryStatus.RETRY, DeliveryStatus.SUCCESS)
    for each in house._running:
        each.deliverer.wake()
    await house.settled({"SUCCESS": 1})
    await _agrees(house)
    assert [r.event["attempt"] for r in receiver.requests(path)] == [1, 2, 3, 4]
    assert await house.db.fetch("select from failed_delivery") == []


async def test_a_delivery_that_waits_is_brought_forward(house: House, receiver: Receiver) -> None:
    await house.deliverer(retry_seconds=(3600.0,))
    path = "/fail/forward"
    to = await house.configuration(receiver.url(path))
    (event,) = await house.put(to, "a")
    await house.settled({"RETRY": 1})
    receiver.become(path, "ok")
    await tracking.retry_delivery(house.db, house.company_id, shown([event])[0], to)
    await house.settled({"SUCCESS": 1})


async def test_a_range_of_time_is_replayed(house: House, receiver: Receiver) -> None:
    await house.deliverer()
    path = "/ok/replayed"
    to = await house.configuration(receiver.url(path))
    before = await house.put(to, "a")
    await house.settled({"SUCCESS": 1})
    since = datetime.now(UTC)
    after = await house.put(to, "b", "c")
    await house.settled({"SUCCESS": 3})
    replayed = await tracking.replay(
        house.db, house.company_id, Wanted(since=since), only_failed=False
    )
    assert (replayed.count, replayed.more_after) == (2, None)
    for each in house._running:
        each.deliverer.wake()
    requests = await until_requests(receiver, 5, path)
    twice = Counter(r.event_id for r in requests)
    assert twice == Counter(shown(before)) + Counter(shown(after) * 2)
    await house.settled({"SUCCESS": 3})
    await _agrees(house)


async def test_all_that_failed_since_a_moment_is_replayed(
    house: House, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "BATCH", 2)
    await house.deliverer(retry_seconds=(0.01,))
    path = "/fail/all"
    to = await house.configuration(receiver.url(path))
    good = await house.configuration(receiver.url("/ok/all"))
    await house.put(to, *"abcde")
    await house.put(good, "f")
    await house.settled({"FAILED": 5, "SUCCESS": 1})
    receiver.become(path, "ok")
    handled = shown(await _listed(house, configuration_id=to))[0]
    await tracking.mark_handled(house.db, house.company_id, Wanted(event_id=handled))
    since = Wanted(since=datetime.now(UTC) - timedelta(minutes=5))
    replayed = await tracking.replay(house.db, house.company_id, since, only_failed=True)
    assert replayed.count == 4
    for each in house._running:
        each.deliverer.wake()
    await house.settled({"SUCCESS": 5, "FAILED": 1})
    assert len(receiver.requests("/ok/all")) == 1
    await _agrees(house)


async def test_what_is_more_than_a_call_takes_goes_on_where_it_ended(
    house: House, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "BATCH", 2)
    monkeypatch.setattr(tracking, "MAX_REPLAY", 4)
    running = await house.deliverer()
    to = await house.configuration(receiver.url("/ok/long"))
    await house.put(to, *"abcdefg")
    await house.settled({"SUCCESS": 7})
    await running.stop()
    count, after = 0, None
    while True:
        replayed = await tracking.replay(
            house.db, house.company_id, Wanted(), only_failed=False, after=after
        )
        count += replayed.count
        after = replayed.more_after
        if after is None:
            break
    assert count == 7
    assert await house.statuses() == {"RETRY": 7}
    await _agrees(house)


async def test_nothing_is_sent_again_to_a_deleted_configuration(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer()
    to = await house.configuration(receiver.url("/ok/deleted"))
    await house.put(to, "a")
    await house.settled({"SUCCESS": 1})
    await configurations.delete(house.db, house.caller, to)
    replayed = await tracking.replay(house.db, house.company_id, Wanted(), only_failed=False)
    assert replayed.count == 0


async def test_what_waits_for_a_deleted_configuration_is_given_up(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer(retry_seconds=(0.01, 3600.0))
    to = await house.configuration(receiver.url("/fail/deleted"))
    await house.put(to, "a", "b")
    await eventually(lambda: _statuses_are(house, RETRY=2))
    await house.put(await house.configuration("http://192.0.2.1/", active=False), "d")
    await configurations.delete(house.db, house.caller, to)
    await house.put(to, "c")  # it was matched before that was known
    await eventually(lambda: _given_up(house))
    assert await house.statuses() == {"FAILED": 3, "PENDING": 1}
    await _agrees(house)
    assert await give_up(house.db) == 0


async def test_what_has_failed_for_a_deleted_configuration_needs_nobody(
    house: House, receiver: Receiver
) -> None:
    await house.deliverer(retry_seconds=())
    to = await house.configuration(receiver.url("/fail/deleted"))
    await house.put(to, "a", "b")
    await house.settled({"FAILED": 2})
    await configurations.delete(house.db, house.caller, to)
    assert await give_up(house.db) == 2
    assert await house.statuses() == {"FAILED": 2}
    await _agrees(house)


async def _statuses_are(house: House, **wanted: int) -> bool:
    return await house.statuses() == wanted


async def _given_up(house: House) -> bool:
    """What a deliverer has in hand comes back into the queue first."""
    await give_up(house.db)
    return (await house.statuses())["FAILED"] == 3

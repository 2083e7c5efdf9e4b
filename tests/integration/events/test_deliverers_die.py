"""What is left behind by deliverers that die, stop, are late or lose the database's answers."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import pytest
from posthouse import House, shown, until_requests
from tests.peers.receiver import Receiver
from tests.waiting import eventually

from clarion.engine.events.delivering import store
from clarion.engine.events.delivering.claiming import Claimer
from clarion.engine.events.delivering.record import DeliveryRecorder
from clarion.engine.events.delivering.store import Due, Given, Tried
from clarion.errors import Unavailable

KILL_OTHERS = """
select pg_terminate_backend(pid) from pg_stat_activity
where pid <> pg_backend_pid() and datname = current_database() and backend_type = 'client backend'
"""


async def test_what_a_dead_node_had_in_hand_is_delivered_by_another(
    house: House, receiver: Receiver
) -> None:
    dying = await house.deliverer(timeout=300.0, connections=2)
    to = await house.configuration(receiver.url("/hang/dies"))
    events = await house.put(to, *"abcdef")
    await until_requests(receiver, 2, "/hang/dies")
    task = dying.deliverer._task
    assert task is not None
    task.cancel()  # as a process that is gone: nothing is given back
    await dying.courier.close()
    await house.beat(dying.place, seconds=-1)
    receiver.become("/hang/dies", "ok")
    heir = await house.deliverer()
    await heir.deliverer.recover()
    await house.settled({"SUCCESS": 6})
    await house.nothing_left()
    ids = [r.event_id for r in receiver.requests("/hang/dies")]
    assert sorted(set(ids)) == sorted(shown(events))
    assert len(ids) == 8  # two that were on their way went twice, with the same id


async def test_what_is_recorded_of_a_dead_nodes_claim_is_not_delivered_again(
    house: House, receiver: Receiver
) -> None:
    dying = await house.deliverer(timeout=300.0, connections=3)
    path = "/ok/partly"
    to = await house.configuration(receiver.url(path))
    receiver.become(path, "first-fail/0")
    (hanging,) = await house.put(to, "a")
    await house.settled({"SUCCESS": 1})
    events = await house.put(to, *"bcd")
    await house.settled({"SUCCESS": 4})
    # a claim whose row stayed, as if its deletion had been lost
    await house.db.execute(
        "insert into delivery_claim values ($1, $2, $3, $4, $5, $6, $7)",
        house.company_id, events[0], to, events[0], events, [0, 0, 0], [None] * 3,
    )  # fmt: skip
    await dying.deliverer.recover()
    assert await house.left() == (0, 0)
    assert len(receiver.requests(path)) == 4
    assert hanging not in events


async def test_a_stop_gives_back_what_is_not_posted(house: House, receiver: Receiver) -> None:
    running = await house.deliverer(timeout=300.0, connections=2)
    to = await house.configuration(receiver.url("/hang/stop"))
    await house.put(to, *"abcdef")
    await until_requests(receiver, 2, "/hang/stop")
    await running.stop(0.2)
    queue, claims = await house.left()
    assert (queue, claims) == (4, 1)
    await house.beat(running.place, seconds=-1)
    heir = await house.deliverer()
    receiver.become("/hang/stop", "ok")
    await heir.deliverer.recover()
    await house.settled({"SUCCESS": 6})


async def test_a_node_that_was_late_keeps_nothing_that_others_may_have(
    house: House, receiver: Receiver
) -> None:
    running = await house.deliverer(timeout=300.0, connections=2)
    to = await house.configuration(receiver.url("/hang/late"))
    await house.put(to, *"abcdef")
    await until_requests(receiver, 2, "/hang/late")
    running.place.lapses += 1
    running.place.late = True
    running.deliverer.wake()

    async def given_back() -> bool:
        return (await house.left())[0] == 4

    await eventually(given_back)


async def test_a_node_that_may_be_thought_dead_claims_nothing(
    house: House, receiver: Receiver
) -> None:
    running = await house.deliverer()
    running.place.late = True
    to = await house.configuration(receiver.url("/ok/late"))
    await house.put(to, "a")
    assert await running.deliverer._step() is None
    assert await house.left() == (1, 0)
    running.place.late = False
    running.deliverer.wake()
    await house.settled({"SUCCESS": 1})


async def test_deliveries_survive_lost_connections_to_the_database(
    house: House, receiver: Receiver, database_url: str
) -> None:
    await house.deliverer(retry_seconds=(0.05,) * 20)
    path = "/random/0.1/lost"
    to = await house.configuration(receiver.url(path))
    killer = await asyncpg.connect(database_url)
    events = []
    for _ in range(6):
        for tries in range(50):
            try:
                events += await house.put(to, *(f"k{n}" for n in range(40)))
            except Unavailable:
                assert tries < 49
                continue
            break
        await killer.execute(KILL_OTHERS)
    await killer.close()

    async def done() -> bool:
        try:
            statuses = await house.statuses()
        except Unavailable:
            return False
        return set(statuses) == {"SUCCESS"} and statuses["SUCCESS"] >= 240

    await eventually(done, seconds=40)
    await house.nothing_left()
    assert set(shown(events)) <= {r.event_id for r in receiver.requests(path)}
    assert not await house.db.fetch(  # attempts agree with the rows
        "select from event_delivery d where attempts <> (select count(*) from delivery_attempt a"
        " where a.event_id = d.event_id)"
    )


# ---------------------------------------------------------------- the commit's own answer lost


def _a_try(item: object, configuration: int, next: str) -> Tried:
    return Tried(
        item=item,  # type: ignore[arg-type]
        configuration_id=configuration,
        at=datetime.now(UTC),
        address="http://somewhere/",
        http_status=500,
        answer="no",
        milliseconds=1,
        next=next,
        due_at=datetime.now(UTC) if next == "RETRY" else None,
    )


async def _claimed(house: House, configuration: int, count: int) -> list[object]:
    place = (await house.deliverer(connections=1)).place
    claimer = Claimer(house.db, house.db, place)
    due = Due(
        house.company_id, configuration, datetime.now(UTC), None, None, ordered=False, version=1,
        failures=0,
    )  # fmt: skip
    found = await claimer.claim(house.company_id, [(due, count)])
    return list(found.items[configuration])


async def test_what_is_recorded_twice_counts_once(house: House) -> None:
    to = await house.configuration("http://192.0.2.1/", active=False)
    (event,) = await house.put(to, "a")
    (item,) = await _claimed(house, to, 1)
    for _ in range(2):
        await house.db.run(
            lambda tx: store.record(tx, house.company_id, [_a_try(item, to, "RETRY")])
        )
    assert len(await house.attempts(event)) == 1
    assert (await house.left())[0] == 1
    assert await house.statuses() == {"RETRY": 1}


async def test_a_late_word_of_a_claim_that_was_taken_over_changes_nothing(house: House) -> None:
    """Another node has delivered it meanwhile: SUCCESS stays, and nothing is queued."""
    to = await house.configuration("http://192.0.2.1/", active=False)
    (event,) = await house.put(to, "a")
    (item,) = await _claimed(house, to, 1)
    await house.db.run(lambda tx: store.record(tx, house.company_id, [_a_try(item, to, "SUCCESS")]))
    await house.db.run(lambda tx: store.record(tx, house.company_id, [_a_try(item, to, "RETRY")]))
    assert await house.statuses() == {"SUCCESS": 1}
    assert (await house.left())[0] == 0
    assert len(await house.attempts(event)) == 1


async def test_what_is_given_back_of_a_claim_that_is_gone_is_not_queued_twice(
    house: House,
) -> None:
    to = await house.configuration("http://192.0.2.1/", active=False)
    await house.put(to, "a", "b")
    items = await _claimed(house, to, 2)
    place = (await house.deliverer()).place
    await house.db.execute("update delivery_claim set node_id = gen_random_uuid()")
    assert await Claimer(house.db, house.db, place).recover() == 2
    recorder = DeliveryRecorder(house.db)
    recorder.start(lambda: None)
    now = datetime.now(UTC)
    recorder.given_back([Given(item, to, now) for item in items])  # type: ignore[arg-type]
    await recorder.stop(10)
    assert await house.left() == (2, 0)


async def test_of_a_claim_some_can_be_given_back_and_the_others_be_recorded(house: House) -> None:
    to = await house.configuration("http://192.0.2.1/", active=False)
    events = await house.put(to, *"abc")
    first, second, third = await _claimed(house, to, 3)
    recorder = DeliveryRecorder(house.db)
    recorder.start(lambda: None)
    recorder.given_back([Given(second, to, datetime.now(UTC))])  # type: ignore[arg-type]
    recorder.tried(_a_try(first, to, "SUCCESS"))

    async def stored() -> bool:
        return (await house.left()) == (1, 1)

    await eventually(stored)
    recorder.tried(_a_try(third, to, "FAILED"))
    await recorder.stop(10)
    assert await house.left() == (1, 0)
    assert await house.db.fetchval("select event_id from delivery_queue") == events[1]
    assert await house.statuses() == {"SUCCESS": 1, "FAILED": 1, "PENDING": 1}


async def test_a_claim_whose_commit_is_in_doubt_is_put_back(house: House) -> None:
    to = await house.configuration("http://192.0.2.1/", active=False)
    await house.put(to, *"abc")
    place = (await house.deliverer()).place

    class Doubtful:
        """The commit is made, and its answer is lost."""

        async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
            await house.db.fetch(sql, *args)
            raise Unavailable

    claimer = Claimer(house.db, Doubtful(), place)  # type: ignore[arg-type]
    due = Due(
        house.company_id, to, datetime.now(UTC), None, None, ordered=False, version=1, failures=0
    )
    with pytest.raises(Unavailable):
        await claimer.claim(house.company_id, [(due, 3)])
    assert await house.left() == (0, 1)
    await claimer.put_back()
    assert await house.left() == (3, 0)

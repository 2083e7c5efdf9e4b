"""Limits of sender id classes over several nodes, through budgets in a real database."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from tests.waiting import PATIENCE, eventually

from clarion.engine.senders.service import seed_catalogue
from clarion.engine.senders.throughput import store
from clarion.engine.senders.throughput.model import DAY, HOLD, INTERVAL, Flow, Limits
from clarion.engine.senders.throughput.service import Throughput, set_limits
from clarion.engine.senders.throughput.tasks import forget_budgets
from clarion.errors import InvalidInput, NotFound, Unavailable
from clarion.storage.database import Database

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
ACME = Flow(1000, "ALERTS", "12125550100", "US")
BRANCH = ACME._replace(address="12125550199")
OTHER = ACME._replace(company_id=1001)
ABROAD = ACME._replace(country="DE")


class Nodes:
    """Several processes' limits under one clock."""

    def __init__(self, db: Database, count: int) -> None:
        self.now = NOON
        self.each = [Throughput(db, clock=lambda: self.now) for _ in range(count)]

    async def look(self) -> None:
        for node in self.each:
            await node.look()

    async def send(self, seconds: float, *flows: Flow, wanted: int = 100_000) -> list[int]:
        """How much all nodes sent of each flow while they wanted as much as they could get."""
        sent = [0] * len(flows)
        end = self.now + seconds
        while self.now < end:
            for node in self.each:
                for n, flow in enumerate(flows):
                    sent[n] += node.take(flow, wanted)
                await node.refill()
                for n, flow in enumerate(flows):
                    sent[n] += node.take(flow, wanted)
            self.now += INTERVAL / len(self.each)
        return sent


async def limited(db: Database, count: int = 1, **limits: Any) -> Nodes:
    await seed_catalogue(db)
    given: dict[str, Any] = {"peak": None, "peak_total": None, "daily": None} | limits
    await set_limits(db, "ALERTS", Limits(**given))
    nodes = Nodes(db, count)
    await nodes.look()
    return nodes


async def test_a_class_without_limits_grants_everything(db: Database) -> None:
    nodes = await limited(db)
    assert nodes.each[0].take(ACME, 10**6) == 10**6
    assert await db.fetchval("select count(*) from peak_budget") == 0


@pytest.mark.parametrize("count", [1, 3])
async def test_a_peak_holds_over_all_nodes_and_is_used(db: Database, count: int) -> None:
    nodes = await limited(db, count, peak=200)
    (sent,) = await nodes.send(5.0, ACME)
    most = 200 * (5 + 1) + count * 4
    assert 200 * 5 <= sent <= most


async def test_a_peak_is_a_companys_and_a_countrys(db: Database) -> None:
    nodes = await limited(db, peak=100)
    sent = await nodes.send(4.0, ACME, BRANCH, OTHER, ABROAD)
    assert sent[0] + sent[1] <= 100 * 5 + 4  # one company's two addresses share it
    assert all(400 <= each <= 504 for each in sent[2:])


async def test_a_total_peak_is_an_addresss_over_all_companies(db: Database) -> None:
    nodes = await limited(db, 2, peak_total=100)
    sent = await nodes.send(4.0, ACME, OTHER, BRANCH, ABROAD)
    assert 400 <= sent[0] + sent[1] <= 100 * 5 + 8
    assert all(400 <= each <= 508 for each in sent[2:])


async def test_the_tightest_limit_decides_and_takes_from_all(db: Database) -> None:
    nodes = await limited(db, peak=1000, peak_total=50, daily=120)
    (sent,) = await nodes.send(5.0, ACME)
    assert sent == 120
    assert await db.fetchval("select leased from daily_budget") == 120


@pytest.mark.parametrize("count", [1, 3])
async def test_a_day_holds_exactly_over_all_nodes(db: Database, count: int) -> None:
    nodes = await limited(db, count, daily=1000)
    sent = await nodes.send(12.0, ACME, OTHER, wanted=17)
    assert sent == [1000, 1000]
    assert nodes.each[0].take(ACME, 1) == 0
    assert nodes.each[0].when_next(ACME) > 60


async def test_the_day_begins_anew_at_midnight_utc(db: Database) -> None:
    nodes = await limited(db, daily=50)
    assert await nodes.send(1.0, ACME) == [50]
    nodes.now = (NOON // DAY + 1) * DAY - 30
    assert await nodes.send(1.0, ACME) == [0]
    assert nodes.each[0].when_next(ACME) <= 30
    nodes.now = (NOON // DAY + 1) * DAY
    assert await nodes.send(1.0, ACME) == [50]
    days = await db.fetch("select day, leased from daily_budget order by day")
    assert [tuple(row) for row in days] == [(date(2026, 11, 22), 50), (date(2026, 11, 23), 50)]


async def test_one_statement_serves_all_flows_of_an_interval(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = await limited(db, peak=1000, peak_total=50_000, daily=10**7)
    statements = 0
    fetch = db.fetch

    async def counted(sql: str, *args: object) -> list[asyncpg.Record]:
        nonlocal statements
        statements += 1
        return await fetch(sql, *args)

    monkeypatch.setattr(db, "fetch", counted)
    node = nodes.each[0]
    flows = [ACME._replace(company_id=2000 + n) for n in range(300)]
    for _ in range(4):
        statements = 0
        granted = [node.take(flow, 5) for flow in flows]
        await node.refill()
        assert 1 <= statements <= 2  # peaks, days
    assert granted == [5] * 300
    for _ in range(3):
        statements = 0
        await node.refill()  # nobody wants anything
    assert statements == 0


async def test_what_a_node_does_not_use_goes_to_another(db: Database) -> None:
    nodes = await limited(db, 2, peak=100, daily=100)
    idle, busy = nodes.each
    sent = 0
    for _ in range(2):
        sent += idle.take(ACME, 60)
        await idle.refill()
    await idle.stop()
    assert 0 < sent < 100
    for _ in range(40):
        sent += busy.take(ACME, 60)
        await busy.refill()
        nodes.now += INTERVAL
    row = await db.fetchrow("select leased from daily_budget")
    assert row is not None
    assert row["leased"] == 100
    assert sent == 100


async def test_what_a_dead_node_held_of_a_second_is_soon_there_again(db: Database) -> None:
    nodes = await limited(db, 2, peak=100)
    dead, alive = nodes.each
    dead.take(ACME, 60)
    await dead.refill()
    assert alive.take(ACME, 50) < 50
    await alive.refill()
    assert alive.take(ACME, 50) == 0
    nodes.now += HOLD
    alive.take(ACME, 50)
    await alive.refill()
    assert alive.take(ACME, 40) == 40


async def test_what_did_not_leave_is_given_back(db: Database) -> None:
    nodes = await limited(db, daily=100)
    node = nodes.each[0]
    node.take(ACME, 100)
    await node.refill()
    assert node.take(ACME, 100) == 100
    node.give_back(ACME, 30)
    assert node.take(ACME, 100) == 30
    node.give_back(OTHER, 30)  # never taken: nothing happens


async def test_nodes_that_lease_at_once_do_not_block_each_other(db: Database) -> None:
    nodes = await limited(db, 4, peak=1000, peak_total=5000, daily=1_000_000)
    flows = [ACME._replace(company_id=2000 + n) for n in range(50)]

    async def work(node: Throughput, order: list[Flow]) -> None:
        for _ in range(10):
            for flow in order:
                node.take(flow, 3)
            await node.refill()

    await asyncio.gather(*(work(n, flows[:: 1 if i % 2 else -1]) for i, n in enumerate(nodes.each)))


async def test_nothing_more_is_granted_while_the_database_is_away(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = await limited(db, peak=100, daily=1000)
    node = nodes.each[0]
    node.take(ACME, 10)
    await node.refill()
    assert node.take(ACME, 5) == 5

    async def away(*_: object) -> list[asyncpg.Record]:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(db, "fetch", away)
        with pytest.raises(Unavailable):
            await node.refill()
        assert node.take(ACME, 50) <= 2  # what may run ahead of a lease at most
        with pytest.raises(Unavailable):
            await node.refill()
        assert node.take(ACME, 50) == 0
    nodes.now += 1
    await node.refill()
    assert node.take(ACME, 5) == 5


async def test_limits_that_the_operator_changes_are_seen(db: Database) -> None:
    nodes = await limited(db, daily=10)
    node = nodes.each[0]
    assert await nodes.send(0.5, ACME) == [10]
    await set_limits(db, "ALERTS", Limits(None, None, 15))
    await node.look()
    nodes.now += 10
    assert await nodes.send(0.5, ACME) == [5]
    await set_limits(db, "ALERTS", Limits(None, None, None))
    await node.look()
    assert node.take(ACME, 1000) == 1000
    assert await db.fetchval("select version from sender_id_class where id = 'ALERTS'") == 4


async def test_limits_are_checked(db: Database) -> None:
    await seed_catalogue(db)
    with pytest.raises(InvalidInput, match="peak: it is over 0"):
        await set_limits(db, "ALERTS", Limits(0.0, None, None))
    with pytest.raises(NotFound):
        await set_limits(db, "NOTHING", Limits(1.0, None, None))


async def test_a_running_node_tells_when_there_is_more(db: Database) -> None:
    await limited(db, peak=500, daily=10_000)
    node = Throughput(db)
    heard = asyncio.Event()
    node.on_more(heard.set)
    assert node.take(ACME, 1) == 0  # not started: nothing is known
    await node.start()
    sent = 0
    while sent < 300:
        sent += node.take(ACME, 100)
        if sent < 300:
            async with asyncio.timeout(PATIENCE):
                await heard.wait()
            heard.clear()
    await node.stop()
    assert await db.fetchval("select leased from daily_budget") == sent


async def test_a_running_node_learns_a_class_that_is_new(db: Database) -> None:
    await seed_catalogue(db)
    node = Throughput(db)
    await node.start()
    await db.execute("update sender_id_class set id = 'NEW' where id = 'ALERTS'")
    new = ACME._replace(class_id="NEW")
    await eventually(lambda: node.take(new, 1))
    await node.stop()


async def test_a_running_node_goes_on_after_trouble(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await limited(db, daily=100)
    monkeypatch.setattr("clarion.engine.senders.throughput.service.TROUBLE_SECONDS", 0.01)
    node = Throughput(db)
    await node.start()
    calls = 0
    lease = store.lease_daily

    async def trouble(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise Unavailable
        if calls == 2:
            raise RuntimeError("a surprise")
        return await lease(*args)

    monkeypatch.setattr(store, "lease_daily", trouble)
    await eventually(lambda: node.take(ACME, 1))
    assert calls >= 3
    await node.stop()


async def test_budgets_that_nobody_needs_are_forgotten(db: Database) -> None:
    nodes = await limited(db, peak=10, daily=10)
    await nodes.send(0.5, ACME)
    at = datetime.fromtimestamp(NOON, UTC)
    assert await forget_budgets(db, now=at + timedelta(hours=12)) == 0
    assert await forget_budgets(db, now=at + timedelta(days=2)) == 1
    assert len(await store.usage(db, at.date(), None, 10)) == 1
    assert await forget_budgets(db, now=at + timedelta(days=9)) == 1

"""Several nodes on one database: who holds which bind, and what dead ones leave behind."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from pipeline import Gateway, Place
from tests.factories import Tenant
from tests.peers.smsc import Smsc
from tests.waiting import eventually

from clarion.engine.messages import dispatch, store
from clarion.engine.messages.leases import DISPATCH, Membership, recover_claims
from clarion.engine.messages.outcomes import Claim, Entry, Result, Verdict
from clarion.engine.messages.turns import Lane
from clarion.errors import Unavailable
from clarion.kit import ids
from clarion.settings import SandboxConnector, SmppConnector
from clarion.storage.database import Database

ONE, TWO = "4915112345678", "4915112345679"
KILL_OTHERS = """
select pg_terminate_backend(pid) from pg_stat_activity
where pid <> pg_backend_pid() and datname = current_database() and backend_type = 'client backend'
"""


def _smpp(smsc: Smsc, **more: Any) -> SmppConnector:
    chosen: dict[str, Any] = {"retry": (0.05,) * 6, "reconnect": (0.05,), "binds": 2}
    return SmppConnector(host="127.0.0.1", port=smsc.port, **{**chosen, **more})


async def _lapse(place: Place, gateway: Gateway) -> None:
    """Its lease has run out, and nobody has renewed it."""
    past = "now() - interval '1 s'"
    await place.db.execute(f"update node set expires_at = {past} where id = $1", gateway.node_id)
    await place.db.execute(
        f"update bind_lease set expires_at = {past} where node_id = $1", gateway.node_id
    )


async def _counts(smsc: Smsc) -> Counter[str]:
    return Counter(message["destination"] for message in await smsc.messages())


# ---------------------------------------------------------------- what a dead node leaves behind


async def test_what_a_dead_node_had_in_hand_is_sent_again(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    await smsc.numbers({ONE: {"silent": True}})
    dying = await place.started(_smpp(smsc))
    done = await dying.send(tenant, TWO)
    await place.until(tenant, done, "DELIVERED")
    request = await dying.send(tenant, f"+{ONE}")
    await smsc.until(lambda stats: stats["taken"] == 2)
    await dying.die()
    await _lapse(place, dying)
    await smsc.numbers({ONE: {}})
    await place.started(_smpp(smsc))
    await place.until(tenant, request, "DELIVERED")
    assert await _counts(smsc) == {ONE: 2, TWO: 1}


async def test_what_a_dead_node_had_in_hand_fails_where_the_operator_wants_no_doubles(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    await smsc.numbers({ONE: {"silent": True}})
    connector = _smpp(smsc, on_uncertain="fail")
    dying = await place.started(connector)
    alone = await dying.send(tenant, ONE)
    several = await dying.send(tenant, ONE, TWO)
    await place.until(tenant, several, "CREATED", "DELIVERED")
    await smsc.until(lambda stats: stats["taken"] == 3)
    await dying.die()
    await _lapse(place, dying)
    await place.started(connector)
    await place.until(tenant, alone, "FAILED")
    await place.until(tenant, several, "FAILED", "DELIVERED")
    assert "not known" in (await place.message(tenant, alone))["failure_details"]
    assert await _counts(smsc) == {ONE: 2, TWO: 1}


async def test_parts_that_a_dead_nodes_carrier_is_known_to_have_are_not_sent_again(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    await smsc.numbers({ONE: {"status": 8, "times": 1}})
    dying = await place.started(_smpp(smsc, retry=(0.3,) * 6))
    request = await dying.send(tenant, ONE, body="x" * 400)
    await eventually(lambda: _has_parts(place, tenant, 2))
    await smsc.numbers({ONE: {"silent": True}})
    await smsc.until(lambda stats: stats["submits"] == 4)
    await dying.die()
    await _lapse(place, dying)
    await smsc.numbers({ONE: {}})
    await place.started(_smpp(smsc))
    await place.until(tenant, request, "DELIVERED")
    assert (await smsc.stats())["submits"] == 5


async def test_what_a_living_node_has_in_hand_is_left_to_it(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    await smsc.configure(answer_delay=300)
    first = await place.started(_smpp(smsc))
    request = await first.send(tenant, ONE, TWO)
    await smsc.until(lambda stats: stats["taken"] == 2)
    second = place.gateway(_smpp(smsc))
    assert await recover_claims(place.db, second.settings.connectors) == 0
    await place.until(tenant, request, "DELIVERED")
    assert await _counts(smsc) == {ONE: 1, TWO: 1}


async def test_claims_of_connectors_that_a_node_does_not_know_wait_for_one_that_does(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    await smsc.numbers({ONE: {"silent": True}})
    dying = await place.started(_smpp(smsc))
    request = await dying.send(tenant, ONE)
    await smsc.until(lambda stats: stats["taken"] == 1)
    await dying.die()
    await _lapse(place, dying)
    assert await recover_claims(place.db, {"another": SandboxConnector()}) == 0
    assert await recover_claims(place.db, dying.settings.connectors) == 1
    assert len(await place.waiting(tenant)) == 1
    assert await place.states(tenant, request) == ["CREATED"]


@pytest.mark.parametrize("trouble", [0, 1])
async def test_a_node_that_was_thought_dead_does_no_harm(
    place: Place, smsc: Smsc, tenant: Tenant, trouble: int
) -> None:
    """Its carrier answers after another node has taken over: no message is in two places, and what
    the carrier said is recorded."""
    to = [f"49151{50_000_000 + n}" for n in range(20)]
    await smsc.configure(answer_delay=400, error=trouble)
    thought_dead = await place.started(_smpp(smsc))
    request = await thought_dead.send(tenant, *to)
    await smsc.until(lambda stats: stats["submits"] == 20)
    await _lapse(place, thought_dead)
    assert await recover_claims(place.db, thought_dead.settings.connectors) == 20
    await smsc.configure(answer_delay=0, error=0)
    await place.started(_smpp(smsc))
    await place.until(tenant, request, "DELIVERED")
    taken = Counter(m["destination"] for m in await smsc.messages() if "id" in m)
    assert set(taken) == set(to)
    assert max(taken.values()) <= 2


class _Hand:
    """Messages claimed by a node, as its dispatcher has them, and what it records of them."""

    def __init__(self, place: Place, tenant: Tenant, node: Gateway) -> None:
        self.place = place
        self.tenant = tenant
        self.node = node
        self.claim = Claim(
            id=ids.new_id(), company_id=tenant.company_id, connector=place.name, priority=1, open={}
        )

    async def take(self, count: int) -> list[UUID]:
        """Messages of the company's queue, the first of time first."""
        lane = Lane(self.tenant.company_id, self.tenant.sender_id, 1)
        rows = await store.claim_lane(
            self.place.db, self.claim.id, lane, connector=self.place.name,
            node_id=self.node.node_id, now=datetime.now(UTC), count=count,
        )  # fmt: skip
        self.claim.open |= {row[0]: row[1] for row in rows}
        return sorted(self.claim.open)

    async def record(self, message: UUID, verdict: Verdict) -> None:
        entry = Entry(
            message_id=message, claim=self.claim, attempts=0, parts_taken=0, total=1, waiting=0,
            taken=[(1, f"{message.int:x}")] if verdict is Verdict.TAKEN else [],
        )  # fmt: skip
        now = datetime.now(UTC)
        again = now + timedelta(hours=1) if verdict is Verdict.AGAIN else None
        self.node.recorder.results([Result(entry, verdict, now, due_at=again, attempts=1)])
        await eventually(lambda: not self.node.recorder.unrecorded)


@pytest.fixture
async def hand(place: Place, tenant: Tenant) -> AsyncIterator[_Hand]:
    """Of a node whose recorder runs; three messages wait."""
    node = place.gateway()
    await node.membership.renew()
    node.intake.start()
    node.recorder.start()
    await node.send(tenant, ONE, TWO, "4915112345670")
    yield _Hand(place, tenant, node)
    await node.intake.stop()
    await node.recorder.stop(5.0)
    await node.membership.leave()


async def test_what_another_node_has_taken_over_is_not_put_back_a_second_time(
    place: Place, tenant: Tenant, hand: _Hand
) -> None:
    first, second, third = await hand.take(3)
    await _lapse(place, hand.node)
    assert await recover_claims(place.db, hand.node.settings.connectors) == 3
    await hand.record(first, Verdict.AGAIN)
    await hand.record(second, Verdict.TAKEN)
    await hand.record(third, Verdict.FAILED)
    assert Counter(row["message_id"] for row in await place.waiting(tenant))[first] == 1
    assert [row["state"] for row in await place.messages(tenant, ids.request_id_of(first))] == [
        "CREATED",
        "SENT",  # its place in the queue is dropped when its turn comes
        "FAILED",
    ]


async def test_what_one_commit_that_was_not_heard_of_put_back_the_next_does_not(
    place: Place, tenant: Tenant, hand: _Hand
) -> None:
    """Though its claim is still there for another message."""
    first, second = await hand.take(2)
    hand.node.recorder._db = _Forgetful(place.db, 1)  # type: ignore[assignment]
    await hand.record(first, Verdict.AGAIN)
    assert len(await place.waiting(tenant)) == 2
    await hand.record(second, Verdict.TAKEN)
    assert len(await place.waiting(tenant)) == 2


# ---------------------------------------------------------------- a database that forgets


class _Forgetful:
    """Commits, and loses the answer so many times."""

    def __init__(self, db: Database, times: int) -> None:
        self._db = db
        self._times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def run(self, work: Any) -> Any:
        answer = await self._db.run(work)
        if self._times:
            self._times -= 1
            raise Unavailable
        return answer


@pytest.mark.parametrize("ending", ["1234", "0004"])
async def test_results_whose_commit_was_not_heard_of_are_recorded_once(
    place: Place, tenant: Tenant, ending: str
) -> None:
    """Both those that were taken and those that go back into the queue."""
    gateway = place.gateway()
    gateway.recorder._db = _Forgetful(place.db, 2)  # type: ignore[assignment]
    await gateway.start()
    request = await gateway.send(tenant, f"+1555999{ending}", "+15559995678")
    await place.until(tenant, request, "DELIVERED")


async def test_a_claim_whose_commit_was_not_heard_of_goes_back_and_counts_as_no_try(
    place: Place, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "UNAVAILABLE_SECONDS", 0.02)
    real, lost = store.claim_lane, []

    async def claim_and_lose_the_answer(*args: Any, **more: Any) -> Any:
        found = await real(*args, **more)
        if found and len(lost) < 2:
            lost.append([row[1] for row in found])
            raise Unavailable
        assert [row[1] for row in found] in ([], [0, 0])  # attempts
        return found

    monkeypatch.setattr(store, "claim_lane", claim_and_lose_the_answer)
    gateway = await place.started()
    request = await gateway.send(tenant, ONE, TWO)
    await place.until(tenant, request, "DELIVERED")
    assert lost == [[0, 0], [0, 0]]


async def test_connections_that_are_cut_all_the_time_lose_nothing_and_count_right(
    own_place: Place, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "UNAVAILABLE_SECONDS", 0.02)
    gateway = await own_place.started(SandboxConnector(receipt_delay=0.02, retry=(0.02,) * 9))
    tenant = await own_place.tenant()
    requests: list[UUID] = []
    for n in range(40):
        to = [f"+49151{60_000_000 + n * 10 + k}" for k in range(1 + n % 4)]
        requests.append(await gateway.send(tenant, *to, "+15559990004", "+15559990019"))
    killer = await asyncpg.connect(database_url)
    for _ in range(8):
        await killer.execute(KILL_OTHERS)
        await asyncio.sleep(0.03)  # not a wait: the rhythm of the harm
    await killer.close()

    async def delivered() -> bool:
        try:
            left = await own_place.db.fetchval(
                "select count(*) from message where company_id = $1 and state <> 'DELIVERED'",
                tenant.company_id,
            )
        except Unavailable:
            return False
        return bool(left == 0)

    await eventually(delivered)


# ---------------------------------------------------------------- leases


def _member(place: Place, *, lease: float = 60.0) -> Membership:
    return Membership(place.db, ids.new_id(), "test", roles=frozenset({DISPATCH}), lease=lease)


async def _leased(place: Place, *members: Membership, binds: int) -> list[int]:
    return [
        await member.lease_binds(place.name, binds=binds, nodes=len(members)) for member in members
    ]


async def test_one_node_holds_all_binds_and_two_share_them(place: Place) -> None:
    first, second = _member(place), _member(place)
    await first.renew()
    assert await _leased(place, first, binds=4) == [4]
    await second.renew()
    await _leased(place, first, second, binds=4)
    assert await _leased(place, first, second, binds=4) == [2, 2]
    assert await first.bind_holders(place.name) == 2
    await first.leave()
    assert await _leased(place, second, binds=4) == [4]
    await second.leave()


async def test_a_bind_has_one_holder_however_many_ask_at_once(place: Place) -> None:
    members = [_member(place) for _ in range(5)]
    for member in members:
        await member.renew()
    for _ in range(5):
        held = await asyncio.gather(*(m.lease_binds(place.name, binds=3, nodes=5) for m in members))
        assert sum(held) == 3
    for member in members:
        await member.leave()


async def test_a_dead_nodes_binds_are_free(place: Place) -> None:
    first, second = _member(place), _member(place)
    await first.renew()
    assert await _leased(place, first, binds=2) == [2]
    assert await second.lease_binds(place.name, binds=2, nodes=1) == 0
    await place.db.execute(
        "update bind_lease set expires_at = now() where node_id = $1", first.node_id
    )
    assert await second.lease_binds(place.name, binds=2, nodes=1) == 2
    assert await first.lease_binds(place.name, binds=2, nodes=1) == 0
    for member in (first, second):
        await member.leave()


async def test_a_node_that_was_cut_off_gives_the_others_time_to_come_back(place: Place) -> None:
    node = _member(place, lease=0.5)
    assert await node.renew()
    await eventually(node.lapsed)
    assert not await node.renew()

    async def judges_again() -> bool:
        return await node.renew()

    await eventually(judges_again)
    assert node.lapses == 1
    await node.leave()


async def test_two_gateways_share_the_binds_and_one_takes_over_when_the_other_leaves(
    place: Place, smsc: Smsc, tenant: Tenant
) -> None:
    """node_lease is short, so that they notice each other."""
    connector, lease = _smpp(smsc), {"node_lease": 2.0}
    first = await place.started(connector, dispatch=lease)
    second = await place.started(connector, dispatch=lease)
    await eventually(lambda: [_binds(first), _binds(second)] == [1, 1])
    to = [f"49151{70_000_000 + n}" for n in range(100)]
    request = await first.send(tenant, *to[:50])
    other = await second.send(tenant, *to[50:])
    for each in (request, other):
        await place.until(tenant, each, "DELIVERED")
    assert await _counts(smsc) == dict.fromkeys(to, 1)
    await first.stop()
    await eventually(lambda: _binds(second) == 2)
    await place.until(tenant, await second.send(tenant, ONE), "DELIVERED")


def _binds(gateway: Gateway) -> int:
    (health,) = gateway.carriers.health().values()
    return health.binds


async def _has_parts(place: Place, tenant: Tenant, count: int) -> bool:
    return len(await place.parts(tenant)) == count

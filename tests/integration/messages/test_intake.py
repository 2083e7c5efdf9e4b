"""Requests become durable, together, once, whole or not at all."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from pipeline import Gateway, Place
from tests.factories import Tenant, a_request, a_sender
from tests.waiting import eventually

from clarion import settings
from clarion.engine.messages import flush, store
from clarion.engine.messages.flush import MAX_BATCH
from clarion.engine.messages.model import Options
from clarion.engine.messages.prepared import Prepared
from clarion.errors import (
    AlreadyExists,
    ClarionError,
    InvalidInput,
    NotAllowed,
    TooManyRequests,
    Unavailable,
)
from clarion.settings import SandboxConnector
from clarion.storage import partitions
from clarion.storage.database import Database
from clarion.storage.embedded import EmbeddedPostgres
from clarion.storage.migrate import migrate

GOOD = "+4915112345678"
KILL_OTHERS = """
select pg_terminate_backend(pid) from pg_stat_activity
where pid <> pg_backend_pid() and datname = current_database() and backend_type = 'client backend'
"""


@pytest.fixture
def gateway(accepting: Gateway) -> Gateway:
    return accepting


async def _stored(place: Place, tenant: Tenant) -> list[UUID]:
    rows = await place.db.fetch(
        "select id from message_request where company_id = $1", tenant.company_id
    )
    return [row["id"] for row in rows]


async def test_an_accepted_request_is_stored_with_its_messages_and_its_place_in_the_queue(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    request = await gateway.send(
        tenant, GOOD, "nobody", body="hello", subject="s", options=Options(src_language="en")
    )
    shown = await place.request(tenant, request)
    assert (shown["body"], shown["subject"], shown["options"]) == (
        "hello",
        "s",
        {"src_language": "en"},
    )
    assert shown["recipients"] == [GOOD, "nobody"]
    assert await place.states(tenant, request) == ["CREATED", "FAILED"]
    (place_in_queue,) = await place.waiting(tenant)
    assert place_in_queue["connector"] == place.name
    assert place_in_queue["sender_id"] == tenant.sender_id


async def test_requests_that_come_together_are_stored_together(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    await gateway.send(tenant, GOOD)  # the sender is known from now on
    made = await asyncio.gather(*(gateway.send(tenant, GOOD) for _ in range(MAX_BATCH)))
    rows = await place.db.fetch(
        "select id, xmin::text from message_request where company_id = $1", tenant.company_id
    )
    transactions = Counter(row["xmin"] for row in rows if row["id"] in set(made))
    assert len(transactions) <= 3
    assert sum(transactions.values()) == MAX_BATCH


# ---------------------------------------------------------------- once


async def test_the_same_external_id_is_one_request_however_many_come_at_once(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    await gateway.send(tenant, GOOD)
    made = await asyncio.gather(
        *(gateway.send(tenant, GOOD, external_id="order 1") for _ in range(50))
    )
    assert len(set(made)) == 1
    assert await gateway.send(tenant, GOOD, external_id="order 1") == made[0]
    assert len(await _stored(place, tenant)) == 2


async def test_the_same_external_id_on_two_nodes_is_one_request(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    other = place.gateway()
    other.intake.start()
    nodes = (gateway, other)
    made = await asyncio.gather(
        *(
            nodes[n % 2].send(tenant, GOOD, external_id=f"order {n // 10}", body=f"text {n // 10}")
            for n in range(200)
        )
    )
    await other.intake.stop()
    assert len(set(made)) == 20
    assert all(len(set(made[n : n + 10])) == 1 for n in range(0, 200, 10))
    assert set(await _stored(place, tenant)) == set(made)


async def test_an_external_id_with_another_body_is_a_conflict(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    first = gateway.send(tenant, GOOD, external_id="order 1", body="one")
    second = gateway.send(tenant, GOOD, external_id="order 1", body="two")
    answers = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(answer) for answer in answers][1] is AlreadyExists
    assert await _stored(place, tenant) == [answers[0]]


async def test_an_external_id_belongs_to_one_application(place: Place, gateway: Gateway) -> None:
    tenants = [await place.tenant() for _ in range(2)]
    made = await asyncio.gather(
        *(gateway.send(tenant, GOOD, external_id="order 1") for tenant in tenants)
    )
    assert len(set(made)) == 2


async def test_another_use_of_an_external_id_spoils_nothing_that_came_with_it(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    await gateway.send(tenant, GOOD, external_id="order 1", body="one")
    answers = await asyncio.gather(
        gateway.send(tenant, GOOD),
        gateway.send(tenant, GOOD, external_id="order 1", body="two"),
        gateway.send(tenant, GOOD, external_id="order 2"),
        return_exceptions=True,
    )
    assert isinstance(answers[1], AlreadyExists)
    assert set(await _stored(place, tenant)) >= {answers[0], answers[2]}


# ---------------------------------------------------------------- refusals


async def test_a_value_that_cannot_be_stored_fails_only_its_own_request(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    await gateway.send(tenant, GOOD)
    answers = await asyncio.gather(
        *(gateway.send(tenant, GOOD) for _ in range(5)),
        gateway.send(tenant, GOOD, "\0"),  # only the database sees what is wrong with it
        gateway.send(tenant, GOOD, body="half a pair: \ud800"),
        *(gateway.send(tenant, GOOD, external_id=f"order {n}") for n in range(5)),
        return_exceptions=True,
    )
    bad = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [type(error) for error in bad] == [InvalidInput, InvalidInput]
    assert len(await _stored(place, tenant)) == 11


async def test_a_sender_that_is_not_the_companys_own_is_refused(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    stranger = await place.tenant()
    with pytest.raises(InvalidInput) as caught:
        await gateway.intake.accept(tenant.caller, a_request(GOOD, sender=stranger.address))
    assert caught.value.field == "from"
    assert await _stored(place, tenant) == []


async def test_a_sender_that_is_switched_off_is_refused(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    await place.db.execute(
        "update sender_id set state = 'INACTIVE' where company_id = $1", tenant.company_id
    )
    with pytest.raises((InvalidInput, NotAllowed)) as caught:
        await gateway.send(tenant, GOOD)
    assert caught.value.field == "from"


async def test_a_sender_that_no_connector_carries_is_refused(place: Place) -> None:
    gateway = place.gateway(SandboxConnector(addresses=("999*",)))
    tenant = await place.tenant()
    await place.db.execute(
        "update sender_id set connector = 'gone' where company_id = $1", tenant.company_id
    )
    with pytest.raises(InvalidInput, match="no connector"):
        await gateway.send(tenant, GOOD)


async def test_a_full_queue_says_so(place: Place) -> None:
    gateway = place.gateway(intake=settings.Intake(sender_queue_limit=5, direct_recipients=2))
    tenant = await place.tenant()
    gateway.intake.start()
    for _ in range(5):
        await gateway.send(tenant, GOOD)
    with pytest.raises(TooManyRequests) as caught:
        await gateway.send(tenant, GOOD)
    assert caught.value.retry_after > 0
    assert caught.value.field == "from"
    await gateway.send(tenant, GOOD, test=True)  # it would not wait in the queue
    other = await a_sender(place.db, tenant.caller, address=f"{tenant.address}9")
    assert other
    await gateway.intake.accept(tenant.caller, a_request(GOOD, sender=f"{tenant.address}9"))
    await gateway.intake.stop()


async def test_requests_that_come_at_once_do_not_overfill_a_queue(place: Place) -> None:
    gateway = place.gateway(intake=settings.Intake(sender_queue_limit=10))
    tenant = await place.tenant()
    gateway.intake.start()
    answers = await asyncio.gather(
        *(gateway.send(tenant, GOOD) for _ in range(30)), return_exceptions=True
    )
    assert Counter(type(a).__name__ for a in answers)["TooManyRequests"] == 20
    assert len(await place.waiting(tenant)) == 10
    await gateway.intake.stop()


async def test_a_large_request_counts_before_it_is_expanded(place: Place) -> None:
    gateway = place.gateway(intake=settings.Intake(sender_queue_limit=100, direct_recipients=2))
    tenant = await place.tenant()
    gateway.intake.start()
    await gateway.send(tenant, *(f"+4915112345{n:03}" for n in range(60)))
    with pytest.raises(TooManyRequests):
        await gateway.send(tenant, *(f"+4915112346{n:03}" for n in range(60)))
    await gateway.intake.stop()
    while await gateway.expander.step():
        pass


# ---------------------------------------------------------------- a database that goes away


async def test_connections_that_are_cut_leave_requests_whole_or_not_there(
    own_place: Place, database_url: str
) -> None:
    """Each request and its message, place in the queue and external id are there together."""
    gateway = own_place.gateway()
    tenant = await own_place.tenant()
    gateway.intake.start()
    accepted: set[UUID] = set()
    refused: list[ClarionError] = []

    async def client(number: int) -> None:
        for n in range(40):
            name = f"order {number} {n}" if n % 2 else None
            try:
                accepted.add(await gateway.send(tenant, GOOD, external_id=name))
            except ClarionError as error:
                refused.append(error)

    clients = asyncio.gather(*(client(number) for number in range(8)))
    killer = await asyncpg.connect(database_url)
    while not clients.done():
        seen = len(accepted)
        await eventually(lambda seen=seen: len(accepted) > seen or clients.done())
        await killer.execute(KILL_OTHERS)
    await killer.close()
    await gateway.intake.stop()
    assert {type(error) for error in refused} <= {Unavailable}
    await own_place.reconnect(database_url)
    await _check_whole(own_place, tenant, accepted)


class _Forgetful:
    """Commits the first transaction and the first statement, and loses the answers."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lost: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def execute(self, sql: str, *args: object) -> str:
        tag = await self._db.execute(sql, *args)
        self._lose("execute")
        return tag

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        async with self._db.transaction() as connection:
            yield connection
        self._lose("transaction")

    def _lose(self, what: str) -> None:
        if what not in self._lost:
            self._lost.add(what)
            raise Unavailable


@pytest.mark.parametrize("name", [None, "order 1"])
async def test_a_commit_that_was_not_heard_of_is_not_repeated(
    place: Place, gateway: Gateway, tenant: Tenant, name: str | None
) -> None:
    flusher = gateway.intake._flusher
    flusher._db = flusher._writer = _Forgetful(place.db)  # type: ignore[assignment]
    made = await gateway.send(tenant, GOOD, "+4915112345679", external_id=name)
    assert await _stored(place, tenant) == [made]
    if name:
        assert await gateway.send(tenant, GOOD, "+4915112345679", external_id=name) == made


async def test_while_the_database_is_away_nobody_waits_for_those_before_him(
    place: Place, gateway: Gateway, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that stand in line are told when the first are."""
    await gateway.send(tenant, GOOD)
    monkeypatch.setattr(flush, "RETRY_SECONDS", 0.3)
    tried = set()

    async def away(_: object, batch: list[Prepared], *__: object, **___: object) -> None:
        tried.update(prepared.request_id for prepared in batch)
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(store, "accept", away)
        calls = [gateway.send(tenant, GOOD) for _ in range(3 * MAX_BATCH)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unavailable}
    assert len(tried) == MAX_BATCH
    await gateway.send(tenant, GOOD)


async def test_a_stopped_intake_takes_nothing(
    place: Place, gateway: Gateway, tenant: Tenant
) -> None:
    under_way = [asyncio.create_task(gateway.send(tenant, GOOD)) for _ in range(20)]
    await eventually(lambda: _stored(place, tenant))
    await gateway.intake.stop()
    await asyncio.gather(*under_way)
    with pytest.raises(Unavailable):
        await gateway.send(tenant, GOOD)


async def _check_whole(place: Place, tenant: Tenant, accepted: set[UUID]) -> None:
    stored = set(await _stored(place, tenant))
    assert accepted <= stored
    for query in (
        "select request_id from message where company_id = $1",
        "select m.request_id from outbound o join message m on m.company_id = o.company_id "
        "and m.id = o.message_id where o.company_id = $1",
    ):
        rows = await place.db.fetch(query, tenant.company_id)
        assert sorted(row[0] for row in rows) == sorted(stored)
    named = await place.db.fetch(
        "select request_id from external_id where company_id = $1", tenant.company_id
    )
    with_name = await place.db.fetch(
        "select id from message_request where company_id = $1 and external_id is not null",
        tenant.company_id,
    )
    assert {row[0] for row in named} == {row[0] for row in with_name}


async def test_a_server_that_is_killed_and_comes_back_loses_nothing_that_was_accepted() -> None:
    with tempfile.TemporaryDirectory(prefix="clarion-tests-") as home:
        server = EmbeddedPostgres(Path(home))
        database = await Database.connect(
            settings.Database(connect_timeout=1.0), url=server.start()
        )
        try:
            await migrate(database)
            now = datetime.now(UTC)
            await partitions.maintain(database, settings.Retention(), now=now)
            place = Place(database)
            await _accept_through_a_crash(place, server)
            await place.close()
            await place.db.close()
        finally:
            await database.close()
            server.stop()


async def _accept_through_a_crash(place: Place, server: EmbeddedPostgres) -> None:
    gateway = place.gateway()
    tenant = await place.tenant()
    gateway.intake.start()
    accepted: set[UUID] = set()
    refused: list[ClarionError] = []

    async def client() -> None:
        while not refused:
            try:
                accepted.add(await gateway.send(tenant, GOOD))
            except ClarionError as error:
                refused.append(error)

    async with asyncio.TaskGroup() as clients:
        for _ in range(8):
            clients.create_task(client())
        await eventually(lambda: len(accepted) > 50)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
    assert {type(error) for error in refused} == {Unavailable}
    server.stop()
    url = server.start()
    accepted.add(await eventually(lambda: _try_to_send(gateway, tenant)))
    await gateway.intake.stop()
    await place.reconnect(url)
    await _check_whole(place, tenant, accepted)


async def _try_to_send(gateway: Gateway, tenant: Tenant) -> Any:
    try:
        return await gateway.send(tenant, GOOD)
    except Unavailable:
        return None

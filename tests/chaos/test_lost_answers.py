"""A commit whose answer is lost is stored: what works on must find that out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from clarion import settings
from clarion.engine.consent.keywords.directory import KeywordDirectory
from clarion.engine.messages import expand, store
from clarion.engine.messages.expand import Expander
from clarion.engine.messages.inbound import InboundDesk
from clarion.engine.messages.intake import Intake
from clarion.engine.messages.ports import Inbound
from clarion.engine.senders.directory import SenderDirectory
from clarion.errors import Unavailable
from clarion.jobs import runner
from clarion.jobs.runner import Job, Runner
from clarion.storage.database import Database
from tests.waiting import PATIENCE

from ..factories import Tenant, a_request, a_tenant, an_expander, an_intake
from .deaf import RUN, Deaf

MANY = [f"+49151{number:08d}" for number in range(120)]
SETTINGS = settings.Settings(connectors={"carrier": settings.SandboxConnector(default=True)})


@pytest.fixture
def deaf(db: Database) -> Deaf:
    return Deaf(db)


@pytest.fixture
async def tenant(db: Database) -> Tenant:
    return await a_tenant(db)


@pytest.fixture
async def intake(deaf: Deaf) -> AsyncIterator[Intake]:
    database = cast(Database, deaf)
    made = an_intake(database, SETTINGS)
    made.start()
    yield made
    await made.stop()


@pytest.fixture
def expander(deaf: Deaf, monkeypatch: pytest.MonkeyPatch) -> Expander:
    monkeypatch.setattr(expand, "CHUNK", 50)
    database = cast(Database, deaf)
    return an_expander(database, SETTINGS)


@pytest.mark.parametrize(
    "lost",
    [
        [store.SQL["take_expansions"]],
        [store.SQL["read_expansions"]],
        [RUN],
        [RUN, RUN, RUN, RUN],
        [store.SQL["take_expansions"], RUN, store.SQL["read_expansions"], RUN],
    ],
    ids=["taking", "reading", "a chunk", "every chunk", "now this, now that"],
)
async def test_a_request_is_expanded_once_whatever_answer_is_lost(
    db: Database, deaf: Deaf, tenant: Tenant, intake: Intake, expander: Expander, lost: list[str]
) -> None:
    request_id = await intake.accept(tenant.caller, a_request(*MANY, MANY[0]))
    deaf.lose_answer_to(*lost)
    for _ in range(20):
        try:
            await expander.step()
        except Unavailable:
            continue
    row = await _request(db, tenant, request_id)
    assert (row["state"], row["recipient_count"], row["duplicate_count"]) == (
        "TRANSMITTING",
        len(MANY),
        1,
    )
    assert await db.fetchval("select count(*) from outbound") == len(MANY)
    assert await db.fetchval("select count(*) from expansion") == 0


@pytest.mark.parametrize("external_id", [None, "order-1"])
async def test_a_request_whose_commit_was_not_answered_is_accepted_once(
    db: Database, deaf: Deaf, tenant: Tenant, intake: Intake, external_id: str | None
) -> None:
    await intake.accept(tenant.caller, a_request(external_id="the first warms the caches"))
    deaf.lose_answer_to(RUN if external_id else store.SQL["accept_requests"])
    request_id = await intake.accept(tenant.caller, a_request(external_id=external_id))
    assert (await _request(db, tenant, request_id))["state"] == "TRANSMITTING"
    assert await db.fetchval("select count(*) from message_request") == 2


async def test_parts_that_were_stored_are_not_refused_when_gathering_fails(
    db: Database, deaf: Deaf, tenant: Tenant
) -> None:
    database = cast(Database, deaf)
    desk = InboundDesk(database, SenderDirectory(database), KeywordDirectory(), part_patience=60)
    parts = [
        ("carrier", Inbound("4915112345678", tenant.address, text, 7, 2, number))
        for number, text in enumerate(("to be ", "or not"), 1)
    ]
    whole = ("carrier", Inbound("4915112345678", tenant.address, "a question", None, 1, 1))
    deaf.lose_answer_to(store.SQL["whole_inbound"])
    await desk.take([*parts, whole])  # raising here makes the carrier send all of it again
    await desk.gather()
    rows = await db.fetch("select body from message order by body")
    assert [row["body"] for row in rows] == ["a question", "to be or not"]


async def test_a_job_comes_again_at_its_interval_after_the_database_was_away(
    deaf: Deaf,
) -> None:
    ran = asyncio.Event()

    async def work() -> None:
        ran.set()

    deaf.lose_answer_to(runner.SQL["know_job"])
    jobs = Runner(cast(Database, deaf), [Job("sweep", 0.1, work)])
    jobs.start()
    try:
        async with asyncio.timeout(PATIENCE):
            await ran.wait()
    finally:
        await jobs.stop()


async def _request(db: Database, tenant: Tenant, request_id: Any) -> Any:
    sql = "select * from message_request_now where company_id = $1 and id = $2"
    return await db.fetchrow(sql, tenant.company_id, request_id)

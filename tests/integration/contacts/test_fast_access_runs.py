"""Runs of fast access rules through contacts: across crashes, and beside everything else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.factories import Tenant, a_tenant
from tests.waiting import eventually

from clarion.engine.contacts.fast_access import store
from clarion.engine.contacts.fast_access.model import NewRule, RuleChange
from clarion.engine.contacts.fast_access.service import begin_job, change_rule, create_rule
from clarion.engine.contacts.model import read_value
from clarion.engine.contacts.recompute import KEPT, Recomputer, forget_jobs
from clarion.engine.contacts.service import change_contact, create_contact, delete_contact
from clarion.kit import ids
from clarion.storage.database import Database

COLOR = NewRule(number=1, name="Color", script="$.extended_attributes.color")
EYES = RuleChange(script="$.extended_attributes.eyes")


@pytest.fixture
async def tenant(db: Database) -> Tenant:
    return await a_tenant(db)


async def make(db: Database, tenant: Tenant, count: int = 1) -> list[UUID]:
    values = {
        "extended_attributes": read_value(
            "extended_attributes", '{"color": "red", "eyes": "green", "hair": "brown"}'
        )
    }
    return [await create_contact(db, tenant.caller, values) for _ in range(count)]


async def colors(db: Database, tenant: Tenant) -> list[str | None]:
    rows = await db.fetch(
        "select fast_access_1 from contact where company_id = $1 order by id", tenant.company_id
    )
    return [each[0] for each in rows]


async def last_job(db: Database, tenant: Tenant) -> Any:
    return await db.fetchrow(
        "select * from fast_access_job where company_id = $1 order by id desc limit 1",
        tenant.company_id,
    )


async def alive(db: Database, node_id: UUID, *, seconds: float = 60) -> UUID:
    await db.execute(
        "insert into node (id, name, roles, expires_at) values ($1, 'n', '{jobs}', $2) "
        "on conflict (id) do update set expires_at = excluded.expires_at",
        node_id, datetime.now(UTC) + timedelta(seconds=seconds),
    )  # fmt: skip
    return node_id


@pytest.mark.parametrize(("made", "gone", "total"), [(3, 0, 8), (0, 2, 3), (2, 1, 6)])
async def test_contacts_that_come_and_go_meanwhile_are_in_the_total(
    db: Database, tenant: Tenant, made: int, gone: int, total: int
) -> None:
    known = await make(db, tenant, 5)
    await create_rule(db, tenant.caller, COLOR)
    worker = Recomputer(db, node_id=await alive(db, ids.new_id()), slice=2)
    await worker.step()
    await make(db, tenant, made)
    for id in known[len(known) - gone :]:
        await delete_contact(db, tenant.caller, id)
    seen = []
    while await worker.step():
        job = await last_job(db, tenant)
        seen.append(job["total_count"] - job["processed_count"])
    assert min(seen, default=0) >= 0
    job = await last_job(db, tenant)
    assert (job["state"], job["total_count"], job["processed_count"]) == ("COMPLETED", total, total)


async def test_a_node_that_dies_leaves_its_run_to_another_which_goes_on(
    db: Database, tenant: Tenant
) -> None:
    await make(db, tenant, 5)
    await create_rule(db, tenant.caller, COLOR)
    first = Recomputer(db, node_id=await alive(db, ids.new_id()), slice=2)
    second = Recomputer(db, node_id=await alive(db, ids.new_id()), slice=2)
    assert await first.step()
    assert not await second.step()
    assert await colors(db, tenant) == ["red", "red", None, None, None]
    await db.execute("update node set expires_at = $1", datetime.now(UTC) - timedelta(seconds=1))
    assert await second.step()
    assert not await first.step()  # it was thought dead, and has lost the run
    assert not await second.step()
    assert await colors(db, tenant) == ["red"] * 5
    job = await last_job(db, tenant)
    assert (job["state"], job["processed_count"], job["changed_count"]) == ("COMPLETED", 5, 5)


async def test_a_node_that_does_not_know_its_run_any_more_takes_it_again(
    db: Database, tenant: Tenant
) -> None:
    await make(db, tenant, 3)
    await create_rule(db, tenant.caller, COLOR)
    node_id = await alive(db, ids.new_id())
    await Recomputer(db, node_id=node_id, slice=2).step()
    await Recomputer(db, node_id=node_id, slice=2).step()
    assert await colors(db, tenant) == ["red"] * 3
    assert (await last_job(db, tenant))["processed_count"] == 3


async def test_a_rule_that_changes_replaces_the_run(db: Database, tenant: Tenant) -> None:
    await make(db, tenant, 3)
    rule = await create_rule(db, tenant.caller, COLOR)
    worker = Recomputer(db, node_id=ids.new_id(), slice=2)
    await worker.step()
    await change_rule(db, tenant.caller, rule, EYES)
    await eventually(lambda: _idle(worker))
    assert await colors(db, tenant) == ["green"] * 3
    states = await db.fetch("select state from fast_access_job order by id")
    assert [row[0] for row in states] == ["REPLACED", "COMPLETED"]


async def _idle(worker: Recomputer) -> bool:
    return not await worker.step()


async def test_values_derived_by_older_rules_are_not_written_any_more(
    db: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule changes between the derivation of a slice and its transaction."""
    await make(db, tenant, 1)
    rule = await create_rule(db, tenant.caller, COLOR)
    worker, read_slice = Recomputer(db, node_id=ids.new_id()), store.read_slice

    async def slow(*args: Any) -> Any:
        rows = await read_slice(*args)
        monkeypatch.undo()
        await change_rule(db, tenant.caller, rule, EYES)
        return rows

    monkeypatch.setattr(store, "read_slice", slow)
    await worker.step()
    assert await colors(db, tenant) == [None]
    await eventually(lambda: _idle(worker))
    assert await colors(db, tenant) == ["green"]


async def test_a_contact_that_is_written_meanwhile_is_left_as_it_was_written(
    db: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    (id,) = await make(db, tenant)
    await create_rule(db, tenant.caller, COLOR)
    worker, read_slice = Recomputer(db, node_id=ids.new_id()), store.read_slice
    blue = {"extended_attributes": read_value("extended_attributes", '{"color": "blue"}')}

    async def slow(*args: Any) -> Any:
        rows = await read_slice(*args)
        monkeypatch.undo()
        await change_contact(db, tenant.caller, id, blue, version=None)
        return rows

    monkeypatch.setattr(store, "read_slice", slow)
    await eventually(lambda: _idle(worker))
    assert await colors(db, tenant) == ["blue"]


async def test_a_rule_waits_for_contacts_that_are_being_written(
    db: Database, tenant: Tenant
) -> None:
    """So none is written by the old rules after the run has gone past it."""
    async with db.transaction() as tx:
        await store.hold_rules(tx, tenant.company_id)
        creating = asyncio.create_task(create_rule(db, tenant.caller, COLOR))
        await eventually(lambda: db.fetchval("select count(*) from pg_locks where not granted"))
        assert not creating.done()
    await creating


async def test_runs_of_several_companies_go_on_side_by_side(db: Database, tenant: Tenant) -> None:
    other = await a_tenant(db, name="other", address="12125550199")
    for each in (tenant, other):
        await make(db, each, 3)
        await create_rule(db, each.caller, COLOR)
    worker = Recomputer(db, node_id=ids.new_id(), slice=2)
    await worker.step()
    assert await colors(db, tenant) == await colors(db, other) == ["red", "red", None]
    await worker.step()
    assert await colors(db, tenant) == await colors(db, other) == ["red"] * 3


async def test_a_hostile_script_does_not_hold_up_the_thread(db: Database, tenant: Tenant) -> None:
    wide = {"a": [[{"b": n, "c": [1, 2, 3]} for n in range(30)] for _ in range(30)]}
    values = {"extended_attributes": read_value("extended_attributes", wide)}
    for _ in range(20):
        await create_contact(db, tenant.caller, values)
    await create_rule(db, tenant.caller, NewRule(number=1, script="$..*..*..*..nothing"))
    worker = Recomputer(db, node_id=ids.new_id())
    ticks = 0
    running = asyncio.create_task(worker.step())
    while not running.done():
        ticks += 1
        await asyncio.sleep(0)
    await running
    assert ticks >= 20  # once a contact at least, others had their turn
    assert await colors(db, tenant) == [None] * 20


async def test_a_company_without_contacts_and_without_rules_has_nothing_to_do(
    db: Database, tenant: Tenant
) -> None:
    await begin_job(db, tenant.caller)
    assert not await Recomputer(db, node_id=ids.new_id()).step()
    job = await last_job(db, tenant)
    assert (job["state"], job["total_count"], job["processed_count"]) == ("COMPLETED", 0, 0)


async def test_old_runs_are_forgotten(db: Database, tenant: Tenant) -> None:
    await begin_job(db, tenant.caller)
    await Recomputer(db, node_id=ids.new_id()).step()
    await begin_job(db, tenant.caller)
    long_ago = datetime.now(UTC) - KEPT - timedelta(days=1)
    await db.execute("update fast_access_job set updated_at = $1", long_ago)
    await forget_jobs(db)
    assert [r[0] for r in await db.fetch("select state from fast_access_job")] == ["CREATED"]

"""Many contacts at once: found by their keys, changed or made, whatever else happens."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from tests.factories import Tenant, a_tenant

from clarion.engine.contacts import bulk
from clarion.engine.contacts.bulk import Outcome, upsert_contacts
from clarion.engine.contacts.fast_access.model import NewRule
from clarion.engine.contacts.fast_access.service import create_rule
from clarion.engine.contacts.model import read_value
from clarion.engine.contacts.service import create_contact
from clarion.storage.database import Database

_names = iter(range(1000))


@pytest.fixture
async def tenant(shared_db: Database) -> Tenant:
    return await a_tenant(shared_db, name=f"company {next(_names)}")


def a_row(**raw: Any) -> dict[str, Any]:
    return {
        name: value if name.startswith("fast_access") else read_value(name, value)
        for name, value in raw.items()
    }


async def upsert(db: Database, tenant: Tenant, *rows: dict[str, Any]) -> list[Outcome]:
    async with db.transaction() as tx:
        application = tenant.caller.application_id
        return await upsert_contacts(tx, tenant.company_id, application, rows)


async def contacts(db: Database, tenant: Tenant) -> dict[UUID, Any]:
    rows = await db.fetch("select * from contact where company_id = $1", tenant.company_id)
    return {row["id"]: row for row in rows}


def mdn(number: int) -> str:
    return f"+1212555{number:04}"


async def test_rows_are_made_or_changed_by_their_keys(shared_db: Database, tenant: Tenant) -> None:
    db = shared_db
    known = await create_contact(
        db, tenant.caller, a_row(external_id="a", primary_mdn=mdn(1), last_name="Lovelace")
    )
    called = await create_contact(db, tenant.caller, a_row(primary_mdn=mdn(2)))
    outcomes = await upsert(
        db, tenant,
        a_row(external_id="a", first_name="Ada"),
        a_row(primary_mdn=mdn(2), first_name="Bob", external_id="b"),
        a_row(primary_mdn=mdn(3), first_name="Eve", birth_date="1990-01-02",
              address_list=[{"city": "Tampa"}], extended_attributes='{"x": 1}',
              voice_preference="PREFER_VOICE"),
        a_row(external_id="d"),
    )  # fmt: skip
    assert outcomes[:2] == [known, called]
    found = await contacts(db, tenant)
    rows = [found[id] for id in outcomes if isinstance(id, UUID)]
    assert len(found) == len(rows) == 4
    assert [row["first_name"] for row in rows] == ["Ada", "Bob", "Eve", None]
    assert [row["external_id"] for row in rows] == ["a", "b", None, "d"]
    assert [row["primary_mdn"] for row in rows] == [mdn(1), mdn(2), mdn(3), None]
    assert [row["version"] for row in rows] == [2, 2, 1, 1]
    assert rows[0]["last_name"] == "Lovelace"
    assert rows[2]["document"] == {"address_list": [{"city": "Tampa"}],
                                   "extended_attributes": {"x": 1}}  # fmt: skip
    assert rows[2]["extended_attributes"] == '{"x": 1}'
    assert rows[2]["application_id"] == tenant.caller.application_id


async def test_a_row_that_changes_nothing_writes_nothing(
    shared_db: Database, tenant: Tenant
) -> None:
    row = a_row(external_id="a", first_name="Ada", address_list=[{"city": "Tampa"}],
                extended_attributes='{"x": 1}', fast_access_2="x")  # fmt: skip
    first = await upsert(shared_db, tenant, row)
    again = await upsert(shared_db, tenant, dict(row))
    assert first == again
    (found,) = (await contacts(shared_db, tenant)).values()
    assert found["version"] == 1


async def test_rows_of_one_batch_see_one_another(shared_db: Database, tenant: Tenant) -> None:
    outcomes = await upsert(
        shared_db, tenant,
        a_row(primary_mdn=mdn(1), first_name="Ada"),
        a_row(primary_mdn=mdn(1), external_id="a", last_name="Lovelace"),
        a_row(external_id="a", primary_mdn=mdn(2)),
        a_row(primary_mdn=mdn(1), first_name="Bob"),
    )  # fmt: skip
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert outcomes[3] != outcomes[0]
    found = await contacts(shared_db, tenant)
    names = {(r["first_name"], r["last_name"], r["primary_mdn"]) for r in found.values()}
    assert names == {("Ada", "Lovelace", mdn(2)), ("Bob", None, mdn(1))}


async def test_rows_without_a_key_or_with_two_contacts_say_so(
    shared_db: Database, tenant: Tenant
) -> None:
    outcomes = await upsert(
        shared_db, tenant,
        a_row(external_id="a"),
        a_row(primary_mdn=mdn(1)),
        a_row(first_name="Nobody"),
        a_row(external_id="a", primary_mdn=mdn(1)),
    )  # fmt: skip
    assert [isinstance(each, UUID) for each in outcomes] == [True, True, False, False]
    assert "required" in str(outcomes[2])
    assert "another contact" in str(outcomes[3])


async def test_numbers_that_are_exchanged_within_a_batch_spoil_no_other_row(
    shared_db: Database, tenant: Tenant
) -> None:
    """One statement cannot move a number from one contact to another; row by row it can."""
    await upsert(shared_db, tenant, a_row(external_id="a", primary_mdn=mdn(1)),
                 a_row(external_id="b", primary_mdn=mdn(2)))  # fmt: skip
    outcomes = await upsert(
        shared_db, tenant,
        a_row(external_id="b", primary_mdn=mdn(3)),
        a_row(external_id="a", primary_mdn=mdn(2)),
        a_row(external_id="c", primary_mdn=mdn(1)),
    )  # fmt: skip
    assert all(isinstance(each, UUID) for each in outcomes)
    found = (await contacts(shared_db, tenant)).values()
    assert {(r["external_id"], r["primary_mdn"]) for r in found} == {
        ("a", mdn(2)), ("b", mdn(3)), ("c", mdn(1)),
    }  # fmt: skip


async def test_imports_at_once_of_the_same_people_make_each_once(
    shared_db: Database, tenant: Tenant
) -> None:
    async def one(turn: int) -> list[Outcome]:
        rows = [a_row(primary_mdn=mdn(n), first_name=f"{turn}") for n in range(50)]
        if turn % 2:
            rows.reverse()

        async def work(tx: Any) -> list[Outcome]:
            return await upsert_contacts(tx, tenant.company_id, None, rows)

        return await shared_db.run(work)

    outcomes = await asyncio.gather(*(one(turn) for turn in range(6)))
    assert all(isinstance(each, UUID) for found in outcomes for each in found)
    assert len({each for found in outcomes for each in found}) == 50
    assert len(await contacts(shared_db, tenant)) == 50


async def test_what_stays_taken_is_a_failure_of_its_row(
    shared_db: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's contact that the batch could not see."""
    await create_contact(shared_db, tenant.caller, a_row(primary_mdn=mdn(1)))

    async def blind(*_: Any) -> list[Any]:
        return []

    monkeypatch.setattr(bulk.store, "lock_matching", blind)
    outcomes = await upsert(shared_db, tenant, a_row(primary_mdn=mdn(1)), a_row(primary_mdn=mdn(2)))
    assert "primary_mdn" in str(outcomes[0])
    assert isinstance(outcomes[1], UUID)


async def test_rules_apply_to_all_rows(shared_db: Database, tenant: Tenant) -> None:
    db = shared_db
    await create_rule(db, tenant.caller, NewRule(number=1, script="$..color"))
    await create_rule(db, tenant.caller, NewRule(number=2, name="Size"))
    await upsert(db, tenant, a_row(external_id="a", extended_attributes='{"color": "red"}'))
    await upsert(
        db, tenant,
        a_row(external_id="a", fast_access_1="mine", fast_access_2="42"),
        a_row(external_id="b", extended_attributes='{"color": "blue"}'),
    )  # fmt: skip
    found = {row["external_id"]: row for row in (await contacts(db, tenant)).values()}
    assert (found["a"]["fast_access_1"], found["a"]["fast_access_2"]) == ("red", "42")
    assert found["b"]["fast_access_1"] == "blue"


async def test_an_empty_batch_is_nothing(shared_db: Database, tenant: Tenant) -> None:
    assert await upsert(shared_db, tenant) == []

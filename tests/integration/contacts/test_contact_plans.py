"""Contacts are found by their keys, also in a company that statistics know nothing of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.factories import a_tenant

from clarion.engine.contacts import store
from clarion.engine.contacts.bulk import upsert_contacts
from clarion.engine.contacts.groups.store import SQL as GROUPS
from clarion.engine.contacts.model import COLUMNS
from clarion.storage.database import Database

COUNT = 3000
FEW = 20
NOW = datetime.now(UTC)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


async def looked_at(db: Database, sql: str, *args: object) -> int:
    """Contacts that a statement reads, those that it does not want included."""
    async with db.transaction() as tx:
        explained = await tx.fetchval(f"explain (analyze, format json) {sql}", *args)
    (plan,) = msgspec.json.decode(explained)
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes(plan["Plan"])
        if node.get("Relation Name") == "contact" and "Scan" in node["Node Type"]
    )


@pytest.fixture
async def company(db: Database) -> tuple[int, list[UUID]]:
    """Its number, and its contacts. None of them was there when the table was last analyzed."""
    tenant = await a_tenant(db, name="new")
    await db.execute("alter table contact set (autovacuum_enabled = off)")
    rows = [{"external_id": f"c{n}", "primary_mdn": f"+1212555{n:04}"} for n in range(COUNT)]
    async with db.transaction() as tx:
        made = await upsert_contacts(tx, tenant.company_id, tenant.caller.application_id, rows)
    return tenant.company_id, [id for id in made if isinstance(id, UUID)]


async def test_reading_and_locking_is_by_keys(
    db: Database, company: tuple[int, list[UUID]]
) -> None:
    number, ids = company
    some = ids[:FEW]
    mdns = [f"+1212555{n:04}" for n in range(FEW)]
    externals = [f"c{n}" for n in range(FEW, 2 * FEW)]
    statements: dict[str, tuple[str, tuple[object, ...]]] = {
        "lock_matching": (store.SQL["lock_matching"], (number, mdns, externals)),
        "lock_by_mdn": (store.SQL["lock_by_mdn"], (number, mdns)),
        "for_sending": (store.SQL["for_sending"], (number, some)),
        "add_members": (GROUPS["add_members"], (number, ids[-1], some)),
        "opted_in": (store.SQL["opted_in"], (number, NOW, mdns, [NOW] * FEW)),
    }
    for name, (sql, args) in statements.items():
        assert FEW <= await looked_at(db, sql, *args) <= 5 * FEW, name


async def test_changing_is_by_keys_too(db: Database, company: tuple[int, list[UUID]]) -> None:
    number, ids = company
    found = await db.fetch("select * from contact where id = any($1)", ids[:FEW])
    values = zip(*([row[name] for name in COLUMNS] for row in found), strict=True)
    arrays = [[] if column.count(None) == FEW else list(column) for column in values]
    assert await looked_at(db, store.SQL["update_contacts"], number, NOW, *arrays) <= 2 * FEW

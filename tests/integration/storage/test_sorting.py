"""Orders that clients ask for: whole over all pages, and within a time."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime

import pytest
from tests.factories import a_tenant

from clarion.api.scg.contacts import LISTING
from clarion.errors import InvalidInput
from clarion.kit import ids
from clarion.storage import sorting
from clarion.storage.database import Database
from clarion.storage.listing import Column, Listing, fetch_page

COUNT = 57
NAMES = ("Lovelace", "Hopper", "Babbage", None, None)


@pytest.fixture(scope="module")
async def company(shared_db: Database) -> int:
    tenant = await a_tenant(shared_db)
    rng = random.Random(1)
    now = datetime.now(UTC)
    rows = [
        (tenant.company_id, ids.new_id(), now, rng.choice(NAMES), rng.choice(NAMES))
        for _ in range(COUNT)
    ]
    async with shared_db.transaction() as tx:
        await tx.copy_records_to_table(
            "contact",
            records=rows,
            columns=("company_id", "id", "updated_at", "first_name", "last_name"),
        )
    return tenant.company_id


@pytest.mark.parametrize(
    "sort", ["last_name", "-last_name", "last_name,-first_name", "-first_name,id", "created_date"]
)
@pytest.mark.parametrize("limit", [1, 10, 23, COUNT])
async def test_pages_of_an_order_are_the_order(
    shared_db: Database, company: int, sort: str, limit: int
) -> None:
    async def page(offset: int, limit: int) -> list[object]:
        query = {"sort": sort, "offset": str(offset), "limit": str(limit)}
        found = await fetch_page(shared_db, LISTING, company_id=company, query=query)
        assert found.total == COUNT
        return [(row["last_name"], row["first_name"], row["id"]) for row in found.rows]

    everything = await page(0, 1000)
    assert len(everything) == COUNT
    parts = [await page(offset, limit) for offset in range(0, COUNT, limit)]
    assert [row for part in parts for row in part] == everything


async def test_what_has_no_value_comes_last_both_ways(shared_db: Database, company: int) -> None:
    for sort in ("last_name", "-last_name"):
        found = await fetch_page(shared_db, LISTING, company_id=company, query={"sort": sort})
        names = [row["last_name"] for row in found.rows]
        known = [name for name in names if name is not None]
        assert known == sorted(known, reverse=sort.startswith("-"))
        assert names == known + [None] * (COUNT - len(known))


async def test_what_takes_too_long_to_sort_is_refused(
    shared_db: Database, company: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting, "SECONDS", 0.05)
    slow = Listing(source="contact", columns=(Column("slow", "pg_sleep(1)::text || id"),))
    with pytest.raises(InvalidInput, match="sort: so many") as refused:
        async with asyncio.timeout(10):
            await fetch_page(shared_db, slow, company_id=company, query={"sort": "slow"})
    assert refused.value.field == "sort"
    assert await shared_db.fetchval("select current_setting('statement_timeout')") != "50ms"

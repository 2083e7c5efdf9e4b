"""Queries that docs/criteria.md calls quick read the index of their attribute."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clarion.engine.contacts.criteria import Compiled, compile_criteria
from clarion.kit import ids
from clarion.storage.database import Database

COUNT = 20_000
COMPANY = 1
FILL = """
insert into contact (company_id, id, updated_at, first_name, primary_addr_state, primary_mdn,
    birth_date, fast_access_3, last_acquisition_date, document)
select $1::integer, (to_char(n, 'FM00000000') || '-0000-7000-8000-000000000000')::uuid,
    $2::timestamptz, 'name ' || n, 'state ' || n % 50, '+1' || 2000000000 + n,
    date '1950-01-01' + n % 25000, 'value ' || n % 1000,
    $2::timestamptz - n * interval '1 hour',
    jsonb_build_object('extended_attributes', jsonb_build_object('code', n % 1000),
        'interest_list', jsonb_build_array(jsonb_build_object('code', 'c' || n % 500)))
from generate_series(1, $3::integer) as n
"""
LATELY = (datetime.now(UTC) - timedelta(hours=5)).isoformat()


@pytest.fixture(scope="module")
async def filled(shared_db: Database) -> Database:
    await shared_db.execute(FILL, COMPANY, datetime.now(UTC), COUNT)
    await shared_db.execute("vacuum analyze contact")
    return shared_db


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({"first_name": "name 7"}, "contact_first_name"),
        ({"first_name": {"$in": ["name 7", "name 8"]}}, "contact_first_name"),
        ({"first_name": {"$gt": "name 9990", "$lt": "name 9993"}}, "contact_first_name"),
        ({"first_name": {"$prefix": "name 777"}}, "contact_first_name"),
        ({"primary_mdn": "1 200 000 0007"}, "contact_mdn"),
        ({"primary_mdn": {"$prefix": "120000000"}}, "contact_mdn"),
        ({"birth_date": "1950-02-02"}, "contact_birth_date"),
        ({"birth_date": {"$lt": "1950-01-10"}}, "contact_birth_date"),
        ({"fast_access.Code": "value 7"}, "contact_fast_access_3"),
        ({"fast_access.Code": {"$prefix": "value 77"}}, "contact_fast_access_3"),
        ({"last_acquisition_date": {"$gt": LATELY}}, "contact_last_acquisition"),
        ({"id": ids.show(ids.new_id())}, "contact_"),
        ({"created_date": {"$lt": "1970-01-02"}}, "contact_"),
        ({"extended_attributes.code": 7}, "contact_document"),
        ({"extended_attributes.code": {"$in": [7, 8]}}, "contact_document"),
        ({"interest_list.code": "c7"}, "contact_document"),
        (
            {"primary_addr_state": "state 7", "interest_list.code": {"$prefix": "c7"}},
            "contact_state",
        ),
        ({"$or": [{"first_name": "name 7"}, {"primary_mdn": "12000000007"}]}, "contact_mdn"),
    ],
)
async def test_a_query_reads_the_index_of_its_attribute(
    filled: Database, query: Any, index: str
) -> None:
    compiled = compile_criteria(json.dumps(query), {"Code": "fast_access_3"})
    plan = await _plan(filled, compiled)
    assert index in plan
    assert "Seq Scan" not in plan


async def _plan(db: Database, compiled: Compiled) -> str:
    return str(
        await db.fetchval(
            "explain (format json) select count(*) from contact c where c.company_id = $1 "
            f"and c.deleted_at is null and ({compiled.condition(2)})",
            COMPANY,
            *compiled.args,
        )
    )

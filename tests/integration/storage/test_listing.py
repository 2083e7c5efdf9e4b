"""Lists, filters, sorting and pages, on the tables that they are made for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from clarion.errors import InvalidInput
from clarion.kit.ids import floor_id, new_id, show
from clarion.storage import listing as listings
from clarion.storage.database import Database
from clarion.storage.listing import Bound, Column, Listing, fetch_page

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)
DAY = f"{NOON:%Y-%m-%d}"
COMPANY, OTHER = 1, 2
INSERT = """
insert into sender_id (
    company_id, id, application_id, name, ownership, class_id, type_id, state, address,
    capabilities, two_way_required, updated_at, deleted_at
) values ($1, $2, $3, $4, 'PRIVATE', 'C', 'T', $5, $6, $7, $8, $9, $10)
"""
STATES = frozenset({"ACTIVE", "BROKEN"})
SENDERS = Listing(
    source="sender_id",
    columns=(
        Column("id", "id", "id"),
        Column("name", "name"),
        Column("state", "state", "enum", choices=STATES, enum="sender_state"),
        Column("application_id", "application_id", "integer"),
        Column("address", "address", "msisdn"),
        Column("capabilities", "capabilities", "text_array", sortable=False),
        Column("two_way_required", "two_way_required", "boolean"),
        Column("created_date", "id", "created"),
        Column("last_updated_date", "updated_at", "timestamp", never_null=True),
        Column("day", "(updated_at at time zone 'UTC')::date", "day"),
        Column("weight", "version::float8", "number"),
    ),
    deleted="deleted_at is not null",
)  # fmt: skip


@pytest.fixture(scope="module")
async def senders(shared_db: Database) -> Database:
    db = shared_db
    for company in (COMPANY, OTHER):
        await db.execute(
            "insert into company (id, name, created_at) values ($1, $2, $3)",
            company, f"company {company}", NOON,
        )  # fmt: skip
    await db.execute(
        "insert into sender_id_class (id, name, description, designation, applicable_countries, "
        "created_at, updated_at) values ('C', '', '', '', '{}', $1, $1)",
        NOON,
    )
    await db.execute(
        "insert into sender_id_type (id, name, description, capabilities, allowed_mime_types, "
        "blocked_mime_types, credential_parameter_list, created_at, updated_at) "
        "values ('T', '', '', '{}', '{}', '{}', '{}', $1, $1)",
        NOON,
    )
    await add(db, "one", at=NOON, address="+4915100000001", capabilities=["SMS"])
    await add(db, "two", at=NOON + timedelta(hours=1), address="12345", state="BROKEN")
    await add(db, "three, four", at=NOON + timedelta(days=1), capabilities=["MMS", "SMS"])
    await add(db, "gone", at=NOON, address="9", deleted=True)
    await add(db, "foreign", at=NOON, company=OTHER)
    return db


async def add(
    db: Database,
    name: str,
    *,
    at: datetime,
    company: int = COMPANY,
    address: str = "alpha",
    state: str = "ACTIVE",
    capabilities: list[str] | None = None,
    deleted: bool = False,
) -> None:
    id = new_id(at_ms=int(at.timestamp() * 1000))
    await db.execute(
        INSERT, company, id, len(name), name, state, address, capabilities or [],
        name == "two", at, at if deleted else None,
    )  # fmt: skip


async def names(db: Database, **query: str) -> list[str]:
    page = await fetch_page(db, SENDERS, company_id=COMPANY, query=query)
    return [row["name"] for row in page.rows]


ONE, TWO, THREE = "one", "two", "three, four"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [THREE, TWO, ONE]),
        ({"name": "one"}, [ONE]),
        ({"name": "two,one"}, [TWO, ONE]),
        ({"name": "three, four"}, [THREE]),
        ({"name": ""}, [THREE, TWO, ONE]),
        ({"name": "none"}, []),
        ({"name": "' or true --"}, []),
        ({"state": "ACTIVE"}, [THREE, ONE]),
        ({"state": "active,BROKEN"}, [THREE, TWO, ONE]),
        ({"state": "DELETED"}, ["gone"]),
        ({"state": "DELETED,BROKEN"}, [TWO, "gone"]),
        ({"state": "DELETED", "name": "one"}, []),
        ({"application_id": "3"}, [TWO, ONE]),
        ({"application_id": "-1,11"}, [THREE]),
        ({"weight": "1"}, [THREE, TWO, ONE]),
        ({"weight": "1.5,2e3"}, []),
        ({"two_way_required": "true"}, [TWO]),
        ({"two_way_required": "False"}, [THREE, ONE]),
        ({"two_way_required": "true,false"}, [THREE, TWO, ONE]),
        ({"capabilities": "MMS"}, [THREE]),
        ({"capabilities": "MMS,SMS"}, [THREE, ONE]),
        ({"address": "+4915100000001"}, [ONE]),
        ({"address": " 4915100000001"}, [ONE]),
        ({"address": "4915100000001"}, [ONE]),
        ({"address": "4915100000001,+12345"}, [TWO, ONE]),
        ({"address": "alpha"}, [THREE]),
        ({"id": "not-an-id"}, []),
        ({"id": show(new_id())}, []),
        ({"unknown": "x", "tenant": "2", "company_id": "2"}, [THREE, TWO, ONE]),
        ({"created_date": DAY}, [TWO, ONE]),
        ({"created_date": f"[{DAY}T12:30:00Z,]"}, [THREE, TWO]),
        ({"created_date": f"[,{DAY}T12:30:00.000Z]"}, [ONE]),
        ({"created_date": f"[{DAY}T12:00:00.000Z,{DAY}T13:00:00.000Z]"}, [TWO, ONE]),
        ({"created_date": f"[{DAY},{DAY}]"}, [TWO, ONE]),
        ({"created_date": f"{DAY}T12:00:00.000Z"}, [ONE]),
        ({"created_date": f"{DAY}T14:00:00.000 02:00"}, [ONE]),
        ({"created_date": str(int(NOON.timestamp() * 1000))}, [ONE]),
        ({"created_date": f"{DAY}T12:00:00Z,{DAY}T13:00:00Z"}, [TWO, ONE]),
        ({"last_updated_date": f"[{DAY}T12:30:00Z,]"}, [THREE, TWO]),
        ({"last_updated_date": DAY}, [TWO, ONE]),
        ({"day": DAY}, [TWO, ONE]),
        ({"day": f"1899-12-31,{DAY}T23:59:59Z"}, [TWO, ONE]),
        ({"day": f"[1899-12-31,{DAY}]"}, [TWO, ONE]),
        ({"day": f"[{DAY},],[,1899-12-31]"}, [THREE, TWO, ONE]),
        ({"day": "[,1899-12-31]"}, []),
        ({"sort": "last_updated_date"}, [ONE, TWO, THREE]),
        ({"sort": "-last_updated_date"}, [THREE, TWO, ONE]),
        ({"sort": "name"}, [ONE, THREE, TWO]),
        ({"sort": "-name"}, [TWO, THREE, ONE]),
        ({"sort": "created_date"}, [ONE, TWO, THREE]),
        ({"sort": "-created_date"}, [THREE, TWO, ONE]),
        ({"sort": "application_id"}, [TWO, ONE, THREE]),
        ({"sort": "application_id,created_date,name"}, [ONE, TWO, THREE]),
        ({"limit": "2"}, [THREE, TWO]),
        ({"limit": "2", "offset": "2"}, [ONE]),
        ({"limit": "0"}, []),
        ({"offset": "50"}, []),
    ],
)
async def test_a_filter_finds_what_it_says(
    senders: Database, query: dict[str, str], found: list[str]
) -> None:
    assert await names(senders, **query) == found


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"limit": "1", "offset": "1"},
        {"sort": "name"},
        {"sort": "-application_id", "limit": "2"},
        {"state": "DELETED,BROKEN"},
        {"offset": "3"},
        {"created_date": DAY},
    ],
)
async def test_pages_far_in_are_as_those_before(
    senders: Database, query: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = await names(senders, **query)
    monkeypatch.setattr(listings, "DEEP", 0)
    assert await names(senders, **query) == usual


async def test_an_id_is_found_by_its_shown_form(senders: Database) -> None:
    row = await senders.fetchrow("select id from sender_id where name = 'one'")
    assert row is not None
    assert await names(senders, id=f"nonsense,{show(row['id'])}") == [ONE]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "ACTIVE,SLEEPY"),
        ("application_id", "1,two"),
        ("application_id", "99999999999999999999"),
        ("application_id", "9223372036854775808"),
        ("weight", "nan"),
        ("weight", "heavy"),
        ("two_way_required", "maybe"),
        ("created_date", "yesterday"),
        ("created_date", "[2026-01-01]"),
        ("created_date", "[,]"),
        ("created_date", "[2026-01-01,2026-01-02"),
        ("created_date", "]2026-01-01["),
        ("created_date", ","),
        ("created_date", "9" * 500),
        ("last_updated_date", "[x,]"),
        ("day", "1899-02-30"),
        ("day", "[,]"),
        ("name", "\0"),
        ("address", "\0"),
        ("capabilities", "\0"),
        ("name", "," * 2000 + "x"),
        ("sort", "nothing"),
        ("sort", "capabilities"),
        ("sort", "name;drop table sender_id"),
        ("sort", "name,name,name,name,name,name"),
        ("limit", "-1"),
        ("limit", "ten"),
        ("limit", "٣"),
        ("offset", "-1"),
        ("offset", "99999999999"),
    ],
)
async def test_a_value_that_cannot_be_used_names_its_filter(
    senders: Database, name: str, value: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await names(senders, **{name: value})
    assert caught.value.field == name


async def test_the_limit_is_capped_and_echoed(senders: Database) -> None:
    page = await fetch_page(senders, SENDERS, company_id=COMPANY, query={"limit": "5000"})
    assert (page.limit, page.offset, page.total) == (1000, 0, 3)


async def test_the_total_counts_all_pages(senders: Database) -> None:
    for query in ({"limit": "1"}, {"limit": "1", "offset": "1"}, {"limit": "0"}, {"offset": "9"}):
        page = await fetch_page(senders, SENDERS, company_id=COMPANY, query=query)
        assert page.total == 3


@pytest.mark.parametrize(
    ("limit", "offset", "rows", "more"), [(1, 0, 1, True), (2, 1, 2, False), (3, 0, 3, False),
                                          (0, 0, 0, True), (5, 9, 0, False)],
)  # fmt: skip
async def test_a_list_that_is_not_counted_tells_whether_there_is_more(
    senders: Database, limit: int, offset: int, rows: int, *, more: bool
) -> None:
    page = await fetch_page(
        senders,
        replace(SENDERS, counted=False, limit=limit),
        company_id=COMPANY,
        query={"offset": str(offset)},
    )
    assert (len(page.rows), page.limit) == (rows, limit)
    assert (page.total > page.offset + page.limit) is more


async def test_a_list_may_have_an_order_of_several_columns(senders: Database) -> None:
    ordered = replace(SENDERS, order="application_id desc, id")
    found = {}
    for offset in (0, 1):
        query = {"offset": str(offset)}
        page = await fetch_page(senders, ordered, company_id=COMPANY, query=query)
        found[offset] = [row["name"] for row in page.rows]
    assert found[0] == [THREE, ONE, TWO]
    assert found[1] == [ONE, TWO]


@pytest.mark.parametrize(
    ("exact", "surely", "least", "most"),
    [
        (5, 2, 3, 3),  # the planner takes it for few: counted
        (2, 10**9, 2, 10**6),  # counted, and too many
        (2, 0, 2, 10**6),  # the planner takes it for very many: not counted
    ],
)
async def test_above_the_bound_the_total_is_an_estimate_but_never_below_it(
    senders: Database,
    monkeypatch: pytest.MonkeyPatch,
    exact: int,
    surely: float,
    least: int,
    most: int,
) -> None:
    monkeypatch.setattr(listings, "QUICK_TOTAL", 1)
    monkeypatch.setattr(listings, "EXACT_TOTAL", exact)
    monkeypatch.setattr(listings, "SURELY", surely)
    page = await fetch_page(
        senders, SENDERS, company_id=COMPANY, query={"limit": "1", "created_date": f"[{DAY},]"}
    )
    assert least <= page.total <= most


@pytest.mark.parametrize("estimate", [2, 1000])
async def test_who_pages_by_an_estimated_total_gets_all_and_comes_to_an_end(
    senders: Database, monkeypatch: pytest.MonkeyPatch, estimate: int
) -> None:
    async def estimated(*_: object) -> int:
        return estimate

    monkeypatch.setattr(listings, "QUICK_TOTAL", 1)
    monkeypatch.setattr(listings, "EXACT_TOTAL", 2)
    monkeypatch.setattr(listings, "SURELY", 0)
    monkeypatch.setattr(listings, "_estimate", estimated)
    found: list[str] = []
    total = 1
    while len(found) < total:
        query = {"limit": "1", "offset": str(len(found))}
        page = await fetch_page(senders, SENDERS, company_id=COMPANY, query=query)
        found += [row["name"] for row in page.rows]
        total = page.total
        assert page.rows or total <= len(found)
    assert sorted(found) == sorted([ONE, TWO, THREE])


async def test_a_caller_can_narrow_a_listing(senders: Database) -> None:
    page = await fetch_page(
        senders,
        SENDERS,
        company_id=COMPANY,
        query={"state": "ACTIVE"},
        also=[
            Bound("id >= {}", floor_id(NOON + timedelta(hours=2))),
            Bound("id < {}", floor_id(NOON + timedelta(days=9))),
        ],
    )
    assert [row["name"] for row in page.rows] == [THREE]


async def test_a_catalogue_has_no_tenant(senders: Database) -> None:
    catalogue = Listing(source="sender_id_type", columns=(Column("id", "id"),), tenant=None)
    page = await fetch_page(senders, catalogue, company_id=None, query={"id": "T"})
    assert [row["id"] for row in page.rows] == ["T"]


async def test_a_tenant_can_be_a_condition(senders: Database) -> None:
    shared = Listing(
        source="sender_id",
        columns=(),
        tenant="company_id = $1 or name = 'foreign'",
        always="state <> 'BROKEN'",
        deleted="deleted_at is not null",
    )
    page = await fetch_page(senders, shared, company_id=COMPANY, query={})
    assert {row["name"] for row in page.rows} == {ONE, THREE, "foreign"}


async def test_a_list_of_messages_newest_first_reads_only_the_newest_partition(
    db: Database,
) -> None:
    plan = await db.fetch(
        "explain select * from message where company_id = $1 order by id desc limit 100", 1
    )
    assert not any("Sort" in row[0] for row in plan)

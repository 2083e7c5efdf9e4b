"""Price lists on a real database: which rate fits, which list is in force, all or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from clarion.engine.accounts.service import create_company
from clarion.engine.billing.model import Rate
from clarion.engine.billing.rates import REFRESH, RateTable, drop_table, list_tables, load_rates
from clarion.errors import InvalidInput, NotFound
from clarion.storage.database import Database

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Clock:
    """Time for a RateTable: what the wall shows, and seconds that passed."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return (self.at - NOW).total_seconds()


def a_rate(price: str, country: str = "*", **more: str | int) -> Rate:
    given = {"company_id": 0, "sender_type": "*", "medium": "*", "operator": "*"} | more
    return Rate(country=country, price=Decimal(price), **given)  # type: ignore[arg-type]


async def a_table(db: Database, clock: Clock | None = None) -> RateTable:
    clock = clock or Clock()
    table = RateTable(db, now=clock.now, clock=clock.seconds)
    await table.refresh()
    return table


async def test_the_closest_rate_fits(db: Database) -> None:
    company = await create_company(db, name="acme")
    rates = [
        a_rate("1"),
        a_rate("2", "DE"),
        a_rate("3", "DE", operator="telekom"),
        a_rate("4", "DE", sender_type="LONGCODE"),
        a_rate("5", "DE", medium="MMS"),
        a_rate("6", company_id=company.id),
        a_rate("7", "*", sender_type="SHORTCODE", medium="SMS", operator="o2"),
    ]
    await load_rates(db, rates, starts_at=NOW, source="a.csv")
    table = await a_table(db)

    def price(*key: str | None, company_id: int = 1) -> int:
        found = table.price(company_id, *key)  # type: ignore[arg-type]
        assert found is not None
        return int(found)

    assert price("TOLLFREE", "US", None, "SMS") == 1
    assert price("TOLLFREE", None, None, "SMS") == 1
    assert price("TOLLFREE", "DE", None, "SMS") == 2
    assert price("LONGCODE", "DE", "Telekom", "SMS") == 3  # the operator before the type
    assert price("LONGCODE", "DE", "other", "SMS") == 4
    assert price("LONGCODE", "DE", None, "MMS") == 4  # the type before the medium
    assert price("TOLLFREE", "DE", None, "MMS") == 5
    assert price("TOLLFREE", "DE", "Telekom", "SMS", company_id=company.id) == 6
    assert price("SHORTCODE", "US", "O2", "SMS") == 7
    assert price("SHORTCODE", "DE", "O2", "SMS") == 2  # the country before all of them


async def test_what_has_no_rate_has_no_price(db: Database) -> None:
    table = await a_table(db)
    assert table.price(1, "LONGCODE", "DE", None, "SMS") is None
    await load_rates(db, [a_rate("1", "US")], starts_at=NOW, source="a.csv")
    table = await a_table(db)
    assert table.price(1, "LONGCODE", "DE", None, "SMS") is None
    assert table.price(1, "LONGCODE", "US", None, "SMS") == 1


async def test_a_price_list_begins_at_its_start_without_another_look(db: Database) -> None:
    later = NOW + timedelta(seconds=2)
    await load_rates(db, [a_rate("1")], starts_at=NOW - timedelta(days=9), source="old.csv")
    await load_rates(db, [a_rate("2")], starts_at=NOW, source="now.csv")
    await load_rates(db, [a_rate("3")], starts_at=later, source="soon.csv")
    await load_rates(db, [a_rate("4")], starts_at=later + timedelta(days=1), source="next.csv")
    clock = Clock()
    table = await a_table(db, clock)
    assert table.price(1, "X", "DE", None, "SMS") == 2
    clock.at = later
    assert table.price(1, "X", "DE", None, "SMS") == 3
    clock.at = later + timedelta(days=1)
    await table.refresh()
    assert table.price(1, "X", "DE", None, "SMS") == 4
    assert [t.source for t in await list_tables(db)] == [
        "next.csv", "soon.csv", "now.csv", "old.csv",
    ]  # fmt: skip


async def test_a_new_list_is_seen_within_seconds_and_replaces_one_of_the_same_start(
    db: Database,
) -> None:
    clock = Clock()
    await load_rates(db, [a_rate("1")], starts_at=NOW, source="a.csv")
    table = await a_table(db, clock)
    await load_rates(db, [a_rate("2")], starts_at=NOW, source="b.csv")
    await table.refresh()
    assert table.price(1, "X", "DE", None, "SMS") == 1
    clock.at += timedelta(seconds=REFRESH)
    await table.refresh()
    assert table.price(1, "X", "DE", None, "SMS") == 2
    assert [t.source for t in await list_tables(db)] == ["b.csv"]


async def test_a_load_that_fails_leaves_everything_as_it_was(db: Database) -> None:
    await load_rates(db, [a_rate("1")], starts_at=NOW, source="good.csv")

    def broken() -> Iterator[Rate]:
        yield a_rate("2")
        raise InvalidInput("line 3: no")

    with pytest.raises(InvalidInput, match="line 3: no"):
        await load_rates(db, broken(), starts_at=NOW, source="broken.csv")
    with pytest.raises(InvalidInput, match=r"for the same: 0, \*, SMS, US, \*\."):
        await load_rates(db, [a_rate("2", "US", medium="SMS")] * 2, starts_at=NOW, source="twice")
    with pytest.raises(InvalidInput, match="no company 4711"):
        await load_rates(db, [a_rate("2", company_id=4711)], starts_at=NOW, source="whose.csv")
    with pytest.raises(InvalidInput, match="no rate in it"):
        await load_rates(db, [], starts_at=NOW, source="empty.csv")
    (kept,) = await list_tables(db)
    assert (kept.source, kept.rates) == ("good.csv", 1)
    assert (await a_table(db)).price(1, "X", "DE", None, "SMS") == 1


async def test_a_price_list_can_be_taken_back(db: Database) -> None:
    await load_rates(db, [a_rate("1")], starts_at=NOW, source="a.csv")
    await drop_table(db, NOW)
    assert await list_tables(db) == []
    assert (await a_table(db)).price(1, "X", "DE", None, "SMS") is None
    with pytest.raises(NotFound):
        await drop_table(db, NOW)


async def test_a_large_price_list_is_loaded_and_found(db: Database) -> None:
    rates = (a_rate(f"0.{i:06d}", "US", operator=f"carrier {i}") for i in range(20_000))
    loaded = await load_rates(db, rates, starts_at=NOW, source="large.csv")
    assert loaded.rates == 20_000
    table = await a_table(db)
    assert table.price(1, "LONGCODE", "US", "Carrier 19999", "SMS") == Decimal("0.019999")

"""Credit on a real database: nothing is charged twice, nothing overdrawn, and the ledger adds up,
whoever writes at once and whoever is killed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

import asyncpg
import pytest
from tests.waiting import eventually

from clarion.engine.accounts.service import create_company
from clarion.engine.billing.model import Charge, Charged, LedgerKind
from clarion.engine.billing.service import (
    add_credit,
    balance_of,
    charge,
    credit_back,
    last_entries,
    recount,
    require_credit,
)
from clarion.errors import Conflict, InvalidInput, NotEnoughCredit, NotFound, Unavailable
from clarion.kit import ids
from clarion.settings import Settings
from clarion.storage.database import Database

T = TypeVar("T")
CENT = Decimal("0.01")


@pytest.fixture
async def company(shared_db: Database) -> AsyncIterator[int]:
    made = await create_company(shared_db, name=ids.show(ids.new_id()))
    yield made.id
    await assert_right(shared_db, made.id)


async def assert_right(db: Database, company_id: int) -> None:
    """The balance is the sum of the ledger, each line follows from the one before, and what the
    ledger says of messages is what messages were charged."""
    for found in await recount(db, company_id):
        assert found.right, found
    lines = list(reversed(await last_entries(db, company_id, 1_000_000)))
    total = Decimal(0)
    for number, line in enumerate(lines, 1):
        total += line.amount
        assert (line.number, line.balance) == (number, total)
    row = await db.fetchrow(
        "select coalesce(sum(amount), 0), coalesce(sum(amount) filter (where returned_at is not "
        "null), 0) from message_charge where company_id = $1",
        company_id,
    )
    assert row is not None
    kinds = (LedgerKind.CHARGED, LedgerKind.RETURNED)
    charged, returned = (sum((x.amount for x in lines if x.kind is k), Decimal(0)) for k in kinds)
    assert (row[0], row[1]) == (-charged, returned)


def messages(count: int, amount: Decimal = CENT) -> list[Charge]:
    return [Charge(ids.new_id(), amount) for _ in range(count)]


async def charged(db: Database, company_id: int, batch: Sequence[Charge]) -> Charged:
    return await db.run(lambda tx: charge(tx, company_id, batch))


async def returned(db: Database, company_id: int, batch: Sequence[UUID]) -> dict[UUID, Decimal]:
    return await db.run(lambda tx: credit_back(tx, company_id, batch))


def named(batch: Sequence[Charge]) -> set[UUID]:
    return {each.message_id for each in batch}


# ---------------------------------------------------------------- the operator's entries


async def test_credit_is_given_and_taken_away(shared_db: Database, company: int) -> None:
    first = await add_credit(shared_db, company, Decimal("10.5"), note="invoice 7")
    second = await add_credit(shared_db, company, Decimal(-3))
    assert (first.number, first.kind, first.balance) == (1, LedgerKind.ADDED, Decimal("10.5"))
    assert (second.number, second.kind, second.balance) == (2, LedgerKind.REMOVED, Decimal("7.5"))
    assert await balance_of(shared_db, company) == Decimal("7.5")
    latest, earliest = await last_entries(shared_db, company, 10)
    assert (latest, earliest) == (second, first)
    assert (earliest.note, earliest.messages) == ("invoice 7", 0)


async def test_a_reference_counts_once(shared_db: Database, company: int) -> None:
    batch = [add_credit(shared_db, company, Decimal(5), reference="inv-1") for _ in range(8)]
    assert {entry.number for entry in await asyncio.gather(*batch)} == {1}
    with pytest.raises(Conflict, match="entry 1 has it already, for 5"):
        await add_credit(shared_db, company, Decimal(6), reference="inv-1")
    assert await balance_of(shared_db, company) == 5


async def test_no_more_is_taken_away_than_there_is(shared_db: Database, company: int) -> None:
    await add_credit(shared_db, company, Decimal(1))
    with pytest.raises(NotEnoughCredit):
        await add_credit(shared_db, company, Decimal("-1.000001"))
    assert await balance_of(shared_db, company) == 1


@pytest.mark.parametrize("amount", ["0", "1e13", "0.0000001", "NaN"])
async def test_amounts_are_checked(shared_db: Database, company: int, amount: str) -> None:
    with pytest.raises(InvalidInput):
        await add_credit(shared_db, company, Decimal(amount))


async def test_notes_and_companies_are_checked(shared_db: Database, company: int) -> None:
    with pytest.raises(InvalidInput, match="reference"):
        await add_credit(shared_db, company, CENT, reference="")
    with pytest.raises(InvalidInput, match="note"):
        await add_credit(shared_db, company, CENT, note="a\nb")
    with pytest.raises(NotFound, match="no company 4711"):
        await add_credit(shared_db, 4711, CENT)


# ---------------------------------------------------------------- charges


async def test_a_batch_is_charged_and_is_one_entry(shared_db: Database, company: int) -> None:
    await add_credit(shared_db, company, Decimal(1))
    batch = messages(3)
    done = await charged(shared_db, company, batch)
    assert (done.paid, done.refused, done.amount) == (named(batch), frozenset(), 3 * CENT)
    entry = (await last_entries(shared_db, company, 1))[0]
    assert (entry.kind, entry.amount, entry.messages) == (LedgerKind.CHARGED, -3 * CENT, 3)


async def test_charging_again_costs_nothing(shared_db: Database, company: int) -> None:
    await add_credit(shared_db, company, Decimal(1))
    batch, more = messages(3), messages(2)
    await charged(shared_db, company, batch)
    again = await charged(shared_db, company, [*batch, *more, *more])
    assert (again.paid, again.amount) == (named([*batch, *more]), 2 * CENT)
    again = await charged(shared_db, company, batch)
    assert (again.paid, again.amount) == (named(batch), 0)
    assert len(await last_entries(shared_db, company, 10)) == 3


async def test_the_first_are_paid_when_credit_is_short(shared_db: Database, company: int) -> None:
    await add_credit(shared_db, company, 2 * CENT)
    batch = messages(3)
    done = await charged(shared_db, company, batch)
    assert (done.paid, done.refused) == (named(batch[:2]), named(batch[2:]))
    assert await balance_of(shared_db, company) == 0
    await add_credit(shared_db, company, CENT)
    done = await charged(shared_db, company, batch)  # tried again once there is more
    assert (done.paid, done.refused, done.amount) == (named(batch), frozenset(), CENT)


async def test_a_company_without_credit_pays_only_what_is_free(
    shared_db: Database, company: int
) -> None:
    free, dear = messages(1, Decimal(0)), messages(1)
    done = await charged(shared_db, company, [*free, *dear])
    assert (done.paid, done.refused) == (named(free), named(dear))
    assert (await charged(shared_db, company, free)).paid == named(free)
    assert (await charged(shared_db, company, [])).paid == frozenset()


async def test_a_charge_that_is_rolled_back_never_was(shared_db: Database, company: int) -> None:
    await add_credit(shared_db, company, Decimal(1))
    batch = messages(2)

    async def work(tx: asyncpg.Connection) -> None:
        await charge(tx, company, batch)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await shared_db.run(work)
    assert await balance_of(shared_db, company) == 1
    assert (await charged(shared_db, company, batch)).amount == 2 * CENT


async def test_credit_is_asked_for_before_work_begins(shared_db: Database, company: int) -> None:
    await require_credit(shared_db, company, Decimal(0))
    with pytest.raises(NotEnoughCredit, match="sufficient funds"):
        await require_credit(shared_db, company, CENT)
    await add_credit(shared_db, company, CENT)
    await require_credit(shared_db, company, CENT)


# ---------------------------------------------------------------- what comes back


async def test_what_was_never_sent_comes_back_once(shared_db: Database, company: int) -> None:
    await add_credit(shared_db, company, Decimal(1))
    batch, stranger = messages(3), messages(1)
    await charged(shared_db, company, batch)
    unsent = [batch[0].message_id, batch[1].message_id, stranger[0].message_id]
    back = await returned(shared_db, company, unsent)
    assert back == {batch[0].message_id: CENT, batch[1].message_id: CENT}
    assert await returned(shared_db, company, unsent) == {}
    assert await balance_of(shared_db, company) == 1 - CENT
    entry = (await last_entries(shared_db, company, 1))[0]
    assert (entry.kind, entry.amount, entry.messages) == (LedgerKind.RETURNED, 2 * CENT, 2)


async def test_what_came_back_is_not_charged_again(shared_db: Database, company: int) -> None:
    await add_credit(shared_db, company, Decimal(1))
    batch = messages(2)
    await charged(shared_db, company, batch)
    await returned(shared_db, company, [batch[0].message_id])
    done = await charged(shared_db, company, batch)
    assert (done.paid, done.refused) == (named(batch[1:]), named(batch[:1]))


async def test_nothing_comes_back_to_a_company_that_never_paid(
    shared_db: Database, company: int
) -> None:
    assert await returned(shared_db, company, [ids.new_id()]) == {}
    assert await returned(shared_db, company, []) == {}


async def test_another_companys_charge_is_not_touched(shared_db: Database, company: int) -> None:
    other = (await create_company(shared_db, name=ids.show(ids.new_id()))).id
    for each in (company, other):
        await add_credit(shared_db, each, Decimal(1))
    batch = messages(1)
    await charged(shared_db, company, batch)
    assert await returned(shared_db, other, [batch[0].message_id]) == {}
    assert await balance_of(shared_db, other) == 1


# ---------------------------------------------------------------- many at once, and kills


async def test_the_same_messages_charged_by_many_at_once_are_charged_once(
    shared_db: Database, company: int
) -> None:
    await add_credit(shared_db, company, Decimal(1))
    batch = messages(20)
    shuffled = [random.sample(batch, len(batch)) for _ in range(8)]
    done = await asyncio.gather(*(charged(shared_db, company, each) for each in shuffled))
    assert all(each.paid == named(batch) for each in done)
    assert sum(each.amount for each in done) == 20 * CENT


async def test_many_at_once_never_overdraw(shared_db: Database, company: int) -> None:
    await add_credit(shared_db, company, 50 * CENT)
    batches = [messages(7) for _ in range(16)]
    done = await asyncio.gather(*(charged(shared_db, company, each) for each in batches))
    assert sum(len(each.paid) for each in done) == 50
    assert await balance_of(shared_db, company) == 0


async def test_the_same_charge_comes_back_once_however_many_return_it(
    shared_db: Database, company: int
) -> None:
    await add_credit(shared_db, company, Decimal(1))
    batch = messages(20)
    await charged(shared_db, company, batch)
    shuffled = [[c.message_id for c in random.sample(batch, 20)] for _ in range(8)]
    done = await asyncio.gather(*(returned(shared_db, company, each) for each in shuffled))
    assert sum(map(len, done)) == 20
    assert await balance_of(shared_db, company) == 1


async def test_the_ledger_adds_up_under_load_while_connections_are_cut(
    shared_db: Database, company: int
) -> None:
    """Charges, returns and top-ups at once; backends killed and callers canceled amid them; every
    batch is tried until it is known to be done."""
    await add_credit(shared_db, company, Decimal(4))
    batches = [messages(random.randint(1, 9)) for _ in range(60)]
    paid: set[UUID] = set()
    back: set[UUID] = set()

    async def client(batch: list[Charge]) -> None:
        done = await until_done(lambda: charged(shared_db, company, batch))
        paid.update(done.paid)
        unsent = [id for id in done.paid if id.int % 3 == 0]
        await until_done(lambda: returned(shared_db, company, unsent))
        back.update(unsent)
        entry = f"top-up {batch[0].message_id}"
        await until_done(lambda: add_credit(shared_db, company, CENT, reference=entry))

    killer = asyncio.create_task(cut_connections(shared_db))
    await asyncio.gather(*map(client, batches))
    killer.cancel()
    every_connection = [until_done(lambda: balance_of(shared_db, company)) for _ in range(30)]
    await asyncio.gather(*every_connection)  # past what was cut last
    final = Decimal(4) + 60 * CENT - (len(paid) - len(back)) * CENT
    assert await balance_of(shared_db, company) == final
    assert paid == named([c for batch in batches for c in batch])


async def until_done(work: Callable[[], Awaitable[T]]) -> T:
    while True:
        task = asyncio.ensure_future(work())
        if random.random() < 0.2:
            asyncio.get_running_loop().call_later(random.uniform(0, 0.01), task.cancel)
        try:
            return await task
        except (Unavailable, asyncio.CancelledError, asyncpg.PostgresError):
            continue


async def cut_connections(db: Database) -> None:
    while True:
        await asyncio.sleep(0.02)
        try:
            await db.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = "
                "current_database() and pid <> pg_backend_pid() order by random() limit 2"
            )
        except (Unavailable, asyncpg.PostgresError):
            continue


CHARGER = """
import asyncio, sys
from decimal import Decimal
from typing import TypeVar
from uuid import UUID
from clarion.engine.billing.model import Charge
from clarion.engine.billing.service import charge
from clarion.settings import Settings
from clarion.storage.database import Database

async def main(url, company, *messages):
    db = await Database.connect(Settings().database, url=url)
    for message in messages:
        batch = [Charge(UUID(message), Decimal("0.01"))]
        await db.run(lambda tx: charge(tx, int(company), batch))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_process_that_is_killed_and_started_again_charges_once(
    database_url: str,
) -> None:
    db = await Database.connect(Settings().database, url=database_url)
    company = (await create_company(db, name="acme")).id
    await add_credit(db, company, Decimal(100))
    batch = [str(ids.new_id()) for _ in range(1500)]
    count = "select count(*) from message_charge where company_id = $1"
    for kill_at in (100, 600):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHARGER, database_url, str(company), *batch
        )

        async def far_enough(least: int = kill_at) -> bool:
            return int(await db.fetchval(count, company)) >= least

        await eventually(far_enough)
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    await charged(db, company, [Charge(UUID(id), CENT) for id in batch])
    assert await balance_of(db, company) == 100 - 1500 * CENT
    await assert_right(db, company)
    await db.close()

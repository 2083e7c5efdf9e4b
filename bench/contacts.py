"""What lists of a million contacts cost: `python -m bench.contacts [ROWS]`.

An embedded PostgreSQL with its production settings. The contacts are written as imports write them,
over two connections. Then each list is asked for again and again with other values, by the door's
own handler in this process: the page, its total, its JSON. The machine's other work shows in p99,
so the CPU milliseconds of PostgreSQL and of this process are shown beside it.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec

from bench import processes
from clarion import settings
from clarion.api.call import Call, Door
from clarion.api.errors import problem
from clarion.api.scg.contacts import CONTACTS
from clarion.api.services import Services
from clarion.api.wire import LIVE
from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.service import create_application, create_company
from clarion.engine.contacts.bulk import upsert_contacts
from clarion.engine.contacts.fast_access.model import NewRule
from clarion.engine.contacts.fast_access.service import begin_job, create_rule
from clarion.engine.contacts.model import READERS, read_value
from clarion.engine.contacts.recompute import Recomputer
from clarion.kit import ids
from clarion.kit.vault import Vault
from clarion.storage.database import Database
from clarion.storage.embedded import EmbeddedPostgres
from clarion.storage.migrate import migrate

ROWS = 1_000_000
BATCH = 2000
WRITERS = 2
ROUNDS = 200
STATES = 50
TIERS = ("gold", "silver", "bronze")

Query = Callable[[random.Random], str]
QUERIES: dict[str, Query] = {
    "the first page": lambda r: "limit=100",
    "page 2 to 100": lambda r: f"limit=100&offset={r.randrange(100, 10_000, 100)}",
    "20 contacts": lambda r: "limit=20",
    "primary_mdn": lambda r: f"primary_mdn=%2B{_mdn(r.randrange(ROWS))}",
    "external_id": lambda r: f"external_id=c{r.randrange(ROWS)}",
    "primary_email_addr": lambda r: f"primary_email_addr=person{r.randrange(ROWS)}@example.com",
    "last_name": lambda r: f"last_name=Name{r.randrange(20_000)}",
    "first_name": lambda r: f"first_name=First{r.randrange(2000)}",
    "first and last name": lambda r: (
        f"first_name=First{r.randrange(2000)}&last_name=Name{r.randrange(20_000)}"
    ),
    "city": lambda r: f"primary_addr_city=City{r.randrange(3000)}",
    "zip": lambda r: f"primary_addr_zip={r.randrange(30_000):05}",
    "line1": lambda r: f"primary_addr_line1={r.randrange(9999)} Main Street",
    "state": lambda r: f"primary_addr_state=S{r.randrange(STATES)}",
    "state, page 2 to 100": lambda r: (
        f"primary_addr_state=S{r.randrange(STATES)}&offset={r.randrange(100, 10_000, 100)}"
    ),
    "three states": lambda r: (
        "primary_addr_state=" + ",".join(f"S{r.randrange(STATES)}" for _ in range(3))
    ),
    "state and city": lambda r: (
        f"primary_addr_state=S{r.randrange(STATES)}&primary_addr_city=City{r.randrange(3000)}"
    ),
    "state, far in": lambda r: f"primary_addr_state=S{r.randrange(STATES)}&offset=18000",
    "far in": lambda r: f"limit=100&offset={r.randrange(100_000, 900_000, 100)}",
    "country (everybody)": lambda r: "primary_addr_country=US",
    "application_id (everybody)": lambda r: "application_id={application}",
    "birth_date, a day": lambda r: f"birth_date={_born(r.randrange(20_000))}",
    "birth_date, ten years": lambda r: (
        f"birth_date=[{_born(n := r.randrange(16_000))},{_born(n + 3650)}]"
    ),
    "fast_access, a few": lambda r: f"fast_access.Member={r.randrange(1000)}",
    "fast_access, a third": lambda r: f"fast_access.Tier={r.choice(TIERS)}",
    "last_updated_date": lambda r: "last_updated_date=[2020-01-01T00:00:00.000Z,]",
    "created_date": lambda r: "created_date=[2020-01-01T00:00:00.000Z,]",
    "sort=-last_updated_date": lambda r: "sort=-last_updated_date",
    "sort=last_name": lambda r: "sort=last_name",
    "nobody": lambda r: "external_id=nobody",
}


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory(prefix="clarion-bench-") as home:
        Path(home).chmod(0o755)
        server = EmbeddedPostgres(Path(home))
        try:
            asyncio.run(_run(server.start(), rows, _postmaster(Path(home))))
        finally:
            server.stop()


async def _run(url: str, rows: int, postmaster: int) -> None:
    db = await Database.connect(settings.Database(), url=url)
    await migrate(db)
    company = await create_company(db, name="bench")
    made = await create_application(db, company.id, name="bench")
    caller = Caller(company_id=company.id, application_id=made.application.id)
    cost = _Cost(postmaster)
    await create_rule(db, caller, NewRule(number=1, name="Tier", script="$..loyalty.tier"))
    await _write(db, caller, rows, cost)
    await create_rule(
        db, caller, NewRule(number=2, name="Member", script="$.extended_attributes.member")
    )
    await _recompute(db, caller, rows, cost)
    await db.execute("vacuum analyze contact")
    for name, query in QUERIES.items():
        await _list(db, caller, name, query, cost)
    await db.close()


# ---------------------------------------------------------------- the contacts


async def _write(db: Database, caller: Caller, rows: int, cost: _Cost) -> None:
    waiting = iter(range(0, rows, BATCH))

    async def writer() -> None:
        for first in waiting:
            batch = [_contact(n) for n in range(first, min(rows, first + BATCH))]
            await db.run(
                lambda tx, batch=batch: upsert_contacts(  # type: ignore[misc]
                    tx, caller.company_id, caller.application_id, batch
                )
            )

    cost.begin()
    await asyncio.gather(*(writer() for _ in range(WRITERS)))
    print(f"{rows:,} contacts written    {cost.rate(rows)}", flush=True)


async def _recompute(db: Database, caller: Caller, rows: int, cost: _Cost) -> None:
    await begin_job(db, caller)
    worker = Recomputer(db, node_id=ids.new_id())
    cost.begin()
    while await worker.step():
        pass
    print(f"{rows:,} contacts recomputed {cost.rate(rows)}", flush=True)


def _contact(n: int) -> dict[str, Any]:
    """Spread by multiplication, so that neighbours in a batch are none in the indexes."""
    spread = n * 2_654_435_761
    raw = {
        "external_id": f"c{n}",
        "primary_mdn": _mdn(n),
        "first_name": f"First{spread % 2000}",
        "last_name": f"Name{spread % 20_011 % 20_000}",
        "birth_date": str(_born(spread % 20_003 % 20_000)),
        "primary_addr_line1": f"{spread % 10_007 % 9999} Main Street",
        "primary_addr_city": f"City{spread % 3001 % 3000}",
        "primary_addr_zip": f"{spread % 30_011 % 30_000:05}",
        "primary_addr_state": f"S{spread % 53 % STATES}",
        "primary_addr_country": "US",
        "primary_email_addr": f"person{n}@example.com",
        "extended_attributes": f'{{"member": {n % 1000}, "loyalty": {{"tier": "{TIERS[n % 3]}"}}}}',
    }
    assert raw.keys() <= READERS.keys()
    return {name: read_value(name, value) for name, value in raw.items()}


def _mdn(n: int) -> str:
    return f"1{2_010_000_000 + n * 2_654_435_761 % 7_889_999_999}"


def _born(day: int) -> date:
    return date(1950, 1, 1) + timedelta(days=day)


# ---------------------------------------------------------------- the lists


async def _list(db: Database, caller: Caller, name: str, query: Query, cost: _Cost) -> None:
    rng = random.Random(name)
    services = cast(Services, _Services(db, settings.Settings(), Vault("bench")))
    door = Door("bench", "/", (), problem, LIVE)
    seconds, total = [], 0
    for turn in range(-10, ROUNDS):  # the first ones warm up
        if turn == 0:
            cost.begin()
        text = query(rng).format(application=caller.application_id).replace(" ", "%20")
        call = Call(
            services=services,
            door=door,
            scope={"query_string": text.encode(), "headers": (), "path": "/", "scheme": "http"},
            params={},
            caller=caller,
            body=b"",
        )
        begun = time.perf_counter()
        answer = await CONTACTS.page(call)
        if turn >= 0:
            seconds.append(time.perf_counter() - begun)
        total = msgspec.json.decode(answer.body)["total"]
    cuts = statistics.quantiles(seconds, n=100)
    print(
        f"{name:28} p50 {cuts[49] * 1000:6.1f} ms   p99 {cuts[98] * 1000:6.1f} ms   "
        f"{cost.milliseconds(ROUNDS)}   total {total:,}",
        flush=True,
    )


class _Services(msgspec.Struct):
    """The part of the services that lists use."""

    db: Any
    settings: settings.Settings
    vault: Vault


class _Cost:
    """CPU time of PostgreSQL and of this process since `begin`."""

    def __init__(self, postmaster: int) -> None:
        self._groups = {"postgresql": [postmaster]}
        self.begin()

    def begin(self) -> None:
        self._server = processes.cpu_seconds(self._groups)["postgresql"]
        self._own = time.process_time()
        self._begun = time.perf_counter()

    def rate(self, rows: int) -> str:
        seconds = time.perf_counter() - self._begun
        server, own = self._spent()
        return (
            f"{rows / seconds:8,.0f}/s   CPU microseconds each: "
            f"postgresql {server / rows * 1e6:.0f}, here {own / rows * 1e6:.0f}"
        )

    def milliseconds(self, count: int) -> str:
        server, own = self._spent()
        return f"CPU ms: postgresql {server / count * 1e3:5.1f}, here {own / count * 1e3:4.1f}"

    def _spent(self) -> tuple[float, float]:
        server = processes.cpu_seconds(self._groups)["postgresql"] - self._server
        return server, time.process_time() - self._own


def _postmaster(home: Path) -> int:
    return int(next(home.rglob("postmaster.pid")).read_text("ascii").split()[0])


if __name__ == "__main__":
    main()

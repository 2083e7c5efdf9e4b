"""What importing, exporting and choosing contacts costs.

    python -m bench.contact_jobs [ROWS]          # imports with all that contacts have, and the rest
    python -m bench.contact_jobs shapes [ROWS]   # imports of files of several shapes

An embedded PostgreSQL with its production settings and a file store in a directory; the jobs run
in this process, as on a node. CPU is microseconds a row: this process's, and the database's.
Memory is this process's peak, of which the start is shown first. The figure behind `waits` is how
long others had to wait for the thread at most.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from bench.processes import Groups, cpu_seconds
from clarion import settings
from clarion.app import GC_THRESHOLDS
from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.service import create_application, create_company
from clarion.engine.attachments.content import store_content
from clarion.engine.attachments.model import NewAttachment
from clarion.engine.attachments.service import create_attachment
from clarion.engine.contacts.groups.filling import GroupKeeper
from clarion.engine.contacts.groups.model import NewGroup
from clarion.engine.contacts.groups.service import (
    count_matching,
    create_group,
    criteria_slice,
    member_slice,
)
from clarion.engine.contacts.jobs.service import create_export, create_import
from clarion.engine.contacts.jobs.working import JobWorker
from clarion.kit import ids
from clarion.kit.vault import Vault
from clarion.storage.database import Database
from clarion.storage.embedded import EmbeddedPostgres
from clarion.storage.files import FileStore
from clarion.storage.migrate import migrate

ROWS = 1_000_000
SHAPED = 100_000
SLICE = 1000
ROUNDS = 20
LIMIT = 4 << 30
HEADER = (
    "external_id,primary_mdn,first_name,last_name,birth_date,primary_addr_line1,"
    "primary_addr_city,primary_addr_state,primary_addr_zip,primary_addr_country,"
    "primary_email_addr,interest_list,extended_attributes\n"
)
STATES = ("FL", "GA", "NY", "CA", "TX", "WA", "OR", "NV", "UT", "AZ")
QUERIES: dict[str, dict[str, Any]] = {
    "one number": {"primary_mdn": "+12120000777"},
    "a state": {"primary_addr_state": "FL"},
    "a state and an age": {"primary_addr_state": "FL", "birth_date": {"$lt": "1950-02-01"}},
    "a name's beginning": {"last_name": {"$prefix": "Name77"}},
    "one of two": {"$or": [{"external_id": "c777"}, {"primary_addr_zip": "00777"}]},
    "a path": {"extended_attributes.color": "teal"},
    "a path's range": {"interest_list.score": {"$gte": 0.99}},
    "all but": {"primary_addr_state": {"$ne": "FL"}},
}
CELLS: dict[str, Callable[[int], str]] = {
    "external_id": "c{}".format,
    "primary_mdn": "+1212{:07}".format,
    "first_name": lambda n: f"First{n % 5000}",
    "last_name": lambda n: f"Name{n % 50_000}",
    "primary_addr_state": lambda n: STATES[n % 10],
    "primary_addr_country": lambda _: "US",
    "primary_email_addr": "person{}@example.com".format,
    "interest_list": lambda n: f'"[{{""code"":""golf"",""score"":0.{n % 100:02}}}]"',
}

OTHERS: dict[str, Callable[[int], str]] = {"first_name": lambda n: f"Other{n % 5000}"}


class Shape(NamedTuple):
    """A file to import, and whether its contacts become members of a group."""

    columns: tuple[str, ...]
    group: bool = False


THREE = ("primary_mdn", "first_name", "last_name")
SIX = (*THREE, "external_id", "primary_addr_country", "primary_email_addr")
SHAPES = {
    "3 columns": Shape(THREE),
    "6 columns": Shape(SIX),
    "6 columns, a group": Shape(SIX, group=True),
    "6 columns and a list": Shape((*SIX, "interest_list")),
    "that and a group": Shape((*SIX, "interest_list"), group=True),
}


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def main(rows: int, *, shapes: bool) -> None:
    gc.freeze()  # as a node does
    gc.set_threshold(*GC_THRESHOLDS)
    with tempfile.TemporaryDirectory(prefix="clarion-bench-") as home:
        Path(home).chmod(0o755)  # noqa: ASYNC240 - nothing else runs yet
        server = EmbeddedPostgres(Path(home))
        db = await Database.connect(settings.Database(), url=server.start())
        try:
            await migrate(db)
            files = FileStore(settings.Files(url=f"file://{home}/files"))
            await (_shapes if shapes else _measure)(Bench(db, files, server.pid or 0), rows)
        finally:
            await db.close()
            server.stop()


async def _measure(bench: Bench, rows: int) -> None:
    db, caller = bench.db, await _caller(bench.db)
    source = await _attachment(bench, caller, _csv(rows))
    worker = JobWorker(db, bench.files, Vault("bench"), node_id=ids.new_id())
    print(f"{rows:,} contacts; memory at the start {peak_mib():.0f} MiB")
    for name in ("import, new", "import, again"):
        job = await create_import(db, caller, source, None)
        await bench.timed(name, rows, worker.step())
        await _check(db, caller, job, rows)
    await db.execute("vacuum analyze contact")
    job = await create_export(db, caller, None, None)
    await bench.timed("export", rows, worker.step())
    await _check(db, caller, job, rows)
    await _group(bench, caller, rows)
    for name, query in QUERIES.items():
        await _query(db, caller.company_id, name, json.dumps(query))


async def _shapes(bench: Bench, rows: int) -> None:
    """Each file is imported into a company that statistics do not know yet, then as it is once
    more, and then with other names."""
    worker = JobWorker(bench.db, bench.files, Vault("bench"), node_id=ids.new_id())
    for name, shape in SHAPES.items():
        caller = await _caller(bench.db, name)
        group = await create_group(bench.db, caller, NewGroup()) if shape.group else None
        first = await _attachment(bench, caller, _shaped(shape, rows))
        other = await _attachment(bench, caller, _shaped(shape, rows, cells=CELLS | OTHERS))
        for suffix, source in (("", first), (", again", first), (", changed", other)):
            job = await create_import(bench.db, caller, source, group)
            await bench.timed(name + suffix, rows, worker.step())
            await _check(bench.db, caller, job, rows)
        await bench.db.execute("vacuum analyze contact")


async def _caller(db: Database, name: str = "bench") -> Caller:
    company = await create_company(db, name=name)
    made = await create_application(db, company.id, name="bench")
    return Caller(company_id=company.id, application_id=made.application.id)


async def _attachment(bench: Bench, caller: Caller, csv: AsyncIterator[bytes]) -> UUID:
    id = await create_attachment(bench.db, caller, NewAttachment(name="bench"))
    await store_content(bench.db, bench.files, caller.company_id, id, csv, limit=LIMIT)
    return id


async def _shaped(
    shape: Shape, rows: int, *, cells: Mapping[str, Callable[[int], str]] = CELLS
) -> AsyncIterator[bytes]:
    yield (",".join(shape.columns) + "\n").encode()
    made = [cells[name] for name in shape.columns]
    for start in range(0, rows, SLICE):
        lines = (",".join(make(n) for make in made) for n in range(start, min(rows, start + SLICE)))
        yield ("\n".join(lines) + "\n").encode()


async def _csv(rows: int) -> AsyncIterator[bytes]:
    rng = random.Random(1)
    lines = [HEADER]
    for n in range(rows):
        born = date(1950, 1, 1) + timedelta(days=n % 20_000)
        color = rng.choice(["red", "blue", "green"]) if n % 1000 else "teal"
        interest = f'[{{""code"":""golf"",""score"":{rng.random():.2f}}}]'
        lines.append(
            f"c{n},+1212{n:07},First{n % 5000},Name{n % 50_000},{born},{n} Main Street,"
            f'City{n % 300},{STATES[n % 10]},{n % 40_000:05},US,person{n}@example.com,"{interest}",'
            f'"{{""color"":""{color}""}}"\n'
        )
        if len(lines) == 10_000:
            yield "".join(lines).encode()
            lines.clear()
    yield "".join(lines).encode()


class Bench:
    """What the jobs run on."""

    def __init__(self, db: Database, files: FileStore, server: int) -> None:
        self.db = db
        self.files = files
        self._server: Groups = {"database": (server,)}

    async def timed(self, name: str, count: int, work: Awaitable[object]) -> None:
        own, server = time.process_time(), cpu_seconds(self._server)["database"]
        begun = time.perf_counter()
        async with _waits() as waits:
            await work
        seconds = time.perf_counter() - begun
        own = (time.process_time() - own) / count * 1e6
        server = (cpu_seconds(self._server)["database"] - server) / count * 1e6
        print(
            f"{name:29} {count / seconds:9,.0f} rows/s   CPU {own:5.1f} + {server:5.1f} us a row   "
            f"peak {peak_mib():.0f} MiB   waits {max(waits, default=0) * 1000:.0f} ms",
            flush=True,
        )


@asynccontextmanager
async def _waits() -> AsyncIterator[list[float]]:
    """How much longer than asked naps of a millisecond take meanwhile."""
    waits: list[float] = []

    async def nap() -> None:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(0.001)
            waits.append(time.perf_counter() - begun - 0.001)

    napping = asyncio.create_task(nap())
    try:
        yield waits
    finally:
        napping.cancel()


async def _check(db: Database, caller: Caller, job: UUID, rows: int) -> None:
    found = await db.fetchrow(
        "select state, done_count, failed_count from contact_job where company_id = $1 and id = $2",
        caller.company_id,
        job,
    )
    assert found is not None
    assert tuple(found) == ("COMPLETED", rows, 0), tuple(found)


async def _group(bench: Bench, caller: Caller, rows: int) -> None:
    db = bench.db
    new = NewGroup(criteria=json.dumps(QUERIES["a state"]))
    group = await create_group(db, caller, new)
    keeper = GroupKeeper(db, node_id=ids.new_id())

    async def fill() -> None:
        while await keeper.step():
            pass

    await bench.timed("fill a group, a tenth", rows, fill())
    after, count, begun = None, 0, time.perf_counter()
    while part := await member_slice(db, caller.company_id, group, after, SLICE):
        after, count = part[-1], count + len(part)
    print(f"{'its members':22} {count / (time.perf_counter() - begun):9,.0f} rows/s")


async def _query(db: Database, company_id: int, name: str, query: str) -> None:
    times = []
    found: list[UUID] = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        found = await criteria_slice(db, company_id, query, None, SLICE)
        times.append((time.perf_counter() - begun) * 1000)
    begun = time.perf_counter()
    id = ids.new_id()
    counted = await count_matching(db, company_id, {id: query}, seconds=20)
    counting = (time.perf_counter() - begun) * 1000
    print(
        f"{name:22} first {len(found):5,} in p50 {statistics.median(times):7.2f} ms, "
        f"max {max(times):7.2f} ms; all {counted.get(id, -1):8,} counted in {counting:7.1f} ms",
        flush=True,
    )


if __name__ == "__main__":
    words = sys.argv[1:]
    of_shapes = words[:1] == ["shapes"]
    counts = [int(word) for word in words[of_shapes:]]
    asyncio.run(main(counts[0] if counts else SHAPED if of_shapes else ROWS, shapes=of_shapes))

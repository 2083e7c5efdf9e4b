"""What importing, exporting and choosing contacts costs: `python -m bench.contact_jobs [ROWS]`.

An embedded PostgreSQL with its production settings and a file store in a directory; the jobs run
in this process, as on a node. Memory is this process's peak, of which the start is shown first.
The figure behind `waits` is how long others had to wait for the thread at most.
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
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

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
from clarion.storage.database import Database
from clarion.storage.embedded import EmbeddedPostgres
from clarion.storage.files import FileStore
from clarion.storage.migrate import migrate

ROWS = 1_000_000
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


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def main(rows: int) -> None:
    gc.freeze()  # as a node does
    gc.set_threshold(*GC_THRESHOLDS)
    with tempfile.TemporaryDirectory(prefix="clarion-bench-") as home:
        Path(home).chmod(0o755)  # noqa: ASYNC240 - nothing else runs yet
        server = EmbeddedPostgres(Path(home))
        db = await Database.connect(settings.Database(), url=server.start())
        try:
            await migrate(db)
            await _measure(db, FileStore(settings.Files(url=f"file://{home}/files")), rows)
        finally:
            await db.close()
            server.stop()


async def _measure(db: Database, files: FileStore, rows: int) -> None:
    company = await create_company(db, name="bench")
    made = await create_application(db, company.id, name="bench")
    caller = Caller(company_id=company.id, application_id=made.application.id)
    source = await _attachment(db, files, caller, rows)
    worker = JobWorker(db, files, node_id=ids.new_id())
    print(f"{rows:,} contacts; memory at the start {peak_mib():.0f} MiB")
    for name in ("import, new", "import, again"):
        job = await create_import(db, caller, source, None)
        await _timed(name, rows, worker.step())
        await _check(db, caller, job, rows)
    await db.execute("vacuum analyze contact")
    job = await create_export(db, caller, None, None)
    await _timed("export", rows, worker.step())
    await _check(db, caller, job, rows)
    await _group(db, caller, rows)
    for name, query in QUERIES.items():
        await _query(db, caller.company_id, name, json.dumps(query))


async def _attachment(db: Database, files: FileStore, caller: Caller, rows: int) -> UUID:
    id = await create_attachment(db, caller, NewAttachment(name="bench"))
    await store_content(db, files, caller.company_id, id, _csv(rows), limit=LIMIT)
    return id


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


async def _timed(name: str, count: int, work: Awaitable[object]) -> None:
    cpu = time.process_time()
    begun = time.perf_counter()
    async with _waits() as waits:
        await work
    seconds = time.perf_counter() - begun
    own = (time.process_time() - cpu) / count * 1e6
    print(
        f"{name:22} {count / seconds:9,.0f} rows/s   {own:5.1f} us of CPU a row here   "
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


async def _group(db: Database, caller: Caller, rows: int) -> None:
    new = NewGroup(criteria=json.dumps(QUERIES["a state"]))
    group = await create_group(db, caller, new)
    keeper = GroupKeeper(db, node_id=ids.new_id())

    async def fill() -> None:
        while await keeper.step():
            pass

    await _timed("fill a group, a tenth", rows, fill())
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
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))

"""Matching: what an event costs among few subscriptions and among a million.

Each subscription names a number of its own, as those of people who want to hear of their phones.
`look up`: who takes an event, of a batch of a thousand. `whole`: the matcher's step, which reads
announcements, matches them and stores events with their deliveries, in microseconds of time and of
CPU, this process's and the database's. Half of the figures are of events that nobody wants.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from bench.processes import cpu_seconds, memory_mib
from clarion import settings
from clarion.app import GC_THRESHOLDS
from clarion.engine.accounts.service import create_company
from clarion.engine.events.announcing import announce
from clarion.engine.events.matching.interest import Interests, takers
from clarion.engine.events.matching.matcher import BATCH, Matcher
from clarion.engine.events.model import Happening
from clarion.storage import partitions
from clarion.storage.database import Database
from clarion.storage.embedded import EmbeddedPostgres
from clarion.storage.migrate import migrate

TOPIC, TYPE, FIELD = "NIS-Events", "porting_event", "number"
FIRST = 12_000_000_000
STRANGER = 13_000_000_000
CHUNK = 100_000


class Measured(Struct, frozen=True):
    """Of one number of subscriptions; microseconds an event."""

    subscriptions: int
    wanted: bool
    look_up: float
    whole: float
    process: float
    postgresql: float
    memory: float  # MiB that this process has


async def measure(sizes: Sequence[int], events: int) -> AsyncIterator[Measured]:
    gc.freeze()  # as a node does
    gc.set_threshold(*GC_THRESHOLDS)
    async with _database() as (db, server):
        company = (await create_company(db, name="bench")).id
        configuration = await db.fetchval(_CONFIGURATION, company, datetime.now(UTC))
        known = 0
        for size in sorted(sizes):
            await _subscribe(db, company, configuration, known, size)
            known = size
            for wanted in (False, True):
                yield await _measure(db, server, company, size, wanted=wanted, events=events)


async def _measure(
    db: Database, server: int, company: int, size: int, *, wanted: bool, events: int
) -> Measured:
    happenings = _happenings(size if wanted else 0, events)
    look_up = await _look_up(db, company, happenings)
    matcher = Matcher(db, Interests(), {}, delivered=lambda: None)
    await _announce(db, company, happenings[:BATCH])
    while await matcher.step():
        pass
    await _announce(db, company, happenings)
    groups = {"process": _self(), "postgresql": [server]}
    before, begun = cpu_seconds(groups), time.perf_counter()
    while await matcher.step():
        pass
    seconds, after = time.perf_counter() - begun, cpu_seconds(groups)
    await db.execute(_CHECK if wanted else "select 1")
    return Measured(
        subscriptions=size,
        wanted=wanted,
        look_up=look_up,
        whole=seconds / events * 1e6,
        process=(after["process"] - before["process"]) / events * 1e6,
        postgresql=(after["postgresql"] - before["postgresql"]) / events * 1e6,
        memory=memory_mib({"process": _self()})["process"],
    )


async def _look_up(db: Database, company: int, happenings: Sequence[Happening]) -> float:
    """Microseconds an event; what is known of the subscriptions is read once before."""
    at, interests, matched = datetime.now(UTC), Interests(), 0
    await interests.of(db, company, TOPIC)
    begun = time.perf_counter()
    for first in range(0, len(happenings), BATCH):
        interest = await interests.of(db, company, TOPIC)
        batch = [(at, each) for each in happenings[first : first + BATCH]]
        matched += sum(map(len, await takers(db, interest, company, batch)))
    seconds = time.perf_counter() - begun
    wanted = sum(int(each.key) < STRANGER for each in happenings)
    if matched != wanted:
        raise RuntimeError(f"{matched} of {wanted} events found their subscription")
    return seconds / len(happenings) * 1e6


def _happenings(subscriptions: int, events: int) -> list[Happening]:
    """Numbers from all over those that are subscribed to; of none, numbers that nobody wants."""
    step = 7919  # a prime: neighbours in time are none in the index
    numbers = (
        FIRST + number * step % subscriptions if subscriptions else STRANGER + number
        for number in range(events)
    )
    return [
        Happening(
            topic=TOPIC,
            type=TYPE,
            key=f"+{number}",
            fields={FIELD: f"+{number}", "porting_date": "2026-11-22T00:00:00.000Z"},
        )
        for number in numbers
    ]


async def _announce(db: Database, company: int, happenings: Sequence[Happening]) -> None:
    async with db.transaction() as tx:
        await announce(tx, company, happenings, at=datetime.now(UTC))


async def _subscribe(
    db: Database, company: int, configuration: int, known: int, wanted: int
) -> None:
    while known < wanted:
        upto = min(known + CHUNK, wanted)
        now = datetime.now(UTC)
        await db.execute(
            _SUBSCRIBE, company, configuration, FIRST + known, FIRST + upto - 1, TOPIC, TYPE, now
        )
        known = upto
    await db.execute("vacuum analyze subscription, subscription_key")


def _self() -> list[int]:
    return [os.getpid()]


@asynccontextmanager
async def _database() -> AsyncIterator[tuple[Database, int]]:
    """A fresh one with its production settings, and its process."""
    with TemporaryDirectory(prefix="clarion-bench-") as home:
        Path(home).chmod(0o755)  # noqa: ASYNC240 - nothing else runs yet
        server = EmbeddedPostgres(Path(home))
        try:
            db = await Database.connect(
                settings.Database(statement_timeout=600.0), url=server.start()
            )
            try:
                await migrate(db)
                await partitions.maintain(db, settings.Retention(), now=datetime.now(UTC))
                assert server.pid is not None
                yield db, server.pid
            finally:
                await db.close()
        finally:
            server.stop()


_CONFIGURATION = """
insert into delivery_configuration (company_id, name, protocol, format, active, updated_at)
values ($1, 'bench', 'STREAM', 'JSON', true, $2) returning id
"""

_SUBSCRIBE = """
with made as (
    insert into subscription (
        company_id, topic, event_type, configuration_id, criteria, starts_at, updated_at)
    select $1, $5, $6, $2, format('number = ''+%s''', number), to_timestamp(0), $7
    from generate_series($3::bigint, $4::bigint) as number
    returning id, substring(criteria from '[+][0-9]+') as number
)
insert into subscription_key (company_id, topic, event_type, field, value, subscription_id)
select $1, $5, $6, 'number', number, id from made
"""

_CHECK = "select 1 / count(*) from event_delivery"

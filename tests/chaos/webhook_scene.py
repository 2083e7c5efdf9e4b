"""Events on their way while everything that carries them is killed now and then.

A publisher sends until it is told that its events are stored; receivers fail at random and die;
so do the gateway, PostgreSQL and its backends. Who got what is read from the receivers' journals.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import asyncpg

from clarion import settings
from clarion.cli.reach import bring_up_to_date
from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.service import create_application, create_company
from clarion.engine.accounts.tokens import issue_token
from clarion.engine.events.configurations import service as configurations
from clarion.engine.events.configurations.model import NewConfiguration
from clarion.engine.events.subscriptions import service as subscriptions
from clarion.engine.events.subscriptions.model import NewSubscription
from clarion.storage.database import Database

from ..peers.receiver import Receiver
from .stage import Gateway, Postgres

CONFIG = """
[database]
url = "{url}"
statement_timeout = 5.0

[security]
secret_key = "a secret of the chaos suite, of no use elsewhere"

[log]
format = "json"

[dispatch]
node_lease = 2.0

[events]
allowed_networks = ["127.0.0.0/8"]
timeout = 2.0
retry_seconds = [{retries}]
"""
RETRIES = [0.1, 0.2, 0.3] + [0.5] * 400  # no receiver's bad luck lasts that long
TOPIC = "DevTest-Events"
KEYS = 20
BATCH = 20  # events in one request
PATHS = ("/random/0.3/a", "/random/0.1/b", "/ok/c")
ORDERED = "/random/0.1/ordered"
BACKENDS = """
select pid from pg_stat_activity
where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
"""


@dataclass
class Scene:
    """An installation whose company has subscribed to what it publishes."""

    home: Path
    postgres: Postgres
    gateway: Gateway
    receivers: list[Receiver]
    company_id: int
    token: str
    paths: Mapping[int, tuple[Receiver, str]]  # by configuration
    ordered: int  # the configuration that is


@dataclass
class Record:
    """What was done, and what came of it."""

    published: list[tuple[str, str]] = field(default_factory=list)  # id and key, in order
    kills: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    calm: float = 0.0  # seconds until nothing was under way any more


@asynccontextmanager
async def a_scene(home: Path) -> AsyncIterator[Scene]:
    postgres = Postgres(home)
    receivers = [Receiver(journal=home / f"journal-{n}") for n in range(2)]
    gateway: Gateway | None = None
    try:
        url = await postgres.start()
        for receiver in receivers:
            receiver.start()
        config = home / "clarion.toml"
        config.write_text(CONFIG.format(url=url, retries=", ".join(map(str, RETRIES))))
        gateway = Gateway(home, config)
        company_id, token, paths, ordered = await _company(url, receivers)
        await gateway.start()
        yield Scene(home, postgres, gateway, receivers, company_id, token, paths, ordered)
    finally:
        if gateway is not None:
            await gateway.stop()
        for receiver in receivers:
            receiver.stop()
        await postgres.stop()


async def _company(
    url: str, receivers: Sequence[Receiver]
) -> tuple[int, str, dict[int, tuple[Receiver, str]], int]:
    db = await Database.connect(settings.Database(), url=url)
    try:
        await bring_up_to_date(db, settings.Settings())
        company = await create_company(db, name="publisher")
        made = await create_application(db, company.id, name="client")
        token = await issue_token(db, company.id, made.application.id)
        caller = Caller(company_id=company.id, application_id=made.application.id)
        paths = {}
        for n, path in enumerate((*PATHS, ORDERED)):
            receiver = receivers[n % len(receivers)]
            new = NewConfiguration(
                name=f"to {path}", address=receiver.url(path), ordered=path == ORDERED
            )
            id = await configurations.create(db, caller, new)
            await subscriptions.create(db, caller, TOPIC, NewSubscription(configuration_id=id))
            paths[id] = (receiver, path)
        return company.id, token.token, paths, max(paths)
    finally:
        await db.close()


async def play(scene: Scene, *, events: int, seconds: float, seed: int) -> Record:
    """Publish, with trouble all along."""
    record, begun = Record(), time.monotonic()
    storm = asyncio.create_task(_storm(scene, record, seconds, random.Random(seed)))
    pause = seconds / (events / BATCH)
    async with aiohttp.ClientSession() as session:
        for first in range(0, events, BATCH):
            batch = [(f"event-{n}", f"key-{n % KEYS}") for n in range(first, first + BATCH)]
            await _publish(session, scene, batch)
            record.published += batch
            await asyncio.sleep(max(0.0, begun + pause * first / BATCH - time.monotonic()))
    await storm
    record.seconds = time.monotonic() - begun
    return record


async def _publish(
    session: aiohttp.ClientSession, scene: Scene, batch: Sequence[tuple[str, str]]
) -> None:
    """Until they are taken in: a publisher that gets no answer asks again, with the same ids."""
    body = [
        {"topic": TOPIC, "event-id": id, "event-key": key,
         "event": {"evt-tp": "__GENERIC__", "fld-val-list": {"order": n, "number": key}}}
        for n, (id, key) in enumerate(batch)
    ]  # fmt: skip
    headers = {"Authorization": f"Bearer {scene.token}"}
    limit = aiohttp.ClientTimeout(total=5)
    url = f"{scene.gateway.url}/ess/v1/events"
    async with asyncio.timeout(60):
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.post(url, json=body, headers=headers, timeout=limit) as answer:
                    if answer.status == 200:
                        return
                    assert answer.status in (500, 503), await answer.text()
            await asyncio.sleep(0.05)


async def _storm(scene: Scene, record: Record, seconds: float, rng: random.Random) -> None:
    """Every kind of kill, one after the other; again and again while there is time."""
    kinds = {
        "receiver": _kill_receiver, "gateway": _kill_gateway, "backend": _kill_backend,
        "database": _kill_database,
    }  # fmt: skip
    until = time.monotonic() + seconds
    while not record.kills or time.monotonic() < until:
        for name, kill in kinds.items():
            await asyncio.sleep(rng.uniform(0.3, 1.0))
            await kill(scene, rng)
            record.kills[name] += 1


async def _kill_gateway(scene: Scene, _: random.Random) -> None:
    await scene.gateway.kill()
    scene.gateway.allow()
    await scene.gateway.ready()


async def _kill_receiver(scene: Scene, rng: random.Random) -> None:
    receiver = rng.choice(scene.receivers)
    receiver.stop()
    await asyncio.sleep(rng.uniform(0.1, 0.5))
    await asyncio.to_thread(receiver.start)


async def _kill_backend(scene: Scene, rng: random.Random) -> None:
    with suppress(OSError, asyncpg.PostgresError):
        connection = await asyncpg.connect(scene.postgres.url, timeout=5)
        pids = [row["pid"] for row in await connection.fetch(BACKENDS)]
        await connection.close()
        if pids:
            scene.postgres.kill_backend(rng.choice(pids))


async def _kill_database(scene: Scene, rng: random.Random) -> None:
    await scene.postgres.kill(rng.uniform(0.2, 0.6))
    await scene.gateway.ready()


async def settle(scene: Scene, record: Record, *, seconds: float) -> bool:
    """Wait until nothing is under way; whether that came."""
    begun = time.monotonic()
    deadline = begun + seconds
    while time.monotonic() < deadline:
        with suppress(OSError, asyncpg.PostgresError):
            connection = await asyncpg.connect(scene.postgres.url, timeout=5)
            try:
                left = await connection.fetchval(
                    "select (select count(*) from announcement)"
                    " + (select count(*) from delivery_queue)"
                    " + (select count(*) from delivery_claim)"
                )
            finally:
                await connection.close()
            if left == 0:
                record.calm = time.monotonic() - begun
                return True
        await asyncio.sleep(0.2)
    return False


# ---------------------------------------------------------------- what is true afterwards


async def faults(scene: Scene, record: Record) -> list[str]:
    """Everything that is not as it was promised."""
    connection = await asyncpg.connect(scene.postgres.url)
    try:
        rows = await connection.fetch(
            "select d.configuration_id, e.external_id, d.status::text, d.attempts,"
            " (select count(*) from delivery_attempt a where a.company_id = d.company_id"
            "  and a.event_id = d.event_id and a.configuration_id = d.configuration_id) as tries,"
            " (select count(*) from delivery_attempt a where a.company_id = d.company_id"
            "  and a.event_id = d.event_id and a.configuration_id = d.configuration_id"
            "  and a.succeeded) as good"
            " from event_delivery d join event e on e.company_id = d.company_id"
            " and e.id = d.event_id where d.company_id = $1",
            scene.company_id,
        )
    finally:
        await connection.close()
    found: list[str] = []
    known = Counter((row["configuration_id"], row["external_id"]) for row in rows)
    for configuration in scene.paths:
        for event, _ in record.published:
            if known[configuration, event] != 1:
                found.append(f"{event} has {known[configuration, event]} deliveries")
    for row in rows:
        if (row["status"], row["good"]) != ("SUCCESS", 1) or row["attempts"] != row["tries"]:
            found.append(f"not true: {dict(row)}")
    for configuration, (receiver, path) in scene.paths.items():
        found += _arrivals(record, receiver, path, ordered=configuration == scene.ordered)
    return found


def _arrivals(record: Record, receiver: Receiver, path: str, *, ordered: bool) -> list[str]:
    """What the receiver says that it took."""
    taken = [r for r in receiver.requests(path) if r.status == 200]
    ids = Counter(request.event_id for request in taken)
    found = [f"{event} never came to {path}" for event, _ in record.published if not ids[event]]
    strangers = ids.keys() - {event for event, _ in record.published}
    found += [f"{event} was never published" for event in strangers]
    if ordered:
        first: defaultdict[str, list[str]] = defaultdict(list)
        for request in taken:
            key = request.headers["x-ess-event-key"]
            if request.event_id not in first[key]:
                first[key].append(request.event_id)
        for key, came in first.items():
            if came != [event for event, of in record.published if of == key]:
                found.append(f"{key} came out of order")
    return found


def figures(scene: Scene, record: Record) -> str:
    requests = [r for receiver in scene.receivers for r in receiver.requests()]
    taken = Counter((r.path, r.event_id) for r in requests if r.status == 200)
    again = sum(taken.values()) - len(taken)
    kills = ", ".join(f"{count} x {name}" for name, count in record.kills.items())
    return (
        f"webhooks: {len(record.published)} events to {len(scene.paths)} configurations in"
        f" {record.seconds:.0f} s, all settled {record.calm:.0f} s later; killed: {kills};"
        f" {len(requests)} posts, {len(taken)} deliveries, {again} taken more than once;"
        f" {scene.gateway.starts} starts of the gateway"
    )

"""The composition root: the only place that knows everything, and wires it by plain calls.

A Node is one process with any mix of roles on one database. Nodes are equal and keep nothing of
their own: what one of them drops, another picks up.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from msgspec.structs import replace

from clarion import metrics
from clarion.api import system
from clarion.api.listening import HttpServer, bind
from clarion.api.server import Application, create_app
from clarion.api.services import Services
from clarion.connectors.sandbox.carrier import Sandbox
from clarion.connectors.smpp.connector import SmppConnector
from clarion.connectors.translate.choice import translator_for
from clarion.engine.accounts.cache import TokenCache
from clarion.engine.accounts.tasks import account_jobs
from clarion.engine.attachments.tasks import attachment_jobs
from clarion.engine.consent.keywords.directory import KeywordDirectory
from clarion.engine.consent.tasks import consent_jobs
from clarion.engine.contacts.fast_access.service import JOBS_CHANNEL
from clarion.engine.contacts.groups.filling import GroupKeeper
from clarion.engine.contacts.groups.service import CONTACT_WORK_CHANNEL
from clarion.engine.contacts.jobs.working import AT_ONCE as CONTACT_JOBS_AT_ONCE
from clarion.engine.contacts.jobs.working import JobWorker
from clarion.engine.contacts.recompute import Recomputer
from clarion.engine.contacts.tasks import contact_jobs
from clarion.engine.events.streaming.desk import StreamDesk
from clarion.engine.handsets.service import owed_receipts
from clarion.engine.messages import tasks
from clarion.engine.messages.carriers import Carriers
from clarion.engine.messages.expand import Expander
from clarion.engine.messages.flush import EXPANSION_CHANNEL, QUEUE_CHANNEL, WRITER_SESSION
from clarion.engine.messages.inbound import InboundDesk
from clarion.engine.messages.intake import Intake
from clarion.engine.messages.leases import DISPATCH, Membership
from clarion.engine.messages.links.desk import LinkDesk
from clarion.engine.messages.links.service import listening_at
from clarion.engine.messages.planning import Planner
from clarion.engine.messages.ports import Connector, Health
from clarion.engine.messages.receipts import ReceiptDesk
from clarion.engine.messages.record import RECORDER_SESSION, Recorder
from clarion.engine.messages.steps.means import Means
from clarion.engine.senders.directory import SenderDirectory
from clarion.engine.senders.throughput.service import Throughput
from clarion.engine.senders.throughput.tasks import throughput_jobs
from clarion.errors import Unavailable
from clarion.event_wiring import EVENTS, EventWork
from clarion.jobs.loops import Loops
from clarion.jobs.runner import Job, Runner
from clarion.jobs.upkeep import upkeep
from clarion.kit import ids
from clarion.kit.vault import Vault
from clarion.log import get_logger
from clarion.settings import ConnectorSettings, SandboxConnector, Settings
from clarion.storage.database import Database
from clarion.storage.files import FileStore

API, JOBS = "api", "jobs"
ROLES = frozenset({API, DISPATCH, EVENTS, JOBS})

RECEIPT_RETRY_SECONDS = 0.5
SOON = 5.0
SOON_LIMIT = 30.0
DAILY = 86_400.0
POOL_SECONDS = 1.0
WRITER_PATIENCE = 5.0  # seconds until a flush that hangs is answered 503
WRITERS = 2  # connections of the intake's own pool
RECORDERS = 6  # and of the recorders', and of who claims messages and deliveries
RECORD_SECONDS = 3.0
PATIENCE = 6.0  # seconds; a stop with a database that answers takes less
GC_THRESHOLDS = (20_000, 20, 20)  # objects, rounds, rounds

DATABASE_CUT = "database.cut"

log = get_logger(__name__)


class Node:
    """One process: start it once, stop it once."""

    def __init__(
        self,
        settings: Settings,
        *,
        roles: frozenset[str],
        vault: Vault,
        listener: socket.socket | None = None,
    ) -> None:
        """`listener` is bound already; without one the api role binds as the settings say."""
        self.settings = settings if listener is None else listening_at(settings, listener)
        self.roles = roles
        self._vault = vault
        self._listener = listener
        self._node_id = ids.new_id()
        self.base_url = ""

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Everything answers when this returns. Raises Unavailable, OSError (the port is taken)."""
        self.db = await Database.connect(self.settings.database)
        self._loops = Loops(self.db)
        self._files = FileStore(self.settings.files)
        self._events = EventWork(
            self.db, self.settings, self._files, self._loops, node_id=self._node_id
        )
        await self._events.start()
        self._senders = SenderDirectory(self.db)
        self._translator = translator_for(self.settings.translation)
        self._throughput = Throughput(self.db)
        await self._throughput.start()
        self._means = Means.of(
            self.db,
            self.settings,
            self._vault,
            translator=self._translator,
            throughput=self._throughput,
        )
        await self._start_recorder()
        self._membership = Membership(
            self.db,
            self._node_id,
            f"{socket.gethostname()}-{os.getpid()}",
            roles=self.roles,
            lease=self.settings.dispatch.node_lease,
        )
        await self._membership.renew()
        self._carriers = Carriers(
            self.db,
            self._connectors(),
            self._recorder,
            self._membership,
            self.settings,
            throughput=self._throughput,
            claims=self._records,
        )
        self._loops.every("pool", POOL_SECONDS, self._measure_pool)
        await self._start_dispatch()
        await self._start_jobs()
        if EVENTS in self.roles:
            await self._events.start_events(
                records=self._records, vault=self._vault, membership=self._membership
            )
        await self._start_api()

    async def _start_recorder(self) -> None:
        self._records = await Database.connect(
            replace(self.settings.database, pool_size=RECORDERS),
            session=RECORDER_SESSION,
            presence=self.db.presence,
        )
        self._receipts = ReceiptDesk(self._records, self.settings.connectors)
        self._keywords = KeywordDirectory()
        await self._keywords.listen(self.db)
        self._inbound = InboundDesk(
            self.db,
            self._senders,
            self._keywords,
            part_patience=self.settings.dispatch.reassembly_timeout,
        )
        self._recorder = Recorder(self._records, self._receipts, self._inbound)
        self._recorder.start()

    async def stop(self) -> None:
        """In order: no more requests, no more claims, carriers' last words, then out. A database
        that does not answer is waited for no longer than PATIENCE."""
        patience = asyncio.get_running_loop().call_later(PATIENCE, self._cut)
        try:
            await self._stop()
        finally:
            patience.cancel()

    def _cut(self) -> None:
        log.warning(DATABASE_CUT)
        for database in (self.db, self._records, *((self._writer,) if self.base_url else ())):
            database.cut()

    async def _stop(self) -> None:
        if self.base_url:
            self._streams.stop()
            await self._http.stop()
        if API in self.roles:
            await self._intake.stop()
            await self._links.stop()
            await self._tokens.stop()
        if self.base_url:
            await self._writer.close()
        if JOBS in self.roles:
            await self._jobs.stop()
        await self._loops.stop()
        await self._events.stop()
        await self._carriers.stop()
        await self._throughput.stop()
        await self._recorder.stop(RECORD_SECONDS)
        with suppress(Unavailable):
            await self._membership.leave()
        if self._translator is not None:
            await self._translator.close()
        await self._files.close()
        await self._records.close()
        await self.db.close()
        metrics.tell_all()

    def health(self) -> dict[str, Health]:
        """Of every connector that this process runs."""
        return dict(self._carriers.health())

    # ------------------------------------------------------------ roles

    async def _start_dispatch(self) -> None:
        await self._carriers.start()
        if DISPATCH in self.roles:
            await self.db.listen(QUEUE_CHANNEL, self._carriers.queued)
            self._loops.every("receipts", RECEIPT_RETRY_SECONDS, self._receipts.retry)

    async def _start_jobs(self) -> None:
        if JOBS not in self.roles:
            return
        expander = Expander(
            self.db,
            self._senders,
            self._means,
            node_id=self._node_id,
            queued=self._tell_queued,
        )
        recomputer = Recomputer(self.db, node_id=self._node_id)
        await self._loops.work_on("expand", expander.step, hints=EXPANSION_CHANNEL)
        await self._loops.work_on("fast access", recomputer.step, hints=JOBS_CHANNEL)
        keeper = GroupKeeper(self.db, node_id=self._node_id)
        worker = JobWorker(self.db, self._files, self._vault, node_id=self._node_id)
        await self._loops.work_on("contact groups", keeper.step, hints=CONTACT_WORK_CHANNEL)
        for _ in range(CONTACT_JOBS_AT_ONCE):
            await self._loops.work_on("contact jobs", worker.step, hints=CONTACT_WORK_CHANNEL)
        await self._events.start_jobs()
        names = list(self.settings.connectors)
        self._jobs = Runner(
            self.db,
            [
                *self._events.jobs(),
                *upkeep(self.db, self.settings.retention),
                *account_jobs(self.db),
                *throughput_jobs(self.db),
                *contact_jobs(self.db, self.settings),
                *consent_jobs(self.db),
                *attachment_jobs(self.db, self._files, self.settings),
                _soon("expire queued messages", lambda: tasks.expire_queued(self.db)),
                _soon("expire pauses", lambda: tasks.expire_pauses(self.db)),
                _soon("gather inbound parts", self._inbound.gather),
                _soon("settle failovers", lambda: tasks.settle_failovers(self.db)),
                Job("forget failovers", DAILY, lambda: tasks.forget_failovers(self.db)),
            ],
        )
        self._jobs.start()
        self._loops.every("queues", SOON, lambda: tasks.measure_queues(self.db, names))

    async def _start_api(self) -> None:
        """All doors; a node without the api role shows how it is where it was told to listen."""
        if API not in self.roles and self._listener is None:
            return
        self._tokens = TokenCache(self.db)
        self._writer = await Database.connect(
            replace(self.settings.database, pool_size=WRITERS),
            session=WRITER_SESSION,
            patience=WRITER_PATIENCE,
            presence=self.db.presence,
        )
        self._intake = Intake(
            self.db,
            self._senders,
            Planner(self.db, self._senders, self._means),
            self.settings,
            queued=self._tell_queued,
            writer=self._writer,
            express=self._carriers if DISPATCH in self.roles else None,
        )
        self._links = LinkDesk(self.db)
        self._streams = StreamDesk(self.db)
        services = Services(
            settings=self.settings,
            db=self.db,
            tokens=self._tokens,
            intake=self._intake,
            senders=self._senders,
            files=self._files,
            vault=self._vault,
            connector_health=self._carriers.health,
            sandbox=self._carriers,
            links=self._links,
            interests=self._events.interests,
            express=self._events.express,
            streams=self._streams,
        )
        doors = None
        if API in self.roles:
            await self._tokens.start()
            self._intake.start()
            self._links.start()
            await self._streams.start()
        else:
            doors = [system.door()]
        await self._serve_http(create_app(services, doors))

    async def _serve_http(self, app: Application) -> None:
        self._http = HttpServer(app, self._listener or bind(self.settings.http.listen))
        self.base_url = self.settings.http.public_url or self._http.url
        await self._http.start()

    def _connectors(self) -> list[Connector]:
        if DISPATCH not in self.roles:
            return []
        return [self._connector(name, each) for name, each in self.settings.connectors.items()]

    def _connector(self, name: str, settings: ConnectorSettings) -> Connector:
        if isinstance(settings, SandboxConnector):
            return Sandbox(name, settings, outstanding=partial(owed_receipts, self.db))
        return SmppConnector(name, settings)

    def _tell_queued(self, connector: str) -> None:
        """This process's dispatchers hear it at once; where there are none, other nodes' soon."""
        if DISPATCH in self.roles:
            self._carriers.queued(connector)
        else:
            self.db.hint(QUEUE_CHANNEL, connector)

    # ------------------------------------------------------------ loops

    async def _measure_pool(self) -> None:
        use = self.db.use()
        metrics.POOL_CONNECTIONS.set(use.size)
        metrics.POOL_IDLE.set(use.idle)


def _soon(name: str, work: Callable[[], Awaitable[object]]) -> Job:
    """A job whose lease ends soon as well: a node that dies at it holds it up no longer."""
    return Job(name, SOON, work, limit=SOON_LIMIT)


async def serve_until_stopped(
    node: Node, ready: Callable[[Node], Awaitable[None]] | None = None
) -> None:
    """Start a node, tell when it is ready, run until SIGINT or SIGTERM, stop it."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await node.start()
    _settle_heap()
    try:
        if ready is not None:
            await ready(node)
        await stopped.wait()
    finally:
        await node.stop()


def _settle_heap() -> None:
    """Spare the garbage collector what stays for good, and most of its rounds.

    Left alone it walks every module and prepared statement again and again while messages flow: a
    tenth of the CPU, and pauses that are seen in the slowest answers.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)

"""The part of the composition root that is about events: who matches, delivers, collects them."""

from __future__ import annotations

import resource
from uuid import UUID

from msgspec.structs import replace

from clarion.connectors.webhook.courier import WebhookCourier
from clarion.engine.events.announcing import ANNOUNCED_CHANNEL
from clarion.engine.events.backlog import measure_backlog
from clarion.engine.events.configurations.service import keep_refresh_token
from clarion.engine.events.delivering.deliverer import Deliverer
from clarion.engine.events.files.keeper import AT_ONCE as FILES_AT_ONCE
from clarion.engine.events.files.keeper import FileKeeper
from clarion.engine.events.files.model import FILES_CHANNEL
from clarion.engine.events.files.tasks import file_jobs
from clarion.engine.events.matching.handing import Express
from clarion.engine.events.matching.interest import Interests
from clarion.engine.events.matching.matcher import Matcher
from clarion.engine.events.model import DELIVERIES_CHANNEL, Destination
from clarion.engine.events.streaming.tasks import stream_jobs
from clarion.engine.events.subscriptions.tasks import subscription_jobs
from clarion.engine.events.tasks import event_jobs
from clarion.engine.messages.announcing import TOPIC as MESSAGE_TOPIC
from clarion.engine.messages.announcing import describe
from clarion.engine.messages.leases import Membership
from clarion.jobs.loops import Loops
from clarion.jobs.runner import Job
from clarion.kit.vault import Vault
from clarion.log import get_logger
from clarion.settings import Settings
from clarion.storage.database import Database
from clarion.storage.files import FileStore

EVENTS = "events"
OTHER_FILES = 1000  # that a process has open beside its links to receivers: clients, the database
MIN_LINKS = 16
DELIVERER_SECONDS = 2.0  # that a stop waits for receivers
MEASURE_SECONDS = 5.0
MATCH_GATHER_SECONDS = 0.05  # a transaction of its own for every few events costs more than they do
MATCH_POLL_SECONDS = 0.1  # what the statements of messages announce comes without a hint

MORE_FILES = "files.more"

log = get_logger(__name__)


class EventWork:
    """What one node does about events, by its roles."""

    def __init__(
        self, db: Database, settings: Settings, files: FileStore, loops: Loops, *, node_id: UUID
    ) -> None:
        self._db = db
        self._settings = settings
        self._files = files
        self._loops = loops
        self._node_id = node_id
        self.interests = Interests()
        self._courier: WebhookCourier | None = None
        self._deliverer: Deliverer | None = None

    async def start(self) -> None:
        """Of every node: those with the api role publish events themselves."""
        await self.interests.listen(self._db)

    async def start_events(
        self, *, records: Database, vault: Vault, membership: Membership
    ) -> None:
        """Of the role events. `records`: a pool that plans for look-ups by key."""
        await self._start_deliverer(records, vault, membership)
        matcher = Matcher(
            self._db,
            self.interests,
            {MESSAGE_TOPIC: describe},
            delivered=self._tell_delivered,
            express=self._deliverer,
        )
        await self._loops.work_on(
            "match events",
            matcher.step,
            hints=ANNOUNCED_CHANNEL,
            poll=MATCH_POLL_SECONDS,
            gather=MATCH_GATHER_SECONDS,
        )

    @property
    def express(self) -> Express | None:
        """This process's deliverer, if it has one."""
        return self._deliverer

    async def stop(self) -> None:
        """Post nothing more, and record what was posted."""
        if self._deliverer is not None:
            await self._deliverer.stop(DELIVERER_SECONDS)
        if self._courier is not None:
            await self._courier.close()

    async def _start_deliverer(
        self, records: Database, vault: Vault, membership: Membership
    ) -> None:
        events = self._settings.events
        events = replace(events, connections_total=_room_for(events.connections_total))

        async def refreshed(to: Destination, used: str, token: str) -> None:
            company_id, id = to.configuration.company_id, to.configuration.id
            await keep_refresh_token(self._db, vault, company_id, id, used=used, token=token)

        self._courier = WebhookCourier(
            timeout=events.timeout,
            max_links=events.connections_total,
            allowed_networks=events.allowed_networks,
            refreshed=refreshed,
        )
        self._deliverer = deliverer = Deliverer(
            self._db,
            self._courier,
            records=records,
            vault=vault,
            lease=membership,
            settings=events,
        )

        async def recover() -> None:
            if membership.judges():
                await deliverer.recover()

        await recover()
        deliverer.start()
        await self._db.listen(DELIVERIES_CHANNEL, lambda _: deliverer.wake())
        self._loops.every("recover deliveries", membership.interval, recover)

    async def start_jobs(self) -> None:
        """Of the role jobs."""
        keeper = FileKeeper(
            self._db,
            self._files,
            node_id=self._node_id,
            address=self._settings.http.address,
            kept_days=self._settings.events.file_days,
        )
        for _ in range(FILES_AT_ONCE):
            await self._loops.work_on("event files", keeper.step, hints=FILES_CHANNEL)
        self._loops.every("events", MEASURE_SECONDS, lambda: measure_backlog(self._db))

    def jobs(self) -> list[Job]:
        return [
            *file_jobs(
                self._db,
                self._files,
                address=self._settings.http.address,
                listed_days=self._settings.retention.event_days,
            ),
            *event_jobs(self._db),
            *subscription_jobs(self._db),
            *stream_jobs(self._db),
        ]

    def _tell_delivered(self) -> None:
        """There is something to be delivered: this process need not wait for the hint."""
        if self._deliverer is not None:
            self._deliverer.wake()
        self._db.hint(DELIVERIES_CHANNEL)


def _room_for(links: int) -> int:
    """How many links the system lets this process have: more open files are asked for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = links + OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        log.info(MORE_FILES, files=wanted)
    return max(MIN_LINKS, min(links, wanted - OTHER_FILES))

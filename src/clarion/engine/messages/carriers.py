"""Runs the connectors of one process: what they are told, what they tell, who holds which bind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from clarion import metrics
from clarion.engine.messages.dispatch import Dispatcher
from clarion.engine.messages.express import Offer
from clarion.engine.messages.leases import Membership, binds_of, recover_claims
from clarion.engine.messages.ports import Connector, Health, Inbound, Outcome, Receipt
from clarion.engine.messages.record import Recorder
from clarion.engine.messages.turns import Lane
from clarion.engine.senders.throughput.service import Throughput
from clarion.errors import Unavailable
from clarion.log import get_logger
from clarion.settings import Settings
from clarion.storage.database import Database

STOP_SECONDS = 3.5
CLAIM_SECONDS = 1.0

CARRIERS_SLOW_TO_STOP = "carriers.slow_to_stop"
MEMBERSHIP_WAITS = "membership.waits"
MEMBERSHIP_FAILED = "membership.failed"

log = get_logger(__name__)


class Carriers:
    """Implements ports.CarrierEvents for every connector of this process."""

    def __init__(
        self,
        db: Database,
        connectors: Sequence[Connector],
        recorder: Recorder,
        membership: Membership,
        settings: Settings,
        *,
        throughput: Throughput | None = None,
        claims: Database | None = None,
    ) -> None:
        """`claims`: a pool with RECORDER_SESSION for what dispatchers ask, which is by keys."""
        self._db = db
        self._settings = settings
        self._recorder = recorder
        self._membership = membership
        self._dispatchers = {
            connector.name: Dispatcher(
                claims or db,
                connector,
                recorder,
                membership=membership,
                settings=settings.connectors[connector.name],
                dispatch=settings.dispatch,
                throughput=throughput,
            )
            for connector in connectors
        }
        if throughput is not None:
            throughput.on_more(self._more_throughput)
        self._membership_task: asyncio.Task[None] | None = None
        self._dispatch_tasks: list[asyncio.Task[None]] = []

    # ------------------------------------------------------------ ports.CarrierEvents

    def outcomes(self, connector: str, batch: Sequence[Outcome]) -> None:
        self._dispatchers[connector].outcomes(batch)

    def receipts(
        self, connector: str, batch: Sequence[Receipt], settled: Callable[[bool], None]
    ) -> None:
        self._recorder.receipts(connector, batch, settled)

    def inbound(
        self, connector: str, batch: Sequence[Inbound], settled: Callable[[bool], None]
    ) -> None:
        self._recorder.inbound(connector, batch, settled)

    def room_changed(self, connector: str) -> None:
        self._dispatchers[connector].room_changed()

    # ------------------------------------------------------------ for the process

    def queued(self, connector: str) -> None:
        """Something has come into a connector's queue; "" for any of them."""
        for name, dispatcher in self._dispatchers.items():
            if connector in {"", name}:
                dispatcher.queued()

    @property
    def node_id(self) -> UUID:
        return self._membership.node_id

    def offer(
        self, connector: str, lane: Lane, *, source: str, countries: Mapping[str | None, int]
    ) -> Offer | None:
        """See express.Express."""
        dispatcher = self._dispatchers.get(connector)
        return dispatcher.offer(lane, source=source, countries=countries) if dispatcher else None

    def _more_throughput(self) -> None:
        for dispatcher in self._dispatchers.values():
            dispatcher.more_throughput()

    def health(self) -> Mapping[str, Health]:
        return {name: d.connector.health() for name, d in self._dispatchers.items()}

    async def start(self) -> None:
        """Join the nodes, take over what dead ones left, connect, begin to dispatch."""
        await self._keep_membership()
        for dispatcher in self._dispatchers.values():
            await dispatcher.connector.start(self)
        await self._share_binds()
        self._membership_task = asyncio.create_task(self._keep_for_ever(), name="membership")
        self._dispatch_tasks = [
            asyncio.create_task(dispatcher.run(), name=f"dispatch-{name}")
            for name, dispatcher in self._dispatchers.items()
        ]

    async def stop(self) -> None:
        """Take nothing more, let carriers answer for a moment, record, leave."""
        await self._stop_claiming()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.gather(*(d.connector.stop() for d in self._dispatchers.values()))
        except TimeoutError:
            log.warning(CARRIERS_SLOW_TO_STOP)
        await _end(self._membership_task)

    async def _stop_claiming(self) -> None:
        """Claims under way end first: a claim cut short is one that nobody gives back."""
        for dispatcher in self._dispatchers.values():
            dispatcher.stop()
        if self._dispatch_tasks:
            await asyncio.wait(self._dispatch_tasks, timeout=CLAIM_SECONDS)
        await _end(*self._dispatch_tasks)
        for dispatcher in self._dispatchers.values():
            dispatcher.give_back()

    async def _keep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._membership.interval)
            try:
                await self._keep_membership()
                await self._share_binds()
            except Unavailable as error:
                log.waits(MEMBERSHIP_WAITS, error)
            except Exception:
                log.exception(MEMBERSHIP_FAILED)

    async def _keep_membership(self) -> None:
        if await self._membership.renew():
            await recover_claims(self._db, self._settings.connectors)

    async def _share_binds(self) -> None:
        """Every node holds its share of each connector's binds and of every rate."""
        nodes = await self._membership.dispatchers()
        for name, dispatcher in self._dispatchers.items():
            binds = binds_of(self._settings.connectors[name])
            if binds:
                held = await self._membership.lease_binds(name, binds=binds, nodes=nodes)
                dispatcher.connector.hold_binds(held)
                dispatcher.share_with(await self._membership.bind_holders(name))
            else:
                dispatcher.share_with(nodes)
            self._measure(name, dispatcher.connector.health())

    def _measure(self, name: str, health: Health) -> None:
        counts = metrics.connector(name)
        counts.binds.set(health.binds)
        counts.binds_wanted.set(health.wanted)
        counts.in_flight.set(health.in_flight)


async def _end(*tasks: asyncio.Task[None] | None) -> None:
    there = [task for task in tasks if task is not None]
    for task in there:
        task.cancel()
    await asyncio.gather(*there, return_exceptions=True)

"""A gateway without doors, as app.py wires it, and a place with companies to try it on.

All tests of this folder share one database: each has its own companies, numbers and connector, as
tenants of one installation have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import Any
from unittest.mock import patch
from uuid import UUID

import asyncpg
from tests.factories import Tenant, a_means, a_request, a_tenant, an_expander, an_intake
from tests.recount import recount
from tests.waiting import eventually

from clarion import settings
from clarion.connectors.sandbox.carrier import Sandbox
from clarion.connectors.smpp import link
from clarion.connectors.smpp.connector import SmppConnector
from clarion.engine.consent.keywords.directory import KeywordDirectory
from clarion.engine.messages import tasks
from clarion.engine.messages.carriers import Carriers
from clarion.engine.messages.inbound import InboundDesk
from clarion.engine.messages.leases import DISPATCH, Membership
from clarion.engine.messages.ports import Connector
from clarion.engine.messages.receipts import ReceiptDesk
from clarion.engine.messages.record import Recorder
from clarion.engine.senders.directory import SenderDirectory
from clarion.engine.senders.throughput.service import Throughput
from clarion.errors import Unavailable
from clarion.kit import ids
from clarion.settings import ConnectorSettings, SandboxConnector
from clarion.storage.database import Database

POLL = 0.05
LEASE = 60.0  # long: only tests of leases have nodes that die
_numbers = count(1)


class Gateway:
    """One node: dispatch and jobs, with an intake."""

    def __init__(
        self, db: Database, connectors: Mapping[str, ConnectorSettings], **sections: Any
    ) -> None:
        dispatch = {"poll_interval": POLL, "node_lease": LEASE} | sections.pop("dispatch", {})
        self.db = db
        self.settings = settings.Settings(
            connectors=dict(connectors), dispatch=settings.Dispatch(**dispatch), **sections
        )
        self.node_id = ids.new_id()
        self.senders = SenderDirectory(db)
        self.receipts = ReceiptDesk(db, connectors)
        patience = self.settings.dispatch.reassembly_timeout
        self.inbound = InboundDesk(db, self.senders, KeywordDirectory(), part_patience=patience)
        self.recorder = Recorder(db, self.receipts, self.inbound)
        self.membership = Membership(
            db,
            self.node_id,
            "test",
            roles=frozenset({DISPATCH}),
            lease=self.settings.dispatch.node_lease,
        )
        self.throughput = Throughput(db)
        self.connectors: dict[str, Connector] = {
            name: _connector(name, each) for name, each in connectors.items()
        }
        self.carriers = Carriers(
            db,
            list(self.connectors.values()),
            self.recorder,
            self.membership,
            self.settings,
            throughput=self.throughput,
        )
        self.means = a_means(db, self.settings, throughput=self.throughput)
        self.intake = an_intake(
            db, self.settings, senders=self.senders, means=self.means, queued=self.carriers.queued,
            express=self.carriers,
        )  # fmt: skip
        self.expander = an_expander(
            db,
            self.settings,
            senders=self.senders,
            means=self.means,
            node_id=self.node_id,
            queued=self.carriers.queued,
        )
        self._loops: list[asyncio.Task[None]] = []
        self._running = False

    # ------------------------------------------------------------ life

    async def start(self) -> Gateway:
        self._running = True
        self.recorder.start()
        self.intake.start()
        await self.throughput.start()
        await self.carriers.start()
        self._loops = [
            self._repeat(self.receipts.retry, 0.05),
            self._repeat(self.expander.step, 0.02),
        ]
        return self

    async def stop(self) -> None:
        """In order, as Node.stop does."""
        if not self._running:
            return
        self._running = False
        await self.intake.stop()
        await _end(self._loops)
        await self.carriers.stop()
        await self.throughput.stop()
        await self.recorder.stop(3.0)
        await self.membership.leave()

    async def die(self) -> None:
        """As kill -9 does: nothing more is recorded, the lease lapses by itself."""
        self._running = False
        recording = [self.recorder._task] if self.recorder._task else []
        renewing = [self.carriers._membership_task] if self.carriers._membership_task else []
        dispatching = [self.throughput._task] if self.throughput._task else []
        await _end(
            [*recording, *dispatching, *renewing, *self.carriers._dispatch_tasks, *self._loops]
        )
        with patch.object(link, "DRAIN", 0.02):
            await asyncio.gather(*(connector.stop() for connector in self.connectors.values()))

    async def ready(self) -> Gateway:
        """Every connector has a bind."""
        await eventually(lambda: all(h.ready for h in self.carriers.health().values()))
        return self

    def _repeat(self, work: Callable[[], Awaitable[object]], seconds: float) -> asyncio.Task[None]:
        async def loop() -> None:
            while True:
                with suppress(Unavailable):
                    await work()
                await asyncio.sleep(seconds)

        return asyncio.create_task(loop())

    # ------------------------------------------------------------ a client's calls

    async def send(self, tenant: Tenant, *to: str, **more: Any) -> UUID:
        """A request's id, once it is stored."""
        return await self.intake.accept(
            tenant.caller, a_request(*to, sender=tenant.address, **more)
        )

    async def expire(self) -> None:
        """What the periodic jobs do."""
        await tasks.expire_queued(self.db)
        await tasks.expire_pauses(self.db)


class Place:
    """Companies and gateways of one test."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.name = f"carrier{next(_numbers)}"
        self.tenants: list[Tenant] = []
        self._gateways: list[Gateway] = []

    async def tenant(self, *, address: str | None = None, weight: int = 1) -> Tenant:
        number = next(_numbers)
        tenant = await a_tenant(
            self.db, name=f"company {number}", address=address or f"1212{5_000_000 + number}"
        )
        await self.db.execute(
            "update company set weight = $2 where id = $1", tenant.company_id, weight
        )
        self.tenants.append(tenant)
        return tenant

    def gateway(
        self, connector: ConnectorSettings | None = None, *, db: Database | None = None, **more: Any
    ) -> Gateway:
        """A node with one connector; without any, the sandbox, whose receipts come soon."""
        chosen = connector or SandboxConnector(receipt_delay=0.01, retry=(0.05, 0.05))
        made = Gateway(db or self.db, {self.name: chosen}, **more)
        self._gateways.append(made)
        return made

    async def started(self, connector: ConnectorSettings | None = None, **more: Any) -> Gateway:
        gateway = await self.gateway(connector, **more).start()
        return await gateway.ready()

    async def close(self) -> None:
        for gateway in self._gateways:
            await gateway.stop()
        await recount(self.db, *(tenant.company_id for tenant in self.tenants))

    async def reconnect(self, url: str) -> None:
        """Leave connections behind that a test has cut."""
        await self.db.close()
        self.db = await Database.connect(settings.Database(), url=url)

    # ------------------------------------------------------------ what is stored

    async def request(self, tenant: Tenant, request_id: UUID) -> asyncpg.Record:
        row = await self.db.fetchrow(
            "select * from message_request_now where company_id = $1 and id = $2",
            tenant.company_id,
            request_id,
        )
        assert row is not None
        return row

    async def messages(self, tenant: Tenant, request_id: UUID) -> list[asyncpg.Record]:
        """In the order of the request's recipients."""
        return await self.db.fetch(
            "select * from message where company_id = $1 and request_id = $2 order by id",
            tenant.company_id,
            request_id,
        )

    async def message(self, tenant: Tenant, request_id: UUID) -> asyncpg.Record:
        (message,) = await self.messages(tenant, request_id)
        return message

    async def states(self, tenant: Tenant, request_id: UUID) -> list[str]:
        return [row["state"] for row in await self.messages(tenant, request_id)]

    async def until(self, tenant: Tenant, request_id: UUID, *states: str) -> None:
        """The messages have these states, in order; one state is every message's."""

        async def reached() -> bool:
            found = await self.states(tenant, request_id)
            wanted = list(states) if len(states) != 1 else list(states) * len(found)
            return bool(found) and found == wanted

        await eventually(reached, words=f"for {states}")

    async def received(self, tenant: Tenant) -> list[asyncpg.Record]:
        """MO messages, in the order of arrival."""
        return await self.db.fetch(
            "select * from message where company_id = $1 and direction = 'MO' order by id",
            tenant.company_id,
        )

    async def waiting(self, tenant: Tenant) -> list[asyncpg.Record]:
        """A company's queue, in the order of time."""
        return await self.db.fetch(
            "select * from outbound where company_id = $1 order by due_at, message_id",
            tenant.company_id,
        )

    async def parts(self, tenant: Tenant) -> list[asyncpg.Record]:
        """What the carrier has taken of a company's messages."""
        return await self.db.fetch(
            "select * from fragment where company_id = $1 order by message_id, number",
            tenant.company_id,
        )

    async def make_due(self, tenant: Tenant, *, ago: timedelta = timedelta(seconds=1)) -> None:
        """Let time pass for everything that a company has in the queue."""
        await self.db.execute(
            "update outbound set due_at = now() - $2::interval where company_id = $1",
            tenant.company_id,
            ago,
        )


def _connector(name: str, chosen: ConnectorSettings) -> Connector:
    if isinstance(chosen, SandboxConnector):
        return Sandbox(name, chosen, response_timeout=0.1)
    return SmppConnector(name, chosen)


async def _end(loops: list[asyncio.Task[None]]) -> None:
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)

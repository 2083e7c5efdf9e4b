"""Deliverers over a real database, with a courier that posts to a real receiver.

house.put(configuration, "a", "b")     # events with deliveries that are due
await house.until(lambda: ...)
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from tests.factories import VAULT
from tests.waiting import eventually

from clarion.connectors.webhook.courier import WebhookCourier
from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.service import create_company
from clarion.engine.events.configurations import service as configurations
from clarion.engine.events.configurations.model import NewConfiguration
from clarion.engine.events.delivering.deliverer import Deliverer
from clarion.engine.events.delivering.ports import Courier
from clarion.engine.events.model import AuthenticationType
from clarion.kit import ids
from clarion.settings import Events
from clarion.storage.database import Database

LOOPBACK = ("127.0.0.0/8", "::1/128")
PUT = """
with made as (
    insert into event (company_id, id, topic, type, key, at, body)
    select $1, i.id, 'SCG-Message', 'mo_message_received', i.key, $4, i.body
    from unnest($2::uuid[], $3::text[], $5::text[]) as i (id, key, body)
), owed as (
    insert into event_delivery (company_id, event_id, configuration_id, updated_at)
    select $1, i.id, $6, $4 from unnest($2::uuid[]) as i (id)
)
insert into delivery_queue (company_id, configuration_id, due_at, event_id, key)
select $1, $6, $4, i.id, case when $7 then i.key end
from unnest($2::uuid[], $3::text[]) as i (id, key)
"""
HEARTBEAT = """
insert into node (id, name, roles, expires_at) values ($1, 'test', '{events}', $2)
on conflict (id) do update set expires_at = excluded.expires_at
"""


class Place:
    """A node that is alive for as long as nobody says otherwise."""

    def __init__(self) -> None:
        self.node_id = ids.new_id()
        self.lapses = 0
        self.late = False

    def lapsed(self) -> bool:
        return self.late


class Running:
    """One deliverer."""

    def __init__(self, deliverer: Deliverer, courier: Courier, place: Place) -> None:
        self.deliverer = deliverer
        self.courier = courier
        self.place = place

    async def stop(self, patience: float = 5.0) -> None:
        await self.deliverer.stop(patience)
        await self.courier.close()


class House:
    """A company with delivery configurations, and the deliverers that serve them."""

    def __init__(self, db: Database, company_id: int) -> None:
        self.db = db
        self.company_id = company_id
        self.caller = Caller(company_id=company_id, application_id=1)
        self._running: list[Running] = []
        self._names = 0

    @classmethod
    async def build(cls, db: Database) -> House:
        company = await create_company(db, name="acme")
        return cls(db, company.id)

    async def close(self) -> None:
        for each in self._running:
            await each.stop(patience=0.2)  # some receivers never answer

    async def configuration(
        self,
        address: str | None,
        *,
        authentication: Mapping[str, str] | None = None,
        secret: str | None = None,
        **more: Any,
    ) -> int:
        self._names += 1
        new = NewConfiguration(name=f"to-{self._names}", address=address, **more)
        id = await configurations.create(self.db, self.caller, new)
        if authentication is not None:
            given = dict(authentication)
            type = AuthenticationType(given.pop("type"))
            await configurations.set_authentication(
                self.db, VAULT, self.caller, id, type=type, settings=given
            )
        if secret is not None:
            await configurations.set_secrets(self.db, VAULT, self.caller, id, [secret])
        return id

    async def put(
        self, configuration: int, *keys: str, ordered: bool = False, **fields: object
    ) -> list[UUID]:
        """An event for each key, due now; answers their ids."""
        made = [ids.new_id() for _ in keys]
        bodies = [
            msgspec.json.encode({"from_address": key, "number": n} | fields).decode()
            for n, key in enumerate(keys)
        ]
        now = datetime.now(UTC)
        await self.db.execute(
            PUT, self.company_id, made, keys, now, bodies, configuration, ordered
        )  # fmt: skip
        for each in self._running:
            each.deliverer.wake()
        return made

    async def deliverer(self, courier: Courier | None = None, **settings: Any) -> Running:
        chosen = {"retry_seconds": (0.05, 0.05, 0.05), "timeout": 5.0, "connections": 4}
        events = Events(**(chosen | settings))
        place = Place()
        await self.beat(place)
        poster = courier or WebhookCourier(
            timeout=events.timeout, max_links=events.connections_total, allowed_networks=LOOPBACK
        )
        deliverer = Deliverer(
            self.db, poster, records=self.db, vault=VAULT, lease=place, settings=events
        )
        running = Running(deliverer, poster, place)
        self._running.append(running)
        deliverer.start()
        return running

    async def beat(self, place: Place, *, seconds: float = 600) -> None:
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        await self.db.execute(HEARTBEAT, place.node_id, until)

    async def statuses(self, configuration: int | None = None) -> Counter[str]:
        rows = await self.db.fetch(
            "select status::text, count(*) from event_delivery where company_id = $1"
            " and ($2::bigint is null or configuration_id = $2) group by status",
            self.company_id, configuration,
        )  # fmt: skip
        return Counter({row["status"]: row["count"] for row in rows})

    async def settled(self, expected: Mapping[str, int], configuration: int | None = None) -> None:
        """Until statuses are as expected; and nothing is left in hand."""

        async def reached() -> bool:
            return await self.statuses(configuration) == Counter(expected)

        await eventually(reached, words=f"for {expected}")

    async def left(self) -> tuple[int, int]:
        """Rows in the queue, and claims."""
        row = await self.db.fetchrow(
            "select (select count(*) from delivery_queue) as queue,"
            " (select count(*) from delivery_claim) as claims"
        )
        assert row is not None
        return row["queue"], row["claims"]

    async def nothing_left(self) -> None:
        async def none() -> bool:
            return await self.left() == (0, 0)

        await eventually(none, words="for an empty queue")

    async def attempts(self, event: UUID) -> list[Any]:
        return await self.db.fetch(
            "select * from delivery_attempt where company_id = $1 and event_id = $2"
            " order by configuration_id, number",
            self.company_id, event,
        )  # fmt: skip

    async def health(self, configuration: int) -> Any:
        return await self.db.fetchrow(
            "select * from delivery_configuration where company_id = $1 and id = $2",
            self.company_id, configuration,
        )  # fmt: skip


def shown(events: Sequence[UUID]) -> list[str]:
    return [ids.show(event) for event in events]


async def until_requests(receiver: Any, count: int, path: str = "") -> list[Any]:
    """The receiver's requests, once there are so many."""

    async def enough() -> bool:
        await asyncio.sleep(0)
        return len(receiver.requests(path)) >= count

    await eventually(enough, words=f"for {count} requests")
    found: list[Any] = receiver.requests(path)
    return found

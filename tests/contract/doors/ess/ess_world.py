"""A company to which everything that the ESS door shows has happened.

Configurations, subscriptions and events are made through the door; what receivers answered is
written by the statements of the test's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from harness import EVENTS, Client, Reply, Site

from clarion.kit import ids

PORTED = {"number": "+12345678901", "porting_date": "2011-05-27T00:00:00Z", "carrier_id": "15799"}

_TRIED = """
with moved as (
    update event_delivery set status = $4::delivery_status, attempts = 1, updated_at = $5
    where company_id = $1 and event_id = $2 and configuration_id = $3
), gone as (
    delete from delivery_queue
    where company_id = $1 and event_id = $2 and configuration_id = $3 and $4 <> 'RETRY'
), later as (
    update delivery_queue set attempts = 1
    where company_id = $1 and event_id = $2 and configuration_id = $3 and $4 = 'RETRY'
), failed as (
    insert into failed_delivery (company_id, configuration_id, event_id)
    select $1, $3, $2 where $4 = 'FAILED'
)
insert into delivery_attempt (company_id, event_id, configuration_id, number, at, succeeded,
    address, http_status, answer, milliseconds)
values ($1, $2, $3, 1, $5, $4 = 'SUCCESS', 'https://receiver.example/hook', $6, $7, 12)
"""
_FILE = """
insert into event_file (company_id, kind, configuration_id, format, status, opened_at, closed_at,
    rows, size, file_key, expires_at, updated_at)
values ($1, 'BUFFER', $2, 'JSON', 'ARCHIVED', $3, $3, 2, $4, $5,
    $3::timestamptz + interval '1 day', $3)
returning id
"""


@dataclass
class EventWorld:
    """A company, and ids of what it has."""

    site: Site
    client: Client
    made: dict[str, str] = field(default_factory=dict)

    @property
    def company(self) -> int:
        return self.client.caller.company_id

    async def get(self, path: str, **query: str) -> Reply:
        return await self.client.get(path, params=query)

    async def ok(self, verb: str, path: str, body: Any = None) -> Any:
        """The answer of a call that has to succeed."""
        more = {} if body is None else {"json": body}
        reply = await self.client.call(verb, path, **more)
        assert reply.status == 200, (verb, path, body, reply.raw)
        return reply.json

    async def configuration(self, name: str, **more: Any) -> str:
        body = {
            "del-cfg-nm": name,
            "del-prtcl-cd": "REST",
            "addr": "https://receiver.example/hook",
            "del-fmt-cd": "JSON",
            "is-active": True,
        } | more
        body = {key: value for key, value in body.items() if value is not None}
        return str((await self.ok("POST", "/delivery-configurations", body))["id"])

    async def subscription(self, configuration: str, topic: str = "NIS-Events", **more: Any) -> str:
        body = {"del-cfg-id": configuration, "match-crt": "", "start-date": ""} | more
        return str((await self.ok("POST", f"/topics/{topic}/subscriptions", body))["id"])

    async def publish(self, *ids_: str, type: str = "porting_event", **fields: Any) -> None:
        events = [{"event-id": id, "evt-tp": type, "fld-val-list": fields or PORTED} for id in ids_]
        await self.ok("POST", "/events", events)

    async def tried(
        self, event: str, configuration: str, status: str, *, http: int | None, answer: str
    ) -> None:
        """What became of the first try of a delivery."""
        db = self.site.services.db
        id = await db.fetchval(
            "select id from event where company_id = $1 and external_id = $2", self.company, event
        )
        now = datetime.now(UTC)
        await db.execute(_TRIED, self.company, id, int(configuration), status, now, http, answer)

    async def file(self, configuration: str, content: Sequence[bytes]) -> str:
        """A file of collected events that can be downloaded."""
        services = self.site.services

        async def chunks() -> Any:
            for each in content:
                yield each

        key = f"{self.company}/events/{ids.new_id().hex}"
        size = await services.files.put(key, chunks(), limit=1_000_000)
        now = datetime.now(UTC)
        return str(
            await services.db.fetchval(_FILE, self.company, int(configuration), now, size, key)
        )

    async def delivery(self, event: str, configuration: str) -> Any:
        """How one delivery is shown."""
        reply = await self.get("/event-deliveries", **{"event-id": event,
                                                       "del-cfg-id": configuration})  # fmt: skip
        (found,) = reply.json["event-deliveries"]
        return found


async def new_world(site: Site) -> EventWorld:
    """A company without anything."""
    return EventWorld(site, (await site.company()).in_form(EVENTS))


async def full_world(site: Site) -> EventWorld:
    """A company with something in every list."""
    world = await new_world(site)
    configuration = await world.configuration("receiver", throttling=20)
    cron = {"cron-expression": "0 15 * * * *", "latest-event-only": True, "addr": None}
    collecting = await world.configuration("collecting", **cron)
    await world.ok(
        "PUT",
        f"/delivery-configurations/{configuration}/authentication",
        {"type": "BASIC", "settings": {"username": "Admin", "password": "adnin"}},
    )
    subscription = await world.subscription(
        configuration,
        **{"evt-tp": "porting_event", "match-crt": "number = '+12345678901'", "end-date": None},
    )
    await world.publish("done", "again", "failed", "waiting")
    outcomes = (("done", "SUCCESS", 200, "Hello World"), ("again", "RETRY", 500, "no"),
                ("failed", "FAILED", 404, "never"))  # fmt: skip
    for event, status, http, answer in outcomes:
        await world.tried(event, configuration, status, http=http, answer=answer)
    world.made = {
        "del-config-id": configuration,
        "SUBSCRIPTION_NUMBER": subscription,
        "ID": "NIS-Events",
        "CODE": "porting_event",
        "EVT_ID": "done",
        "DEL_CFG_ID": configuration,
        "FILE_ID": await world.file(collecting, [b'{"n": 1}\n', b'{"n": 2}\n']),
        "DICT_CODE": "authentication-types",
        "collecting": collecting,
    }
    return world

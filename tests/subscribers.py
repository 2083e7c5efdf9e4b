"""Somebody who has subscribed to events: what is stored for them after a matcher has run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from clarion.engine.accounts.model import Caller
from clarion.engine.events.configurations import service as configurations
from clarion.engine.events.configurations.model import NewConfiguration
from clarion.engine.events.matching.interest import Interests
from clarion.engine.events.matching.matcher import Matcher
from clarion.engine.events.subscriptions import service as subscriptions
from clarion.engine.events.subscriptions.model import NewSubscription
from clarion.engine.events.types.catalogue import TYPES
from clarion.engine.events.types.service import check_fields
from clarion.engine.messages.announcing import TOPIC, describe
from clarion.storage.database import Database

_numbers = count(1)


class Told(Struct, frozen=True):
    """An event that is stored for somebody."""

    id: UUID
    topic: str
    type: str
    key: str
    at: datetime
    fields: dict[str, Any]
    configurations: tuple[int, ...]

    @property
    def moved(self) -> tuple[str, str]:
        return self.fields["previous_state"], self.fields["new_state"]


def a_matcher(db: Database, **more: Any) -> Matcher:
    more = {"delivered": lambda: None} | more
    return Matcher(db, Interests(), {TOPIC: describe}, **more)


async def a_configuration(db: Database, caller: Caller, **more: Any) -> int:
    more = {"name": f"hook {next(_numbers)}", "address": "https://example.com/hook"} | more
    return await configurations.create(db, caller, NewConfiguration(**more))


class Subscriber:
    """A company's delivery configuration, with what it has subscribed to."""

    def __init__(self, db: Database, caller: Caller, configuration: int) -> None:
        self.db = db
        self.caller = caller
        self.configuration = configuration

    async def wants(self, topic: str, type: str | None = None, criteria: str = "") -> int:
        new = NewSubscription(
            configuration_id=self.configuration, event_type=type, criteria=criteria
        )
        return await subscriptions.create(self.db, self.caller, topic, new)

    async def told(self, type: str | None = None) -> list[Told]:
        """All that is stored for the company by now, in order; of one type, if one is named."""
        await matched(self.db)
        found = await told(self.db, self.caller.company_id)
        for each in found:
            check_event(self.caller, each)
        return [each for each in found if type in (None, each.type)]


async def a_subscriber(
    db: Database, caller: Caller, topic: str | None = None, *types: str, **more: Any
) -> Subscriber:
    """Who wants these types of a topic; of none, all of them."""
    subscriber = Subscriber(db, caller, await a_configuration(db, caller, **more))
    if topic is not None:
        for type in types or (None,):
            await subscriber.wants(topic, type)
    return subscriber


async def matched(db: Database, matcher: Matcher | None = None) -> None:
    """Until nothing is left to be matched."""
    matcher = matcher or a_matcher(db)
    while await matcher.step():
        pass


async def told(db: Database, company_id: int) -> list[Told]:
    """Events with the configurations that they are queued for: one delivery each, not tried."""
    rows = await db.fetch(
        "select e.*, array("
        "    select d.configuration_id from event_delivery d"
        "    join delivery_queue q on q.company_id = $1 and q.event_id = d.event_id"
        "        and q.configuration_id = d.configuration_id and q.attempts = 0"
        "    where d.company_id = $1 and d.event_id = e.id and d.status = 'PENDING'"
        "    order by 1"
        ") as configurations from event e where e.company_id = $1 order by e.id",
        company_id,
    )
    return [
        Told(
            id=row["id"],
            topic=row["topic"],
            type=row["type"],
            key=row["key"],
            at=row["at"],
            fields=msgspec.json.decode(row["body"]),
            configurations=tuple(row["configurations"]),
        )
        for row in rows
    ]


def check_event(caller: Caller, event: Told) -> None:
    """What holds for every event of the engine's own: its type would let a publisher send it."""
    type = TYPES[event.type]
    assert event.topic == type.topic
    assert event.key
    assert event.configurations
    assert check_fields(type, event.fields) == event.fields
    assert event.fields["company-id"] == caller.company_id
    if "application_id" in type.fields:
        assert isinstance(event.fields["application_id"], int)


async def announced(db: Database, company_id: int) -> int:
    """Rows that wait for a matcher."""
    count: int = await db.fetchval(
        "select count(*) from announcement where company_id = $1", company_id
    )
    return count


def without_owner(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if k not in ("company-id", "application_id")}

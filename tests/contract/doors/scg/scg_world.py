"""A company in one wire form, and two rows of every resource that it makes as they are needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from harness import Client, Reply, Site

from clarion.engine.senders.model import Ownership
from clarion.kit import ids

Body = dict[str, Any]
DAYS = tuple(
    f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}T05:06:07.089Z" for days in (20, 30, 40)
)
TOMORROW = f"{datetime.now(UTC) + timedelta(hours=23):%Y-%m-%dT%H:%M:%S.089Z}"


@dataclass
class World:
    """A company in one wire form, and what it has made so far."""

    site: Site
    client: Client
    offers: tuple[str, ...]  # the operator's SHARED sender ids
    samples: Mapping[str, Sample]
    lively: Mapping[str, Callable[[World], Awaitable[str]]]
    made: dict[str, list[str]] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    number: int = 0

    async def post(self, path: str, body: Any) -> str:
        reply = await self.client.post(path, body)
        assert reply.status == 200, (path, body, reply.raw)
        return str(reply.json["id"])

    async def have(self, path: str) -> list[str]:
        """Ids of two rows of this collection that differ in everything."""
        if path not in self.made:
            self.made[path] = await _make(self, path)
        return self.made[path]

    async def whole(self, path: str) -> str:
        """The collection's path with the id of what it is below."""
        return path.replace("{}", await self.parent(path)) if "{}" in path else path

    async def parent(self, path: str) -> str:
        if path not in self.parents:
            above = path.partition("/{}")[0]
            id = (await self.have(above))[0]
            if path in self.lively:
                id = await self.lively[path](self)
            self.parents[path] = id
        return self.parents[path]

    async def body(self, path: str, n: int) -> Body:
        """What the n-th create of this collection is given."""
        return await self.samples[path].body(self, n)

    async def database(self, sql: str, *args: Any) -> None:
        await self.site.services.db.execute(sql, *args)

    @property
    def company(self) -> int:
        return self.client.caller.company_id


Make = Callable[[World], Awaitable[list[str]]]


@dataclass(frozen=True)
class Sample:
    """How rows of one collection come about."""

    body: Callable[[World, int], Awaitable[Body]]
    fills: tuple[str, ...] = ()  # $1 company, $2 id, $3 which of the two rows: 0 or 1
    hidden: frozenset[str] = frozenset()  # given on a create, shown nowhere
    masked: frozenset[str] = frozenset()  # shown, but not as it was given
    make: Make | None = None


async def _make(world: World, path: str) -> list[str]:
    sample = world.samples[path]
    if sample.make is not None:
        made = await sample.make(world)
    else:
        whole = await world.whole(path)
        made = [await world.post(whole, await sample.body(world, n)) for n in (0, 1)]
    for n, id in enumerate(made):
        for sql in sample.fills:
            await world.database(sql, world.company, ids.parse(id.split(".")[0]), n)
    return made


def listed(client: Client, reply: Reply) -> list[dict[str, Any]]:
    """The rows of a list in either wire form."""
    assert reply.status == 200, reply.raw
    rows: list[dict[str, Any]] = reply.json if client.prefix == "/scg/v1" else reply.json["list"]
    return rows


async def offer(site: Site, operator: Client) -> tuple[str, str]:
    """Two SHARED sender ids of the operator's."""
    first, second = [
        await site.sender(
            operator, ownership=Ownership.SHARED, type_id="SHORTCODE", address=f"{55550 + n}"
        )
        for n in (0, 1)
    ]
    await site.services.db.execute(
        "update sender_id_type set allowed_mime_types = array['image/png'], "
        "blocked_mime_types = array['image/gif'], credential_parameter_list = array['key'] "
        "where id = 'PUSH'"
    )
    return first, second

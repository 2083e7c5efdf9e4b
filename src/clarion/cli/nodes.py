"""The processes that work on an installation's database, as the database tells of them.

`clarion run` leaves a file in its data directory; `clarion serve` does not, and may run on other
machines: what all nodes have in common is their database.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncpg

from clarion.cli import running
from clarion.cli.first_run import SQL
from clarion.cli.gateway import Gateway
from clarion.cli.place import Place
from clarion.errors import ClarionError
from clarion.settings import SettingsError
from clarion.storage.database import Database


@dataclass(frozen=True)
class LiveNode:
    """A process whose lease holds, and how many binds it has of each connector."""

    name: str
    roles: tuple[str, ...]
    binds: dict[str, int]

    @property
    def here(self) -> bool:
        """Whether it runs on this machine: nodes are named by host and process."""
        return self.name.rpartition("-")[0] == socket.gethostname()

    @property
    def words(self) -> str:
        held = ", ".join(f"{count} of {name}" for name, count in sorted(self.binds.items()))
        return f"{self.name} ({', '.join(self.roles)})" + (f" binds {held}" if held else "")


async def live_nodes(db: Database) -> list[LiveNode]:
    rows = await db.fetch(SQL["live_nodes"])
    return [LiveNode(row["name"], tuple(row["roles"]), row["binds"] or {}) for row in rows]


def find_nodes(place: Place) -> list[LiveNode]:
    """Those of a database that runs already: none is started to ask it. Empty where it is away."""
    url = place.settings.database.url
    if not url:
        gateway = running.find(place)
        url = gateway.database_url if gateway else ""
    if not url:
        return []
    with suppress(ClarionError, SettingsError, asyncpg.UndefinedTableError):
        return asyncio.run(_find(place, url))
    return []


async def _find(place: Place, url: str) -> list[LiveNode]:
    db = await Database.connect(place.settings.database, url=url)
    try:
        return await live_nodes(db)
    finally:
        await db.close()


def ready_here(place: Place, nodes: Sequence[LiveNode]) -> dict[str, Any] | None:
    """What answers where the settings say to listen, if a node of this machine can be it."""
    if not any(node.here for node in nodes):
        return None
    with suppress(ClarionError):
        found = Gateway(f"http://{place.settings.http.listen}", token="").get("/readyz")
        if isinstance(found, dict) and "connectors" in found:
            return found
    return None

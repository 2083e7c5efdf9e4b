"""Delivery windows at the last moment: what has waited until its window was closed waits for the
next opening, whatever held it up. A message is made with the name of its window (`hours_of`); most
have none, and are not looked at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from clarion.engine.senders.windows.service import WindowDirectory

_UTC = "UTC"


def hours_of(class_id: str, zone: ZoneInfo | None) -> str:
    """What a message keeps of its window: the class whose it is, and the recipient's zone."""
    return f"{class_id} {zone.key if zone else _UTC}"


async def next_openings(
    windows: WindowDirectory, rows: Sequence[asyncpg.Record], now: datetime
) -> dict[UUID, datetime]:
    """Of messages (read_claimed) those whose window is closed, and when it opens."""
    found: dict[UUID, datetime] = {}
    for row in rows:
        if row["delivery_hours"] is None:
            continue
        class_id, _, zone = row["delivery_hours"].rpartition(" ")
        openings = await windows.get(class_id)
        if openings is not None:
            opens = openings.next(row["country"], ZoneInfo(zone), now)
            if opens > now:
                found[row["id"]] = opens
    return found

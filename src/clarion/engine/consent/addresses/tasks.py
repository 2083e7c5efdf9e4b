"""Background work of consent.

Single messages leave without a look at consent when nothing asks for one, so that sending stays
quick; their recipients get their statuses here, seconds later. Harmless when repeated: what is
there already stays as it is.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clarion.engine.consent.addresses.store import SQL
from clarion.kit.ids import floor_id
from clarion.storage.database import Database

SETTLED = timedelta(seconds=15)
"""Messages that old are committed: their ids are made before, and intake gives up sooner."""

FIRST_LOOK = timedelta(days=1)
"""How far back tracking begins in a company that it meets for the first time."""

BATCH = 5000


async def track(db: Database, *, settled: timedelta = SETTLED) -> int:
    """Make the statuses of everybody who was sent something lately; how many messages were seen."""
    now = datetime.now(UTC)
    first, last = floor_id(now - FIRST_LOOK), floor_id(now - settled)
    seen = 0
    for row in await db.fetch(SQL["companies_to_track"], first, last):
        count = BATCH
        while count == BATCH:
            count = await db.fetchval(SQL["track"], row["company_id"], first, last, BATCH, now)
            seen += count
    return seen

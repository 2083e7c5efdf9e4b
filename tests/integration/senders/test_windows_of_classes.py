"""Windows of classes on a real database: read through, changed by the operator."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from clarion.engine.senders.service import seed_catalogue
from clarion.engine.senders.windows.service import MAX_AGE, WindowDirectory, set_window
from clarion.errors import InvalidInput, NotFound
from clarion.storage.database import Database

NIGHT = datetime(2026, 11, 22, 3, tzinfo=UTC)  # a Sunday
UTC_ZONE = ZoneInfo("UTC")


@pytest.fixture
async def classes(db: Database) -> Database:
    await seed_catalogue(db)
    return db


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_the_window_of_a_class_is_found(classes: Database) -> None:
    windows = WindowDirectory(classes)
    commercial = await windows.get("COMMERCIAL")
    assert commercial is not None
    assert commercial.next("DE", UTC_ZONE, NIGHT).hour == 10
    assert await windows.get("ALERTS") is None
    assert await windows.get("NOTHING") is None


async def test_a_change_is_seen_within_seconds(classes: Database) -> None:
    clock = Clock()
    windows = WindowDirectory(classes, clock=clock)
    kept = await windows.get("COMMERCIAL")
    await set_window(classes, "ALERTS", '{"DEFAULT": {"OTH": "06:00-07:00"}}')
    await set_window(classes, "COMMERCIAL", None)
    assert await windows.get("ALERTS") is None
    assert await windows.get("COMMERCIAL") is kept
    clock.now += MAX_AGE
    alerts = await windows.get("ALERTS")
    assert alerts is not None
    assert alerts.next("DE", UTC_ZONE, NIGHT).hour == 6
    assert await windows.get("COMMERCIAL") is None


async def test_a_change_counts_as_a_new_version_of_the_class(classes: Database) -> None:
    await set_window(classes, "ALERTS", None)
    row = await classes.fetchrow("select version from sender_id_class where id = 'ALERTS'")
    assert row is not None
    assert row["version"] == 2
    with pytest.raises(NotFound):
        await set_window(classes, "NOTHING", None)
    with pytest.raises(InvalidInput):
        await set_window(classes, "ALERTS", "{}")


async def test_a_window_that_cannot_be_read_is_cautious(classes: Database) -> None:
    await classes.execute("update sender_id_class set delivery_window = 'nonsense'")
    windows = WindowDirectory(classes)
    openings = await windows.get("ALERTS")
    assert openings is not None
    assert openings.next("DE", UTC_ZONE, NIGHT).hour == 8

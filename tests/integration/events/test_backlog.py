"""What events have not come to yet, as metrics show it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from collected import OPENED, a_scene

from clarion import metrics
from clarion.engine.events.backlog import Backlog, backlog, measure_backlog
from clarion.kit import ids
from clarion.storage.database import Database

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


async def test_nothing_is_no_backlog(db: Database) -> None:
    assert await backlog(db, NOW) == Backlog(0, None, 0, 0, 0, None)


async def test_what_waits_is_counted_over_all_companies(db: Database, tmp_path: Path) -> None:
    collecting = await a_scene(db, tmp_path)
    posted = await a_scene(
        db, tmp_path, name="other", address="https://example.com", cron_expression=None,
        file_due_at=None, file_opened_at=None,
    )  # fmt: skip
    await collecting.wait(["+1", "+2"])
    later = await posted.wait(["+3", "+4"], at=OPENED + timedelta(minutes=1))
    await db.execute("update delivery_queue set attempts = 2 where event_id = $1", later[0])
    await db.execute(
        "insert into failed_delivery select company_id, configuration_id, event_id "
        "from delivery_queue where event_id = $1",
        later[1],
    )
    await db.execute(
        "insert into announcement (company_id, id, topic, type, at) values ($1, $2, 't', 't', $3)",
        posted.company_id, ids.new_id(), OPENED,
    )  # fmt: skip
    assert await backlog(db, NOW) == Backlog(
        announcements=1,
        announced_at=OPENED,
        pending=3,
        retry=1,
        failed=1,
        due_at=OPENED + timedelta(minutes=1),  # what is collected is due when its file is
    )


async def test_metrics_show_it(db: Database, tmp_path: Path) -> None:
    scene = await a_scene(db, tmp_path)
    await scene.wait(["+1", "+2"])
    await measure_backlog(db)
    text = metrics.render()[0].decode()
    assert 'clarion_event_deliveries_open{status="PENDING"} 2.0' in text
    assert 'clarion_event_deliveries_open{status="FAILED"} 0.0' in text
    assert "clarion_event_announcements 0.0" in text
    assert "clarion_event_announcement_age_seconds 0.0" in text
    assert "clarion_event_delivery_age_seconds 0.0" in text

"""The doctor sees when events wait for nobody."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from commands import Clarion

from clarion.engine.accounts.service import create_company
from clarion.kit import ids
from clarion.storage.database import Database


def long_ago() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=30)


async def finding(clarion: Clarion) -> dict[str, str]:
    _, printed = await clarion("doctor", "--json")
    found: dict[str, dict[str, str]] = {each["subject"]: each for each in json.loads(printed)}
    return found["events"]


async def waits(db: Database, **configuration: object) -> None:
    """A delivery that has been due for half an hour."""
    company = await create_company(db, name="acme")
    facts: dict[str, object] = {"address": "https://example.com", "failures": 0, "throttling": None}
    facts |= configuration
    await db.execute(
        "with made as (insert into delivery_configuration (company_id, name, protocol, format, "
        "active, updated_at, address, failures, throttling) values ($1, 'shop', 'REST', 'JSON', "
        "true, $2, $4, $5, $6) returning id) insert into delivery_queue (company_id, "
        "configuration_id, due_at, event_id) select $1, id, $2, $3 from made",
        company.id, long_ago(), ids.new_id(), *facts.values(),
    )  # fmt: skip


async def test_announcements_that_nobody_matches(clarion: Clarion, db: Database) -> None:
    company = await create_company(db, name="acme")
    await db.execute(
        "insert into announcement (company_id, id, topic, type, at) values ($1, $2, 't', 't', $3)",
        company.id, ids.new_id(), long_ago(),
    )  # fmt: skip
    found = await finding(clarion)
    assert found["verdict"] == "warning"
    assert "for 30 min" in found["words"]
    assert "role events" in found["mend"]


async def test_deliveries_that_nobody_posts(clarion: Clarion, db: Database) -> None:
    await waits(db)
    found = await finding(clarion)
    assert found["verdict"] == "warning"
    assert "1 delivery waits" in found["words"]
    assert "due for 30 min" in found["words"]


async def test_a_receiver_that_fails_is_no_fault_of_ours(clarion: Clarion, db: Database) -> None:
    await waits(db, failures=7)
    found = await finding(clarion)
    assert (found["verdict"], found["words"].split(",")[0]) == ("good", "1 delivery waits")


async def test_neither_is_one_that_is_throttled(clarion: Clarion, db: Database) -> None:
    await waits(db, throttling=10)
    assert (await finding(clarion))["verdict"] == "good"

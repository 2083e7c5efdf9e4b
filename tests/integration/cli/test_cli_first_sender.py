"""The sender id that `clarion run` offers for the first message."""

from __future__ import annotations

from pathlib import Path

import pytest

from clarion.cli.first_run import FirstSender, first_credentials, first_sender
from clarion.cli.place import Place
from clarion.engine.accounts.model import Credentials
from clarion.engine.senders.service import seed_catalogue
from clarion.kit.vault import Vault
from clarion.settings import SandboxConnector, Settings, SmppConnector
from clarion.storage.database import Database

CARRIER = SmppConnector(host="smsc.example", default=True)
VAULT = Vault("k" * 43 + "=")


@pytest.fixture
async def owner(db: Database, tmp_path: Path) -> Credentials:
    await seed_catalogue(db)
    return await first_credentials(Place(tmp_path, Settings(), None), db)


async def _first(db: Database, owner: Credentials, **connectors: object) -> FirstSender | None:
    settings = Settings(connectors=connectors)  # type: ignore[arg-type]
    return await first_sender(db, VAULT, settings, owner)


async def test_a_sandbox_that_is_not_the_default_carries_the_first_sender(
    db: Database, owner: Credentials
) -> None:
    made = await _first(db, owner, north=CARRIER, play=SandboxConnector())
    assert made is not None
    assert await db.fetchval("select connector from sender_id") == "play"
    assert await _first(db, owner, north=CARRIER, play=SandboxConnector()) == made


async def test_a_sender_that_no_connector_carries_is_not_offered(
    db: Database, owner: Credentials
) -> None:
    assert await _first(db, owner, north=CARRIER) is None
    made = await _first(db, owner, play=SandboxConnector())
    assert await _first(db, owner, north=CARRIER) == made
    await db.execute("update sender_id set connector = 'play'")
    assert await _first(db, owner, north=CARRIER) is None


async def test_an_address_that_is_taken_stays_as_it_is(db: Database, owner: Credentials) -> None:
    await _first(db, owner, play=SandboxConnector())
    await db.execute("update sender_id set state = 'BROKEN'")
    assert await _first(db, owner, play=SandboxConnector()) is None

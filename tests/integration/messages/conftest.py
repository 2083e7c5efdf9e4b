"""One database for the folder, one SMSC, and for each test a place of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from pipeline import Gateway, Place
from stage import Stage
from tests.factories import Tenant
from tests.peers.smsc import Smsc

from clarion import settings
from clarion.storage.database import Database

SHARED = "messages"


@pytest.fixture(scope="session")
async def _shared(
    server_url: str, _template: str, _administration: asyncpg.Pool
) -> AsyncIterator[Database]:
    await _administration.execute(f"create database {SHARED} template {_template}")
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{SHARED}"))
    database = await Database.connect(settings.Database(), url=url)
    yield database
    await database.close()
    await _administration.execute(f"drop database {SHARED} with (force)")


@pytest.fixture
async def place(_shared: Database) -> AsyncIterator[Place]:
    """At the end the books are checked."""
    place = Place(_shared)
    yield place
    await place.close()


@pytest.fixture
async def own_place(db: Database) -> AsyncIterator[Place]:
    """The same on a database of its own, for tests that harm it."""
    place = Place(db)
    yield place
    await place.close()
    await place.db.close()


@pytest.fixture
async def tenant(place: Place) -> Tenant:
    return await place.tenant()


@pytest.fixture
async def gateway(place: Place) -> Gateway:
    """Sends through the sandbox."""
    return await place.started()


@pytest.fixture
async def accepting(place: Place) -> AsyncIterator[Gateway]:
    """Accepts and sends nothing."""
    gateway = place.gateway()
    gateway.intake.start()
    yield gateway
    await gateway.intake.stop()


@pytest.fixture(scope="session")
async def _pipelines_smsc() -> AsyncIterator[Smsc]:
    async with Smsc(receipt_delay=5, retry_delay=20) as running:
        yield running


@pytest.fixture
async def smsc(_pipelines_smsc: Smsc) -> Smsc:
    await _pipelines_smsc.reset()
    return _pipelines_smsc


@pytest.fixture
async def stage(place: Place) -> AsyncIterator[Stage]:
    """A company on a gateway that accepts and prepares, and sends nothing."""
    gateway = place.gateway()
    await gateway.membership.renew()
    gateway.intake.start()
    yield Stage(place, gateway, await place.tenant())
    await gateway.intake.stop()
    await gateway.membership.leave()


@pytest.fixture
async def billed(place: Place) -> AsyncIterator[Stage]:
    """A stage where messages cost: 0.02, and 0.5 to the United States."""
    gateway = place.gateway(billing=settings.Billing(enabled=True))
    await gateway.membership.renew()
    gateway.intake.start()
    stage = Stage(place, gateway, await place.tenant())
    await stage.prices("0.02", US="0.5")
    yield stage
    await gateway.intake.stop()
    await gateway.membership.leave()

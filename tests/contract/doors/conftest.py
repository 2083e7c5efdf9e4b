"""Fixtures: an installation, and the client of its first company."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import aiohttp
import msgspec
import pytest
from harness import Client, Site, SiteMaker, running

from clarion import settings
from clarion.api.call import Door
from clarion.api.server import create_app
from clarion.api.services import Services
from clarion.engine.accounts.cache import TokenCache
from clarion.engine.messages.intake import Intake
from clarion.engine.senders.directory import SenderDirectory
from clarion.engine.senders.service import seed_catalogue
from clarion.kit.vault import Vault
from clarion.storage.database import Database


@pytest.fixture
async def make_site(db: Database) -> AsyncIterator[SiteMaker]:
    """Starts installations with settings of the test's choice."""
    closers: list[Callable[[], Awaitable[Any]]] = []

    async def make(doors: Iterable[Door] | None = None, **sections: Any) -> Site:
        chosen = settings.Settings(
            senders=settings.Senders(auto_provision=True),
            connectors={"sandbox": settings.SandboxConnector(default=True)},
        )
        for name, values in sections.items():
            chosen = _with(chosen, name, values)
        await seed_catalogue(db)
        tokens = TokenCache(db)
        await tokens.start()
        closers.append(tokens.stop)
        senders = SenderDirectory(db)
        intake = Intake(db, senders, chosen)
        intake.start()
        closers.append(intake.stop)
        services = Services(
            settings=chosen,
            db=db,
            tokens=tokens,
            intake=intake,
            senders=senders,
            vault=Vault("a secret of the tests"),
        )
        session = aiohttp.ClientSession()
        closers.append(session.close)
        server = running(create_app(services, doors))
        base = await server.__aenter__()
        closers.append(lambda: server.__aexit__(None, None, None))
        return Site(base, services, session)

    yield make
    for close in reversed(closers):
        await close()


@pytest.fixture
async def site(make_site: SiteMaker) -> Site:
    return await make_site()


@pytest.fixture
async def client(site: Site) -> Client:
    """The first company, which is the operator's."""
    return await site.company("Operator")


def _with(chosen: settings.Settings, name: str, values: dict[str, Any]) -> settings.Settings:
    section = msgspec.structs.replace(getattr(chosen, name), **values)
    return msgspec.structs.replace(chosen, **{name: section})

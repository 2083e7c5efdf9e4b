"""Fixtures: one installation that the tests share, each as a company of its own, or a fresh one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import asyncpg
import msgspec
import pytest
from harness import Client, Site, SiteMaker, running

from clarion import settings
from clarion.api.call import Door
from clarion.api.server import create_app
from clarion.api.services import Services
from clarion.engine.accounts.cache import TokenCache
from clarion.engine.events.matching.interest import Interests
from clarion.engine.events.streaming.desk import StreamDesk
from clarion.engine.messages.intake import Intake
from clarion.engine.messages.links.desk import LinkDesk
from clarion.engine.messages.planning import Planner
from clarion.engine.messages.steps.means import Means
from clarion.engine.senders.directory import SenderDirectory
from clarion.engine.senders.service import seed_catalogue
from clarion.kit.vault import Vault
from clarion.storage.database import Database
from clarion.storage.files import FileStore

Install = Callable[..., AbstractAsyncContextManager[Site]]


@pytest.fixture(scope="session")
async def site(
    server_url: str, _template: str, _administration: asyncpg.Pool
) -> AsyncIterator[Site]:
    """The installation that tests share; its operator is none of their companies."""
    await _administration.execute(f"create database doors template {_template} strategy file_copy")
    url = urlunsplit(urlsplit(server_url)._replace(path="/doors"))
    database = await Database.connect(settings.Database(), url=url)
    async with _installation(database) as made:
        await made.company()
        yield made
    await database.close()
    await _administration.execute("drop database doors with (force)")


@pytest.fixture
async def client(site: Site) -> Client:
    """A company of the test's own."""
    return await site.company()


@pytest.fixture
async def make_site(site: Site) -> AsyncIterator[SiteMaker]:
    """Starts more processes of the shared installation, with settings of the test's choice."""
    async with AsyncExitStack() as stack:

        async def make(doors: Iterable[Door] | None = None, **sections: Any) -> Site:
            return await stack.enter_async_context(
                _installation(site.services.db, doors, **sections)
            )

        yield make


@pytest.fixture
async def fresh_site(db: Database) -> AsyncIterator[Site]:
    """An installation without any company yet."""
    async with _installation(db) as made:
        yield made


@pytest.fixture
async def operator(fresh_site: Site) -> Client:
    """The first company of a fresh installation."""
    return await fresh_site.company()


@pytest.fixture(scope="session")
def install() -> Install:
    """Starts an installation on a database of the caller's."""
    return _installation


@asynccontextmanager
async def _installation(
    db: Database, doors: Iterable[Door] | None = None, **sections: Any
) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(TemporaryDirectory(prefix="clarion-files-"))
        chosen = settings.Settings(
            files=settings.Files(url=Path(directory).as_uri()),
            senders=settings.Senders(auto_provision=True),
            connectors={"sandbox": settings.SandboxConnector(default=True)},
        )
        for name, values in sections.items():
            chosen = _with(chosen, name, values)
        await seed_catalogue(db)
        tokens, senders = TokenCache(db), SenderDirectory(db)
        vault = Vault("a secret of the tests")
        planner = Planner(db, senders, Means.of(db, chosen, vault))
        intake = Intake(db, senders, planner, chosen)
        services = Services(
            settings=chosen,
            db=db,
            tokens=tokens,
            intake=intake,
            senders=senders,
            files=FileStore(chosen.files),
            vault=vault,
            links=(links := LinkDesk(db)),
            streams=(streams := StreamDesk(db)),
            interests=Interests(),
        )
        await streams.start()
        stack.callback(streams.stop)
        links.start()
        stack.push_async_callback(links.stop)
        await tokens.start()
        stack.push_async_callback(tokens.stop)
        intake.start()
        stack.push_async_callback(intake.stop)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        base = await stack.enter_async_context(running(create_app(services, doors)))
        yield Site(base, services, session)


def _with(chosen: settings.Settings, name: str, values: dict[str, Any]) -> settings.Settings:
    section = msgspec.structs.replace(getattr(chosen, name), **values)
    return msgspec.structs.replace(chosen, **{name: section})

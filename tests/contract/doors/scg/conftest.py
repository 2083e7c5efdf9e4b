"""An installation of the walk's own: an operator, and a company for each wire form."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from harness import LIVE, REFERENCE, Site
from scg_samples import LIVELY, SAMPLES
from scg_tables import COLLECTIONS
from scg_world import World, offer

from clarion import settings
from clarion.storage.database import Database


@pytest.fixture(scope="session")
async def walked(clone: Any, install: Any) -> AsyncIterator[dict[str, World]]:
    """By the prefix of the door: a company that has everything once it is asked for."""
    async with clone() as url:
        database = await Database.connect(settings.Database(), url=url)
        async with install(database) as site:
            yield await _worlds(site)
        await database.close()


async def _worlds(site: Site) -> dict[str, World]:
    operator = await site.company()
    offers = await offer(site, operator)
    return {
        form: World(site, (await site.company()).in_form(form), offers, SAMPLES, LIVELY)
        for form in (LIVE, REFERENCE)
    }


@pytest.fixture
async def playground(walked: dict[str, World]) -> World:
    """A company of the test's own that has two of everything."""
    known = walked[LIVE]
    world = World(known.site, await known.site.company(), known.offers, SAMPLES, LIVELY)
    for collection in COLLECTIONS.values():
        if "GET" in collection.all:
            await world.have(collection.path)
    return world


@pytest.fixture(params=[LIVE, REFERENCE], ids=["live", "reference"])
def world(request: pytest.FixtureRequest, walked: dict[str, World]) -> World:
    return walked[request.param]

"""A company for the walk through the ESS reference, and one of a test's own."""

from __future__ import annotations

import pytest
from ess_world import EventWorld, full_world, new_world
from harness import Site


@pytest.fixture(scope="session")
async def walked_events(site: Site) -> EventWorld:
    """It has everything; tests only look at it."""
    return await full_world(site)


@pytest.fixture
async def world(site: Site) -> EventWorld:
    """It has nothing."""
    return await new_world(site)


@pytest.fixture
async def full(site: Site) -> EventWorld:
    """It has everything, and may be changed."""
    return await full_world(site)

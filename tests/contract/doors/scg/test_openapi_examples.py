"""Every operation of the OpenAPI document, with what its schemas allow and with what they do not:
no answer is a server error, and all are what the document says.

The same examples in every run. Ids in paths are unknown ones, or those of what a company has.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from openapi_examples import faults
from scg_tables import COLLECTIONS
from scg_world import World
from schemathesis import Case, GenerationMode

from clarion.api import ess


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_every_example_is_answered_as_documented(
    playground: World, mode: GenerationMode
) -> None:
    client = playground.client
    document = (await client.get("/docs/openapi.json", whole=True)).json
    others = {path: about for path, about in document["paths"].items()
              if not path.startswith(ess.PREFIX)}  # fmt: skip
    assert await faults(client, document | {"paths": others}, mode, _aiming(playground)) == []


def _aiming(world: World) -> Callable[[Case], None]:
    """Gives a path the ids of what is there."""
    known = {}
    for collection in COLLECTIONS.values():
        ids = [world.parents.get(collection.path, ""), *world.made.get(collection.path, [])[:1]]
        known[collection.path] = [id for id in ids if id]

    def aim(case: Case) -> None:
        names = [part.strip("{}") for part in case.path.split("/") if part.startswith("{")]
        bare = "/".join("{}" if part.startswith("{") else part for part in case.path.split("/"))
        for path, ids in known.items():
            if bare.endswith((path, path + "/{}")) and len(ids) >= len(names):
                case.path_parameters.update(zip(names, ids, strict=False))

    return aim

"""Every operation of the ESS door's OpenAPI document, with what its schemas allow and with what
they do not: no answer is a server error, and all are what the document says."""

from __future__ import annotations

import re

import pytest
from ess_tables import OPERATIONS
from ess_world import EventWorld
from harness import EVENTS
from openapi_examples import faults
from schemathesis import Case, GenerationMode


async def test_the_document_has_every_operation_of_the_reference(walked_events: EventWorld) -> None:
    document = (await walked_events.client.get("/docs/ess/openapi.json", whole=True)).json
    for each in OPERATIONS.values():
        said = document["paths"][EVENTS + each.path][each.verb.lower()]
        assert set(said["responses"]) >= {"200", "400", "401", "404", "429", "500", "503"}
        names = {parameter["name"] for parameter in said["parameters"]}
        assert set(each.query) <= names, each.name
        in_path = {one["name"] for one in said["parameters"] if one["in"] == "path"}
        assert set(re.findall(r"{([^}]*)}", each.path)) == in_path


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_every_example_is_answered_as_documented(
    full: EventWorld, mode: GenerationMode
) -> None:
    document = (await full.client.get("/docs/ess/openapi.json", whole=True)).json

    def aim(case: Case) -> None:
        """Gives a path the ids of what is there."""
        case.path_parameters.update(
            {name: full.made[name] for name in case.path_parameters if name in full.made}
        )

    assert await faults(full.client, document, mode, aim) == []

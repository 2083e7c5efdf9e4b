"""Every operation of an OpenAPI document, with what its schemas allow and with what they do not:
no answer is a server error, and all are what the document says.

The same examples in every run; `aim` gives every other one ids of what is there.
"""

from __future__ import annotations

import asyncio
import json
import os
import warnings
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

import schemathesis
from harness import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator
from schemathesis import Case, GenerationMode
from yarl import URL

WRONG_SECRET = ("GET /saop-rest-data/v1/apptoken-refresh",)
"""Clients expect 500 for a consumer secret that is wrong."""

EXAMPLES = int(os.environ.get("CLARION_TEST_EXAMPLES", "4"))
AT_ONCE = 8
Example = tuple[str, dict[str, Any]]
Aim = Callable[[Case], None]
_SETTINGS = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


async def faults(client: Client, document: Any, mode: GenerationMode, aim: Aim) -> list[Any]:
    """What is wrong with answers; deletions come last."""
    examples = await asyncio.to_thread(_examples, document, mode, aim)
    assert len(examples) > len(document["paths"])
    room, judge = asyncio.Semaphore(AT_ONCE), Judge(document)
    found: list[Any] = []
    for deleting in (False, True):
        some = [each for each in examples if each[0].startswith("DELETE") is deleting]
        found += await asyncio.gather(*(_fault(client, room, judge, *each) for each in some))
    return [fault for fault in found if fault is not None]


def _examples(document: Any, mode: GenerationMode, aim: Aim) -> list[Example]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schema = schemathesis.openapi.from_dict(document)
        operations = [result.ok() for result in schema.get_all_operations()]
        return [
            (operation.label, arguments)
            for operation in operations
            for arguments in _of_operation(operation, mode, aim)
        ]


def _of_operation(operation: Any, mode: GenerationMode, aim: Aim) -> Iterable[dict[str, Any]]:
    cases: list[Case] = []

    @_SETTINGS
    @given(case=operation.as_strategy(mode))
    def collect(case: Case) -> None:
        cases.append(case)

    try:
        collect()
    except Unsatisfiable:
        return []  # nothing is against its schema
    for number, case in enumerate(cases):
        if number % 2 == 0:
            aim(case)
    return [case.as_transport_kwargs(base_url="") for case in cases]


class Judge:
    """Knows what the document says of answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._validators: dict[tuple[str, str], Draft202012Validator] = {}

    def fault(self, label: str, status: int, kind: str, body: bytes) -> str | None:
        if status >= 500 and label not in WRONG_SECRET:
            return "a server error"
        method, _, path = label.partition(" ")
        said = self._document["paths"][path][method.lower()]["responses"].get(str(status))
        if said is None:
            return "an answer that is not in the document"
        schema = said.get("content", {}).get("application/json", {}).get("schema")
        if schema is None or not kind.startswith("application/json"):
            return None if schema is None else "no JSON"
        validator = self._validators.get((label, str(status)))
        if validator is None:
            whole = schema | {"components": self._document["components"]}
            validator = self._validators[label, str(status)] = Draft202012Validator(whole)
        error = next(validator.iter_errors(json.loads(body)), None)
        return error and f"{error.json_path}: {error.message[:300]}"


async def _fault(
    client: Client, room: asyncio.Semaphore, judge: Judge, label: str, arguments: dict[str, Any]
) -> Any:
    """What is wrong with the answer to one example."""
    body = {name: arguments[name] for name in ("json", "data") if name in arguments}
    async with room:
        try:
            async with client.session.request(
                arguments["method"],
                _url(client, arguments),
                headers=_headers(client, arguments),
                allow_redirects=False,
                **body,
            ) as answer:
                text = await answer.read()
        except ValueError as error:  # of the client's: a header that cannot be sent
            return None if "header" in str(error).lower() else (label, arguments, repr(error))
    kind = answer.headers.get("Content-Type", "")
    wrong = judge.fault(label, answer.status, kind, text)
    return wrong and (label, wrong, answer.status, text[:500], arguments)


def _url(client: Client, arguments: dict[str, Any]) -> URL:
    query = urlencode(arguments.get("params") or {}, doseq=True)
    return URL(client.base + arguments["url"] + (f"?{query}" if query else ""), encoded=True)


def _headers(client: Client, arguments: dict[str, Any]) -> dict[str, str]:
    given = arguments["headers"].items()
    kept = {name: value for name, value in given if name.lower() in ("content-type", "range")}
    return kept | {"Authorization": f"Bearer {client.token}"}

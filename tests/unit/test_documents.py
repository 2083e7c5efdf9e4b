"""Pages that are made from code, or speak of it, are true."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path
from time import time
from typing import Any

from clarion.cli import event_docs
from clarion.cli.configuration_docs import markdown
from clarion.connectors.webhook.signing import keys_of, signature_lines
from clarion.engine.events.types.catalogue import TYPES
from clarion.engine.events.types.fields import check_fields

ROOT = Path(__file__).parents[2]


def test_the_configuration_page_is_made_from_the_settings() -> None:
    page = (ROOT / "docs/configuration.md").read_text("utf-8")
    command = "python -m clarion.cli.configuration_docs docs/configuration.md"
    assert page == markdown(), f"make it again: {command}"


def test_the_page_of_the_ess_door_lists_every_operation_and_every_event() -> None:
    page = (ROOT / "docs/ess.md").read_text("utf-8")
    command = "python -m clarion.cli.event_docs docs/ess.md"
    assert page == event_docs.filled(page), f"make it again: {command}"
    headings = re.findall(r"^#### \\?(\S+)$", page, re.MULTILINE)
    assert sorted(headings) == sorted(TYPES)


def test_examples_of_events_are_what_their_types_take() -> None:
    page = (ROOT / "docs/ess.md").read_text("utf-8")
    found = re.findall(r"^#### \\?(\S+)$.*?```json\n(.*?)```", page, re.MULTILINE | re.DOTALL)
    for code, example in found:
        fields = json.loads(example)
        assert check_fields(TYPES[code], fields) == fields, code


def test_the_check_of_signatures_that_is_printed_works() -> None:
    page = (ROOT / "docs/webhooks.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    secret, body = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", b'{"event-id":"1"}'
    for age, good in ((0, True), (3600, False)):
        lines = signature_lines(keys_of([secret]), "1", int(time()) - age, body).splitlines()
        headers = dict(line.split(": ", 1) for line in lines)
        assert names["is_signed"](secret, headers, body) is good
        assert not names["is_signed"](secret, headers, body + b" ")


def test_every_dependency_has_its_row_and_no_other_has() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {re.split(r"[<>=~! ]", each)[0] for each in project["dependencies"]}
    page = (ROOT / "docs/dependencies.md").read_text("utf-8")
    rows = [re.split(r" *\| *", line)[1:-1] for line in page.splitlines() if line.startswith("| ")]
    named = {row[0]: row for row in rows[1:]}
    assert named.keys() == wanted
    assert all(all(cell for cell in row) and len(row) == 6 for row in named.values())


def test_every_dependency_has_a_version_in_the_lock_that_its_row_names() -> None:
    page = (ROOT / "docs/dependencies.md").read_text("utf-8")
    lock = (ROOT / "requirements/run.txt").read_text("utf-8")
    for name, version in re.findall(r"^([a-z0-9-]+)==([0-9.]+)", lock, re.MULTILINE):
        row = re.search(rf"^\| {name} \|.*$", page, re.MULTILINE)
        assert row is None or f"| {version}, " in row[0], f"{name}: {version} is locked"


def test_log_events_are_constants() -> None:
    levels = {"debug", "info", "warning", "error", "exception"}
    wrong = []
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="log"), attr=attr),
                    args=[ast.Constant(), *_],
                ) if attr in levels:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not wrong

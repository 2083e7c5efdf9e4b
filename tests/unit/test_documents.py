"""Pages that are made from code, or speak of it, are true."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

from clarion.cli.configuration_docs import markdown

ROOT = Path(__file__).parents[2]


def test_the_configuration_page_is_made_from_the_settings() -> None:
    page = (ROOT / "docs/configuration.md").read_text("utf-8")
    command = "python -m clarion.cli.configuration_docs docs/configuration.md"
    assert page == markdown(), f"make it again: {command}"


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

"""The ESS reference's tables, read from reference.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILE = tomllib.loads(Path(__file__).with_name("reference.toml").read_text("utf-8"))
KINDS: dict[str, Any] = {"text": str, "integer": int, "boolean": bool}


@dataclass(frozen=True)
class Row:
    """An attribute: where it is, and its type."""

    where: str
    type: str


@dataclass(frozen=True)
class Operation:
    """A verb and a path, what it is asked with and what it shows."""

    verb: str
    path: str
    query: tuple[str, ...]
    limit: int | None  # of a page that is asked for without one
    takes: tuple[Row, ...]
    shows: tuple[Row, ...]

    @property
    def name(self) -> str:
        return f"{self.verb} {self.path}"


@dataclass(frozen=True)
class Type:
    """An event type: its fields with what they hold, and those that must be there."""

    strict: bool
    fields: dict[str, str]
    mandatory: frozenset[str]


@dataclass(frozen=True)
class Topic:
    service: str | None
    types: tuple[str, ...]


def _rows(text: str) -> tuple[Row, ...]:
    return tuple(Row(*line.split()) for line in text.strip().splitlines())


def _operation(name: str, given: dict[str, Any]) -> Operation:
    verb, path = name.split()
    return Operation(
        verb,
        path,
        tuple(given.get("query", "").split()),
        given.get("limit"),
        _rows(given.get("takes", "")),
        _rows(given.get("shows", "")),
    )


def _type(given: dict[str, Any]) -> Type:
    words = [(word, kind) for kind, text in given.items() if kind != "strict"
             for word in text.split()]  # fmt: skip
    return Type(
        given.get("strict", True),
        {word.removesuffix("*"): kind for word, kind in words},
        frozenset(word.removesuffix("*") for word, _ in words if word.endswith("*")),
    )


OPERATIONS = {name: _operation(name, given) for name, given in _FILE["operations"].items()}
DICTIONARIES = {name: set(words.split()) for name, words in _FILE["dictionaries"].items()}
TOPICS = {
    name: Topic(given.get("service"), tuple(given["types"].split()))
    for name, given in _FILE["topics"].items()
}
TYPES = {name: _type(given) for name, given in _FILE["types"].items()}


def values(body: Any, where: str) -> Iterator[Any]:
    """All that a body has at this place of a table; absent attributes are passed over."""
    head, _, rest = where.partition(".")
    name = head.rstrip("[]{}")
    if not isinstance(body, dict) or name not in body:
        return
    found = body[name]
    if head.endswith("[]"):
        each: list[Any] = found
    elif head.endswith("{}"):
        each = list(found.values())
    else:
        each = [found]
    for one in each:
        if rest:
            yield from values(one, rest)
        else:
            yield one


def misfits(body: Any, rows: tuple[Row, ...]) -> list[str]:
    """What is missing in an answer, or is of another type than its table says."""
    wrong = []
    for row in rows:
        found = list(values(body, row.where))
        kind = KINDS[row.type]
        if not found:
            wrong.append(f"{row.where} is nowhere")
        if any(type(value) is not kind for value in found):
            wrong.append(f"{row.where} is no {row.type}: {found!r}")
    return wrong

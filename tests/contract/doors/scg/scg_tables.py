"""The SCG reference's tables, read from reference.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILE = tomllib.loads(Path(__file__).with_name("reference.toml").read_text("utf-8"))
DEVIATIONS: list[dict[str, str]] = _FILE["deviations"]
ERRORS: dict[str, set[str]] = {
    status: set(codes.split()) for status, codes in _FILE["errors"].items() if status.isdigit()
}
MORE_CODES: dict[str, set[str]] = {
    operation: set(codes.split()) for operation, codes in _FILE["errors"]["more"].items()
}


@dataclass(frozen=True)
class Attribute:
    """One line of a resource's table; name and type as the two wire forms have them."""

    names: tuple[str, str]
    types: tuple[str, str]
    uses: str

    def name(self, *, reference: bool) -> str:
        return self.names[reference]

    def type(self, *, reference: bool) -> str:
        return self.types[reference]

    @property
    def key(self) -> str:
        return self.names[0]


@dataclass(frozen=True)
class Resource:
    name: str
    attributes: tuple[Attribute, ...]
    unique: tuple[tuple[str, ...], ...]

    def used(self, use: str) -> tuple[Attribute, ...]:
        return tuple(each for each in self.attributes if use in each.uses)

    def without(self, matter: str) -> set[str]:
        """Attributes that deviate in this matter."""
        return {
            name
            for each in DEVIATIONS
            if each["of"] == self.name and each.get("not") == matter
            for name in each["attributes"].split()
        }


@dataclass(frozen=True)
class Collection:
    """A path that lists a resource, and what can be done with the list and with one of it."""

    path: str  # {} stands for the id of what it is below
    of: Resource
    all: tuple[str, ...]
    one: tuple[str, ...]
    refused: tuple[str, ...]

    @property
    def operations(self) -> list[tuple[str, str]]:
        """Every verb with its path."""
        return [(verb, self.path) for verb in self.all] + [
            (verb, self.path + "/{}") for verb in self.one
        ]


def _twice(text: str) -> tuple[str, str]:
    live, _, reference = text.partition("|")
    return live, reference or live


def _attribute(line: str) -> Attribute:
    name, type_, *uses = line.split()
    return Attribute(_twice(name), _twice(type_), "".join(uses))


def _resource(name: str, given: dict[str, Any]) -> Resource:
    lines = given["attributes"].strip().splitlines()
    unique = tuple(tuple(names.split()) for names in given.get("unique", ()))
    return Resource(name, tuple(map(_attribute, lines)), unique)


RESOURCES = {name: _resource(name, given) for name, given in _FILE["resources"].items()}
COLLECTIONS = {
    path: Collection(
        path,
        RESOURCES[given["of"]],
        tuple(given.get("all", "").split()),
        tuple(given.get("one", "").split()),
        tuple(given.get("refused", "").split()),
    )
    for path, given in _FILE["paths"].items()
}
OPERATIONS = [each for collection in COLLECTIONS.values() for each in collection.operations]
REFUSED = [(verb, each.path) for each in COLLECTIONS.values() for verb in each.refused]

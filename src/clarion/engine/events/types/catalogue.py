"""The topics and event types that every company has, as catalogue.toml lists them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any

from clarion.engine.events.model import EventType, Field, FieldType, Topic

_FIELD_TYPES = {each.value for each in FieldType}


def _load() -> list[dict[str, Any]]:
    text = resources.files(__package__).joinpath("catalogue.toml").read_text("utf-8")
    topics: list[dict[str, Any]] = tomllib.loads(text)["topic"]
    return topics


def _types(topic: Mapping[str, Any]) -> Iterator[EventType]:
    for code, entry in topic["types"].items():
        yield EventType(
            code=code,
            topic=topic["name"] or None,
            strict=entry.get("strict", True),
            fields=MappingProxyType(dict(_fields(entry))),
        )


def _fields(entry: Mapping[str, str]) -> Iterator[tuple[str, Field]]:
    for kind in _FIELD_TYPES & entry.keys():
        for word in entry[kind].split():
            name = word.removesuffix("!")
            yield name, Field(FieldType(kind), mandatory=name != word)


_LISTED = _load()

TOPICS: Mapping[str, Topic] = MappingProxyType(
    {
        each["name"]: Topic(each["name"], each["description"], each.get("service"))
        for each in _LISTED
        if each["name"]
    }
)
"""By name."""

TYPES: Mapping[str, EventType] = MappingProxyType(
    {type.code: type for each in _LISTED for type in _types(each)}
)
"""By code."""

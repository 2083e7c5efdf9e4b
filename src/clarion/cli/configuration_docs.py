"""docs/configuration.md, made from settings: `python -m clarion.cli.configuration_docs FILE`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import NODEFAULT, Struct, inspect

from clarion.settings import ConnectorSettings, Settings, Tls

_INTRODUCTION = """\
# Configuration

<!-- Made from src/clarion/settings by `python -m clarion.cli.configuration_docs FILE`. -->

Settings come from one TOML file and from the environment, which wins. The file is named by
`--config` or `CLARION_CONFIG`; without either, `clarion.toml` in the data directory is read if it
is there. An unknown key or a wrong value stops the start and is named. `clarion settings` shows
what is in force.

```toml
[database]
url = "postgresql://clarion@db.example/clarion"

[connectors.north]
kind = "smpp"
host = "smsc.example"
system_id = "acme"
password = "..."
default = true
```

In the environment a list has commas between its items:
`CLARION_EVENTS_ALLOWED_NETWORKS=10.1.0.0/16,fd12::/16`.

`CLARION_CONFIG`, `CLARION_DATA`, `CLARION_URL`, `CLARION_TOKEN` and `CLARION_SECRET` are options of
commands: see `clarion listen --help`.
"""


def markdown() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for field in msgspec.structs.fields(Settings):
        if field.name != "connectors":
            parts.append(_section(field.type, f"[{field.name}]", field.name.upper()))
    for kind in get_args(ConnectorSettings):
        tag = kind.__struct_config__.tag
        parts.append(_section(kind, f'[connectors.NAME], kind = "{tag}"', None))
    parts.append(_section(Tls, "[connectors.NAME.tls]", None))
    return "\n".join(parts)


def _section(kind: type[Struct], title: str, variable: str | None) -> str:
    lines = [f"## {title}", "", _first_line(kind), ""]
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    for field in described.fields:
        lines += _entry(field, variable)
    return "\n".join([*lines, ""])


def _entry(field: inspect.Field, variable: str | None) -> Iterator[str]:
    plain, words = _unwrap(field.type)
    facts = [_type_words(plain), _default_words(field)]
    if variable is not None:
        facts.append(f"`CLARION_{variable}_{field.name.upper()}`")
    yield f"- **`{field.name}`** ({', '.join(facts)})  "
    yield f"  {words}"


def _unwrap(kind: inspect.Type) -> tuple[inspect.Type, str]:
    """The type below its description, and the description."""
    words = ""
    while isinstance(kind, inspect.Metadata):
        extra = kind.extra_json_schema or {}
        words = words or str(extra.get("description", ""))
        kind = kind.type
    return kind, words


def _type_words(kind: inspect.Type) -> str:
    kind, _ = _unwrap(kind)
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() | inspect.FloatType():
            return _number_words(kind)
        case inspect.LiteralType(values=values):
            return " or ".join(f"`{value}`" for value in values)
        case inspect.VarTupleType(item_type=item):
            return f"list of {_plural(_type_words(item))}"
        case inspect.UnionType(types=types):
            named = [each for each in types if not isinstance(each, inspect.NoneType)]
            return " or ".join(map(_type_words, named))
        case inspect.StructType():
            return "table"
        case inspect.StrType(max_length=most):
            return f"text of up to {most} characters" if most else "text"
        case _:
            raise TypeError(f"no words for {kind}")


def _number_words(kind: inspect.IntType | inspect.FloatType) -> str:
    words = "whole number" if isinstance(kind, inspect.IntType) else "number"
    if kind.ge is not None and kind.le is not None:
        return f"{words} from {kind.ge:g} to {kind.le:g}"
    if kind.ge is not None:
        return f"{words} from {kind.ge:g}"
    if kind.gt is not None:
        return f"{words} above {kind.gt:g}"
    return words


def _plural(words: str) -> str:
    return words.replace("number", "numbers").replace("text", "texts")


def _default_words(field: inspect.Field) -> str:
    if field.required:
        return "required"
    default = field.default
    if default is NODEFAULT and callable(field.default_factory):
        default = field.default_factory()
    return f"default {_shown(default)}"


def _shown(default: Any) -> str:
    if default is None:
        return "none"
    return f"`{msgspec.json.encode(default).decode('utf-8')}`"


def _first_line(kind: type[Struct]) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), "utf-8")

"""`clarion settings`: what is in force, with secrets hidden."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from clarion.cli.configuration_docs import markdown
from clarion.cli.logs import is_secret
from clarion.cli.output import console, print_json
from clarion.cli.place import ConfigOption, DataOption, JsonOption, find_place
from clarion.log import HIDDEN, clean_words
from clarion.settings import Settings


def settings(
    *,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    describe: Annotated[
        bool, typer.Option("--markdown", help="Describe every setting, as docs/configuration.md.")
    ] = False,
) -> None:
    """Show the settings in force: defaults, then the file, then the environment."""
    if describe:
        print(markdown(), end="")
        return
    place = find_place(data, config)
    shown = masked(place.settings)
    if as_json:
        print_json(shown)
        return
    console.print(f"# data directory: {place.data}", markup=False, style="dim")
    console.print(f"# settings file: {place.config or 'none'}", markup=False, style="dim")
    for line in toml_lines(shown):
        console.print(line, markup=False)


def masked(settings: Settings) -> dict[str, Any]:
    """As plain data; what the type marks as secret is hidden, a URL only loses its password."""
    return {
        field.name: _masked(getattr(settings, field.name))
        for field in msgspec.structs.fields(settings)
    }


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _masked(each) for name, each in value.items()}
    if not isinstance(value, msgspec.Struct):
        return value
    plain = {}
    if (tag := value.__struct_config__.tag) is not None:
        plain["kind"] = tag
    for field in msgspec.structs.fields(value):
        inner = getattr(value, field.name)
        plain[field.name] = _hidden(inner) if is_secret(field) and inner else _masked(inner)
    return plain


def _hidden(value: str) -> str:
    return clean_words(value) if "://" in value else HIDDEN


def toml_lines(section: dict[str, Any], path: str = "") -> list[str]:
    """Values first, then tables, as TOML wants it."""
    lines = []
    for name, value in section.items():
        if not isinstance(value, dict) and value is not None:
            lines.append(f"{name} = {toml_value(value)}")
    for name, value in section.items():
        if isinstance(value, dict):
            below = f"{path}.{name}" if path else name
            inner = toml_lines(value, below)
            simple = any(not isinstance(v, dict) for v in value.values())
            lines += ["", f"[{below}]", *inner] if simple else inner
    return lines


def toml_value(value: object) -> str:
    """JSON's spelling of strings, numbers, booleans and arrays is TOML's as well."""
    return msgspec.json.encode(value).decode("utf-8")

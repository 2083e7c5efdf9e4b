"""Settings from a TOML file and the environment over it.

A key that is unknown or has a wrong value is an error that names the key, before anything starts.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from clarion.settings.connectors import ConnectorSettings, SandboxConnector, SmppConnector
from clarion.settings.model import Settings
from clarion.settings.section import SettingsError

ENVIRONMENT_ONLY = frozenset(
    f"CLARION_{name}" for name in ("CONFIG", "DATA", "SECRET", "TOKEN", "URL")
)
"""Variables that the command line reads itself."""

FILE_STORES = ("file:///", "s3://", "s3a://", "gs://", "az://", "abfs://", "abfss://")
"""What the URL of a file store may begin with."""

WEB = ("http://", "https://")


def load(path: Path | None, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from a TOML file (or none) and the environment. Raises SettingsError."""
    raw: dict[str, Any] = {}
    if path is not None:
        try:
            raw = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise SettingsError(f"{path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: not TOML: {error}") from error
    settings = _convert(raw, where=str(path) if path else "settings", strict=True)
    overrides = _from_environment(os.environ if environment is None else environment, raw)
    for variable, section, key, value in overrides:
        place = raw
        for name in section:
            place = place.setdefault(name, {})
        place[key] = value
        settings = _convert(raw, where=variable, strict=False)
    _check(settings)
    return settings


def _convert(raw: Mapping[str, Any], *, where: str, strict: bool) -> Settings:
    try:
        return msgspec.convert(raw, Settings, strict=strict)
    except msgspec.ValidationError as error:
        words = _connector_words(raw, strict=strict) or _words(error)
        raise SettingsError(f"{where}: {words}") from error


_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_KIND = re.compile(r"Expected `(.*)`, got `(.*)`")
_KINDS = {
    "float": "a number",
    "int": "a whole number",
    "str": "a text",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
}


def _words(error: msgspec.ValidationError, within: str = "") -> str:
    text, _, path = str(error).partition(" - at `$")
    key = within + path.rstrip("`").lstrip(".")
    words = _plain(text)
    return f"{key}: {words}" if key else words


def _plain(text: str) -> str:
    """What msgspec finds wrong, for somebody who writes TOML and no Python."""
    if found := _UNKNOWN.fullmatch(text):
        return f"there is no setting `{found[1]}`"
    if found := _KIND.fullmatch(text):
        wanted = " or ".join(_KINDS.get(each, each) for each in found[1].split(" | "))
        return f"it must be {wanted}, not {_KINDS.get(found[2], found[2])}"
    return text


def _connector_words(raw: Mapping[str, Any], *, strict: bool) -> str | None:
    """What is wrong with which connector; msgspec does not say its name."""
    connectors = raw.get("connectors")
    for name, each in connectors.items() if isinstance(connectors, dict) else ():
        try:
            msgspec.convert(each, ConnectorSettings, strict=strict)
        except msgspec.ValidationError as error:
            return _words(error, f"connectors.{name}.").replace(".: ", ": ")
    return None


Override = tuple[str, tuple[str, ...], str, Any]
"""Variable, section, key, value."""


def _from_environment(environment: Mapping[str, str], raw: Mapping[str, Any]) -> list[Override]:
    """What the environment sets; of connectors, only those that the file names."""
    found = []
    for variable, value in sorted(environment.items()):
        if not variable.startswith("CLARION_") or variable in ENVIRONMENT_ONLY:
            continue
        section, key, fields = _meant(variable, raw)
        if key not in fields:
            raise SettingsError(f"{variable}: there is no setting {'.'.join(section)}.{key}")
        listed = "tuple" in str(fields[key])
        found.append((variable, section, key, value.split(",") if listed else value))
    return found


def _meant(variable: str, raw: Mapping[str, Any]) -> tuple[tuple[str, ...], str, dict[str, Any]]:
    """Section, key and the section's fields that a variable speaks of."""
    words = variable.removeprefix("CLARION_").lower()
    for name, each in raw.get("connectors", {}).items():
        prefix = "connectors_" + re.sub(r"[^a-z0-9]", "_", name.lower()) + "_"
        if words.startswith(prefix):
            kind = SmppConnector if each.get("kind") == "smpp" else SandboxConnector
            return ("connectors", name), words.removeprefix(prefix), _fields(kind)
    section, _, key = words.partition("_")
    known = {f.name: f.type for f in msgspec.structs.fields(Settings) if f.name != "connectors"}
    return (section,), key, _fields(known[section]) if section in known else {}


def _fields(section: type[Struct]) -> dict[str, Any]:
    return {f.name: f.type for f in msgspec.structs.fields(section)}


def check_address(key: str, address: str) -> None:
    """SettingsError, which names the key, unless it is HOST:PORT."""
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise SettingsError(f"{key}: {address!r} is not HOST:PORT")


def _check(settings: Settings) -> None:
    """The rules that one field alone cannot state."""
    if 0 < len(settings.security.secret_key) < 32:
        raise SettingsError("security.secret_key: it has 32 characters or more")
    check_address("http.listen", settings.http.listen)
    _check_networks("http.trusted_networks", settings.http.trusted_networks)
    _check_networks("events.allowed_networks", settings.events.allowed_networks)
    if sum(settings.events.retry_seconds) * 1.2 >= settings.retention.event_days * 86_400:
        raise SettingsError("events.retry_seconds: together under retention.event_days")
    if settings.files.url and not settings.files.url.startswith(FILE_STORES):
        raise SettingsError(f"files.url: it begins with one of {', '.join(FILE_STORES)}")
    translation = settings.translation
    if translation.kind == "libretranslate" and not translation.url.startswith(WEB):
        raise SettingsError(f"translation.url: it begins with one of {', '.join(WEB)}")
    if settings.intake.max_schedule_days >= settings.retention.message_days:
        raise SettingsError("intake.max_schedule_days: must be under retention.message_days")
    for name, each in settings.connectors.items():
        if isinstance(each, SmppConnector) and each.bind == "receiver" and each.default:
            raise SettingsError(
                f"connectors.{name}.default: a bind that only receives sends nothing"
            )
    defaults = [name for name, c in settings.connectors.items() if c.default]
    if len(defaults) > 1:
        raise SettingsError(f"connectors: only one can be the default, not {', '.join(defaults)}")


def _check_networks(key: str, networks: Iterable[str]) -> None:
    for network in networks:
        try:
            ip_network(network)
        except ValueError as error:
            raise SettingsError(f"{key}: {error}") from error

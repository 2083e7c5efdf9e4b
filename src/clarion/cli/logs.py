"""Begins to log as the settings say, with their own secrets hidden wherever they turn up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from clarion import log
from clarion.settings import Settings


def begin(settings: Settings) -> None:
    for value in secret_values(settings):
        log.register_secret(value)
    log.configure(settings.log)


def secret_values(value: Any) -> Iterator[str]:
    """What the settings' types mark as secret; of a URL its password."""
    if isinstance(value, dict):
        for each in value.values():
            yield from secret_values(each)
    if not isinstance(value, msgspec.Struct):
        return
    for field in msgspec.structs.fields(value):
        inner = getattr(value, field.name)
        if not is_secret(field):
            yield from secret_values(inner)
        elif "://" in inner:
            yield unquote(urlsplit(inner).password or "")
        else:
            yield inner


def is_secret(field: msgspec.structs.FieldInfo) -> bool:
    metas = getattr(field.type, "__metadata__", ())
    return any((meta.extra or {}).get("secret") for meta in metas)

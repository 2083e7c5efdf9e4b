"""A change to what is stored: a Struct whose attributes are UNSET where nothing is to change.

Its `version`, where it has one, is the version that the caller has read: what others have changed
since is not written over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from clarion.errors import StaleVersion


def given(change: Struct) -> dict[str, Any]:
    """What the change names, by attribute."""
    return {k: v for k, v in msgspec.structs.asdict(change).items() if v is not UNSET}


def changes_of(row: Mapping[str, Any], change: Struct) -> dict[str, Any]:
    """What the change sets in the row, without its version. Raises StaleVersion."""
    values = given(change)
    check_version(values.pop("version", None), row["version"])
    return values


def check_version(read: int | None, current: int) -> None:
    """Raises StaleVersion if the caller has read another version than the current one."""
    if read is not None and read != current:
        raise StaleVersion

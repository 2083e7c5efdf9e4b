"""Scripts that derive a fast access attribute from a contact: JSONPath, as clients write it.

    $..extended_attributes.Favorite_Color

A script that takes too long for a contact has no value there.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from clarion.engine.contacts.fast_access.counted import TooMuch, Unreadable, first_value, read_path
from clarion.engine.contacts.fast_access.plain import NOTHING, follow, plain_steps
from clarion.errors import InvalidInput, ValueTooLong

FIELD = "value_derivation_script"
MAX_SCRIPT = 500
MAX_VALUE = 255  # characters; a longer value is none, since no index takes it
_ALIASES = {"customer_account_list": "account_list", "customer_device_list": "device_list"}

_encode = msgspec.json.Encoder().encode


class Script:
    """One script, ready to be run on many contacts."""

    def __init__(self, text: str) -> None:
        """InvalidInput says what is wrong with the text."""
        if len(text) > MAX_SCRIPT:
            raise ValueTooLong(f"{FIELD}: at most {MAX_SCRIPT} characters.", field=FIELD)
        try:
            self._segments = tuple(read_path(text.strip()))
        except Unreadable as error:
            raise InvalidInput(f"{FIELD}: no JSONPath: {error}.", field=FIELD) from error
        self._steps = plain_steps(self._segments)
        self._aliases = {alias: name for alias, name in _ALIASES.items() if alias in text}

    def value(self, contact: Mapping[str, Any]) -> str | None:
        """The first value that the path leads to, as text; None: there is none, or it is null."""
        for alias, name in self._aliases.items():
            if name in contact:
                contact = {**contact, alias: contact[name]}
        found: object = None
        with suppress(TooMuch):
            if self._steps is None:
                found = first_value(self._segments, contact)
            else:
                found = follow(contact, self._steps)
        if found is NOTHING:
            return None
        return None if found is None else _as_text(found)


def _as_text(found: object) -> str | None:
    text = found if isinstance(found, str) else _encode(found).decode()
    return text if len(text) <= MAX_VALUE else None

"""What a sender id needs to log in downstream: checked, sealed at rest, never shown again.

On the wire it is a string that holds JSON (SCG reference, Sender ID, `credentials`). Which
parameters a type needs is in its credential_parameter_list: `app_secret,token` for one set, or
`APN:certificate,topic` for each provider that may have one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from clarion.errors import InvalidInput

HIDDEN = "***"
MAX_CREDENTIALS = 65_536


def check_credentials(text: str, parameters: Iterable[str]) -> None:
    """InvalidInput unless `text` is JSON that has every parameter."""
    found = _parse(text)
    for entry in parameters:
        provider, _, names = entry.rpartition(":")
        if provider and provider not in found:
            continue
        scope = found[provider] if provider else found
        for name in names.split(","):
            if not isinstance(scope, dict) or scope.get(name) in (None, ""):
                missing = f"{provider} {name}".strip()
                raise InvalidInput(f"credentials: {missing} is missing.", field="credentials")


def merged(text: str, stored: str | None) -> str:
    """`text` with what clients send back masked put in again from what is stored."""
    if HIDDEN not in text or stored is None:
        return text
    return msgspec.json.encode(_unmask(_parse(text), _parse(stored))).decode()


def masked(text: str) -> str:
    """The same JSON with every value hidden."""
    return msgspec.json.encode(_mask(_parse(text))).decode()


def _parse(text: str) -> dict[str, Any]:
    """One object; of an array of objects, one for each provider, their union."""
    if len(text) > MAX_CREDENTIALS:
        raise InvalidInput("credentials: the text is too long.", field="credentials")
    try:
        value = msgspec.json.decode(text, type=dict[str, Any] | list[dict[str, Any]])
    except (msgspec.DecodeError, RecursionError) as error:
        words = "credentials: it must be a string that holds a JSON object."
        raise InvalidInput(words, field="credentials") from error
    if isinstance(value, dict):
        return value
    union: dict[str, Any] = {}
    for part in value:
        union.update(part)
    return union


def _mask(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _mask(inner) for key, inner in value.items()}
    return HIDDEN


def _unmask(value: Any, stored: Any) -> Any:
    if isinstance(value, dict):
        kept = stored if isinstance(stored, dict) else {}
        return {key: _unmask(inner, kept.get(key)) for key, inner in value.items()}
    return stored if value == HIDDEN and stored is not None else value

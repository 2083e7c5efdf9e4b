"""Keys: what an event must have in a field, so that its subscriptions are found by look-up.

Every event that matches has one of the keys of the criteria; an event that has one need not match.
Of several choices the one with the longest values is taken: a number or an id says more than a
state does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from hashlib import sha256

from msgspec import Raw

from clarion.engine.events.criteria.instants import instant_of
from clarion.engine.events.criteria.model import (
    Among,
    And,
    Comparison,
    Literal,
    Node,
    Not,
    Operator,
    Or,
)
from clarion.engine.events.model import Value

MAX_KEY = 200
"""Characters; of a longer value the key is a digest."""

_IN_EVERY_EVENT = "company-id"  # of one company it is always the same

Key = tuple[str, str]
"""A field, and a value as text."""


def key_text(value: Value) -> str | None:
    """A value as it stands in keys; None: it is in none. Values that are equal have the same key,
    numbers and dates in whatever form they are written, and others have not: a text is itself,
    whatever begins with # is none, or one that begins with # as well."""
    if value is None or isinstance(value, Raw):
        return None
    if isinstance(value, str):
        return _key_of_text(value)
    if isinstance(value, bool):
        return "#true" if value else "#false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _short(f"#{value!r}")


def _key_of_text(value: str) -> str:
    at = instant_of(value)
    if at is not None:
        return f"#{at.astimezone(UTC).isoformat()}"
    return _short("#" + value if value[:1] == "#" else value)


def _short(key: str) -> str:
    return key if len(key) <= MAX_KEY else "#sha256:" + sha256(key.encode()).hexdigest()


def keys_of(node: Node, *, negated: bool = False) -> list[Key] | None:
    """One of these is in every event that the node is true of, or false if `negated`; None: there
    is no such list."""
    match node:
        case Not(part):
            return keys_of(part, negated=not negated)
        case And(parts) if not negated:
            return _best(parts, negated=False)
        case Or(parts) if negated:
            return _best(parts, negated=True)
        case And(parts) | Or(parts):
            return _all(parts, negated=negated)
        case Comparison(field, operator, value):
            wanted = Operator.NE if negated else Operator.EQ
            return _keys(field, (value,)) if operator is wanted else None
        case Among(field, values) if node.negated is negated:
            return _keys(field, values)
    return None


def _best(parts: Sequence[Node], *, negated: bool) -> list[Key] | None:
    found = [keys for part in parts if (keys := keys_of(part, negated=negated)) is not None]
    return min(found, key=_weakness, default=None)


def _weakness(keys: list[Key]) -> tuple[int, int]:
    return -min(len(value) for _, value in keys), len(keys)


def _all(parts: Sequence[Node], *, negated: bool) -> list[Key] | None:
    union: dict[Key, None] = {}
    for part in parts:
        keys = keys_of(part, negated=negated)
        if keys is None:
            return None
        union.update(dict.fromkeys(keys))
    return list(union)


def _keys(field: str, values: Sequence[Literal]) -> list[Key] | None:
    if field == _IN_EVERY_EVENT:
        return None
    return list(dict.fromkeys((field, key_text(value) or "") for value in values))

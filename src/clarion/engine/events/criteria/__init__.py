"""The criteria of subscriptions: which events of a topic somebody wants.

See model.py for what they mean. `parse` reads them, `check` holds them against event types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clarion.engine.events.criteria.checking import check_node
from clarion.engine.events.criteria.compiling import (
    Predicate,
    compile_matches,
    compile_may_match,
)
from clarion.engine.events.criteria.keys import Key, key_text, keys_of
from clarion.engine.events.criteria.model import Node
from clarion.engine.events.criteria.parsing import parse_node
from clarion.engine.events.criteria.printing import text_of
from clarion.engine.events.model import EventType, Value
from clarion.errors import InvalidCriteria

__all__ = ["Criteria", "InvalidCriteria", "Key", "Predicate", "check", "key_text", "parse"]


class Criteria:
    """Parsed criteria. Equal ones say the same in the same order; str() is their plain spelling."""

    __slots__ = ("_may_match", "matches", "node")

    def __init__(self, node: Node | None) -> None:
        self.node = node
        self.matches: Predicate = _always if node is None else compile_matches(node)
        """Whether an event with these fields matches."""
        self._may_match: Predicate | None = None

    def may_match(self, known: Mapping[str, Value]) -> bool:
        """Whether an event can match of which these fields are known, None being a known absence,
        and all others are not."""
        if self._may_match is None:
            self._may_match = _always if self.node is None else compile_may_match(self.node)
        return self._may_match(known)

    def keys(self) -> list[Key] | None:
        """Fields with values as `key_text` spells them: every event that matches has one of these,
        though an event that has one need not match. None: there is no such list."""
        return None if self.node is None else keys_of(self.node)

    def __str__(self) -> str:
        return "" if self.node is None else text_of(self.node)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Criteria) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


def parse(text: str) -> Criteria:
    """Criteria from their text; blank text is what every event matches.

    InvalidCriteria says what is wrong, and its `position` is the character's, counted from 1.
    """
    return Criteria(parse_node(text))


def check(criteria: Criteria, types: Sequence[EventType]) -> None:
    """InvalidCriteria unless each field is one of at least one of these types, and is compared with
    values of its kind."""
    if criteria.node is not None:
        check_node(criteria.node, types)


def _always(_: Mapping[str, Value]) -> bool:
    return True

"""What criteria are made of: their limits, their nodes, and how a fault is named.

    number = '+12125550100'
    new_state in ('DELIVERED', 'FAILED') and not (company-id < 100 or to_address like '+49%')

Three-valued logic, as in SQL. A comparison is unknown where the event does not have the field, or
has a value that cannot be compared with the literal (a number with a text, an order of booleans).
NOT of unknown is unknown; only `is null` and `is not null` always know. An event matches when the
whole is true, so `number != '+1'` and `not number = '+1'` both leave out events without a number.

Texts are compared by code points. A literal that is an ISO 8601 date is compared with values that
are such dates as an instant, with other texts as a text. In `like`, a percent sign at either end
stands for whatever there is; all else, the underscore too, stands for itself.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from clarion.errors import InvalidCriteria

MAX_LENGTH = 4096
MAX_DEPTH = 20  # parentheses and NOTs within one another
MAX_TERMS = 1000  # literals, and IS NULLs
NAME = r"[A-Za-z_][A-Za-z0-9_.-]*"
"""A field's name, as a regular expression."""

_KEYWORDS = frozenset(("and", "or", "not", "in", "like", "is", "null", "true", "false"))

Literal = str | int | float | bool


class Operator(StrEnum):
    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


OPPOSITE = MappingProxyType(
    {
        Operator.EQ: Operator.NE,
        Operator.NE: Operator.EQ,
        Operator.LT: Operator.GE,
        Operator.GE: Operator.LT,
        Operator.GT: Operator.LE,
        Operator.LE: Operator.GT,
    }
)
"""What is true where an operator is false, of values that can be compared."""


@dataclass(frozen=True, slots=True)
class Comparison:
    field: str
    operator: Operator
    value: Literal
    at: int = dataclasses.field(
        default=0, compare=False
    )  # where the field stands in the text, from 0
    value_at: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Among:
    """`in (...)`; negated: `not in (...)`."""

    field: str
    values: tuple[Literal, ...]
    negated: bool = False
    at: int = dataclasses.field(default=0, compare=False)
    values_at: tuple[int, ...] = dataclasses.field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Like:
    field: str
    pattern: str
    negated: bool = False
    at: int = dataclasses.field(default=0, compare=False)
    value_at: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Null:
    """`is null`; negated: `is not null`."""

    field: str
    negated: bool = False
    at: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


@dataclass(frozen=True, slots=True)
class And:
    """No part is an And itself."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """No part is an Or itself."""

    parts: tuple[Node, ...]


Leaf = Comparison | Among | Like | Null
Node = Leaf | Not | And | Or


def is_keyword(name: str) -> bool:
    """Whether it is a word of the language, so that no field of that name can be asked for."""
    return name.lower() in _KEYWORDS


def fault(at: int, words: str) -> InvalidCriteria:
    """The error at a character, counted from 0; people count from 1."""
    return InvalidCriteria(
        f"match-crt: at character {at + 1}: {words}.", field="match-crt", position=at + 1
    )

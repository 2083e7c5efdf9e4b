"""What a query for contacts may be made of: its limits, its operators, and how a fault is named.

A query is a JSON object, as in {"primary_addr_state": "FL", "birth_date": {"$lt": "2000-01-01"}}.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from clarion.errors import InvalidCriteria

MAX_BYTES = 16 * 1024
MAX_DEPTH = 10  # objects within objects
MAX_TERMS = 100  # comparisons
MAX_VALUES = 1000  # of all $in and $nin
MAX_NAME = 255


class Operator(StrEnum):
    EQ = "$eq"
    NE = "$ne"
    GT = "$gt"
    GTE = "$gte"
    LT = "$lt"
    LTE = "$lte"
    IN = "$in"
    NIN = "$nin"
    EXISTS = "$exists"
    PREFIX = "$prefix"


class Logic(StrEnum):
    AND = "$and"
    OR = "$or"
    NOT = "$not"


ORDER = {Operator.GT: ">", Operator.GTE: ">=", Operator.LT: "<", Operator.LTE: "<="}
"""How the operators that compare by order are written in SQL and in JSON paths alike."""

Place = tuple[str, ...]
"""The steps from the whole query to one value in it."""


class Compiled(Struct, frozen=True):
    """A condition on the contact table under the name `c`.

    A contact that it is null for does not match: it is to stand in a WHERE.
    """

    template: str  # {0}, {1} ... where the values go
    args: tuple[object, ...]

    def condition(self, first: int) -> str:
        """The condition in SQL; its parameters are numbered from `first`."""
        return self.template.format(*(f"${first + at}" for at in range(len(self.args))))


def fault(place: Place, words: str) -> InvalidCriteria:
    """The error for a value at `place`; a JSON pointer names it."""
    where = f"at {pointer(place)}: " if place else ""
    return InvalidCriteria(f"criteria: {where}{words}.", field="criteria")


def pointer(place: Sequence[str]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + step[:MAX_NAME].replace("~", "~0").replace("/", "~1") for step in place)

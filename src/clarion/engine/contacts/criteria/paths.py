"""Paths into the contact's document, as SQL/JSON path expressions.

    {"extended_attributes.color": {"$in": ["red", "blue"]}}
    $."extended_attributes"."color" ? (@ == "red" || @ == "blue")

The lax mode of paths goes into arrays by itself: a path matches when one of the values that it
leads to does. Equality uses the index on the document; it is written for that operator.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

from clarion.engine.contacts.criteria.attributes import Attribute
from clarion.engine.contacts.criteria.model import ORDER, Operator, Place, fault
from clarion.engine.contacts.criteria.values import Bind

_ANY_VALUE = "@ != null"
_NOTHING = "@ == null && @ != null"  # what no value is


def path_test(
    attribute: Attribute, operator: Operator, values: Sequence[object], place: Place, bind: Bind
) -> str:
    """The condition that the path leads to a value for which the operator holds."""
    steps = ".".join(_text(step) for step in (attribute.column, *attribute.path))
    path = f"$.{steps} ? ({_filter(operator, values, place)})"
    return f"c.document @? {bind(path, 'jsonpath')}"


def _filter(operator: Operator, values: Sequence[object], place: Place) -> str:
    if operator is Operator.EXISTS:
        return _ANY_VALUE
    if operator in (Operator.EQ, Operator.IN):
        return " || ".join(f"@ == {_literal(value)}" for value in values) or _NOTHING
    (value,) = values
    if operator is Operator.PREFIX:
        if not isinstance(value, str):
            raise fault(place, "$prefix is for texts")
        return f"@ starts with {_text(value)}"
    if isinstance(value, bool):
        raise fault(place, "true and false are in no order")
    return f"@ {ORDER[operator]} {_literal(value)}"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    return _text(str(value))


def _text(text: str) -> str:
    """A string of a path expression: escaped as in JSON, which it takes."""
    return json.dumps(text, ensure_ascii=False)

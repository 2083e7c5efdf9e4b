"""Criteria against the event types that they are to be matched with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from clarion.engine.events.criteria.instants import instant_of
from clarion.engine.events.criteria.model import (
    Among,
    And,
    Comparison,
    Leaf,
    Like,
    Literal,
    Node,
    Not,
    Null,
    Or,
    fault,
)
from clarion.engine.events.model import EventType, FieldType

_WANTED = {
    FieldType.TEXT: "holds a text: write the value in single quotes",
    FieldType.INTEGER: "holds a whole number: write the value without quotes",
    FieldType.DECIMAL: "holds a number: write the value without quotes",
    FieldType.BOOLEAN: "holds true or false: write one of them without quotes",
    FieldType.DATE: "holds a date: write one as in '2026-11-22T09:30:00Z'",
}


def check_node(node: Node, types: Sequence[EventType]) -> None:
    """Each field is one of at least one of the types, and can be compared with what it is compared
    with. InvalidCriteria points at the field or value."""
    for leaf in leaves(node):
        kinds = [type.fields[leaf.field].type for type in types if leaf.field in type.fields]
        if not kinds and all(type.strict for type in types):
            raise fault(leaf.at, _unknown(leaf.field, types))
        if kinds:
            _check_leaf(leaf, kinds)


def leaves(node: Node) -> Iterator[Leaf]:
    match node:
        case And(parts) | Or(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case _:
            yield node


def _unknown(field: str, types: Sequence[EventType]) -> str:
    where = f"events of type {types[0].code}" if len(types) == 1 else "any event of the topic"
    known = sorted({name for type in types for name in type.fields})
    close = get_close_matches(field, known, n=1)
    hint = f"; did you mean {close[0]}" if close else ""
    return f"there is no field {field[:100]} in {where}{hint}"


def _check_leaf(leaf: Leaf, kinds: Sequence[FieldType]) -> None:
    match leaf:
        case Comparison(field, _, value):
            _check_value(field, value, leaf.value_at, kinds)
        case Among(field, values):
            for value, at in zip(values, leaf.values_at, strict=True):
                _check_value(field, value, at, kinds)
        case Like(field):
            if FieldType.TEXT not in kinds:
                raise fault(leaf.value_at, f"LIKE is for texts, and {field} is none")
        case Null():
            pass


def _check_value(field: str, value: Literal, at: int, kinds: Sequence[FieldType]) -> None:
    if not any(_fits(value, kind) for kind in kinds):
        raise fault(at, f"{field} {_WANTED[kinds[0]]}")


def _fits(value: Literal, kind: FieldType) -> bool:
    match kind:
        case FieldType.TEXT:
            return isinstance(value, str)
        case FieldType.BOOLEAN:
            return isinstance(value, bool)
        case FieldType.DATE:
            return isinstance(value, str) and instant_of(value) is not None
        case _:
            return isinstance(value, int | float) and not isinstance(value, bool)

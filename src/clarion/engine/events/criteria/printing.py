"""Criteria as text: what the parser reads as the same criteria."""

from __future__ import annotations

from clarion.engine.events.criteria.model import (
    Among,
    And,
    Comparison,
    Like,
    Literal,
    Node,
    Not,
    Null,
    Or,
)

NOT = ("", "not ")


def text_of(node: Node) -> str:
    """With no more parentheses than it needs."""
    match node:
        case Or(parts):
            return " or ".join(text_of(part) for part in parts)
        case And(parts):
            return " and ".join(_within(part, Or) for part in parts)
        case Not(part):
            return "not " + _within(part, And, Or)
        case Comparison(field, operator, value):
            return f"{field} {operator} {literal(value)}"
        case Among(field, values, negated):
            return f"{field} {NOT[negated]}in ({', '.join(map(literal, values))})"
        case Like(field, pattern, negated):
            return f"{field} {NOT[negated]}like {literal(pattern)}"
        case Null(field, negated):
            return f"{field} is {NOT[negated]}null"


def literal(value: Literal) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def _within(part: Node, *weaker: type) -> str:
    return f"({text_of(part)})" if isinstance(part, weaker) else text_of(part)

"""Criteria as functions of an event's fields.

NOT moves down to the comparisons, which have opposites, so that what is left only asks what is
true: unknown is as good as false. A function of what is only partly known takes each comparison
with a field that is not known for true, which is never too strict since nothing is negated.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from clarion.engine.events.criteria.instants import instant_of
from clarion.engine.events.criteria.model import (
    OPPOSITE,
    Among,
    And,
    Comparison,
    Leaf,
    Like,
    Literal,
    Node,
    Not,
    Null,
    Operator,
    Or,
)
from clarion.engine.events.model import Value

Predicate = Callable[[Mapping[str, Value]], bool]
Test = Callable[[Value], bool]
"""Of one value, None where there is none."""

_MISSING = object()


def compile_matches(node: Node, *, negated: bool = False) -> Predicate:
    """Whether the node is true of an event; `negated`: whether it is false."""
    return _compiled(node, _of_event, negated=negated)


def compile_may_match(node: Node) -> Predicate:
    """Whether the node can be true of an event of which some fields are known."""
    return _compiled(node, _of_known, negated=False)


def _compiled(node: Node, leaf: Callable[[str, Test], Predicate], *, negated: bool) -> Predicate:
    match node:
        case Not(part):
            return _compiled(part, leaf, negated=not negated)
        case And(parts) | Or(parts):
            compiled = [_compiled(part, leaf, negated=negated) for part in parts]
            return _all(compiled) if isinstance(node, And) is not negated else _any(compiled)
        case _:
            return leaf(node.field, test_of(node, negated=negated))


def _all(parts: list[Predicate]) -> Predicate:
    if len(parts) == 2:
        first, second = parts
        return lambda fields: first(fields) and second(fields)
    return lambda fields: all(part(fields) for part in parts)


def _any(parts: list[Predicate]) -> Predicate:
    if len(parts) == 2:
        first, second = parts
        return lambda fields: first(fields) or second(fields)
    return lambda fields: any(part(fields) for part in parts)


def _of_event(field: str, test: Test) -> Predicate:
    return lambda fields: test(fields.get(field))


def _of_known(field: str, test: Test) -> Predicate:
    def predicate(fields: Mapping[str, Any]) -> bool:
        value = fields.get(field, _MISSING)
        return value is _MISSING or test(value)

    return predicate


# ---------------------------------------------------------------- tests of one value


def test_of(leaf: Leaf, *, negated: bool) -> Test:
    match leaf:
        case Comparison(_, op, value):
            return _comparing(OPPOSITE[op] if negated else op, value)
        case Among(_, values):
            return _among(values, negated=leaf.negated is not negated)
        case Like(_, pattern):
            return _like(pattern, negated=leaf.negated is not negated)
        case Null():
            if leaf.negated is not negated:
                return lambda value: value is not None
            return lambda value: value is None


_FUNCTIONS: Mapping[Operator, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        Operator.EQ: operator.eq,
        Operator.NE: operator.ne,
        Operator.LT: operator.lt,
        Operator.LE: operator.le,
        Operator.GT: operator.gt,
        Operator.GE: operator.ge,
    }
)


def _comparing(op: Operator, literal: Literal) -> Test:
    compare = _FUNCTIONS[op]
    if isinstance(literal, bool):
        return lambda value: isinstance(value, bool) and compare(value, literal)
    if not isinstance(literal, str):
        return lambda value: type(value) in (int, float) and compare(value, literal)
    instant = instant_of(literal)
    if instant is None:
        if op is Operator.EQ:
            return lambda value: value == literal
        return lambda value: isinstance(value, str) and compare(value, literal)

    def as_instants(value: Value) -> bool:
        if not isinstance(value, str):
            return False
        at = instant_of(value)
        return compare(value, literal) if at is None else compare(at, instant)

    return as_instants


def _among(literals: tuple[Literal, ...], *, negated: bool) -> Test:
    """Plain texts in one look-up; others one after another. A value that cannot be compared with
    one of the literals is not known not to be that one."""
    plain = frozenset(each for each in literals if isinstance(each, str) and not instant_of(each))
    if len(plain) == len(set(literals)):
        if negated:
            return lambda value: isinstance(value, str) and value not in plain
        return lambda value: isinstance(value, str) and value in plain
    tests = [_comparing(Operator.NE if negated else Operator.EQ, each) for each in literals]
    if negated:
        return lambda value: all(test(value) for test in tests)
    return lambda value: any(test(value) for test in tests)


def _like(pattern: str, *, negated: bool) -> Test:
    open_start = len(pattern) > 1 and pattern[0] == "%"
    open_end = pattern[-1:] == "%"
    middle = pattern[open_start : len(pattern) - open_end]
    test = _fitting(middle, open_start=open_start, open_end=open_end)
    if negated:
        return lambda value: isinstance(value, str) and not test(value)
    return lambda value: isinstance(value, str) and test(value)


def _fitting(middle: str, *, open_start: bool, open_end: bool) -> Callable[[str], bool]:
    if open_start and open_end:
        return lambda value: middle in value
    if open_start:
        return lambda value: value.endswith(middle)
    if open_end:
        return lambda value: value.startswith(middle)
    return lambda value: value == middle

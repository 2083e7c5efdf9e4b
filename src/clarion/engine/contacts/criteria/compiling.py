"""From a query's JSON to a condition on the contact table.

Whatever a client wrote becomes a parameter; the text of the condition comes from tables of ours.
A contact either matches a query or does not: what it lacks equals null, is in no order, and is
unequal to everything else. So a negation is "is not true", and a null never gets past it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clarion.engine.contacts.criteria.attributes import Attribute, Kind, find_attribute
from clarion.engine.contacts.criteria.model import (
    MAX_DEPTH,
    MAX_NAME,
    MAX_TERMS,
    MAX_VALUES,
    Compiled,
    Logic,
    Operator,
    Place,
    fault,
)
from clarion.engine.contacts.criteria.paths import path_test
from clarion.engine.contacts.criteria.reading import Members, read_json, trouble_with
from clarion.engine.contacts.criteria.values import COLUMN_TESTS

EVERYBODY = "true"
_OPERATORS = frozenset(Operator)
_LISTS = (Operator.IN, Operator.NIN)


def compile_criteria(text: str, fast_access: Mapping[str, str]) -> Compiled:
    """The condition that a query means. `fast_access`: from the names that a company has given to
    its fast access attributes to their columns. InvalidCriteria says where it is wrong."""
    query = read_json(text)
    if not isinstance(query, Members):
        raise fault((), "a query is a JSON object")
    compiler = _Compiler(fast_access)
    condition = compiler.query(query, ())
    return Compiled(condition, tuple(compiler.args))


class _Compiler:
    """One query on its way to SQL: its parameters, and how much of the limits it has used."""

    def __init__(self, fast_access: Mapping[str, str]) -> None:
        self.args: list[object] = []
        self._fast_access = fast_access
        self._terms = 0
        self._values = 0

    def query(self, members: Members, place: Place, depth: int = 1) -> str:
        """All members of a query object; an empty one matches every contact."""
        if depth > MAX_DEPTH:
            raise fault(place, f"a query is nested at most {MAX_DEPTH} deep")
        parts = [
            self._member(name, value, (*place, name), depth)
            for name, value in _once(members, place)
        ]
        return " and ".join(f"({part})" for part in parts) or EVERYBODY

    def _member(self, name: str, value: object, place: Place, depth: int) -> str:
        if name == Logic.NOT:
            return f"({self._nested(value, place, depth)}) is not true"
        if name in (Logic.AND, Logic.OR):
            return self._several(value, place, depth, f" {name[1:]} ")
        if name.startswith("$"):
            raise fault(place, "here only $and, $or and $not can stand, or an attribute")
        attribute = find_attribute(name, self._fast_access)
        if attribute is None:
            raise fault(place, _unknown(name))
        return self._tests(attribute, value, place, depth)

    def _nested(self, value: object, place: Place, depth: int) -> str:
        if not isinstance(value, Members):
            raise fault(place, "a query object is expected")
        return self.query(value, place, depth + 1)

    def _several(self, value: object, place: Place, depth: int, joint: str) -> str:
        if not isinstance(value, list) or not value:
            raise fault(place, "an array of query objects is expected, with one at least")
        parts = [self._nested(each, (*place, str(at)), depth) for at, each in enumerate(value)]
        return joint.join(f"({part})" for part in parts)

    def _tests(self, attribute: Attribute, value: object, place: Place, depth: int) -> str:
        """The value that an attribute must have, or an object of operators that all hold."""
        if not isinstance(value, Members):
            return self._test(attribute, Operator.EQ, value, place)
        if not value:
            raise fault(place, 'a value or an operator is expected, as in {"$gt": 5}')
        parts = [
            self._operation(attribute, name, operand, (*place, name), depth)
            for name, operand in _once(value, place)
        ]
        return " and ".join(f"({part})" for part in parts)

    def _operation(
        self, attribute: Attribute, name: str, operand: object, place: Place, depth: int
    ) -> str:
        if name == Logic.NOT:
            if depth >= MAX_DEPTH:
                raise fault(place, f"a query is nested at most {MAX_DEPTH} deep")
            return f"({self._tests(attribute, operand, place, depth + 1)}) is not true"
        if name not in _OPERATORS:
            raise fault(place, f"an operator is one of {', '.join(Operator)}, {Logic.NOT}")
        return self._test(attribute, Operator(name), operand, place)

    def _test(self, attribute: Attribute, operator: Operator, operand: object, place: Place) -> str:
        """One comparison. Of operators and kinds, a few simple ones; the rest is made of them."""
        self._count(operand, place)
        if operator is Operator.EXISTS:
            return self._exists(attribute, operand, place)
        if operator in _LISTS and not isinstance(operand, list):
            raise fault(place, "an array of values is expected")
        if operator in (Operator.NE, Operator.NIN):
            equal = Operator.EQ if operator is Operator.NE else Operator.IN
            return f"({self._plain(attribute, equal, operand, place)}) is not true"
        return self._plain(attribute, operator, operand, place)

    def _exists(self, attribute: Attribute, operand: object, place: Place) -> str:
        if not isinstance(operand, bool):
            raise fault(place, "true or false is expected")
        test = self._present(attribute)
        return test if operand else f"({test}) is not true"

    def _present(self, attribute: Attribute) -> str:
        if attribute.kind is Kind.JSON:
            return path_test(attribute, Operator.EXISTS, (), (), self._bind)
        return f"c.{attribute.column} is not null"

    def _plain(
        self, attribute: Attribute, operator: Operator, operand: object, place: Place
    ) -> str:
        """$eq, $in, an order or $prefix; a null among the values is what is not there."""
        values = operand if isinstance(operand, list) and operator is Operator.IN else [operand]
        given = [value for value in values if value is not None]
        for at, value in enumerate(values):
            _check_scalar(value, place if operator is not Operator.IN else (*place, str(at)))
        if len(given) == len(values):
            return self._compare(attribute, operator, given, place)
        if operator not in (Operator.EQ, Operator.IN):
            raise fault(place, "null is in no order; use $exists")
        missing = f"({self._present(attribute)}) is not true"
        if not given:
            return missing
        return f"({missing}) or ({self._compare(attribute, operator, given, place)})"

    def _compare(
        self, attribute: Attribute, operator: Operator, values: Sequence[object], place: Place
    ) -> str:
        if attribute.kind is Kind.JSON:
            return path_test(attribute, operator, values, place, self._bind)
        test = COLUMN_TESTS[attribute.kind]
        return test(f"c.{attribute.column}", operator, values, place, self._bind)

    def _bind(self, value: object, cast: str) -> str:
        self.args.append(value)
        return f"{{{len(self.args) - 1}}}::{cast}"

    def _count(self, operand: object, place: Place) -> None:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise fault(place, f"a query has at most {MAX_TERMS} comparisons")
        self._values += len(operand) if isinstance(operand, list) else 0
        if self._values > MAX_VALUES:
            raise fault(place, f"a query has at most {MAX_VALUES} values in its arrays")


def _once(members: Members, place: Place) -> Members:
    """The members, of which no two have the same name."""
    seen: set[str] = set()
    for name, _ in members:
        if words := trouble_with(name):
            raise fault(place, f"in a name {words}")
        if name in seen:
            raise fault((*place, name), "it stands twice in its object")
        seen.add(name)
    return members


def _check_scalar(value: object, place: Place) -> None:
    if isinstance(value, Members | list):
        raise fault(place, "a text, a number, true, false or null is expected")
    if isinstance(value, str) and (words := trouble_with(value)):
        raise fault(place, words)


def _unknown(name: str) -> str:
    if len(name) > MAX_NAME:
        return "no attribute has so long a name"
    if name.startswith("fast_access."):
        return "no fast access attribute has this name"
    return "contacts have no such attribute; paths with dots lead into lists"

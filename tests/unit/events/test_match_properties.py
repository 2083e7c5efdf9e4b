"""The language of criteria, held against a plain evaluation of its own by made-up examples."""

from __future__ import annotations

from datetime import datetime

from hypothesis import assume, example, given
from hypothesis import strategies as st

from clarion.engine.events.criteria import Criteria, InvalidCriteria, key_text, parse
from clarion.engine.events.criteria.instants import instant_of
from clarion.engine.events.criteria.model import (
    MAX_DEPTH,
    MAX_LENGTH,
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
from clarion.engine.events.criteria.parsing import _PARSER, parse_node
from clarion.engine.events.criteria.printing import text_of
from clarion.engine.events.model import Value

FIELDS = ("a", "number", "company-id", "x_1.y", "andy")
# So few that they meet, in events and criteria.
TEXTS = (
    "", "x", "it's", "'", "+12125550100", "1", "true", "#1", "#true", "%", "_", "a b",
    "2026-11-22", "2026-11-22T00:00:00Z", "2026-11-22T01:00:00.000+01:00", "2026-11-22Tx",
    "#2026-11-22T00:00:00+00:00", "x" * 250, "x" * 251,
)  # fmt: skip
NUMBERS = (0, 1, 1.0, -1, 1.5, -0.0, 1e300, 10**18, 1e-7)

plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
texts = st.sampled_from(TEXTS) | plain
numbers = (
    st.sampled_from(NUMBERS)
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
)
literals: st.SearchStrategy[Literal] = texts | numbers | st.booleans()
fields = st.sampled_from(FIELDS)
events: st.SearchStrategy[dict[str, Value]] = st.dictionaries(fields, literals | st.none())


def _ordered(value: Literal) -> st.SearchStrategy[Operator]:
    equals = [Operator.EQ, Operator.NE]
    return st.sampled_from(equals if isinstance(value, bool) else list(Operator))


comparisons = st.builds(
    lambda field, pair: Comparison(field, pair[1], pair[0]),
    fields,
    literals.flatmap(lambda value: st.tuples(st.just(value), _ordered(value))),
)
patterns = st.builds(
    lambda start, middle, end: start + middle.replace("%", "") + end,
    st.sampled_from(["", "%"]),
    texts,
    st.sampled_from(["", "%"]),
)
leaves: st.SearchStrategy[Leaf] = (
    comparisons
    | st.builds(Among, fields, st.lists(literals, min_size=1, max_size=4).map(tuple), st.booleans())
    | st.builds(Like, fields, patterns, st.booleans())
    | st.builds(Null, fields, st.booleans())
)


def _joined(kind: type[And] | type[Or], parts: list[Node]) -> Node:
    flat: list[Node] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else (part,)
    return kind(tuple(flat))


nodes: st.SearchStrategy[Node] = st.recursive(
    leaves,
    lambda inner: (
        inner.map(Not)
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: _joined(And, parts))
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: _joined(Or, parts))
    ),
    max_leaves=12,
)


# ---------------------------------------------------------------- the plain evaluation


def truth(node: Node, event: dict[str, Value]) -> bool | None:
    """True, false or unknown, by the tables of three-valued logic."""
    match node:
        case And(parts):
            found = [truth(part, event) for part in parts]
            return False if False in found else None if None in found else True
        case Or(parts):
            found = [truth(part, event) for part in parts]
            return True if True in found else None if None in found else False
        case Not(part):
            return _NEGATED[truth(part, event)]
        case Comparison(field, operator, literal):
            return _compared(event.get(field), operator, literal)
        case Among(field, values, negated):
            alike = [_compared(event.get(field), Operator.EQ, each) for each in values]
            found_one = True if True in alike else None if None in alike else False
            return _NEGATED[found_one] if negated else found_one
        case Like(field, pattern, negated):
            value = event.get(field)
            if not isinstance(value, str):
                return None
            return _fits(value, pattern) != negated
        case Null(field, negated):
            return (event.get(field) is None) != negated


_NEGATED = {True: False, False: True, None: None}


def _kind(value: Value) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"


def _compared(value: Value, operator: Operator, literal: Literal) -> bool | None:
    if value is None or _kind(value) != _kind(literal):
        return None
    left: Value | datetime = value
    right: Literal | datetime = literal
    if isinstance(value, str) and isinstance(literal, str):
        instants = instant_of(value), instant_of(literal)
        if instants[0] is not None and instants[1] is not None:
            left, right = instants
    sign = (left > right) - (left < right)  # type: ignore[operator]
    return {
        Operator.EQ: sign == 0,
        Operator.NE: sign != 0,
        Operator.LT: sign < 0,
        Operator.LE: sign <= 0,
        Operator.GT: sign > 0,
        Operator.GE: sign >= 0,
    }[operator]


def _fits(value: str, pattern: str) -> bool:
    """Each place in the value, with what of the pattern is left."""
    if not pattern:
        return not value
    if pattern[0] == "%":
        return any(_fits(value[at:], pattern[1:]) for at in range(len(value) + 1))
    return value[:1] == pattern[0] and _fits(value[1:], pattern[1:])


# ---------------------------------------------------------------- what holds of all


@given(nodes)
def test_what_is_printed_is_read_as_the_same(node: Node) -> None:
    text = text_of(node)
    assume(len(text) <= MAX_LENGTH and _depth(node) <= MAX_DEPTH)
    read = parse_node(text)
    assert read == node
    assert read is not None
    assert text_of(read) == text


def _depth(node: Node) -> int:
    """At most so many parentheses and NOTs."""
    match node:
        case Not(part):
            return 2 + _depth(part)
        case And(parts) | Or(parts):
            return 1 + max(map(_depth, parts))
    return 0


@given(nodes, events)
def test_a_match_is_what_is_true(node: Node, event: dict[str, Value]) -> None:
    assert Criteria(node).matches(event) is (truth(node, event) is True)


@given(nodes, events)
def test_every_event_that_matches_has_one_of_the_keys(node: Node, event: dict[str, Value]) -> None:
    keys = Criteria(node).keys()
    if keys is None:
        return
    assert keys
    assert "company-id" not in {field for field, _ in keys}
    assert all(len(value) <= 200 for _, value in keys)
    if truth(node, event) is True:
        assert any(key_text(event.get(field)) == value for field, value in keys)


@given(st.data(), nodes)
def test_events_of_the_values_that_are_named_are_found_too(data: st.DataObject, node: Node) -> None:
    """More of them match than of any others."""
    event = {field: data.draw(st.sampled_from(values)) for field, values in _named(node).items()}
    matches = truth(node, event) is True
    criteria = Criteria(node)
    assert criteria.matches(event) is matches
    keys = criteria.keys()
    if matches and keys is not None:
        assert any(key_text(event.get(field)) == value for field, value in keys)


def _named(node: Node) -> dict[str, list[Literal]]:
    found: dict[str, list[Literal]] = {}
    match node:
        case And(parts) | Or(parts):
            for part in parts:
                for field, values in _named(part).items():
                    found.setdefault(field, []).extend(values)
        case Not(part):
            return _named(part)
        case Comparison(field, _, value):
            found[field] = [value]
        case Among(field, values):
            found[field] = list(values)
        case Like(field, pattern):
            found[field] = [pattern.replace("%", "")]
    return found


@given(nodes, events, st.sets(fields))
def test_what_matches_may_match_however_little_is_known(
    node: Node, event: dict[str, Value], seen: set[str]
) -> None:
    criteria = Criteria(node)
    if criteria.matches(event):
        assert criteria.may_match({field: event.get(field) for field in seen})
    whole = {field: event.get(field) for field in FIELDS}
    assert criteria.may_match(whole) is criteria.matches(event)


@given(literals, literals)
@example(1, 1.0)
@example(True, 1)
@example("1", 1)
@example("#1", 1)
@example("2026-11-22", "2026-11-22T00:00:00Z")
def test_values_that_are_equal_and_no_others_have_one_key(one: Literal, other: Literal) -> None:
    equal = _compared(one, Operator.EQ, other) is True
    assert (key_text(one) == key_text(other)) is equal


spaces = st.sampled_from(["", " ", "\n", "\t "])


@given(fields, literals, st.lists(spaces, min_size=4, max_size=4))
def test_one_equality_is_read_as_the_grammar_reads_it(
    field: str, literal: Literal, gaps: list[str]
) -> None:
    value = text_of(Comparison(field, Operator.EQ, literal)).partition(" = ")[2]
    text = f"{gaps[0]}{field}{gaps[1]}={gaps[2]}{value}{gaps[3]}"
    assume(len(value) <= 40 or isinstance(literal, str))
    quick = parse_node(text)
    slow = _PARSER.parse(text)
    assert repr(quick) == repr(slow)  # with the places


words = st.sampled_from(
    ["a", "and", "OR", "not", "in", "is", "null", "like", "true", "(", ")", ",", "=", "<", "<>",
     "!=", "'x'", "'", "''", "5", "-1.5e3", "%", "company-id", " ", "\n", "é", "\0", "--", ";"]
)  # fmt: skip


@given(st.lists(words, max_size=15).map("".join) | st.lists(words, max_size=15).map(" ".join))
def test_any_text_is_read_or_refused_at_a_place_of_its_own(text: str) -> None:
    fault: InvalidCriteria | None = None
    try:
        found = parse(text)
    except InvalidCriteria as error:
        fault = error
    if fault is None:
        assert parse(str(found)) == found
    else:
        assert fault.position is not None
        assert 1 <= fault.position <= len(text) + 1

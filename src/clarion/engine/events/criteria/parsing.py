"""Text to criteria, by grammar.lark: in time that grows with the text, within limits.

Most criteria of most companies are one equality. A regular expression reads those, ten times as
fast; tests hold it to the grammar.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources
from math import isfinite

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from clarion.engine.events.criteria.model import (
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_TERMS,
    NAME,
    Among,
    And,
    Comparison,
    Like,
    Literal,
    Node,
    Not,
    Null,
    Operator,
    Or,
    fault,
    is_keyword,
)
from clarion.errors import InvalidCriteria

_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_EQUALITY = re.compile(
    rf"[ \t\r\n]*({NAME})[ \t\r\n]*=[ \t\r\n]*('(?:[^']|'')*'|{_NUMBER})[ \t\r\n]*"
)
_MAX_NUMBER = 40  # characters
_SHOWN = 20


def parse_node(text: str) -> Node | None:
    """None: the text is blank, which every event matches. InvalidCriteria points at the fault."""
    if len(text) > MAX_LENGTH:
        raise InvalidCriteria(
            f"match-crt: it has {MAX_LENGTH} characters at most.", field="match-crt"
        )
    for at, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise fault(at, "a character that no text has")
    if (found := _EQUALITY.fullmatch(text)) and not is_keyword(found[1]):
        at = found.start(2)
        return Comparison(found[1], Operator.EQ, _literal(found[2], at), found.start(1), at)
    try:
        return _PARSER.parse(text)  # type: ignore[return-value]
    except UnexpectedInput as error:
        raise _fault_of(error, text) from None


# ---------------------------------------------------------------- building nodes

_Part = tuple[Node, int, int]
"""A node, how deep it is, how many terms it has."""


@v_args(inline=True)
class _Builder(Transformer[Token, Node | None]):
    """What the parser calls with each phrase that it has read."""

    def start(self, part: _Part | None) -> Node | None:
        return part[0] if part else None

    def disjunction(self, *parts: _Part) -> _Part:
        return _joined(Or, parts)

    def conjunction(self, *parts: _Part) -> _Part:
        return _joined(And, parts)

    def negation(self, word: Token, part: _Part) -> _Part:
        return _deeper(Not(part[0]), part, word)

    def group(self, bracket: Token, part: _Part) -> _Part:
        return _deeper(part[0], part, bracket)

    def comparison(self, field: Token, sign: Token, value: Token) -> _Part:
        operator = Operator("!=" if sign == "<>" else sign)
        literal = _literal(value, _start(value))
        if sign.type == "ORDER" and isinstance(literal, bool):
            raise fault(_start(value), "true and false have no order")
        return Comparison(str(field), operator, literal, _start(field), _start(value)), 0, 1

    def among(self, field: Token, negation: Token | None, _: Token, *values: Token) -> _Part:
        literals = tuple(_literal(value, _start(value)) for value in values)
        places = tuple(map(_start, values))
        node = Among(str(field), literals, negation is not None, _start(field), places)
        return _counted(node, len(values))

    def like(self, field: Token, negation: Token | None, pattern: Token) -> _Part:
        text = _text(pattern)
        inner = text[1:-1]
        if "%" in inner:
            at = _start(pattern) + 1 + pattern[2:-2].index("%") + 1
            raise fault(at, "a percent sign stands at an end of the text only")
        node = Like(str(field), text, negation is not None, _start(field), _start(pattern))
        return node, 0, 1

    def null(self, field: Token, negation: Token | None) -> _Part:
        return Null(str(field), negation is not None, _start(field)), 0, 1

    def value(self, token: Token) -> Token:
        return token


def _joined(kind: type[And] | type[Or], parts: Sequence[_Part]) -> _Part:
    nodes: list[Node] = []
    for node, _, _ in parts:
        nodes += node.parts if isinstance(node, kind) else (node,)
    terms = sum(terms for _, _, terms in parts)
    return _counted(kind(tuple(nodes)), terms, max(depth for _, depth, _ in parts))


def _counted(node: Node, terms: int, depth: int = 0) -> _Part:
    if terms > MAX_TERMS:
        raise InvalidCriteria(f"match-crt: it has {MAX_TERMS} values at most.", field="match-crt")
    return node, depth, terms


def _deeper(node: Node, part: _Part, word: Token) -> _Part:
    if part[1] >= MAX_DEPTH:
        words = f"parentheses and NOTs go {MAX_DEPTH} deep at most"
        raise fault(_start(word), words)
    return node, part[1] + 1, part[2]


def _literal(token: str, at: int) -> Literal:
    if token[0] == "'":
        return _text(token)
    if token[0] in "tTfF":
        return token.lower() == "true"
    if len(token) > _MAX_NUMBER:
        raise fault(at, f"a number has {_MAX_NUMBER} characters at most")
    if token.lstrip("-").isdigit():
        return int(token)
    if not isfinite(number := float(token)):
        raise fault(at, "the number is out of range")
    return number


def _text(token: str) -> str:
    return token[1:-1].replace("''", "'")


def _start(token: Token) -> int:
    return token.start_pos or 0


# ---------------------------------------------------------------- faults

_NAMES = {
    "FIELD": "a field",
    "EQUALS": "a comparison such as =",
    "ORDER": "a comparison such as =",
    "TEXT": "a text in single quotes",
    "NUMBER": "a number",
    "BOOLEAN": "true or false",
    "NOT": "NOT",
    "_AND": "AND",
    "_OR": "OR",
    "_IN": "IN",
    "_LIKE": "LIKE",
    "_IS": "IS",
    "_NULL": "NULL",
    "OPEN": "(",
    "RPAR": ")",
    "COMMA": "a comma",
    "$END": "the end",
}


def _fault_of(error: UnexpectedInput, text: str) -> InvalidCriteria:
    at = error.pos_in_stream if error.pos_in_stream is not None else len(text)
    if isinstance(error, UnexpectedCharacters):
        if text[at] == "'":
            return fault(at, "the text that begins here has no end; write ' within it as ''")
        if text[at] in '"“”‘’`':
            return fault(at, "texts stand in single quotes ('), fields in none")
        return fault(at, f"{text[at]!r} cannot stand here")
    assert isinstance(error, UnexpectedToken)
    kinds = error.accepts or error.expected
    wanted = " or ".join(dict.fromkeys(name for kind, name in _NAMES.items() if kind in kinds))
    if error.token.type == "$END":
        return fault(len(text), f"it ends here; {wanted} is expected")
    if error.token.type == "_NULL":
        return fault(_start(error.token), "nothing is equal to NULL; write IS NULL or IS NOT NULL")
    shown = str(error.token)[:_SHOWN]
    return fault(_start(error.token), f"{shown!r} cannot stand here; {wanted} is expected")


def _parser() -> Lark:
    grammar = resources.files(__package__).joinpath("grammar.lark").read_text("utf-8")
    return Lark(
        grammar,
        parser="lalr",
        lexer="basic",
        keep_all_tokens=False,
        maybe_placeholders=True,
        transformer=_Builder(),
    )


_PARSER = _parser()

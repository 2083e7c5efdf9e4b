"""The parser of variables and expressions in templates.

It never goes back further than to the start of one variable, and nesting is bounded, so reading a
text costs what its length costs.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from clarion.engine.senders.templates.language import (
    CONTACT,
    Block,
    Call,
    Expression,
    Index,
    Literal,
    Piece,
    Reference,
    Text,
)
from clarion.engine.senders.templates.operations import (
    Binary,
    Both,
    Interpolated,
    ListOf,
    MapOf,
    Not,
    RangeOf,
)
from clarion.engine.senders.templates.values import MAX_NUMBER, METHODS

MAX_NESTING = 12
MAX_OPERATORS = 50  # in one expression
MAX_VALUES = 200  # in one list, map or call
MAX_TRIES = 20  # at things that look like variables and are none; what follows is taken as it looks

_BLANK = re.compile(r"\s*")
_START = re.compile(r"\$(?P<quiet>!?)(?P<brace>\{?)(?P<name>[A-Za-z_][A-Za-z0-9_]*)")
_PROPERTY = re.compile(r"\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<call>\()?")
_INDEX = re.compile(r"\[(?=\s*[$\"'0-9-])")
_NUMBER = re.compile(r"-?(?:[0-9]+\.[0-9]+|\.[0-9]+|[0-9]+)")
_WORD = re.compile(r"[A-Za-z]+\b")
_STRING = {
    "'": re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL),
    '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL),
}
_ESCAPE = re.compile(r"\\([nrt\\'\"])")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_WORDS = {"true": True, "false": False, "null": None}
_OPERATOR = re.compile(r"\s*(\|\||&&|==|!=|<=|>=|<|>|\+|-|\*|/|%|(?:or|and|eq|ne|lt|le|gt|ge)\b)")
_SIGNS: dict[str, str] = {"or": "||", "and": "&&", "eq": "==", "ne": "!=", "lt": "<", "le": "<="}
_SIGNS |= {"gt": ">", "ge": ">="}
_BINDING = {
    **dict.fromkeys(["||"], 1),
    **dict.fromkeys(["&&"], 2),
    **dict.fromkeys(["==", "!="], 3),
    **dict.fromkeys(["<", "<=", ">", ">="], 4),
    **dict.fromkeys(["+", "-"], 5),
    **dict.fromkeys(["*", "/", "%"], 6),
}


class Failed(Exception):
    """The text cannot be understood at a place."""

    def __init__(self, words: str, at: int) -> None:
        super().__init__(words)
        self.at = at


class Expressions:
    """Reads variables and expressions from a text; `at` is where it is."""

    def __init__(self, source: str, *, strict: bool) -> None:
        self.source = source
        self.strict = strict
        self.at = 0
        self._depth = 0
        self._operators = 0
        self._tries = MAX_TRIES

    # ------------------------------------------------------------ variables

    def reference(self, *, is_text: bool | None = None) -> Reference | str:
        """The variable that begins here; a text: it cannot be one, and that is allowed here."""
        start, depth, operators = self.at, self._depth, self._operators
        try:
            return self._reference(not self.strict if is_text is None else is_text)
        except Failed:
            found = _START.match(self.source, start)
            if found is None or self.strict or is_text is False:
                raise
            self.at, self._depth, self._operators = found.end(), depth, operators
            self._tries -= 1
            return found[0]

    def _reference(self, is_text: bool) -> Reference:  # noqa: FBT001 - from one place
        start = self.at
        found = _START.match(self.source, start)
        if found is None:
            raise Failed("a variable is expected", start)
        if self._tries < 0 and found["brace"]:
            raise Failed("too much looks like a variable", start)
        self.at = found.end()
        path = self._path(lenient=is_text and not found["brace"] and found["name"] != CONTACT)
        alternative = None
        if found["brace"]:
            if self._take("|"):
                alternative = self.expression()
            self.expect("}")
        return Reference(
            found["name"],
            path,
            source=self.source[start : self.at],
            quiet=bool(found["quiet"]),
            alternative=alternative,
            is_text=is_text,
        )

    def _path(self, *, lenient: bool) -> list[str | Index | Call]:
        path: list[str | Index | Call] = []
        while len(path) < MAX_NESTING:
            found = _PROPERTY.match(self.source, self.at)
            if found:
                is_method = found["name"] in METHODS and self._tries >= 0
                if found["call"] and not is_method and not lenient:
                    raise Failed(f"there is no method {found['name'][:50]}()", self.at)
                self.at = found.end("name")
                if found["call"] and is_method:
                    self.at = found.end()
                    path.append(Call(found["name"], self._values(")")))
                else:
                    path.append(found["name"])
            elif self._tries >= 0 and _INDEX.match(self.source, self.at):
                self.at += 1
                path.append(Index(self.expression()))
                self.expect("]")
            else:
                break
        return path

    # ------------------------------------------------------------ expressions

    def expression(self) -> Expression:
        """An expression, up to where it ends."""
        outer, self._operators = self._operators, 0
        found = self._binary(0)
        self._operators = outer
        return found

    def _binary(self, least: int) -> Expression:
        left = self._value()
        while True:
            found = _OPERATOR.match(self.source, self.at)
            sign = _SIGNS.get(found[1], found[1]) if found else ""
            binding = _BINDING.get(sign, 0)
            if found is None or binding <= least:
                return left
            self._operators += 1
            if self._operators > MAX_OPERATORS:
                raise Failed(f"more than {MAX_OPERATORS} operators", self.at)
            self.at = found.end()
            right = self._binary(binding)
            kind = Both if sign in ("||", "&&") else Binary
            left = kind(sign, left, right)

    def _value(self) -> Expression:
        self.skip(_BLANK)
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise Failed(f"more than {MAX_NESTING} values within one another", self.at)
        found = self._one_value()
        self._depth -= 1
        return found

    def _one_value(self) -> Expression:
        character = self.source[self.at : self.at + 1]
        known: dict[str, Callable[[], Expression]] = {
            "$": self._variable,
            '"': self._text,
            "'": self._text,
            "[": self._list,
            "{": self._map,
            "(": self._group,
            "!": self._not,
        }
        if character in known:
            return known[character]()
        number = _NUMBER.match(self.source, self.at)
        if number:
            return self._number(number)
        word = _WORD.match(self.source, self.at)
        if word and word[0].lower() in _WORDS:
            self.at = word.end()
            return Literal(_WORDS[word[0].lower()])
        if word and word[0] == "not":
            self.at = word.end()
            return Not(self._value())
        raise Failed("a value is expected", self.at)

    def _variable(self) -> Expression:
        found = self.reference(is_text=False)
        assert isinstance(found, Reference)
        return found

    def _number(self, found: re.Match[str]) -> Expression:
        text = found[0]
        if len(text) > 40 or not -MAX_NUMBER < float(text) < MAX_NUMBER:
            raise Failed("a number is too large", self.at)
        self.at = found.end()
        return Literal(float(text) if "." in text else int(text))

    def _text(self) -> Expression:
        mark = self.source[self.at]
        found = _STRING[mark].match(self.source, self.at)
        if found is None:
            raise Failed("a text has no end", self.at)
        self.at = found.end()
        if mark == "'":
            return Literal(_unescaped(found[1]))
        return self._interpolated(found[1], found.start(1))

    def _interpolated(self, inner: str, start: int) -> Expression:
        """A text in double quotes: variables in it have their values."""
        if "$" not in inner:
            return Literal(_unescaped(inner))
        reader = Expressions(inner, strict=self.strict)
        reader._depth, reader._tries = self._depth, self._tries
        pieces: list[Piece] = []
        while reader.at < len(inner):
            found = _START.search(inner, reader.at)
            end = found.start() if found else len(inner)
            if end > reader.at:
                pieces.append(Text(_unescaped(inner[reader.at : end])))
                reader.at = end
            if found:
                try:
                    variable = reader.reference()
                except Failed as failed:
                    raise Failed(str(failed), start + failed.at) from None
                pieces.append(Text(variable) if isinstance(variable, str) else variable)
        self._tries = reader._tries
        return Interpolated(Block(pieces))

    def _list(self) -> Expression:
        self.expect("[")
        if self._take("]"):
            return ListOf(())
        first = self.expression()
        if self._take(".."):
            found: Expression = RangeOf(first, self.expression())
            self.expect("]")
            return found
        return ListOf([first, *(self._values("]") if self._take(",") else self._end("]"))])

    def _map(self) -> Expression:
        self.expect("{")
        pairs: list[tuple[Expression, Expression]] = []
        while not self._take("}"):
            if pairs:
                self.expect(",")
            key = self.expression()
            self.expect(":")
            pairs.append((key, self.expression()))
            if len(pairs) > MAX_VALUES:
                raise Failed(f"more than {MAX_VALUES} values", self.at)
        return MapOf(pairs)

    def _group(self) -> Expression:
        self.expect("(")
        found = self.expression()
        self.expect(")")
        return found

    def _not(self) -> Expression:
        self.expect("!")
        return Not(self._value())

    def _values(self, end: str) -> list[Expression]:
        """Values with commas between, up to `end`."""
        found: list[Expression] = []
        while not self._take(end):
            if found:
                self.expect(",")
            found.append(self.expression())
            if len(found) > MAX_VALUES:
                raise Failed(f"more than {MAX_VALUES} values", self.at)
        return found

    # ------------------------------------------------------------ small steps

    def expect(self, mark: str) -> None:
        """Go past a mark and the blanks before it."""
        if not self._take(mark):
            raise Failed(f"{mark} is expected", self.at)

    def skip(self, pattern: re.Pattern[str], words: str = "") -> None:
        """Go past what the pattern matches."""
        found = pattern.match(self.source, self.at)
        if found is None:
            raise Failed(f"{words} is expected", self.at)
        self.at = found.end()

    def _take(self, mark: str) -> bool:
        blank = _BLANK.match(self.source, self.at)
        assert blank is not None
        if not self.source.startswith(mark, blank.end()):
            return False
        self.at = blank.end() + len(mark)
        return True

    def _end(self, mark: str) -> list[Expression]:
        self.expect(mark)
        return []


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), text)

"""From the text of a template to its pieces, in one pass and in time in proportion to its length.

Velocity's language, less what could do harm or surprise: no macros, no evaluation of texts, no
files, no comments (a hash sign is a hash sign). A pattern is read strictly: what looks like a
variable or a directive must be one. In the body of a request, which was mostly written without a
thought of templates, what cannot be one stays text.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from clarion.engine.senders.templates.expressions import Expressions, Failed
from clarion.engine.senders.templates.language import (
    CONTACT,
    Block,
    Expression,
    Foreach,
    If,
    Literal,
    Parse,
    Piece,
    Set,
    Text,
)
from clarion.engine.senders.templates.model import TemplateError

MAX_NESTING = 16
_MARK = re.compile(
    r"\\?(?:(?P<reference>\$!?\{?[A-Za-z_])"
    r"|#(?P<open>set|parse|if|foreach)[ \t]*\("
    r"|#(?:(?P<elseif>elseif)[ \t]*\(|(?P<close>else|end)\b|\{(?P<braced>else|end)\})"
    r"|#(?P<missing>macro|define|evaluate|include)[ \t]*\()"
)
_REST_OF_LINE = re.compile(r"[ \t]*\r?\n")
_BLANK = re.compile(r"\s*")
_NAME = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")
_IN = re.compile(r"\s+in\s+")


def parse(source: str, *, strict: bool) -> Block:
    """The pieces of a template. TemplateError says where it cannot be understood."""
    reader = _Reader(source, strict=strict)
    try:
        block, _ = reader.block(inside=False)
    except Failed as failed:
        raise TemplateError(f"{_place(source, failed.at)}: {failed}.") from None
    return block


def _place(source: str, at: int) -> str:
    line = source.count("\n", 0, at) + 1
    return f"line {line}, column {at - source.rfind(chr(10), 0, at)}"


class _Mark(NamedTuple):
    """What ended a block."""

    word: str  # else, elseif, end; empty: the end of the text
    at: int


class _Reader(Expressions):
    """Goes through one text, from front to back."""

    def __init__(self, source: str, *, strict: bool) -> None:
        super().__init__(source, strict=strict)
        self._nesting = 0

    def block(self, *, inside: bool) -> tuple[Block, _Mark]:
        """Pieces up to the end of the text, or of the directive that they are inside of."""
        pieces: list[Piece] = []
        text: list[str] = []
        while True:
            found = _MARK.search(self.source, self.at)
            if found is None:
                text.append(self.source[self.at :])
                self.at = len(self.source)
                _add_text(pieces, text)
                return Block(pieces), _Mark("", self.at)
            text.append(self.source[self.at : found.start()])
            self.at = found.start()
            if found[0][0] == "\\":
                text.append(found[0][1:])
                self.at = found.end()
                continue
            word = found["elseif"] or found["close"] or found["braced"]
            if word and inside:
                _add_text(pieces, text)
                at, self.at = self.at, found.end()
                return Block(pieces), _Mark(word, at)
            piece = self._piece(found, word)
            if isinstance(piece, str):
                text.append(piece)
            else:
                _add_text(pieces, text)
                pieces.append(piece)

    def _piece(self, found: re.Match[str], word: str | None) -> Piece | str:
        """What begins at a mark; a text: nothing does."""
        if found["reference"]:
            return self.reference()
        name = word or found["missing"]
        if name:
            if self.strict:
                words = "nothing is open here" if word else "there is no such directive"
                raise Failed(f"#{name}: {words}", self.at)
            self.at = found.end()
            return found[0]
        self.at = found.end()
        if found["open"] == "if":
            return self._if(found.start())
        return {"set": self._set, "parse": self._parse, "foreach": self._foreach}[found["open"]]()

    def _set(self) -> Piece:
        name = self._name()
        self.expect("=")
        piece = Set(name, self.expression())
        self.expect(")")
        self._end_of_line()
        return piece

    def _parse(self) -> Piece:
        piece = Parse(self.expression())
        self.expect(")")
        return piece

    def _if(self, start: int) -> Piece:
        branches: list[tuple[Expression, Block]] = []
        word = "elseif"
        while word == "elseif":
            condition = self.expression()
            self.expect(")")
            word, at = self._branch(branches, condition)
        if word == "else":
            word, at = self._branch(branches, Literal(True))
        self._close("if", start, _Mark(word, at))
        return If(branches)

    def _branch(self, branches: list[tuple[Expression, Block]], condition: Expression) -> _Mark:
        self._end_of_line()
        block, mark = self._inner()
        branches.append((condition, block))
        return mark

    def _foreach(self) -> Piece:
        start = self.at
        name = self._name()
        self.skip(_IN, "in")
        expression = self.expression()
        self.expect(")")
        self._end_of_line()
        block, mark = self._inner()
        self._close("foreach", start, mark)
        return Foreach(name, expression, block)

    def _inner(self) -> tuple[Block, _Mark]:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise Failed(f"more than {MAX_NESTING} directives within one another", self.at)
        found = self.block(inside=True)
        self._nesting -= 1
        return found

    def _close(self, name: str, start: int, mark: _Mark) -> None:
        if mark.word != "end":
            raise Failed(f"#{name} has no #end", start)
        self._end_of_line()

    def _name(self) -> str:
        self.skip(_BLANK)
        found = _NAME.match(self.source, self.at)
        if found is None:
            raise Failed("a variable is expected", self.at)
        if found[1] == CONTACT:
            raise Failed(f"${CONTACT} is the recipient and cannot be set", self.at)
        self.at = found.end()
        return found[1]

    def _end_of_line(self) -> None:
        """A directive that ends a line takes the line's end along."""
        found = _REST_OF_LINE.match(self.source, self.at)
        if found:
            self.at = found.end()


def _add_text(pieces: list[Piece], text: list[str]) -> None:
    whole = "".join(text)
    text.clear()
    if whole:
        pieces.append(Text(whole))

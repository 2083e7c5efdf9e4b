"""What a text must look like: a VALIDATOR's pattern as fixed parts with anything between them.

A variable stands for one character at least, `$!x` also for none. Blanks count as one, however many
there are and of whatever kind. Matching goes once through the text: no regular expressions.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from clarion.engine.senders.templates.language import Block, Parse, Reference, Set, Text
from clarion.engine.senders.templates.model import TemplateError

_GAP = "\0"  # stands for a variable; no text holds it


class TextShape:
    """What the texts of one pattern have in common."""

    def __init__(self, block: Block) -> None:
        """TemplateError: the pattern has more than text and variables."""
        whole, least = "", []
        for piece in block.pieces:
            if isinstance(piece, Text):
                whole += piece.text
            elif isinstance(piece, Reference):
                whole += _GAP
                least.append(0 if piece.quiet else 1)
            else:
                raise TemplateError("A VALIDATOR has text and variables only, no directives.")
        self._fixed = _with_single_blanks(whole).split(_GAP)
        self._least = least

    def matches(self, text: str) -> bool:
        """Whether a text, its blanks made single, looks like the pattern. Of every fixed part the
        first place is taken: where that fails, no other would do."""
        first, *others = self._fixed
        if not others:
            return text == first
        if not text.startswith(first):
            return False
        at = len(first)
        for least, part in zip(self._least, others[:-1], strict=False):
            found = text.find(part, at + least)
            if found < 0:
                return False
            at = found + len(part)
        rest = len(text) - len(others[-1])
        return rest >= at + self._least[-1] and text.endswith(others[-1])


class Rules(Struct, frozen=True):
    """What one sender id demands of its messages."""

    shapes: tuple[tuple[TextShape, ...], ...]  # of each group, one must match
    templates_only: bool
    allowed: frozenset[str]  # the templates that messages are made from; empty: any

    def check(self, text: str) -> None:
        """TemplateError: the text looks like no VALIDATOR of the sender id."""
        if not self.shapes:
            return
        single = _with_single_blanks(text)
        for group in self.shapes:
            if not any(shape.matches(single) for shape in group):
                raise TemplateError("The text matches no template of the sender id.")

    def check_source(self, block: Block) -> None:
        """TemplateError: the body says more than which template, and with what."""
        if not self.templates_only:
            return
        parsed = [piece for piece in block.pieces if isinstance(piece, Parse)]
        others = [piece for piece in block.pieces if not isinstance(piece, Parse | Set)]
        if not parsed or not all(isinstance(p, Text) and not p.text.strip() for p in others):
            raise TemplateError("The sender id takes only messages that are made from templates.")
        _check_allowed(parsed, self.allowed)


def _check_allowed(parsed: Sequence[Parse], allowed: frozenset[str]) -> None:
    for piece in parsed:
        name = piece.name
        if name is None:
            raise TemplateError("The sender id takes only templates that are named in quotes.")
        if allowed and name not in allowed:
            raise TemplateError(f"The sender id does not take the template {name[:100]!r}.")


def _with_single_blanks(text: str) -> str:
    return " ".join(text.split())

"""Expressions of templates: what stands in `#set`, `#if` and `#foreach`, beside variables."""

from __future__ import annotations

from collections.abc import Sequence

from clarion.engine.senders.templates import values
from clarion.engine.senders.templates.language import Block, Expression, Run
from clarion.engine.senders.templates.model import TemplateError


class Interpolated(Expression):
    """A text in double quotes, with variables in it."""

    __slots__ = ("block",)

    def __init__(self, block: Block) -> None:
        self.block = block

    def value(self, run: Run) -> object:
        out, room = run.out, run.room
        run.out, run.room = [], run.limits.output
        self.block.write(run)
        text = "".join(run.out)
        run.out, run.room = out, room
        return text


class ListOf(Expression):
    """`[a, b]`."""

    __slots__ = ("items",)

    def __init__(self, items: Sequence[Expression]) -> None:
        self.items = items

    def value(self, run: Run) -> object:
        return [item.value(run) for item in self.items]


class RangeOf(Expression):
    """`[first..last]`."""

    __slots__ = ("first", "last")

    def __init__(self, first: Expression, last: Expression) -> None:
        self.first = first
        self.last = last

    def value(self, run: Run) -> object:
        first, last = values.whole(self.first.value(run)), values.whole(self.last.value(run))
        if abs(last - first) >= run.limits.items:
            raise TemplateError(f"A list has more than {run.limits.items} items.")
        return range(first, last + 1) if first <= last else range(first, last - 1, -1)


class MapOf(Expression):
    """`{key: value}`."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: Sequence[tuple[Expression, Expression]]) -> None:
        self.pairs = pairs

    def value(self, run: Run) -> object:
        return {values.scalar(key.value(run)): value.value(run) for key, value in self.pairs}


class Not(Expression):
    """`!expression`."""

    __slots__ = ("inner",)

    def __init__(self, inner: Expression) -> None:
        self.inner = inner

    def value(self, run: Run) -> object:
        return not values.is_true(self.inner.value(run))


class Both(Expression):
    """`left && right`, `left || right`: the second only where the first leaves it open."""

    __slots__ = ("left", "right", "sign")

    def __init__(self, sign: str, left: Expression, right: Expression) -> None:
        self.sign = sign
        self.left = left
        self.right = right

    def value(self, run: Run) -> object:
        decided = values.is_true(self.left.value(run))
        if decided is (self.sign == "||"):
            return decided
        return values.is_true(self.right.value(run))


class Binary(Expression):
    """`left sign right`."""

    __slots__ = ("left", "right", "sign")

    def __init__(self, sign: str, left: Expression, right: Expression) -> None:
        self.sign = sign
        self.left = left
        self.right = right

    def value(self, run: Run) -> object:
        left, right = self.left.value(run), self.right.value(run)
        if self.sign in ("+", "-", "*", "/", "%"):
            return values.calculate(self.sign, left, right, run.limits)
        return values.compare(self.sign, left, right)

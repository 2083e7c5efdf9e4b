"""What a template is made of, and how it becomes text: one class for each piece.

A piece writes text or has a value. It reaches nothing but the variables of its Run, and the Run
counts what it does: see Limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from time import perf_counter, thread_time

from clarion.engine.senders.templates import values
from clarion.engine.senders.templates.model import Limits, TemplateError

Find = Callable[[str], "Block"]
CONTACT = "contact"
"""The variable that a message to a contact has. What a contact lacks leaves no hole in a message:
it cannot be made."""


class Run:
    """One message on its way to becoming text."""

    __slots__ = (
        "_work_ends",
        "depth",
        "ends",
        "find",
        "limits",
        "loops",
        "out",
        "room",
        "scope",
        "steps",
        "template",
    )

    def __init__(self, variables: Mapping[str, object], find: Find, limits: Limits) -> None:
        self.scope = dict(variables)
        self.find = find
        self.limits = limits
        self.out: list[str] = []
        self.room = limits.output
        self.steps = limits.steps
        self.loops = limits.loops
        self.depth = limits.depth
        self.ends = perf_counter() + limits.seconds
        self._work_ends: float | None = None
        self.template = ""  # the one that is being gone through; empty: the body itself

    def write(self, text: str) -> None:
        self.room -= len(text)
        if self.room < 0:
            raise TemplateError(f"The text becomes longer than {self.limits.output} characters.")
        self.out.append(text)

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0 or (perf_counter() > self.ends and self._works_too_long()):
            raise TemplateError("The template takes too long.")

    def _works_too_long(self) -> bool:
        """By the work done, once the time is over: on a busy machine a template waits as well."""
        if self._work_ends is None:
            self._work_ends = thread_time() + self.limits.seconds
        return thread_time() > self._work_ends


class Piece:
    """Something that writes."""

    __slots__ = ()

    def write(self, run: Run) -> None:
        raise NotImplementedError


class Expression:
    """Something that has a value."""

    __slots__ = ()

    def value(self, run: Run) -> object:
        raise NotImplementedError


class Literal(Expression):
    """A value that is written in the template."""

    __slots__ = ("known",)

    def __init__(self, known: object) -> None:
        self.known = known

    def value(self, run: Run) -> object:
        return self.known


class Block(Piece):
    """Pieces one after the other."""

    __slots__ = ("pieces",)

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = tuple(pieces)

    def write(self, run: Run) -> None:
        run.spend(len(self.pieces) + 1)
        for piece in self.pieces:
            piece.write(run)


class Text(Piece):
    """Text that stays as it is."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def write(self, run: Run) -> None:
        run.write(self.text)


class Index(Expression):
    """`[expression]` behind a name."""

    __slots__ = ("inner",)

    def __init__(self, inner: Expression) -> None:
        self.inner = inner

    def value(self, run: Run) -> object:
        return self.inner.value(run)


class Call:
    """`.method(arguments)` behind a name."""

    __slots__ = ("arguments", "name")

    def __init__(self, name: str, arguments: Sequence[Expression]) -> None:
        self.name = name
        self.arguments = arguments

    def apply(self, value: object, run: Run) -> object:
        arguments = [each.value(run) for each in self.arguments]
        return values.call(self.name, value, arguments, run.limits)


class Reference(Piece, Expression):
    """`$name`, `${name.more}`, `$!name`, `${name|"else"}`.

    Where there is no value, `$!` writes nothing; in the body of a request what looked like a
    variable stays text, unless it begins with the contact; in a template it is an error.
    """

    __slots__ = ("alternative", "dotted", "is_text", "path", "quiet", "root", "source")

    def __init__(
        self,
        root: str,
        path: Sequence[str | Index | Call],
        *,
        source: str,
        quiet: bool = False,
        alternative: Expression | None = None,
        is_text: bool = False,
    ) -> None:
        self.root = root
        self.path = tuple(path)
        self.source = source
        self.quiet = quiet
        self.alternative = alternative
        self.is_text = is_text and root != CONTACT
        names = [each for each in path if isinstance(each, str)]
        self.dotted = ".".join(names) if len(names) == len(path) > 1 else ""

    def value(self, run: Run) -> object:
        start = found = run.scope.get(self.root)
        for step in self.path:
            if found is None:
                break
            if type(step) is str:
                found = values.attribute(found, step)
            elif isinstance(step, Index):
                found = values.attribute(found, step.value(run))
            elif isinstance(step, Call):
                found = step.apply(found, run)
        if found is None and self.dotted:
            found = values.attribute(start, self.dotted)  # names of contacts may have dots
        return found

    def write(self, run: Run) -> None:
        found = self.value(run)
        text = found if type(found) is str else values.shown(found, run.limits)
        if text:
            run.write(text)
        elif self.alternative is not None:
            run.write(values.shown(self.alternative.value(run), run.limits) or "")
        elif not self.quiet and (text is None or self.root == CONTACT):
            self._write_source(run)

    def _write_source(self, run: Run) -> None:
        if not self.is_text:
            raise TemplateError(
                f"{self.source[:100]} has no value; $!{self.source.lstrip('$!')[:100]} "
                "would leave it out."
            )
        run.write(self.source)


class Set(Piece):
    """`#set($name = expression)`."""

    __slots__ = ("expression", "name")

    def __init__(self, name: str, expression: Expression) -> None:
        self.name = name
        self.expression = expression

    def write(self, run: Run) -> None:
        run.scope[self.name] = self.expression.value(run)


class If(Piece):
    """`#if(expression) ... #elseif(expression) ... #else ... #end`."""

    __slots__ = ("branches",)

    def __init__(self, branches: Sequence[tuple[Expression, Block]]) -> None:
        self.branches = branches

    def write(self, run: Run) -> None:
        for condition, block in self.branches:
            if values.is_true(condition.value(run)):
                block.write(run)
                return


class Foreach(Piece):
    """`#foreach($name in expression) ... #end`, with `$foreach.count` and its like inside."""

    __slots__ = ("block", "expression", "name")

    def __init__(self, name: str, expression: Expression, block: Block) -> None:
        self.name = name
        self.expression = expression
        self.block = block

    def write(self, run: Run) -> None:
        items = _items(self.expression.value(run), run.limits)
        scope = run.scope
        before = {name: scope.get(name) for name in (self.name, "foreach", "velocityCount")}
        for place, item in enumerate(items):
            run.loops -= 1
            if run.loops < 0:
                raise TemplateError(f"#foreach goes round more than {run.limits.loops} times.")
            last = place == len(items) - 1
            scope[self.name] = item
            scope["velocityCount"] = place + 1
            scope["foreach"] = {
                "count": place + 1,
                "index": place,
                "first": place == 0,
                "last": last,
                "hasNext": not last,
            }
            self.block.write(run)
        scope.update(before)


class Parse(Piece):
    """`#parse("name")`: another template in this place, with the same variables."""

    __slots__ = ("expression", "name")

    def __init__(self, expression: Expression) -> None:
        self.expression = expression
        known = expression.known if isinstance(expression, Literal) else None
        self.name = known if isinstance(known, str) else None  # None: not known before it is run

    def write(self, run: Run) -> None:
        name = self.name or values.shown(self.expression.value(run), run.limits) or ""
        block = run.find(name)
        run.depth -= 1
        if run.depth < 0:
            raise TemplateError(f"Templates are more than {run.limits.depth} deep.")
        outer, run.template = run.template, name
        block.write(run)
        run.depth += 1
        run.template = outer


def _items(value: object, limits: Limits) -> Sequence[object]:
    if value is None:
        return ()
    if isinstance(value, Mapping):
        return values.bounded_list(list(value.values()), limits)
    if isinstance(value, list | tuple | range):
        return value
    raise TemplateError("#foreach goes through lists and maps only.")


def pieces_of(block: Block) -> Iterable[Piece]:
    """Every piece of a block, those in its branches and loops too."""
    for piece in block.pieces:
        yield piece
        inner = piece.branches if isinstance(piece, If) else ()
        for _, each in inner:
            yield from pieces_of(each)
        if isinstance(piece, Foreach):
            yield from pieces_of(piece.block)

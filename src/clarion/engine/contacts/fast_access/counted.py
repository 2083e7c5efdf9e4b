"""JSONPath (RFC 9535) whose evaluation is counted, so that no script works for long.

Every node made, every look-up and every comparison is a step, and a contact has so many for all of
its scripts. The library offers hooks for all of
them but one: the node at the root of a path is its own, so paths begin with ours instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import thread_time
from typing import Any

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathMatch
from jsonpath.exceptions import JSONPathError
from jsonpath.filter import BaseExpression, FilterQuery
from jsonpath.function_extensions import Count, Length, Value
from jsonpath.parse import Parser
from jsonpath.segments import JSONPathSegment
from jsonpath.stream import TokenStream

MAX_STEPS = 20_000
MAX_SECONDS = 0.02
_STEPS_A_LOOK = 64  # at the clock
_MAX_DEPTH = 64


class TooMuch(Exception):
    """The contact has had its steps or its time."""


class Unreadable(Exception):
    """The text is no JSONPath; says why."""


class _Node(JSONPathMatch):
    """A value on the way; nobody asks for its path or its children."""

    __slots__ = ()

    def new_child(self, obj: object, _: int | str) -> JSONPathMatch:
        _environment.spend()
        return _Node(
            filter_context=self._filter_context,
            obj=obj,
            parent=None,
            path="",
            parts=(),
            root=self.root,
        )

    def add_child(self, *_: JSONPathMatch) -> None:
        pass


class _Path(JSONPath):
    """Begins with a node of ours."""

    __slots__ = ()

    def finditer(self, data: Any, *, filter_context: Any = None) -> Iterable[JSONPathMatch]:
        _environment.spend()
        nodes: Iterable[JSONPathMatch] = [
            _Node(
                filter_context=filter_context or {},
                obj=data,
                parent=None,
                path="",
                parts=(),
                root=data,
            )
        ]
        for segment in self.segments:
            nodes = segment.resolve(nodes)
        return nodes


class _Parser(Parser):
    def parse_absolute_query(self, stream: TokenStream) -> BaseExpression:
        return _counted(super().parse_absolute_query(stream))

    def parse_relative_query(self, stream: TokenStream) -> BaseExpression:
        return _counted(super().parse_relative_query(stream))


def _counted(query: BaseExpression) -> BaseExpression:
    assert isinstance(query, FilterQuery)
    query.path = _Path(env=query.path.env, segments=query.path.segments)
    return query


class _Environment(JSONPathEnvironment):
    """For one thread: the steps that are left are those of the contact in hand."""

    parser_class = _Parser
    max_recursion_depth = _MAX_DEPTH

    def __init__(self) -> None:
        super().__init__(strict=True)
        self.begin()

    def setup_function_extensions(self) -> None:
        """Without match and search: nothing bounds the time of a regular expression."""
        self.function_extensions = {"count": Count(), "length": Length(), "value": Value()}

    def getitem(self, obj: Any, key: Any) -> Any:
        self.spend()
        return obj[key]

    def compare(self, left: object, operator: str, right: object) -> bool:
        self.spend()
        return super().compare(left, operator, right)

    def begin(self) -> None:
        self._left = MAX_STEPS
        self._until: float | None = None  # known at the first look: most need none

    def spend(self) -> None:
        self._left -= 1
        if self._left < 0 or (self._left % _STEPS_A_LOOK == 0 and self._is_late()):
            self._left = 0  # nothing is left for the other scripts either
            raise TooMuch

    def _is_late(self) -> bool:
        now = thread_time()
        if self._until is None:
            self._until = now + MAX_SECONDS
        return now > self._until


_environment = _Environment()
spend = _environment.spend
"""One step of the contact in hand. TooMuch: it has had them all."""


def read_path(text: str) -> Iterable[JSONPathSegment]:
    """The segments of a path. Unreadable: it is none."""
    try:
        path = _environment.compile(text)
    except (JSONPathError, RecursionError, ValueError, OverflowError) as error:
        raise Unreadable(str(error.args[0]) if error.args else "it cannot be read") from error
    assert isinstance(path, JSONPath)  # unions are not strict
    return path.segments


def begin() -> None:
    """The steps and the time of one contact begin, whatever number of scripts it has."""
    _environment.begin()


def first_value(segments: Iterable[JSONPathSegment], contact: Mapping[str, Any]) -> object:
    """The first value that the path leads to; None: there is none. TooMuch: since `begin`."""
    path = _Path(env=_environment, segments=segments)
    try:
        return next((node.obj for node in path.finditer(contact)), None)
    except (JSONPathError, RecursionError, TypeError):
        return None

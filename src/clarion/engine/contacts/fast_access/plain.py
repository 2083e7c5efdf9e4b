"""Paths of names, indexes and wildcards, as most scripts are: followed on the values themselves.

The library makes a node of every value on the way, and asks what it is by way of `typing`: ten
times the work. Results and their order are the same, and every value looked at is a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from jsonpath.segments import JSONPathRecursiveDescentSegment, JSONPathSegment
from jsonpath.selectors import IndexSelector, NameSelector, WildcardSelector

from clarion.engine.contacts.fast_access.counted import spend

Step = tuple[bool, str | int | None]
"""Whether it goes through all descendants, and the name or index it takes; None: all."""

NOTHING = object()


def plain_steps(segments: Iterable[JSONPathSegment]) -> tuple[Step, ...] | None:
    """The steps of a path; None: it has filters, slices, or several selectors in one."""
    steps: list[Step] = []
    for segment in segments:
        if len(segment.selectors) != 1:
            return None
        (selector,) = segment.selectors
        descends = isinstance(segment, JSONPathRecursiveDescentSegment)
        if isinstance(selector, NameSelector):
            steps.append((descends, selector.name))
        elif isinstance(selector, IndexSelector):
            steps.append((descends, selector.index))
        elif isinstance(selector, WildcardSelector):
            steps.append((descends, None))
        else:
            return None
    return tuple(steps)


def follow(value: Any, steps: tuple[Step, ...], at: int = 0) -> Any:
    """The first value that the steps from `at` lead to, or NOTHING. TooMuch: it takes too long."""
    for place in range(at, len(steps)):
        descends, key = steps[place]
        if descends or key is None:
            return _search(value, steps, place)
        value = _taken(value, key)
        if value is NOTHING:
            return NOTHING
    return value


def _search(value: Any, steps: tuple[Step, ...], at: int) -> Any:
    """The same from a step that leads to several values."""
    descends, key = steps[at]
    for node in _all_within(value) if descends else (value,):
        spend()
        children = _children(node) if key is None else (_taken(node, key),)
        for child in children:
            found = NOTHING if child is NOTHING else follow(child, steps, at + 1)
            if found is not NOTHING:
                return found
    return NOTHING


def _taken(node: Any, key: str | int) -> Any:
    if isinstance(key, str):
        return node.get(key, NOTHING) if isinstance(node, dict) else NOTHING
    within = isinstance(node, list) and -len(node) <= key < len(node)
    return node[key] if within else NOTHING


def _children(node: Any) -> Iterable[Any]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _all_within(value: Any) -> Iterator[Any]:
    """The value and what is in it, each before what is in it in turn."""
    waiting = [value]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [child for child in _children(node) if isinstance(child, dict | list)][::-1]

"""From a path to its route: one dictionary look-up for fixed paths, a walk for the others.

Repeated slashes and a trailing one make no difference: published clients send both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from clarion.api.call import Door, Route

NOTHING: Mapping[str, str] = {}


class Bound:
    """A route of a door, with the names of its path's parameters."""

    __slots__ = ("door", "names", "route")

    def __init__(self, door: Door, route: Route, names: tuple[str, ...]) -> None:
        self.door = door
        self.route = route
        self.names = names


Methods = dict[str, Bound]


class Found(Struct, frozen=True, gc=False):
    """What a method and a path lead to."""

    bound: Bound | None  # None: no such path, or it does not have the method
    methods: Methods | None  # all that the path has
    values: list[str]  # of the path's parameters, in order

    @property
    def streamed(self) -> bool:
        """Whether its handler reads or writes bodies by the piece."""
        return self.bound is not None and self.bound.route.streamed


class _Node:
    __slots__ = ("children", "methods", "parameter")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.methods: Methods = {}


class Router:
    """All routes of all doors."""

    def __init__(self, doors: Iterable[Door]) -> None:
        self.doors = tuple(doors)
        self._root = _Node()
        self._fixed: dict[str, Methods] = {}
        for door in self.doors:
            for route in door.routes:
                self._add(door, route)

    def find(self, method: str, path: str) -> Found:
        """The route of a request; HEAD is GET without a body."""
        methods = self._fixed.get(path)
        values: list[str] = []
        if methods is None:
            node = _walk(self._root, [s for s in path.split("/") if s], 0, values)
            methods = node.methods if node else None
        bound = methods.get("GET" if method == "HEAD" else method) if methods else None
        return Found(bound, methods, values)

    def door_of(self, path: str) -> Door:
        """The door that speaks for an address where no route is."""
        clean = "/" + "/".join(s for s in path.split("/") if s) + "/"
        inside = [d for d in self.doors if clean.startswith(d.prefix.rstrip("/") + "/")]
        return max(inside, key=lambda d: len(d.prefix), default=self.doors[0])

    def _add(self, door: Door, route: Route) -> None:
        names: list[str] = []
        node = self._root
        path = door.prefix + route.path
        for segment in (s for s in path.split("/") if s):
            if segment.startswith("{"):
                names.append(segment.replace("{", "").replace("}", ""))  # one, or two: {a}:{b}
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.children.setdefault(segment, _Node())
        if route.method in node.methods:
            raise ValueError(f"{route.method} {path} is routed twice")
        node.methods[route.method] = Bound(door, route, tuple(names))
        if not names:
            self._fixed[path] = node.methods


def _walk(node: _Node, segments: list[str], at: int, values: list[str]) -> _Node | None:
    """The node with methods at the end of the segments; fixed names go before parameters."""
    if at == len(segments):
        return node if node.methods else None
    child = node.children.get(segments[at])
    if child is not None:
        found = _walk(child, segments, at + 1, values)
        if found is not None:
            return found
    if node.parameter is None:
        return None
    values.append(segments[at])
    found = _walk(node.parameter, segments, at + 1, values)
    if found is None:
        values.pop()
    return found

"""What the lists of this door may be asked with: what their documentation names, and no more.

A filter misspelt would else answer everything, and look like an answer.
"""

from __future__ import annotations

from dataclasses import replace

from clarion.api.call import Answer, Call, Route
from clarion.api.operation import Operation
from clarion.errors import InvalidInput

_LENIENT = frozenset({"/event-deliveries/summary"})
"""Published clients name its period in ways that no reference tells: those go unheard."""


def strict(route: Route) -> Route:
    """Of what answers a list, or takes parameters, the same without unknown ones; else the same."""
    known = () if route.about is None else _known(route.about)
    if route.method != "GET" or not known or route.path in _LENIENT:
        return route

    async def handler(call: Call) -> Answer:
        for name in call.query:
            if name not in known:
                words = f"{name[:50]}: there is no such parameter here; known are"
                raise InvalidInput(f"{words} {', '.join(known)}.", field=name)
        return await route.handler(call)

    return replace(route, handler=handler)


def _known(about: Operation) -> tuple[str, ...]:
    """As openapi.py writes them."""
    names = [each.name for each in about.parameters]
    if about.many and about.filters:
        names += [column.name for column in about.filters]
        names += ["sort"] if any(column.sortable for column in about.filters) else []
        names += ["offset", "limit"]
    return tuple(names)

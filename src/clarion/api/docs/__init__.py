"""/docs: the OpenAPI documents, and a page that shows them without anything from the internet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

import msgspec

from clarion.api.call import JSON, Answer, Call, Door, Route, json_answer
from clarion.api.errors import problem
from clarion.api.openapi import document
from clarion.api.wire import PLAIN
from clarion.errors import NotFound

_PAGE_HEADERS = (
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        b"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
)


def door(others: Sequence[Door]) -> Door:
    """The documents of the other doors."""
    described = {d.name: d for d in others if any(route.about for route in d.routes)}

    @cache
    def written(name: str) -> bytes:
        doors = list(described.values()) if name == "" else [described[name]]
        return msgspec.json.encode(document(doors))

    async def home(_: Call) -> Answer:
        """Whoever opens the printed address finds what it answers to."""
        return Answer(302, b"", ((b"location", b"/docs"),))

    async def page(_: Call) -> Answer:
        """The reference page."""
        text = resources.files(__package__).joinpath("page.html").read_bytes()
        return Answer(200, text, _PAGE_HEADERS)

    async def index(_: Call) -> Answer:
        """The doors that have a document."""
        return json_answer([{"name": d.name, "title": d.title} for d in described.values()])

    async def whole(_: Call) -> Answer:
        """All doors in one document."""
        return Answer(200, written(""), JSON)

    async def one(call: Call) -> Answer:
        """One door's document."""
        if call.params["door"] not in described:
            raise NotFound
        return Answer(200, written(call.params["door"]), JSON)

    routes = (
        Route("GET", "/", home, open=True),
        Route("GET", "/docs", page, open=True),
        Route("GET", "/docs/doors.json", index, open=True),
        Route("GET", "/docs/openapi.json", whole, open=True),
        Route("GET", "/docs/{door}/openapi.json", one, open=True),
    )
    return Door("docs", "", routes, problem, PLAIN)

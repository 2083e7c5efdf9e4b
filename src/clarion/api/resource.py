"""A resource from one Struct and one declaration: list, get, create, update, replace, delete.

    SENDERS = Resource(name="Sender ID", path="/messaging/sender_ids", shape=Shape(SenderId, ...),
                       listing=Listing(...), create=..., update=..., delete=...)
    routes = SENDERS.routes()

Creates answer 200 and the id, as published clients take nothing else for success. Lists follow the
wire form of the door that they are asked through.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from clarion.api.call import Answer, Call, Header, Route, json_answer
from clarion.api.operation import Operation
from clarion.api.shape import Row, Shape
from clarion.errors import InvalidInput, NotFound
from clarion.kit import ids
from clarion.storage.listing import Bound, Listing, Page, fetch_page

DONE = Answer(200)
_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,255}")

Values = dict[str, Any]
Complete = Callable[[Call, Sequence[Row]], Awaitable[Sequence[Row]]]
Rewrite = Callable[[Call, dict[str, str]], Awaitable[Sequence[Bound]]]
Within = Callable[[Call], Awaitable[Sequence[Bound]]]


@dataclass(frozen=True, kw_only=True)
class Resource:
    """Where a resource is, how it looks, and what can be done with it."""

    name: str
    path: str
    shape: Shape
    listing: Listing
    whole: str = ""  # what is selected of one resource; empty: the same as in a list
    about: str = ""
    key: Callable[[str], Any] = ids.parse  # from the id in a path; None: names nothing
    complete: Complete | None = None  # adds to rows what their table does not hold
    rewrite: Rewrite | None = None  # filters that no column can answer alone
    within: Within | None = None  # what the path before the id says: whose part it is
    parameter: str = "id"  # what a path calls the id
    collection: str = ""  # what a list of them is called, where lists have names
    required: tuple[str, ...] = ()  # attributes that a create must have
    create: Callable[[Call, Values], Awaitable[str]] | None = None
    update: Callable[[Call, Any, Values], Awaitable[None]] | None = None
    replace: Callable[[Call, Any, Values], Awaitable[None]] | None = None
    delete: Callable[[Call, Any], Awaitable[None]] | None = None

    def routes(self) -> list[Route]:
        """What this declaration allows, as routes."""
        one = f"{self.path}/{{{self.parameter}}}"
        wanted = (
            ("GET", self.path, self._list, True),
            ("POST", self.path, self._create, self.create),
            ("GET", one, self._get, True),
            ("POST", one, self._update, self.update),
            ("PUT", one, self._replace, self.replace),
            ("DELETE", one, self._delete, self.delete),
        )
        return [
            Route(method, path, handler, about=self._operation(method, one=path == one))
            for method, path, handler, there in wanted
            if there
        ]

    async def page(self, call: Call, also: Sequence[Bound] = ()) -> Answer:
        """A list of this resource, narrowed by conditions of the caller's."""
        query = self._renamed(call.query)
        also = [*also, *await self._owned(call)]
        if self.rewrite is not None:
            also = [*also, *await self.rewrite(call, query)]
        page = await fetch_page(
            call.services.db,
            self.listing,
            company_id=call.caller.company_id,
            query=query,
            also=also,
        )
        return page_answer(call, await self._shown(call, page.rows), page, self.collection)

    async def find(self, call: Call, id: Any, *, whole: bool = False) -> Row:
        """One row that the caller may see. NotFound also for what belongs to others."""
        listing = self.listing
        if whole and self.whole:
            listing = replace(listing, select=self.whole)
        page = await fetch_page(
            call.services.db,
            listing,
            company_id=call.caller.company_id,
            query={"limit": "2"},  # one row is then the last one, and nothing is counted
            also=[Bound(f"{self.listing.key} = {{}}", id), *await self._owned(call)],
        )
        if not page.rows:
            raise NotFound
        row: Row = page.rows[0]
        return row

    def given(self, values: Values) -> Values:
        """What something new is made of. InvalidInput: it lacks what is required."""
        values = {name: value for name, value in values.items() if value is not None}
        values.pop(self.shape.column_of("version_number"), None)  # of what does not exist yet
        self._require(values)
        return values

    def id_of(self, call: Call) -> Any:
        """The id in the path; one that cannot be read names nothing."""
        id = self.key(call.params[self.parameter])
        if id is None:
            raise NotFound
        return id

    # ------------------------------------------------------------ handlers

    async def _list(self, call: Call) -> Answer:
        return await self.page(call)

    async def _get(self, call: Call) -> Answer:
        row = await self.find(call, self.id_of(call), whole=True)
        return json_answer((await self._shown(call, [row]))[0])

    async def _create(self, call: Call) -> Answer:
        assert self.create is not None
        values = self.given(self.shape.read(call))
        return json_answer({"id": await self.create(call, values)})

    async def _update(self, call: Call) -> Answer:
        assert self.update is not None
        await self.update(call, self.id_of(call), self.shape.read(call))
        return json_answer({"id": call.params[self.parameter]})

    async def _replace(self, call: Call) -> Answer:
        assert self.replace is not None
        values = self.shape.read(call, form_encoded=True)
        self._require(values)
        await self.replace(call, self.id_of(call), values)
        return json_answer({"id": call.params[self.parameter]})

    async def _delete(self, call: Call) -> Answer:
        assert self.delete is not None
        await self.delete(call, self.id_of(call))
        return DONE

    # ------------------------------------------------------------ steps

    async def _owned(self, call: Call) -> Sequence[Bound]:
        return () if self.within is None else await self.within(call)

    async def _shown(self, call: Call, rows: Sequence[Row]) -> list[dict[str, Any]]:
        if self.complete is not None and rows:
            rows = await self.complete(call, rows)
        return [self.shape.show(row, call.form) for row in rows]

    def _require(self, values: Values) -> None:
        for name in self.required:
            if values.get(self.shape.column_of(name)) in (None, ""):
                raise InvalidInput(f"{name}: it is required.", field=name)

    def _renamed(self, query: Mapping[str, str]) -> dict[str, str]:
        """The query with every spelling of a filter turned into the one that the listing has."""
        known = self.shape.spellings
        renamed = {known.get(name, name): value for name, value in query.items()}
        if sort := renamed.get("sort"):
            renamed["sort"] = ",".join(
                _renamed_sort(name.strip(), known) for name in sort.split(",")
            )
        return renamed

    def _operation(self, method: str, *, one: bool) -> Operation:
        return Operation.of_resource(
            self.name,
            self.about,
            method,
            one=one,
            shape=self.shape,
            listing=self.listing,
            required=self.required,
            collection=self.collection,
        )


def _renamed_sort(name: str, known: Mapping[str, str]) -> str:
    bare = name.lstrip("+-")
    return name[: len(name) - len(bare)] + known.get(bare, bare)


def text_key(text: str) -> str | None:
    """The id in a path, for resources whose ids are words."""
    return None if "\0" in text else text


def page_answer(
    call: Call, shown: Sequence[Any], page: Page, collection: str = "", **more: Any
) -> Answer:
    """A page of a list in the door's wire form; `more` stands beside a list that has a name."""
    if call.form.paged_result:
        about: dict[str, Any] = {"paged-result": {"offset": page.offset, "limit": page.limit}}
        if page.limit and page.offset + page.limit < page.total:
            following = _query_at(call, page.offset + page.limit, page.limit)
            about["next-page-uri"] = f"{quote(call.scope['path'])}?{following}"
        return json_answer(about | more | {collection: shown})
    if call.form.envelope:
        return json_answer(
            {"list": shown, "total": page.total, "offset": page.offset, "limit": page.limit}
        )
    return json_answer(shown, headers=_paging_headers(call, page))


def _paging_headers(call: Call, page: Page) -> tuple[Header, ...]:
    """X-Total-Count, and Link (RFC 8288) to the pages around this one."""
    total = (b"x-total-count", b"%d" % page.total)
    if page.limit == 0:
        return (total,)
    last = max(0, (page.total - 1) // page.limit * page.limit)
    offsets = {"first": 0, "last": last}
    if page.offset > 0:
        offsets["prev"] = max(0, page.offset - page.limit)
    if page.offset + page.limit < page.total:
        offsets["next"] = page.offset + page.limit
    address = public_address(call, call.scope["path"])
    links = [
        f'<{address}?{_query_at(call, offset, page.limit)}>; rel="{rel}"'
        for rel, offset in offsets.items()
    ]
    return (total, (b"link", ", ".join(links).encode("ascii")))


def _query_at(call: Call, offset: int, limit: int) -> str:
    """This call's query for another page."""
    others = {k: v for k, v in call.query.items() if k not in ("offset", "limit")}
    return urlencode(others | {"offset": str(offset), "limit": str(limit)})


def public_address(call: Call, path: str) -> str:
    """An address of this installation as the client knows it; without a known host, the path."""
    path = quote(path)
    if public := call.services.settings.http.public_url:
        return public.rstrip("/") + path
    host = call.header(b"host") or ""
    return f"{call.scope['scheme']}://{host}{path}" if _HOST.fullmatch(host) else path

"""Lists: filters, sorting and pages, composed from declared columns only.

What a client sends is bound as parameters or looked up by name; only SQL that a Listing declares
becomes part of a statement. Filters follow the SCG reference: `attribute=value`, several values
with commas between (any of them), dates also as `[from,to]` with either end left out.

Totals are exact up to EXACT_TOTAL rows. Above, counting would cost more than the page: the
planner's estimate is shown then, never less than EXACT_TOTAL. Where statistics are out of date, by
a factor of SURELY at least, the estimate may be shown of fewer rows than that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import asyncpg
import msgspec

from clarion.errors import InvalidInput
from clarion.storage import filters
from clarion.storage.database import Database
from clarion.storage.sorting import sorted_rows

Kind = Literal[
    "text", "integer", "number", "boolean", "timestamp", "created", "day", "id", "enum",
    "text_array", "msisdn",
]  # fmt: skip

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_OFFSET = 2**31
MAX_SORT_COLUMNS = 5
DEEP = 500  # rows that a page passes over
EXACT_TOTAL = 100_000
QUICK_TOTAL = 10_000  # counted in a millisecond or so
SURELY = 1.5  # times EXACT_TOTAL: the planner is not that wrong
DELETED = "DELETED"


@dataclass(frozen=True)
class Column:
    """One attribute that a list can be filtered and sorted by.

    `created` is a date that is not stored but lies in the uuid v7 named by `sql`, so that its
    ranges and its order use the primary key. `day` is a date without a time. `msisdn` takes a
    number with or without its plus sign, which URL decoding may have made a space.
    """

    name: str  # on the wire
    sql: str
    kind: Kind = "text"
    sortable: bool = True
    choices: frozenset[str] = frozenset()  # of an enum
    enum: str = ""  # the enum's type in the database; empty: a text column
    never_null: bool = False  # so an index has its order, whichever way round


class Bound:
    """A condition of the caller's own: `sql` has `{}`, or `{0}`, `{1}` ..., where values go."""

    __slots__ = ("sql", "values")

    def __init__(self, sql: str, *values: object) -> None:
        self.sql = sql
        self.values = values


@dataclass(frozen=True)
class Listing:
    """What can be listed and how."""

    source: str  # a table, a view or a join
    columns: tuple[Column, ...]
    select: str = "*"
    tenant: str | None = "company_id"  # or a condition on $1; None: the same for every company
    key: str = "id"  # unique within a company; by default lists begin with the highest
    order: str = ""  # a default order in place of that, where no one column is unique
    always: str = ""
    deleted: str = ""  # true for deleted rows, which only the state DELETED shows
    state: str = "state"  # the filter that may say DELETED
    limit: int = DEFAULT_LIMIT  # rows of a page that says none
    counted: bool = True  # else a page's total only tells whether there is more
    by_name: Mapping[str, Column] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})


@dataclass(frozen=True)
class Page:
    """Rows and where they are in the whole."""

    rows: list[asyncpg.Record]
    total: int
    offset: int
    limit: int


async def fetch_page(
    db: Database,
    listing: Listing,
    *,
    company_id: int | None,
    query: Mapping[str, str],
    also: Sequence[Bound] = (),
) -> Page:
    """The page that `query` asks for. InvalidInput names the filter that cannot be used; names
    that are no filter of this listing are ignored, since clients add parameters of their own."""
    offset, limit = asked_page(query, listing.limit)
    more = 0 if listing.counted else 1
    args: list[object] = []
    where = _where(listing, company_id, query, also, args)
    body = f"from {listing.source} where {where}"
    rows = await _rows(db, listing, body, query.get("sort", ""), [*args, limit + more, offset])
    if not listing.counted:
        return Page(rows[:limit], offset + len(rows), offset, limit)
    if len(rows) < limit and (rows or offset == 0):
        return Page(rows, offset + len(rows), offset, limit)  # the last page tells the total
    total = await _total(db, listing, body, args)
    return Page(rows, _beside(total, offset, limit, len(rows)), offset, limit)


async def _rows(
    db: Database, listing: Listing, body: str, sort: str, args: list[Any]
) -> list[asyncpg.Record]:
    """A page of what matches; the last of `args` are its limit and its offset."""
    order, limit = _order(listing, sort), args[-2]
    names = filters.split(sort)
    first = listing.by_name[names[0].lstrip("+-")] if names else None
    if first is None or first.kind == "created" or first.sql == listing.key:
        return await db.fetch(_page(listing, body, order, args), *args)
    if not first.never_null and limit:
        valued = f"{body} and ({first.sql}) is not null"
        order_of_index = order.replace(" nulls last", "", 1)
        rows = await sorted_rows(db, _page(listing, valued, order_of_index, args), *args)
        if len(rows) == limit:
            return rows
    return await sorted_rows(db, _page(listing, body, order, args), *args)


def _page(listing: Listing, body: str, order: str, args: Sequence[Any]) -> str:
    page = f"order by {order} limit ${len(args) - 1} offset ${len(args)}"
    if args[-1] < DEEP or listing.order:
        return f"select {listing.select} {body} {page}"
    # What is passed over need not be read: the index knows its keys.
    keys = f"select {listing.key} {body} {page}"
    chosen = f"{body} and {listing.key} = any(array({keys}))"
    return f"select {listing.select} {chosen} order by {order}"


def asked_page(
    query: Mapping[str, str], default: int, *, highest: int = MAX_LIMIT
) -> tuple[int, int]:
    """The offset and the limit that a query asks for; a limit above the highest is taken for it."""
    limit = min(_whole(query, "limit", default, filters.MAX_BIGINT), highest)
    return _whole(query, "offset", 0, MAX_OFFSET), limit


async def _total(db: Database, listing: Listing, body: str, args: Sequence[object]) -> int:
    """A few are counted. What the planner takes for far more than EXACT_TOTAL is not: counting so
    far costs more than a page."""
    counted = await _count(db, body, args, QUICK_TOTAL)
    if counted <= QUICK_TOTAL:
        return counted
    estimate = await _estimate(db, body, args)
    if estimate < SURELY * EXACT_TOTAL:
        counted = await _count(db, body, args, EXACT_TOTAL)
        if counted <= EXACT_TOTAL:
            return counted
    whole = await _estimate(db, f"from {listing.source}", [])
    return max(EXACT_TOTAL, min(whole, estimate))


def _beside(total: int, offset: int, limit: int, found: int) -> int:
    """The total as the page bears it out. Clients page until they have it: an estimate that is too
    low must not end their list before its end, nor one that is too high keep them behind it."""
    if not limit:
        return total
    if not found:
        return min(total, offset)
    return max(total, offset + found + 1) if total >= EXACT_TOTAL else total


async def _count(db: Database, body: str, args: Sequence[object], most: int) -> int:
    some = f"select 1 {body} limit {most + 1}"
    counted: int = await db.fetchval(f"select count(*) from ({some}) as counted", *args)  # noqa: S608
    return counted


async def _estimate(db: Database, body: str, args: Sequence[object]) -> int:
    """The planner's guess; of a join it can be above the rows that there are."""
    plan = await db.fetchval(f"explain (format json) select 1 {body}", *args)
    rows: int = msgspec.json.decode(plan)[0]["Plan"]["Plan Rows"]
    return rows


def _where(
    listing: Listing,
    company_id: int | None,
    query: Mapping[str, str],
    also: Sequence[Bound],
    args: list[object],
) -> str:
    def bind(value: object) -> str:
        args.append(value)
        return f"${len(args)}"

    conditions = [listing.always] if listing.always else []
    if listing.tenant is not None:
        placeholder = bind(company_id)
        whole = "$1" in listing.tenant
        conditions.append(listing.tenant if whole else f"{listing.tenant} = {placeholder}")
    conditions += [bound.sql.format(*map(bind, bound.values)) for bound in also]
    asked = {name: query[name] for name in query if name in listing.by_name and query[name].strip()}
    conditions += _live_or_deleted(listing, asked, bind)
    conditions += [filters.condition(listing.by_name[name], asked[name], bind) for name in asked]
    return " and ".join(f"({condition})" for condition in conditions) or "true"


def _live_or_deleted(listing: Listing, asked: dict[str, str], bind: filters.Bind) -> list[str]:
    """Deleted rows are hidden unless their state is asked for. Takes the filter out of `asked`
    when it says DELETED, since no row has that state in its column."""
    if not listing.deleted:
        return []
    states = filters.split(asked.get(listing.state, ""))
    others = [state for state in states if state.upper() != DELETED]
    if len(others) == len(states):
        return [f"not ({listing.deleted})"]
    del asked[listing.state]
    if not others:
        return [listing.deleted]
    live = filters.condition(listing.by_name[listing.state], ",".join(others), bind)
    return [f"({listing.deleted}) or {live}"]


def _order(listing: Listing, sort: str) -> str:
    terms: list[str] = []
    names = filters.split(sort)
    if len(names) > MAX_SORT_COLUMNS:
        raise InvalidInput(f"sort: at most {MAX_SORT_COLUMNS} attributes.", field="sort")
    for name in names:
        column = listing.by_name.get(name.lstrip("+-"))
        if column is None or not column.sortable:
            raise InvalidInput(f"sort: {name[:50]!r} cannot be sorted by.", field="sort")
        direction = "desc" if name.startswith("-") else "asc"
        if column.kind == "created" or column.sql == listing.key:
            return ", ".join([*terms, f"{column.sql} {direction}"])  # unique: the rest is moot
        terms.append(f"{column.sql} {direction}{'' if column.never_null else ' nulls last'}")
    return ", ".join([*terms, listing.order or f"{listing.key} desc"])


def _whole(query: Mapping[str, str], name: str, default: int, highest: int) -> int:
    text = query.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > highest:
        raise InvalidInput(f"{name}: a whole number from 0, not {text[:50]!r}.", field=name)
    return int(text)

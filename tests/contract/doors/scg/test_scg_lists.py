"""A walk through the SCG reference: attributes are shown, filters find, lists have an order.

What the reference says is in reference.toml; how rows are made, in scg_samples.py. Both wire forms.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from scg_samples import SAMPLES
from scg_tables import (
    Attribute,
    Collection,
)
from scg_walk import (
    LISTS,
    OWN,
    SINGLE,
    UNKNOWN,
    fresh,
    is_reference,
    named,
    refused,
    same,
    shown_by,
)
from scg_world import World, listed

from clarion.kit import ids


@named(LISTS)
async def test_lists_show_every_attribute_with_its_type(world: World, at: Collection) -> None:
    made = await world.have(at.path)
    path = await world.whole(at.path)
    rows = listed(world.client, await world.client.get(f"{path}?id={','.join(made)}"))
    assert {row["id"] for row in rows} == set(made)
    _all_shown(world, at, rows)


@named(SINGLE)
async def test_each_one_shows_every_attribute_with_its_type(world: World, at: Collection) -> None:
    path, rows = await world.whole(at.path), []
    for id in await world.have(at.path):
        reply = await world.client.get(f"{path}/{id}?name=ignored&state=DELETED&offset=9")
        assert reply.status == 200, reply.raw
        rows.append(reply.json)
    _all_shown(world, at, rows)


def _all_shown(world: World, at: Collection, rows: list[dict[str, Any]]) -> None:
    reference = is_reference(world)
    table = {each.name(reference=reference): each for each in at.of.attributes}
    for row in rows:
        for name, value in row.items():
            if name in table:
                _fits(table[name].type(reference=reference), value, name, reference=reference)
    shown = {name for row in rows for name in row}
    assert set(table) - shown - at.of.without("show") == set()


def _fits(type_: str, value: Any, name: str, *, reference: bool) -> None:
    kinds: dict[str, Any] = {
        "id": str, "word": str, "text": str, "boolean": bool, "array": list, "object": dict,
        "integer": int, "number": (int, float), "day": str, "date": str if reference else int,
    }  # fmt: skip
    assert isinstance(value, kinds[type_]), (name, value)
    if type_ in ("integer", "number", "date"):
        assert not isinstance(value, bool), (name, value)
    if type_ == "day":
        datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
    if type_ == "date" and reference:
        assert datetime.fromisoformat(value).tzinfo is not None, (name, value)


@named(OWN)
async def test_a_create_shows_all_that_it_was_given(world: World, at: Collection) -> None:
    given: set[str] = set()
    for odd in (False, True):
        path, id, body = await fresh(world, at, odd=odd)
        reply = await world.client.get(f"{path}/{id}")
        assert reply.status == 200, reply.raw
        for name, value in body.items():
            if name not in SAMPLES[at.path].hidden | SAMPLES[at.path].masked:
                assert same(reply.json.get(name), value), (name, value, reply.json.get(name))
        given |= set(body)
    if at.path == "/messaging/sender_ids":
        given.add("parent_id")  # of the first one, which took the operator's
    can = {each.name(reference=is_reference(world)) for each in at.of.used("c")}
    assert can - given - at.of.without("create") == set()


@named(LISTS)
async def test_every_filter_finds_what_has_the_value_and_nothing_else(
    world: World, at: Collection
) -> None:
    made = await world.have(at.path)
    path = await world.whole(at.path)
    reply = await world.client.get(f"{path}?id={','.join(made)}")
    rows = {row["id"]: row for row in listed(world.client, reply)}
    one, two = (rows[id] for id in made)
    await asyncio.gather(*(_filtered(world, path, at, each, one, two) for each in at.of.used("f")))


async def _filtered(
    world: World, path: str, at: Collection, by: Attribute, one: Any, two: Any
) -> None:
    if by.key in at.of.without("filter"):
        return
    for mine, other in ((one, two), (two, one)):
        value, differs = shown_by(world, mine, by), shown_by(world, other, by)
        if value in (None, []):
            continue
        found = await _found(world, path, by, _asked(by, value))
        assert mine["id"] in found, (by.key, value, "is not found")
        if not _shares(value, differs) and by.key not in ("created_date", "last_updated_date"):
            assert other["id"] not in found, (by.key, value, "finds the other one")
    strange = _strange(by, one, two)
    if strange is not None:
        found = await _found(world, path, by, strange)
        assert not {one["id"], two["id"]} & found, (by.key, strange)


def _shares(one: Any, other: Any) -> bool:
    return one[0] in (other or ()) if isinstance(one, list) else one == other


async def _found(world: World, path: str, by: Attribute, value: str) -> set[str]:
    query = {by.name(reference=is_reference(world)): value, "limit": "1000"}
    reply = await world.client.get(path, params=query)
    assert reply.status == 200, (path, query, reply.raw)
    return {row["id"] for row in listed(world.client, reply)}


def _asked(by: Attribute, value: Any) -> str:
    """A value as a filter spells it; dates as a range of one millisecond."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return str(value[0])
    if by.types[0] == "date":
        at = value if isinstance(value, str) else _iso(value)
        return f"[{at},{at}]"
    return str(value)


def _iso(ms: int) -> str:
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03}Z"


def _strange(by: Attribute, one: Any, two: Any) -> str | None:
    """A value that neither row has; None: of a few words, both of which are there."""
    if by.key in ("id", "application_id", "version_number"):
        return UNKNOWN if by.key == "id" else "2000000001"
    return {
        "date": "[1970-01-01T00:00:00.000Z,1970-01-02T00:00:00.000Z]", "day": "1901-01-01",
        "text": "nothing has this", "id": UNKNOWN, "integer": "2000000001",
        "number": "123456.75", "array": "NOTHING",
    }.get(by.types[0])  # fmt: skip


@named(LISTS)
async def test_lists_are_sorted_by_every_filter_both_ways(world: World, at: Collection) -> None:
    made = await world.have(at.path)
    path = await world.whole(at.path)
    for by in at.of.used("f"):
        if by.key in at.of.without("sort"):
            continue
        name = by.name(reference=is_reference(world))
        orders = []
        for sort in (name, f"-{name}"):
            query = {"sort": sort, "id": ",".join(made), "limit": "1000"}
            rows = listed(world.client, await world.client.get(path, params=query))
            orders.append([row["id"] for row in rows])
            values = [row.get(name) for row in rows]
        assert sorted(orders[0]) == sorted(orders[1]) == sorted(made), name
        if None not in values and values[0] != values[1]:
            assert orders[0] == orders[1][::-1], name


@named(LISTS)
async def test_lists_come_in_pages(world: World, at: Collection) -> None:
    made = await world.have(at.path)
    path = await world.whole(at.path)
    ids_ = ",".join(made)
    pages = [
        await world.client.get(f"{path}?id={ids_}&limit=1&offset={n}&sort=id") for n in range(3)
    ]
    found = [[row["id"] for row in listed(world.client, page)] for page in pages]
    assert found == [[min(made, key=_order)], [max(made, key=_order)], []]
    for n, page in enumerate(pages):
        if is_reference(world):
            assert page.headers["X-Total-Count"] == "2"
            assert ('rel="next"' in page.headers["Link"]) == (n == 0)
        else:
            about = {key: page.json[key] for key in ("total", "offset", "limit")}
            assert about == {"total": 2, "offset": n, "limit": 1}
    for wrong in ("limit=x", "offset=-1", "sort=nothing"):
        refused(await world.client.get(f"{path}?{wrong}"), 400, "400")


def _order(id: str) -> Any:
    return ids.parse(id) or id

"""What the tests of the walk share: what there is to walk, further rows, refusals."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from harness import REFERENCE, Reply
from scg_samples import SAMPLES
from scg_tables import COLLECTIONS, Attribute, Collection
from scg_world import World, listed

from clarion.kit import ids

UNKNOWN = ids.show(ids.new_id())
LISTS = [each for each in COLLECTIONS.values() if "GET" in each.all]
MADE = [each for each in COLLECTIONS.values() if "POST" in each.all and "GET" in each.one]
OWN = [each for each in MADE if "{}/contacts" not in each.path]
SINGLE = [each for each in COLLECTIONS.values() if "GET" in each.one]
UPDATED = [each for each in COLLECTIONS.values() if "POST" in each.one]
REPLACED = [each for each in COLLECTIONS.values() if "PUT" in each.one]
DELETED = [each for each in (*OWN, COLLECTIONS["/messaging/messages"]) if "DELETE" in each.one]
NUMBERS = {"count": 100}


def named(collections: list[Collection]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("at", collections, ids=lambda each: each.path)


def is_reference(world: World) -> bool:
    return world.client.prefix == REFERENCE


async def fresh(
    world: World, at: Collection, *, odd: bool = False
) -> tuple[str, str, dict[str, Any]]:
    """A further row: the path of its list, its id, and what its create was given."""
    NUMBERS["count"] += 2
    path = await world.whole(at.path)
    if at.path == "/messaging/messages":
        request = await SAMPLES[at.path].make(world)  # type: ignore[misc]
        return path, request[0], {}
    if at.path == "/contacts/fast_access":
        await _room_for_a_rule(world)
        body = await world.body(at.path, 4)
    else:
        body = await world.body(at.path, NUMBERS["count"] + odd)
    return path, await world.post(path, body), body


async def _room_for_a_rule(world: World) -> None:
    """There are only twenty."""
    kept = await world.have("/contacts/fast_access")
    for row in listed(world.client, await world.client.get("/contacts/fast_access")):
        if row["id"] not in kept:
            await world.client.delete(f"/contacts/fast_access/{row['id']}")


def shown_by(world: World, row: dict[str, Any], attribute: Attribute) -> Any:
    return row.get(attribute.name(reference=is_reference(world)))


def same(shown: Any, given: Any) -> bool:
    if shown == given:
        return True
    if isinstance(shown, int) and isinstance(given, str):  # a date of the live form
        return shown == _ms(given)
    if isinstance(shown, str) and isinstance(given, str) and "T" in given:
        return _ms(shown) == _ms(given)
    return isinstance(shown, str) and shown.removeprefix("+") == str(given).removeprefix("+")


def _ms(text: str) -> int | None:
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        return None


async def filled(world: World, path: str) -> str:
    """A path with ids of what there is."""
    if path.endswith("/{}"):
        collection = path.removesuffix("/{}")
        return f"{await world.whole(collection)}/{(await world.have(collection))[0]}"
    return await world.whole(path)


def refused(reply: Reply, status: int, code: str, *about: Any) -> None:
    assert (reply.status, reply.json and reply.code) == (status, code), (*about, reply.raw)
    assert reply.json["error_description"]

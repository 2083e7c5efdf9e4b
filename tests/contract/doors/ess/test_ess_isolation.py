"""Nothing of another company can be read, changed, or told apart from what does not exist."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from ess_world import EventWorld
from harness import Reply

from clarion.api import ess

_NAME = re.compile(r"\{([^}]*)\}")
UNKNOWN = {
    "del-config-id": "987654321",
    "SUBSCRIPTION_NUMBER": "987654321",
    "DEL_CFG_ID": "987654321",
    "FILE_ID": "987654321",
    "EVT_ID": "unknown",
}
BODIES: tuple[dict[str, Any], ...] = (
    {},
    {"del-cfg-nm": "mine", "addr": "https://mine.example/"},
    {"match-crt": "", "start-date": "", "end-date": None},
    {"type": "NONE", "settings": {}},
    {"secrets": []},
    {"secret": "whsec_" + "QUJD" * 8},
)
LISTS = (
    "/delivery-configurations",
    "/topic-subscriptions",
    "/topics/NIS-Events/subscriptions",
    "/event-deliveries",
    "/event-deliveries/summary",
    "/event-delivery-attempts",
    "/event-buffer-files",
    "/topic-subscriptions/mdn?topicId=NIS-Events&matchingCriteria=number%20%3D%20'%2B12345678901'",
)


def _paths() -> list[tuple[str, str]]:
    return [
        (route.method, route.path)
        for route in ess.door().routes
        if set(_NAME.findall(route.path)) & set(UNKNOWN)
    ]


def _filled(path: str, known: dict[str, str]) -> str:
    return _NAME.sub(lambda found: known[found[1]], path)


def _told(reply: Reply, known: dict[str, str]) -> tuple[int, bytes]:
    """All that a stranger learns, the ids themselves apart."""
    raw = reply.raw
    for value in known.values():
        raw = raw.replace(value.encode(), b"ID")
    return reply.status, raw


async def _state(world: EventWorld) -> list[Any]:
    one = f"/delivery-configurations/{world.made['del-config-id']}"
    more = (one, f"{one}/authentication", f"{one}/secrets")
    return [(await world.client.get(path)).json for path in (*LISTS, *more)]


async def test_another_companys_ids_are_as_good_as_unknown_on_every_route(
    world: EventWorld, full: EventWorld
) -> None:
    before = await _state(full)
    paths = _paths()
    assert len(paths) == 18
    for verb, path in paths:
        for body in BODIES if verb in ("POST", "PUT") else BODIES[:1]:
            more = {"json": body} if verb in ("POST", "PUT") else {}
            told = []
            for known in (full.made, full.made | UNKNOWN):
                reply = await world.client.call(verb, _filled(path, known), **more)
                told.append(_told(reply, known))
            assert told[0] == told[1], (verb, path, body)
            assert told[0][0] in (400, 404), (verb, path, body, told[0])
    assert await _state(full) == before


async def test_another_companys_things_are_in_no_list(world: EventWorld, full: EventWorld) -> None:
    who = full.made
    queries = (
        f"/delivery-configurations?id={who['del-config-id']}",
        f"/topic-subscriptions?id={who['SUBSCRIPTION_NUMBER']}",
        f"/topic-subscriptions?del-cfg-id={who['del-config-id']}",
        "/event-deliveries?event-id=done",
        f"/event-deliveries?del-cfg-id={who['del-config-id']}",
        "/event-delivery-attempts?event-id=done",
        f"/event-delivery-attempts?del-cfg-id={who['del-config-id']}",
        f"/event-buffer-files?file-id={who['FILE_ID']}",
    )
    for path in (*LISTS, *queries):
        shown = (await world.client.get(path)).json
        (rows,) = [value for value in shown.values() if isinstance(value, list)]
        assert rows == [], path
    counted = await world.ok("GET", "/topic-subscriptions/uniqueMdnCount")
    assert counted["activeCount"] == 0


async def test_another_companys_configuration_cannot_be_subscribed_for(
    world: EventWorld, full: EventWorld
) -> None:
    told = []
    for id in (full.made["del-config-id"], UNKNOWN["del-config-id"]):
        reply = await world.client.post(
            "/topics/NIS-Events/subscriptions", {"del-cfg-id": id, "match-crt": ""}
        )
        told.append((reply.status, reply.raw.replace(id.encode(), b"ID")))
    assert told[0] == told[1]
    assert told[0][0] == 400


async def test_what_a_company_does_to_all_of_its_own_leaves_others_alone(
    world: EventWorld, full: EventWorld
) -> None:
    before = await _state(full)
    await asyncio.gather(
        world.ok("POST", "/handled-event-deliveries", {}),
        world.ok("POST", "/event-deliveries/replay", {"only-failed": True}),
        world.ok("POST", "/event-deliveries/replay", {"timestamp": "[1970-01-01-]"}),
    )
    await world.publish("done")  # an event-id is one's own
    assert await _state(full) == before

"""Topics and event types of a company's own."""

from __future__ import annotations

from typing import Any

import pytest
from ess_world import EventWorld

FIELDS = {
    "order-id": {"type": "Text", "mandatory": True},
    "total": {"type": "Decimal", "mandatory": False},
}


async def _own(world: EventWorld, *, kept: bool = False) -> None:
    await world.ok("POST", "/topics", {"topic-nm": "Orders", "description": "Of the shop."})
    more = {"validation-type": "allow-additional-fields"} if kept else {}
    new = {"id": "order_placed", "fields": FIELDS} | more
    assert await world.ok("POST", "/topics/Orders/event-types", new) == {"id": "order_placed"}


async def test_a_companys_own_topic_is_listed_with_its_types(world: EventWorld) -> None:
    await _own(world)
    topics = (await world.ok("GET", "/topics"))["topics"]
    names = [each["topic-nm"] for each in topics]
    assert names == sorted(names)
    (mine,) = [each for each in topics if each["topic-nm"] == "Orders"]
    assert mine == {
        "topic-nm": "Orders", "description": "Of the shop.", "evt-tp-list": ["order_placed"],
    }  # fmt: skip
    shown = {"id": "order_placed", "validation-type": "strict", "fields": FIELDS}
    listed = await world.ok("GET", "/topics/Orders/event-types")
    assert listed == {"event-types": [shown]}
    assert await world.ok("GET", "/event-types/order_placed") == shown
    every = (await world.get("/event-types", limit="1000")).json["event-types"]
    assert shown in every


async def test_events_of_an_own_type_are_published_and_delivered(world: EventWorld) -> None:
    await _own(world, kept=True)
    to = await world.configuration("shop")
    await world.subscription(to, "Orders", **{"match-crt": "total > 100 and order-id like 'A%'"})
    for id, order, total in (("one", "A1", 200), ("two", "A2", 50), ("three", "B1", 200)):
        await world.publish(id, type="order_placed", **{"order-id": order, "total": total, "x": 1})
    rows = (await world.ok("GET", "/event-deliveries"))["event-deliveries"]
    assert [row["event-id"] for row in rows] == ["one"]


async def test_an_own_type_gets_other_fields(world: EventWorld) -> None:
    await _own(world)
    change = {"validation-type": "allow-additional-fields",
              "fields": {"order-id": {"type": "Text"}}}  # fmt: skip
    await world.ok("PUT", "/event-types/order_placed", change)
    assert await world.ok("GET", "/event-types/order_placed") == {
        "id": "order_placed",
        "validation-type": "allow-additional-fields",
        "fields": {"order-id": {"type": "Text", "mandatory": False}},
    }


async def test_what_is_in_use_stays(world: EventWorld) -> None:
    await _own(world)
    to = await world.configuration("shop")
    subscription = await world.subscription(to, "Orders", **{"evt-tp": "order_placed"})
    for path in ("/topics/Orders", "/event-types/order_placed"):
        reply = await world.client.delete(path)
        assert (reply.status, reply.code) == (409, "409"), reply.raw
    await world.client.delete(f"/topics/Orders/subscriptions/{subscription}")
    for path in ("/event-types/order_placed", "/topics/Orders"):
        assert (await world.client.delete(path)).status == 200
        assert (await world.client.delete(path)).status == 404
    assert (await world.get("/topics/Orders/event-types")).status == 404


async def test_what_is_everybodys_cannot_be_changed(world: EventWorld) -> None:
    calls: list[tuple[str, str, Any]] = [
        ("DELETE", "/topics/SCG-Message", None),
        ("DELETE", "/event-types/porting_event", None),
        ("PUT", "/event-types/porting_event", {"fields": {}}),
    ]
    for verb, path, body in calls:
        reply = await world.client.call(verb, path, **({} if body is None else {"json": body}))
        assert (reply.status, reply.code) == (403, "403"), (verb, path)
    for path, body in (("/topics", {"topic-nm": "SCG-Message"}),
                       ("/topics/NIS-Events/event-types", {"id": "porting_event"})):  # fmt: skip
        reply = await world.client.post(path, body)
        assert (reply.status, reply.code) == (409, "1011"), path


async def test_an_own_type_may_be_in_everybodys_topic(world: EventWorld) -> None:
    await world.ok("POST", "/topics/NIS-Events/event-types", {"id": "lookup", "fields": FIELDS})
    listed = (await world.ok("GET", "/topics/NIS-Events/event-types"))["event-types"]
    assert "lookup" in [each["id"] for each in listed]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/topics", {}),
        ("/topics", {"topic-nm": ""}),
        ("/topics", {"topic-nm": "with blanks"}),
        ("/topics", {"topic-nm": "x" * 300}),
        ("/topics/NIS-Events/event-types", {}),
        ("/topics/NIS-Events/event-types", {"id": "x", "fields": {"and": {"type": "Text"}}}),
        ("/topics/NIS-Events/event-types", {"id": "x", "fields": {"a": {"type": "Money"}}}),
        ("/topics/NIS-Events/event-types", {"id": "x", "fields": {"a": {}}}),
        ("/topics/NIS-Events/event-types", {"id": "x", "validation-type": "none"}),
    ],
)
async def test_what_cannot_be_is_refused(world: EventWorld, path: str, body: Any) -> None:
    reply = await world.client.post(path, body)
    assert (reply.status, reply.code) in ((400, "400"), (400, "1023")), reply.raw


async def test_what_another_company_has_is_unknown(world: EventWorld, full: EventWorld) -> None:
    await _own(world)
    for verb, path, body in (
        ("GET", "/topics/Orders/event-types", None),
        ("POST", "/topics/Orders/event-types", {"id": "mine", "fields": {}}),
        ("DELETE", "/topics/Orders", None),
        ("GET", "/event-types/order_placed", None),
        ("PUT", "/event-types/order_placed", {"fields": {}}),
        ("DELETE", "/event-types/order_placed", None),
    ):
        more = {} if body is None else {"json": body}
        assert (await full.client.call(verb, path, **more)).status == 404, (verb, path)
    names = [each["topic-nm"] for each in (await full.ok("GET", "/topics"))["topics"]]
    assert "Orders" not in names
    await _own(full)  # names are everybody's to take

"""Deliveries and attempts: found, counted, handled, delivered once more."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ess_world import PORTED, EventWorld

from clarion.kit import ids

ROWS = {"/event-deliveries": "event-deliveries", "/event-delivery-attempts": "attempts"}


async def _found(world: EventWorld, path: str, **query: str) -> set[str]:
    reply = await world.get(path, **query)
    assert reply.status == 200, reply.raw
    return {row["event-id"] for row in reply.json[ROWS[path]]}


async def test_a_delivery_shows_what_became_of_it(full: EventWorld) -> None:
    to = full.made["del-config-id"]
    shown = await full.delivery("done", to)
    body = shown.pop("event-body")
    assert json.loads(body) == PORTED | {"company-id": full.company}
    assert body.startswith('{\n  "number"')
    assert shown.pop("timestamp").endswith("Z")
    assert shown == {
        "event-id": "done",
        "topic": "NIS-Events",
        "event-type": "porting_event",
        "delivery-point": "https://receiver.example/hook",
        "del-cfg-id": int(to),
        "del-cfg-nm": "receiver",
        "delivery-status": "SUCCESS",
        "attempts": 1,
    }


async def test_what_is_collected_goes_to_the_buffers_address(full: EventWorld) -> None:
    to = full.made["collecting"]
    await full.subscription(to)
    await full.publish("collected")
    shown = await full.delivery("collected", to)
    assert shown["delivery-point"].endswith(f"/ess-event-buffer/v1/aggregate/{to}")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, {"done", "again", "failed", "waiting"}),
        ({"delivery-status": "SUCCESS"}, {"done"}),
        ({"status": "retry"}, {"again"}),
        ({"delivery-status": "FAILED"}, {"failed"}),
        ({"delivery-status": "PENDING"}, {"waiting"}),
        ({"event-id": "again"}, {"again"}),
        ({"topic": "NIS-Events"}, {"done", "again", "failed", "waiting"}),
        ({"topic": "SCG-Message"}, set()),
        ({"event-type": "porting_event"}, {"done", "again", "failed", "waiting"}),
        ({"event-type": "deactivation_event"}, set()),
        ({"del-cfg-nm": "receiver"}, {"done", "again", "failed", "waiting"}),
        ({"del-cfg-nm": "collecting"}, set()),
        ({"timestamp": "[1970-01-01T00:00:00-]"}, {"done", "again", "failed", "waiting"}),
        ({"timestamp": "[2020-01-01,2020-02-01]"}, set()),
        ({"timestamp": "[2020-01-01-2020-02-01]"}, set()),
        ({"timestamp": "2020-01-01"}, set()),
        ({"topic": "NIS-Events", "delivery-status": "FAILED", "event-id": "done"}, set()),
    ],
)
async def test_deliveries_are_filtered(
    walked_events: EventWorld, query: dict[str, str], found: set[str]
) -> None:
    assert await _found(walked_events, "/event-deliveries", **query) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, {"done", "again", "failed"}),
        ({"delivery-status": "SUCCESS,RETRY"}, {"done", "again"}),
        ({"attempt-result": "failed"}, {"again", "failed"}),
        ({"attempt-result": "SUCCESS"}, {"done"}),
        ({"event-id": "failed"}, {"failed"}),
        ({"event-id": "waiting"}, set()),
        ({"topic": "NIS-Events", "event-type": "porting_event"}, {"done", "again", "failed"}),
        ({"del-cfg-nm": "nothing"}, set()),
        ({"attempt-http-response-status": "404,500"}, {"again", "failed"}),
        ({"attempt-number": "2"}, set()),
        ({"event-timestamp": "[1970-01-01-]"}, {"done", "again", "failed"}),
        ({"event-timestamp": "[-2020-01-01]"}, set()),
        ({"timestamp": "[-2020-01-01]"}, set()),
        ({"attempt-timestamp": "[2020-01-01,]"}, {"done", "again", "failed"}),
    ],
)
async def test_attempts_are_filtered(
    walked_events: EventWorld, query: dict[str, str], found: set[str]
) -> None:
    assert await _found(walked_events, "/event-delivery-attempts", **query) == found


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/event-deliveries", {"delivery-status": "LOST"}),
        ("/event-deliveries", {"timestamp": "soon"}),
        ("/event-deliveries", {"timestamp": "[2020-01-01,2020-02-01],[2021-01-01,]"}),
        ("/event-deliveries", {"del-cfg-id": "x"}),
        ("/event-delivery-attempts", {"attempt-result": "LOST"}),
        ("/event-delivery-attempts", {"delivery-status": "LOST"}),
        ("/event-delivery-attempts", {"event-timestamp": "[2020]"}),
        ("/event-delivery-attempts", {"sort": "attempt-timestamp"}),
        ("/event-deliveries/summary", {"period": "long"}),
        ("/event-deliveries/summary", {"period": "12345678901d"}),
        ("/event-deliveries/summary", {"timestamp": "soon"}),
    ],
)
async def test_a_filter_that_cannot_be_is_400(
    walked_events: EventWorld, path: str, query: dict[str, str]
) -> None:
    reply = await walked_events.get(path, **query)
    assert (reply.status, reply.code) == (400, "400"), reply.raw


async def test_events_are_found_by_our_ids_too(world: EventWorld) -> None:
    to = await world.configuration("receiver")
    await world.subscription(to)
    await world.publish("named")
    own = ids.show(
        await world.site.services.db.fetchval(
            "select id from event where company_id = $1", world.company
        )
    )
    assert await _found(world, "/event-deliveries", **{"event-id": own}) == {"named"}
    await world.tried("named", to, "SUCCESS", http=200, answer="ok")
    assert await _found(world, "/event-delivery-attempts", **{"event-id": own}) == {"named"}
    for id in ("named", own):
        tracked = await world.ok("GET", f"/event-deliveries/{id}:{to}/tracking")
        assert tracked["event-id"] == "named"


@pytest.mark.parametrize("colon", [":", "%3A", "%3a"])
async def test_a_delivery_is_tracked(full: EventWorld, colon: str) -> None:
    to = full.made["del-config-id"]
    shown = await full.ok("GET", f"/event-deliveries/again{colon}{to}/tracking")
    (attempt,) = shown.pop("delivery-attempts")
    assert shown == {"event-id": "again", "delivery-status": "RETRY"}
    assert attempt.pop("attempt-timestamp").endswith("Z")
    assert attempt == {
        "attempt-number": 1, "status": "FAILED", "response-status": 500, "response-details": "no",
        "milliseconds": 12,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["done", "done:", ":1000", "done:x", "done:1000:x", "%00:1000"])
async def test_what_names_no_delivery_is_404(full: EventWorld, name: str) -> None:
    for verb, what in (("GET", "tracking"), ("POST", "retry")):
        assert (await full.client.call(verb, f"/event-deliveries/{name}/{what}")).status == 404


async def test_counts_agree_with_the_rows(full: EventWorld) -> None:
    shown = await full.ok("GET", "/event-deliveries/summary")
    by_name = {each["del-cfg-nm"]: each for each in shown["delivery-configurations"]}
    counts = {"pending": 1, "retry": 1, "failed": 1}
    assert by_name["receiver"] == {
        "id": full.made["del-config-id"],
        "del-cfg-nm": "receiver",
        "topics": [
            {
                "topic-nm": "NIS-Events",
                "event-types": [{"id": "porting_event", **counts}],
                **counts,
            }
        ],
        **counts,
    }
    none = {"pending": 0, "retry": 0, "failed": 0}
    for query in ({"timestamp": "[-2020-01-01]"}, {"period": "[2019-01-01,2020-01-01]"}):
        others = (await full.get("/event-deliveries/summary", **query)).json
        one = next(x for x in others["delivery-configurations"] if x["del-cfg-nm"] == "receiver")
        assert {name: one[name] for name in none} == none
    for period in ("1h", "90m", "7d", "3600S", "999999999d"):
        same = (await full.get("/event-deliveries/summary", period=period)).json
        assert same == shown


async def _counts(world: EventWorld) -> tuple[int, int, int]:
    shown = (await world.ok("GET", "/event-deliveries/summary"))["delivery-configurations"]
    one = next(each for each in shown if each["del-cfg-nm"] == "receiver")
    return one["pending"], one["retry"], one["failed"]


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        ({"event-id": "failed"}, 1),
        ({"event-id": "done"}, 0),
        ({"topic": "NIS-Events", "event-type": "porting_event", "del-cfg-nm": "receiver"}, 1),
        ({"del-cfg-nm": "collecting"}, 0),
        ({"timestamp": "[1970-01-01T00:00:00-]"}, 1),
        ({"timestamp": "[-2020-01-01]"}, 0),
        ({}, 1),
        ({"event-id": None, "topic": ""}, 1),
        ({"delivery-status": "FAILED"}, 1),
        ({"delivery-status": "SUCCESS"}, 0),
    ],
)
async def test_failed_deliveries_are_marked_as_handled(
    full: EventWorld, chosen: dict[str, Any], count: int
) -> None:
    done = await full.ok("POST", "/handled-event-deliveries", chosen)
    assert done == {"number-of-updated-event-deliveries": count}
    assert await _counts(full) == (1, 1, 1 - count)
    shown = await full.delivery("failed", full.made["del-config-id"])
    assert (shown["delivery-status"], "handled" in shown) == ("FAILED", bool(count))
    assert await full.ok("POST", "/handled-event-deliveries", chosen) == {
        "number-of-updated-event-deliveries": 0
    }


@pytest.mark.parametrize("path", ["/handled-event-deliveries", "/event-deliveries/replay"])
async def test_a_name_misspelt_does_not_choose_everything(full: EventWorld, path: str) -> None:
    before = await _counts(full)
    reply = await full.client.post(path, {"event-id": "failed", "event_type": "porting_event"})
    assert (reply.status, "event_type" in reply.json["error_description"]) == (400, True)
    assert await _counts(full) == before


async def test_a_delivery_goes_once_more(full: EventWorld) -> None:
    to = full.made["del-config-id"]
    for event, before in (("failed", (1, 1, 1)), ("done", (2, 1, 0))):
        assert await _counts(full) == before or event == "done"
        shown = await full.ok("POST", f"/event-deliveries/{event}:{to}/retry")
        assert shown["event-id"] == event
        assert shown["delivery-status"] in ("PENDING", "RETRY")
    pending, retry, failed = await _counts(full)
    assert (pending + retry, failed) == (4, 0)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ({"only-failed": True}, 1),
        ({"only-failed": True, "timestamp": "[-2020-01-01]"}, 0),
        ({"timestamp": "[2020-01-01-]"}, 2),
        ({"timestamp": "[2020-01-01,2020-02-01]"}, 0),
        ({"topic": "NIS-Events", "event-type": "porting_event"}, 2),
        ({"event-id": "done"}, 1),
        ({"delivery-status": "success"}, 1),
        ({"delivery-status": "PENDING"}, 0),
        ({"del-cfg-nm": "collecting"}, 0),
    ],
)
async def test_many_go_once_more(full: EventWorld, body: dict[str, Any], count: int) -> None:
    done = await full.ok("POST", "/event-deliveries/replay", body)
    assert done == {"number-of-replayed-event-deliveries": count}
    pending, retry, _ = await _counts(full)
    assert pending + retry == 2 + count


async def test_a_replay_by_configuration_takes_either_kind_of_id(full: EventWorld) -> None:
    to = full.made["del-config-id"]
    for id in (to, int(to)):
        body = {"del-cfg-id": id, "event-id": "done"}
        reply = await full.client.post("/event-deliveries/replay", body)
        assert reply.status == 200, reply.raw


@pytest.mark.parametrize(
    "body", [{}, {"only-failed": False}, {"timestamp": "soon"}, {"event-id": "x", "after": "y"},
             {"del-cfg-id": "x"}, {"del-cfg-id": "987654321"}, {"event-id": 7},
             {"delivery-status": "LOST"}]
)  # fmt: skip
async def test_a_replay_of_nothing_or_of_everything_is_400(
    full: EventWorld, body: dict[str, Any]
) -> None:
    reply = await full.client.post("/event-deliveries/replay", body)
    assert (reply.status, reply.code) == (400, "400"), reply.raw


async def test_a_replay_to_nobody_names_who_is_not_there(
    full: EventWorld, world: EventWorld
) -> None:
    """Another company's is nobody."""
    theirs = await world.configuration("theirs")
    for id in (theirs, "987654321"):
        body = {"del-cfg-id": id, "only-failed": True}
        reply = await full.client.post("/event-deliveries/replay", body)
        told = f"del-cfg-id: there is no delivery configuration {id}."
        assert (reply.status, reply.json["error_description"]) == (400, told)


async def test_attempts_come_in_deep_pages(world: EventWorld) -> None:
    to = await world.configuration("receiver")
    await world.subscription(to)
    for first in range(0, 520, 260):
        await world.publish(*(f"e{n}" for n in range(first, first + 260)))
    now = datetime.now(UTC)
    await world.site.services.db.execute(
        "insert into delivery_attempt select company_id, id, $2, 1, $3, true, 'x', 200, '', 1 "
        "from event where company_id = $1",
        world.company, int(to), now + timedelta(seconds=1),
    )  # fmt: skip
    pages = [
        await world.get("/event-delivery-attempts", limit="26", offset=str(offset))
        for offset in (0, 494, 520)
    ]
    shown = [[row["event-id"] for row in page.json["attempts"]] for page in pages]
    assert shown[0][0] == "e519"
    assert (shown[1][-1], shown[2]) == ("e0", [])
    assert ["next-page-uri" in page.json for page in pages] == [True, False, False]
    deep = await world.get("/event-deliveries", limit="26", offset="510")
    assert [row["event-id"] for row in deep.json["event-deliveries"]][-1] == "e0"

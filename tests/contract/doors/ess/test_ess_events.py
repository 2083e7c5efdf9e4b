"""/events: what a company publishes itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ess_world import PORTED, EventWorld


async def _deliveries(world: EventWorld) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await world.ok("GET", "/event-deliveries"))["event-deliveries"]
    return rows


async def _subscribed(world: EventWorld) -> str:
    to = await world.configuration("receiver")
    await world.subscription(to)
    return to


async def test_an_event_is_written_as_receivers_get_it(world: EventWorld) -> None:
    await _subscribed(world)
    event = {"evt-tp": "porting_event", "timestamp": "2017-06-30T12:59:30.250Z",
             "fld-val-list": PORTED}  # fmt: skip
    nested = {"topic": "NIS-Events", "attempt": 1, "event": event, "event-id": "one"}
    flat = event | {"event-id": "two", "event-key": "my key"}
    for body in (nested, flat, [nested | {"event-id": "three"}]):
        (taken,) = (await world.ok("POST", "/events", body))["events"]
        assert (taken["repeated"], taken["deliveries"]) == (False, 1)
    rows = await _deliveries(world)
    assert [row["event-id"] for row in rows] == ["three", "two", "one"]
    body = json.loads(rows[0]["event-body"])
    assert body == PORTED | {"company-id": world.company}
    assert "\n" in rows[0]["event-body"]
    assert {row["timestamp"] for row in rows} == {"2017-06-30T12:59:30.250Z"}
    keys = await world.site.services.db.fetch(
        "select external_id, key from event where company_id = $1", world.company
    )
    number = PORTED["number"]
    assert {row["external_id"]: row["key"] for row in keys} == {
        "one": number, "two": "my key", "three": number,
    }  # fmt: skip


async def test_an_event_without_an_id_gets_one_and_is_new_each_time(world: EventWorld) -> None:
    await _subscribed(world)
    body = {"evt-tp": "porting_event", "fld-val-list": PORTED}
    first, second = [(await world.ok("POST", "/events", body))["events"][0] for _ in range(2)]
    assert len({first["event-id"], second["event-id"]}) == 2
    assert {row["event-id"] for row in await _deliveries(world)} == {
        first["event-id"], second["event-id"],
    }  # fmt: skip


async def test_an_event_with_an_id_is_taken_in_once(world: EventWorld) -> None:
    await _subscribed(world)
    body = {"evt-tp": "porting_event", "fld-val-list": PORTED, "event-id": "one"}
    await world.ok("POST", "/events", body)
    again = (await world.ok("POST", "/events", body))["events"]
    assert again == [{"event-id": "one", "repeated": True, "deliveries": 0}]
    other = body | {"fld-val-list": PORTED | {"number": "+2"}}
    reply = await world.client.post("/events", other)
    assert (reply.status, reply.code) == (409, "1011")
    assert len(await _deliveries(world)) == 1


async def test_of_a_batch_all_are_taken_in_or_none(world: EventWorld) -> None:
    await _subscribed(world)
    good = {"evt-tp": "porting_event", "fld-val-list": PORTED}
    bad = good | {"fld-val-list": {"number": 7}}
    reply = await world.client.post("/events", [good, bad])
    assert reply.status == 400
    assert "Event 2" in reply.json["error_description"]
    assert await _deliveries(world) == []
    taken = await world.ok("POST", "/events", [good | {"event-id": f"e{n}"} for n in range(250)])
    assert [each["event-id"] for each in taken["events"]] == [f"e{n}" for n in range(250)]
    page = (await world.get("/event-deliveries", limit="1000")).json["event-deliveries"]
    assert len(page) == 250


async def test_what_nobody_wants_goes_nowhere(world: EventWorld) -> None:
    body = {"evt-tp": "porting_event", "fld-val-list": PORTED, "event-id": "one"}
    assert (await world.ok("POST", "/events", body))["events"][0]["deliveries"] == 0
    assert await _deliveries(world) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"evt-tp": None}, "evt-tp"),
        ({"evt-tp": "nothing"}, "evt-tp"),
        ({"topic": "SCG-Message"}, "is of NIS-Events"),
        ({"evt-tp": "health-check"}, "of any topic: name one"),
        ({"evt-tp": "health-check", "topic": "NIS-Event"}, "there is no topic 'NIS-Event'"),
        ({"timestamp": "soon"}, "timestamp"),
        ({"timestamp": "2200-01-01T00:00:00Z"}, "timestamp: 2200-01-01T00:00:00.000Z is more than"),
        ({"timestamp": "1969-12-31T23:59:59Z"}, "years 1970 to 2286"),
        ({"event-id": "with blanks"}, "event-id"),
        ({"event-id": "id.1795340822"}, "event-id"),
        ({"event-id": "x" * 65}, "event-id"),
        ({"event-key": "x" * 256}, "event-key"),
        ({"fld-val-list": PORTED | {"colour": "red"}}, "colour"),
        ({"fld-val-list": {"number": "+1"}}, "porting_date"),
        ({"fld-val-list": PORTED | {"number": 1}}, "number"),
        ({"fld-val-list": PORTED | {"porting_date": "soon"}}, "porting_date"),
        ({"fld-val-list": PORTED | {"carrier_id": {"a": 1}}}, "carrier_id"),
        ({"fld-val-list": [1]}, "fld-val-list"),
        ({"fld-val-list": None}, "number"),
    ],
)
async def test_what_its_type_does_not_allow_is_refused(
    world: EventWorld, change: dict[str, Any], words: str
) -> None:
    await _subscribed(world)
    body = {"evt-tp": "porting_event", "fld-val-list": PORTED} | change
    reply = await world.client.post("/events", body)
    assert reply.status == 400, reply.raw
    assert words in reply.json["error_description"]
    assert await _deliveries(world) == []


async def test_a_type_that_is_open_keeps_what_it_does_not_know(world: EventWorld) -> None:
    to = await world.configuration("receiver")
    await world.subscription(to, "DevTest-Events", **{"match-crt": ""})
    fields = {"anything": "goes", "n": 1.5, "ok": True, "application_id": 4711}
    fields |= {"number": {"of": ["lines", 2, None]}}
    await world.publish("one", type="__GENERIC__", **fields)
    shown = json.loads((await world.delivery("one", to))["event-body"])
    who = {"company-id": world.company, "application_id": world.client.caller.application_id}
    assert shown == fields | who


@pytest.mark.parametrize("body", [[], [{"evt-tp": "porting_event"}] * 1001, "x", None, [[]], 7])
async def test_what_is_no_batch_is_refused(world: EventWorld, body: Any) -> None:
    more = {"data": json.dumps(body), "headers": {"Content-Type": "application/json"}}
    assert (await world.client.call("POST", "/events", **more)).status == 400

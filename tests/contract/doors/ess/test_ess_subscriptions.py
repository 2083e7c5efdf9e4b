"""Subscriptions: made, changed, found by what they ask for, and refused with the character."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ess_world import EventWorld

PATH = "/topics/NIS-Events/subscriptions"
NUMBER = "number = '+12345678901'"


async def test_the_same_is_shown_of_one_and_in_lists_but_for_the_id_of_the_configuration(
    world: EventWorld,
) -> None:
    to = await world.configuration("receiver")
    given = {"evt-tp": "porting_event", "match-crt": NUMBER, "start-date": "2017-10-27T17:29:42Z",
             "end-date": "2030-01-01T00:00:00.5Z"}  # fmt: skip
    id = await world.subscription(to, **given)
    one = await world.ok("GET", f"{PATH}/{id}")
    assert one.pop("last-updated-date").endswith("Z")
    rest = given | {"end-date": "2030-01-01T00:00:00.500Z"}
    more = {"id": id, "topic-nm": "NIS-Events", "del-cfg-nm": "receiver", "version-number": 1}
    assert one == rest | more | {"del-cfg-id": int(to)}
    for path in (PATH, "/topic-subscriptions"):
        (listed,) = (await world.ok("GET", path))["topic-subscriptions"]
        del listed["last-updated-date"]
        assert listed == one | {"del-cfg-id": to}
    assert (await world.ok("GET", "/topics/SCG-Message/subscriptions"))["topic-subscriptions"] == []


@pytest.mark.parametrize("start", [None, "", "1970-01-01T00:00:00Z", 0])
async def test_without_a_start_it_always_holds(world: EventWorld, start: Any) -> None:
    to = int(await world.configuration("receiver"))
    given = {"del-cfg-id": to, "start-date": start, "end-date": None, "evt-tp": ""}
    if start == 0:
        given["start-date"] = 1_000_000_000
    id = (await world.ok("POST", PATH, given))["id"]
    shown = await world.ok("GET", f"{PATH}/{id}")
    first = "2001-09-09T01:46:40Z" if start == 0 else "1970-01-01T00:00:00Z"
    assert (shown["start-date"], shown["match-crt"]) == (first, "")
    assert {"evt-tp", "end-date"}.isdisjoint(shown)


async def test_a_change_sets_what_it_names(world: EventWorld) -> None:
    to = await world.configuration("receiver")
    id = await world.subscription(to, **{"match-crt": NUMBER, "end-date": "2030-01-01T00:00:00Z"})
    before = await world.ok("GET", f"{PATH}/{id}")
    await world.ok("PUT", f"{PATH}/{id}", before | {"match-crt": "company-id = 123"})
    after = await world.ok("GET", f"{PATH}/{id}")
    assert after["match-crt"] == "company-id = 123"
    assert (after["end-date"], after["version-number"]) == ("2030-01-01T00:00:00Z", 2)
    await world.ok("PUT", f"{PATH}/{id}", {"end-date": None})
    after = await world.ok("GET", f"{PATH}/{id}")
    assert after["match-crt"] == "company-id = 123"
    assert "end-date" not in after
    stale = {"match-crt": "", "version-number": 1}
    reply = await world.client.call("PUT", f"{PATH}/{id}", json=stale)
    assert (reply.status, reply.code) == (409, "1001")


@pytest.mark.parametrize(
    ("stored", "said", "words"),
    [
        ({"evt-tp": "porting_event"}, {"evt-tp": "deactivation_event"}, "to type porting_event"),
        ({"evt-tp": "porting_event"}, {"evt-tp": ""}, "to type porting_event"),
        ({"evt-tp": "porting_event"}, {"evt-tp": None}, "to type porting_event"),
        ({}, {"evt-tp": "porting_event"}, "to every type of the topic"),
        ({}, {"del-cfg-id": "other"}, "for delivery configuration"),
        ({}, {"del-cfg-id": 1}, "for delivery configuration"),
    ],
)
async def test_a_change_to_another_type_or_configuration_is_refused(
    world: EventWorld, stored: dict[str, Any], said: dict[str, Any], words: str
) -> None:
    to, other = await world.configuration("receiver"), await world.configuration("other")
    id = await world.subscription(to, **stored)
    before = await world.ok("GET", f"{PATH}/{id}")
    body = said | ({"del-cfg-id": other} if said.get("del-cfg-id") == "other" else {})
    reply = await world.client.call("PUT", f"{PATH}/{id}", json=body | {"match-crt": NUMBER})
    assert (reply.status, reply.code) == (400, "400"), reply.raw
    (name,) = body
    told = reply.json["error_description"]
    assert told.startswith(f"{name}: it cannot be changed; the subscription is {words}")
    assert await world.ok("GET", f"{PATH}/{id}") == before


@pytest.mark.parametrize("type", ["porting_event", None])
async def test_a_change_may_name_the_type_and_the_configuration_that_are_there(
    world: EventWorld, type: str | None
) -> None:
    to = await world.configuration("receiver")
    id = await world.subscription(to, **({"evt-tp": type} if type else {}))
    for same in ({"del-cfg-id": to}, {"del-cfg-id": int(to)}, {"del-cfg-id": None}):
        body = {"evt-tp": type, "match-crt": NUMBER} | same
        await world.ok("PUT", f"{PATH}/{id}", body)
    assert (await world.ok("GET", f"{PATH}/{id}"))["match-crt"] == NUMBER


async def test_a_subscription_is_of_its_topic(world: EventWorld) -> None:
    id = await world.subscription(await world.configuration("receiver"))
    other = f"/topics/SCG-Message/subscriptions/{id}"
    for verb in ("GET", "DELETE"):
        assert (await world.client.call(verb, other)).status == 404
    assert (await world.client.call("PUT", other, json={"match-crt": ""})).status == 404
    assert (await world.client.delete(f"{PATH}/{id}")).status == 200
    assert (await world.get(f"{PATH}/{id}")).status == 404


@pytest.mark.parametrize(
    ("criteria", "position"),
    [
        ("number == '+1'", 9),
        ("number = '+1' and", 18),
        ("nothing = 1", 1),
        ("number = '+1' or (carrier_id = '1'", 35),
        ("porting_date > 7", 16),
    ],
)
async def test_criteria_are_refused_with_the_character(
    world: EventWorld, criteria: str, position: int
) -> None:
    to = await world.configuration("receiver")
    body = {"del-cfg-id": to, "evt-tp": "porting_event", "match-crt": criteria}
    reply = await world.client.post(PATH, body)
    assert (reply.status, reply.code) == (400, "1017"), reply.raw
    assert reply.json["position"] == position, reply.raw
    assert str(position) in reply.json["error_description"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"evt-tp": "message_state_change"}, "evt-tp"),
        ({"del-cfg-id": None}, "del-cfg-id"),
        ({"del-cfg-id": "123456789"}, "del-cfg-id"),
        ({"del-cfg-id": "x"}, "del-cfg-id"),
        ({"start-date": "soon"}, "start-date"),
        ({"end-date": "1970-01-01T00:00:00Z"}, "end-date"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    world: EventWorld, change: dict[str, Any], field: str
) -> None:
    to = await world.configuration("receiver")
    body = {"del-cfg-id": to, "evt-tp": "porting_event", "match-crt": ""} | change
    reply = await world.client.post(PATH, body)
    assert (reply.status, reply.code) == (400, "400"), reply.raw
    assert reply.json["error_description"].startswith(field)


async def test_an_array_makes_many_in_its_order(world: EventWorld) -> None:
    to = await world.configuration("receiver")
    bodies = [{"del-cfg-id": to, "match-crt": f"number = '+1{n}'"} for n in range(1000)]
    bodies[1] |= {"evt-tp": "porting_event", "start-date": "2017-10-27T17:29:42Z", "end-date": None}
    made = await world.ok("POST", PATH, bodies)
    ids = [each.pop("id") for each in made]
    assert made == [{}] * 1000
    shown = [await world.ok("GET", f"{PATH}/{ids[n]}") for n in (0, 1, 999)]
    assert [each["match-crt"] for each in shown] == [
        "number = '+10'", "number = '+11'", "number = '+1999'",
    ]  # fmt: skip
    assert (shown[1]["evt-tp"], shown[1]["start-date"]) == ("porting_event", "2017-10-27T17:29:42Z")
    listed = (await world.ok("GET", PATH))["topic-subscriptions"]
    assert sorted((each["id"] for each in listed), key=int) == ids
    await world.publish("one", number="+1999", porting_date="2026-11-22T10:00:00Z")
    assert (await world.delivery("one", to))["delivery-status"] == "PENDING"


@pytest.mark.parametrize("body", [[{"del-cfg-id": "TO"}], b' \n[{"del-cfg-id": "TO"}]'])
async def test_an_array_of_one_is_answered_with_an_array(world: EventWorld, body: Any) -> None:
    to = await world.configuration("receiver")
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    more = {
        "data": raw.replace(b"TO", to.encode()),
        "headers": {"Content-Type": "application/json"},
    }
    reply = await world.client.call("POST", PATH, **more)
    (made,) = reply.json
    assert (await world.ok("GET", f"{PATH}/{made['id']}"))["del-cfg-id"] == int(to)


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        ({"match-crt": "nummer = '1'"}, "1017", "Subscription 3: match-crt: at character 1"),
        ({"evt-tp": "message_state_change"}, "400", "Subscription 3: evt-tp: the topic has no"),
        ({"end-date": "1970-01-01T00:00:00Z"}, "400", "Subscription 3: end-date: it is not after"),
        ({"start-date": "soon"}, "400", "Subscription 3: start-date: "),
        ({"match-crt": 7}, "400", "Subscription 3: match-crt: "),
        ({"match-crt": "x" * 5000}, "1023", "Subscription 3: match-crt: "),
        ({"del-cfg-id": None}, "400", "Subscription 3: del-cfg-id: it is required."),
        ({"del-cfg-id": "987654321"}, "400", "del-cfg-id: there is no delivery configuration"),
    ],
)
async def test_of_many_all_are_made_or_none(
    world: EventWorld, wrong: dict[str, Any], code: str, words: str
) -> None:
    good = {"del-cfg-id": await world.configuration("receiver"), "match-crt": NUMBER}
    reply = await world.client.post(PATH, [good, good, good | wrong, good])
    assert (reply.status, reply.code) == (400, code), reply.raw
    assert reply.json["error_description"].startswith(words), reply.raw
    assert ("position" in reply.json) is (code == "1017")
    assert (await world.ok("GET", PATH))["topic-subscriptions"] == []


@pytest.mark.parametrize("body", [[], [{"del-cfg-id": "1"}] * 1001, [1], [[]], [None], "x"])
async def test_what_are_no_subscriptions_is_refused(world: EventWorld, body: Any) -> None:
    more = {"data": json.dumps(body), "headers": {"Content-Type": "application/json"}}
    reply = await world.client.call("POST", PATH, **more)
    assert (reply.status, reply.code) == (400, "400"), reply.raw
    many = [{"del-cfg-id": await world.configuration("receiver")}] * 2
    assert (await world.client.post("/topics/nothing/subscriptions", many)).status == 404


async def test_an_unknown_topic_is_404(world: EventWorld) -> None:
    body = {"del-cfg-id": await world.configuration("receiver")}
    for verb in ("POST", "GET"):
        more = {"json": body} if verb == "POST" else {}
        reply = await world.client.call(verb, "/topics/nothing/subscriptions", **more)
        assert reply.status == 404, reply.raw


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"topic-nm": "NIS-Events"}, {"numbers", "ports"}),
        ({"evt-tp": "porting_event"}, {"ports"}),
        ({"del-cfg-nm": "b"}, {"messages"}),
        ({"match-crt": NUMBER}, {"numbers"}),
        ({"start-date": "[2017-01-01-2018-01-01]"}, {"messages"}),
        ({"end-date": "[2029-01-01,]"}, {"ports"}),
        ({"topic-nm": "nothing"}, set()),
    ],
)
async def test_lists_are_filtered(world: EventWorld, query: dict[str, str], found: Any) -> None:
    a, b = await world.configuration("a"), await world.configuration("b")
    ids = {
        "numbers": await world.subscription(a, **{"match-crt": NUMBER}),
        "ports": await world.subscription(
            a, **{"evt-tp": "porting_event", "end-date": "2030-01-01T00:00:00Z"}
        ),
        "messages": await world.subscription(
            b, "SCG-Message", **{"start-date": "2017-10-27T17:29:42Z"}
        ),
    }
    rows = (await world.get("/topic-subscriptions", **query)).json["topic-subscriptions"]
    assert {row["id"] for row in rows} == {ids[name] for name in found}
    of_configuration = (await world.get("/topic-subscriptions", **{"del-cfg-id": b})).json
    assert [row["id"] for row in of_configuration["topic-subscriptions"]] == [ids["messages"]]


async def test_who_gets_the_events_of_a_number(world: EventWorld) -> None:
    a, b = await world.configuration("a"), await world.configuration("b")
    await world.subscription(a, **{"match-crt": NUMBER})
    await world.subscription(b, **{"match-crt": NUMBER, "evt-tp": "porting_event"})
    await world.subscription(b, **{"match-crt": "number = '+2'"})
    query = {"topicId": "NIS-Events", "matchingCriteria": NUMBER}
    shown = (await world.get("/topic-subscriptions/mdn", **query)).json
    assert (shown["mdn"], shown["topic-name"]) == (NUMBER, "NIS-Events")
    rows = {row["delivery-cfg-nm"]: row["events"] for row in shown["subscriptions"]}
    every = ["deactivation_event", "porting_event", "truedisconnect_event"]
    assert rows == {"a": every, "b": ["porting_event"]}
    assert (await world.ok("GET", "/topic-subscriptions/uniqueMdnCount")) == {
        "topic-name": "NIS-Events",
        "activeCount": 2,
    }
    other = {"topicId": "SCG-Message", "field": "to_address"}
    counted = (await world.get("/topic-subscriptions/uniqueMdnCount", **other)).json
    assert counted == {"topic-name": "SCG-Message", "activeCount": 0}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"topicId": "NIS-Events"}, 400),
        ({"matchingCriteria": NUMBER}, 400),
        ({"topicId": "nothing", "matchingCriteria": NUMBER}, 404),
        ({"topicId": "NIS-Events", "matchingCriteria": "number ="}, 400),
        ({"topicId": "NIS-Events", "matchingCriteria": "x" * 8000}, 400),
    ],
)
async def test_a_question_that_cannot_be_answered(
    world: EventWorld, query: dict[str, str], status: int
) -> None:
    assert (await world.get("/topic-subscriptions/mdn", **query)).status == status


@pytest.mark.parametrize(
    ("query", "packed"),
    [
        ("", None),
        ("?compression=false&compressionType=zip", None),
        ("?compression=true&compressionType=gzip", "GZIP"),
        ("?compression=True&compressionType=ZIP", "ZIP"),
        ("?compression=true", "GZIP"),
    ],
)
async def test_a_dump_is_a_file_to_be_written(
    world: EventWorld, query: str, packed: str | None
) -> None:
    made = await world.ok("GET", f"/topics/NIS-Events/dump-subscriptions{query}")
    shown = await world.ok("GET", f"/event-buffer-files/{made['referenceId']}")
    assert (shown["kind"], shown["topic-nm"], shown["file-status"]) == (
        "DUMP", "NIS-Events", "PENDING",
    )  # fmt: skip
    compression = await world.site.services.db.fetchval(
        "select compression from event_file where company_id = $1", world.company
    )
    assert compression == packed


async def test_a_dump_that_cannot_be_made(world: EventWorld) -> None:
    path = "/topics/NIS-Events/dump-subscriptions"
    for query in ("?compression=perhaps", "?compression=true&compressionType=rar"):
        assert (await world.client.get(path + query)).status == 400
    assert (await world.client.get("/topics/nothing/dump-subscriptions")).status == 404
    assert (await world.client.call("HEAD", path)).status == 405
    files = await world.site.services.db.fetchval(
        "select count(*) from event_file where company_id = $1", world.company
    )
    assert files == 0

"""A walk through the ESS reference: every operation takes and shows what its table says."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ess_tables import DICTIONARIES, OPERATIONS, TOPICS, TYPES, Operation, misfits, values
from ess_world import EventWorld
from harness import EVENTS

_NAME = re.compile(r"\{([^}]*)\}")
GETS = [each for each in OPERATIONS.values() if each.verb == "GET"]
PAGED = [each for each in GETS if any(row.where.startswith("paged-result") for row in each.shows)]
QUERIES = {
    "topicId": "NIS-Events",
    "matchingCriteria": "number = '+12345678901'",
    "limit": "50",
    "compression": "true",
    "compressionType": "gzip",
}
NULLABLE = {"end-date": None}
GIVEN: dict[str, Any] = {
    "del-cfg-nm": "given",
    "del-prtcl-cd": "REST",
    "addr": "https://receiver.example/given",
    "del-fmt-cd": "XML",
    "is-active": False,
    "throttling": 32,
    "cron-expression": "0 15 * * * *",
    "latest-event-only": True,
    "type": "BASIC",
    "settings.username": "Admin",
    "settings.password": "adnin",
    "evt-tp": "porting_event",
    "match-crt": "number = '+12345678901'",
    "start-date": "2017-10-27T17:29:42Z",
    "event-id": "failed",
    "topic": "NIS-Events",
    "event-type": "porting_event",
    "timestamp": "[1970-01-01T00:00:00-]",
}


def named(operations: list[Operation]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("at", operations, ids=lambda each: each.name)


def filled(world: EventWorld, path: str, **others: str) -> str:
    known = world.made | others
    return _NAME.sub(lambda found: known[found[1]], path)


def test_the_tables_are_whole() -> None:
    assert len(OPERATIONS) == 24
    assert len({each.path for each in OPERATIONS.values()}) == 20
    assert (len(TOPICS), len(TYPES)) == (10, 37)
    assert sum(len(each.fields) for each in TYPES.values()) == 292
    assert sum(len(each.mandatory) for each in TYPES.values()) == 162


@named(GETS)
async def test_what_is_read_is_as_the_table_says(walked_events: EventWorld, at: Operation) -> None:
    query = {name: QUERIES[name] for name in at.query}
    if any(row.where == "next-page-uri" for row in at.shows):
        query["limit"] = "1"  # there is a next page
    reply = await walked_events.get(filled(walked_events, at.path), **query)
    assert reply.status == 200, reply.raw
    assert at.shows
    if "DICT_CODE" not in at.path:
        assert misfits(reply.json, at.shows) == []


@named(PAGED)
async def test_lists_have_the_printed_limit_and_come_in_pages(
    walked_events: EventWorld, at: Operation
) -> None:
    path = filled(walked_events, at.path)
    query = {name: QUERIES[name] for name in at.query if name != "limit"}
    whole = (await walked_events.get(path, **query)).json
    assert whole["paged-result"] == {"offset": 0, "limit": at.limit}
    ((name, rows),) = [(key, value) for key, value in whole.items() if isinstance(value, list)]
    found, page, taken = [], await walked_events.get(path, **query, limit="1"), 0
    while True:
        assert page.json["paged-result"] == {"offset": taken, "limit": 1}
        found += page.json[name]
        taken += 1
        following = page.json.get("next-page-uri")
        if following is None:
            break
        assert following.startswith(EVENTS + path + "?")
        page = await walked_events.client.get(following, whole=True)
    assert found == rows
    past = (await walked_events.get(path, **query, offset="100000")).json
    assert (past[name], "next-page-uri" in past) == ([], False)
    for wrong in ({"limit": "x"}, {"offset": "-1"}):
        reply = await walked_events.get(path, **query | wrong)
        assert (reply.status, reply.code) == (400, "400")


@pytest.mark.parametrize("code", DICTIONARIES)
async def test_dictionaries_have_the_printed_words(walked_events: EventWorld, code: str) -> None:
    shown = (await walked_events.get(f"/dictionaries/{code}")).json
    assert list(shown) == [code]
    assert all(type(each["description"]) is str for each in shown[code])
    ours = {"STREAM"} if code == "delivery-protocols" else set()
    assert {each["code"] for each in shown[code]} == DICTIONARIES[code] | ours


async def test_every_write_takes_what_its_table_names(full: EventWorld) -> None:
    writes = [each for each in OPERATIONS.values() if each.verb != "GET"]
    assert len(writes) == 6
    for at in writes:
        body = _body(at, full)
        shown = await full.ok(at.verb, filled(full, at.path), body)
        if at.shows:
            assert misfits(shown, at.shows) == []
        else:
            assert type(shown["id"]) is str


def _body(at: Operation, world: EventWorld) -> dict[str, Any]:
    body: dict[str, Any] = {}
    known = GIVEN | NULLABLE | {"del-cfg-id": world.made["del-config-id"]}
    if at.path == "/handled-event-deliveries":
        known |= {"del-cfg-nm": "receiver"}
    if at.path == "/delivery-configurations":
        known |= {"del-cfg-nm": "another"}
    for row in at.takes:
        head, _, rest = row.where.partition(".")
        if rest:
            body.setdefault(head, {})[rest] = known[row.where]
        else:
            body[head] = known[head]
    return body


async def test_what_is_written_is_shown(full: EventWorld) -> None:
    one = OPERATIONS["PUT /delivery-configurations/{del-config-id}"]
    path = filled(full, one.path)
    body = _body(one, full)
    await full.ok("PUT", path, body)
    shown = (await full.get(path)).json
    assert {name: shown[name] for name in body} == body
    new = OPERATIONS["POST /delivery-configurations"]
    body = _body(new, full)
    id = (await full.ok("POST", new.path, body))["id"]
    shown = (await full.get(f"{new.path}/{id}")).json
    assert shown.pop("addr").endswith(f"/ess-event-buffer/v1/aggregate/{id}")
    body.pop("addr")
    assert {name: shown[name] for name in body} == body


async def test_topics_and_their_types_are_the_printed_ones(walked_events: EventWorld) -> None:
    shown = (await walked_events.get("/topics")).json["topics"]
    topics = {each["topic-nm"]: each for each in shown}
    for name, topic in TOPICS.items():
        assert topics[name].get("svc-nm") == topic.service
        assert sorted(topics[name]["evt-tp-list"]) == sorted(topic.types)
        listed = (await walked_events.get(f"/topics/{name}/event-types")).json["event-types"]
        assert [each["id"] for each in listed] == sorted(topic.types)
    assert set(topics) - set(TOPICS) == {"ESS-Delivery"}


async def test_event_types_have_the_printed_fields(walked_events: EventWorld) -> None:
    """And, some of them, further ones that are not mandatory."""
    shown = (await walked_events.get("/event-types", limit="1000")).json["event-types"]
    types = {each["id"]: each for each in shown}
    for code, printed in TYPES.items():
        one = (await walked_events.get(f"/event-types/{code}")).json
        assert one == types[code]
        fields = one["fields"]
        held = {name: each["type"] for name, each in fields.items()}
        assert printed.fields.items() <= held.items()
        assert {name for name, each in fields.items() if each["mandatory"]} == printed.mandatory
        kept = one["validation-type"] == "allow-additional-fields"
        assert kept is not printed.strict


async def test_ids_have_the_printed_types(walked_events: EventWorld) -> None:
    """The same id is text in one place and an integer in another."""
    made = walked_events.made
    one = (await walked_events.get(filled(walked_events, OPERATIONS[
        "GET /topics/{ID}/subscriptions/{SUBSCRIPTION_NUMBER}"].path))).json  # fmt: skip
    many = (await walked_events.get("/topic-subscriptions")).json
    deliveries = (await walked_events.get("/event-deliveries")).json
    assert one["del-cfg-id"] == int(made["del-config-id"])
    assert list(values(many, "topic-subscriptions[].del-cfg-id")) == [made["del-config-id"]]
    assert set(values(deliveries, "event-deliveries[].del-cfg-id")) == {int(made["DEL_CFG_ID"])}


async def test_without_a_token_every_operation_is_401(walked_events: EventWorld) -> None:
    for at in OPERATIONS.values():
        path = filled(walked_events, at.path)
        for token in (None, "Bearer nothing"):
            reply = await walked_events.client.call(at.verb, path, headers={"Authorization": token})
            assert (reply.status, reply.code) == (401, "401"), at.name


async def test_what_is_not_there_is_404(walked_events: EventWorld) -> None:
    unknown = dict.fromkeys(("ID", "CODE", "EVT_ID", "DICT_CODE"), "nothing") | dict.fromkeys(
        ("del-config-id", "SUBSCRIPTION_NUMBER", "DEL_CFG_ID", "FILE_ID"), "987654321"
    )
    for at in OPERATIONS.values():
        if "{" not in at.path:
            continue
        more = {"json": _body(at, walked_events)} if at.takes else {}
        for others in (unknown, unknown | {"del-config-id": "x", "SUBSCRIPTION_NUMBER": "x"}):
            path = filled(walked_events, at.path, **others)
            reply = await walked_events.client.call(at.verb, path, **more)
            assert (reply.status, reply.code) == (404, "404"), (at.name, reply.raw)


async def test_bad_json_is_400_wherever_there_is_a_body(walked_events: EventWorld) -> None:
    for at in OPERATIONS.values():
        if not at.takes:
            continue
        for body in (b'{"name": ', b"[1]", b'"text"', b"\xff", b"[" * 5000):
            reply = await walked_events.client.call(
                at.verb, filled(walked_events, at.path), data=body,
                headers={"Content-Type": "application/json"},
            )  # fmt: skip
            assert (reply.status, reply.code) == (400, "400"), (at.name, body, reply.raw)

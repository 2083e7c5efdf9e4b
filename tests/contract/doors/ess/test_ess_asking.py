"""Lists are asked with what is documented; what is misspelt does not answer everything."""

from __future__ import annotations

import re

import pytest
from ess_world import EventWorld

LISTS = {
    "/topics": {"offset", "limit"},
    "/topics/NIS-Events/event-types": {"offset", "limit"},
    "/event-types": {"offset", "limit"},
    "/topic-subscriptions": {"topic-nm", "del-cfg-id", "evt-tp", "sort", "offset", "limit"},
    "/topics/NIS-Events/subscriptions": {"match-crt", "start-date", "sort", "offset", "limit"},
    "/topic-subscriptions/mdn": {"topicId", "matchingCriteria", "offset", "limit"},
    "/topic-subscriptions/uniqueMdnCount": {"topicId", "field"},
    "/topics/NIS-Events/dump-subscriptions": {"compression", "compressionType"},
    "/delivery-configurations": {"del-cfg-nm", "is-active", "sort", "offset", "limit"},
    "/event-deliveries": {"event-id", "delivery-status", "status", "timestamp", "offset", "limit"},
    "/event-delivery-attempts": {"event-id", "attempt-result", "timestamp", "offset", "limit"},
    "/event-buffer-files": {"kind", "file-status", "opened", "sort", "offset", "limit"},
}
_WORDS = re.compile(r"statsu: there is no such parameter here; known are (.*)\.")


@pytest.mark.parametrize("path", LISTS)
async def test_an_unknown_parameter_is_refused_with_those_that_there_are(
    walked_events: EventWorld, path: str
) -> None:
    for query in ({"statsu": "FAILED"}, {"statsu": ""}):
        reply = await walked_events.get(path, **query)
        assert (reply.status, reply.code) == (400, "400"), reply.raw
        words = _WORDS.fullmatch(reply.json["error_description"])
        assert words, reply.raw
        assert LISTS[path] <= set(words[1].split(", "))


@pytest.mark.parametrize("path", LISTS)
async def test_what_is_documented_is_known(world: EventWorld, path: str) -> None:
    document = (await world.client.get("/docs/ess/openapi.json", whole=True)).json
    listed = document["paths"]["/ess/v1" + path.replace("NIS-Events", "{ID}")]["get"]
    names = {each["name"] for each in listed["parameters"] if each["in"] == "query"}
    assert LISTS[path] <= names
    for name in names:
        reply = await world.get(path, **{name: ""})
        assert "no such parameter" not in str(reply.json.get("error_description")), reply.raw


async def test_a_summary_takes_whatever_period_a_client_knows(walked_events: EventWorld) -> None:
    whole = await walked_events.ok("GET", "/event-deliveries/summary")
    other = await walked_events.get("/event-deliveries/summary", lastDays="7")
    assert (other.status, other.json) == (200, whole)


async def test_the_types_of_a_topic_come_whole_or_in_pages(walked_events: EventWorld) -> None:
    path = "/topics/NIS-Events/event-types"
    whole = (await walked_events.ok("GET", path))["event-types"]
    assert len(whole) == 3
    page = (await walked_events.get(path, offset="1", limit="1")).json["event-types"]
    assert page == whole[1:2]

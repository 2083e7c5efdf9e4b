"""/delivery-configurations: what is taken, kept, refused, and never shown again."""

from __future__ import annotations

from typing import Any

import pytest
from ess_world import EventWorld

PATH = "/delivery-configurations"
WHOLE = {
    "del-cfg-nm": "whole",
    "del-prtcl-cd": "REST",
    "addr": "https://receiver.example/hook",
    "del-fmt-cd": "JSON",
    "is-active": True,
    "throttling": 32,
}


async def _refused(world: EventWorld, verb: str, path: str, body: Any, field: str) -> None:
    reply = await world.client.call(verb, path, json=body)
    assert (reply.status, reply.code) == (400, "400"), reply.raw
    assert reply.json["error_description"].startswith(f"{field}:"), reply.raw


async def test_what_is_left_out_has_its_default(world: EventWorld) -> None:
    body = {"del-cfg-nm": "short", "addr": "https://receiver.example/hook"}
    id = (await world.ok("POST", PATH, body))["id"]
    shown = await world.ok("GET", f"{PATH}/{id}")
    assert shown.pop("last-updated-date").endswith("Z")
    assert shown == body | {
        "id": id,
        "del-prtcl-cd": "REST",
        "del-fmt-cd": "JSON",
        "is-active": True,
        "latest-event-only": False,
        "ordered": False,
        "authentication-type": "NONE",
        "version-number": 1,
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"del-cfg-nm": ""}, "del-cfg-nm"),
        ({"del-cfg-nm": None}, "del-cfg-nm"),
        ({"addr": "ftp://receiver.example"}, "addr"),
        ({"addr": None}, "addr"),
        ({"del-prtcl-cd": "SOAP"}, "del-prtcl-cd"),
        ({"del-fmt-cd": "YAML"}, "del-fmt-cd"),
        ({"is-active": "perhaps"}, "is-active"),
        ({"throttling": 0}, "throttling"),
        ({"cron-expression": "every day"}, "cron-expression"),
        ({"latest-event-only": True}, "latest-event-only"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    world: EventWorld, change: dict[str, Any], field: str
) -> None:
    await _refused(world, "POST", PATH, WHOLE | change, field)
    assert (await world.ok("GET", PATH))["delivery-configurations"] == []


async def test_a_name_is_taken_once(world: EventWorld) -> None:
    await world.ok("POST", PATH, WHOLE)
    reply = await world.client.post(PATH, WHOLE)
    assert (reply.status, reply.code) == (409, "1011")


async def test_a_replacement_sets_what_the_reference_prints_and_keeps_the_rest(
    world: EventWorld,
) -> None:
    id = await world.configuration("one", throttling=5, ordered=True)
    await world.ok("PUT", f"{PATH}/{id}", {"del-cfg-nm": "two", "addr": "https://other.example/"})
    shown = await world.ok("GET", f"{PATH}/{id}")
    assert (shown["del-cfg-nm"], shown["addr"]) == ("two", "https://other.example/")
    assert "throttling" not in shown
    assert shown["ordered"] is True
    assert shown["version-number"] == 2


async def test_a_configuration_that_collects_keeps_collecting_when_it_is_sent_back(
    world: EventWorld,
) -> None:
    cron = {"cron-expression": "0 15 * * * *", "addr": None}
    id = await world.configuration("collecting", **cron)
    shown = await world.ok("GET", f"{PATH}/{id}")
    assert shown["addr"].endswith(f"/ess-event-buffer/v1/aggregate/{id}")
    back = {name: shown[name] for name in ("del-cfg-nm", "addr", "is-active")}
    await world.ok("PUT", f"{PATH}/{id}", back)
    after = await world.ok("GET", f"{PATH}/{id}")
    assert (after["addr"], after["cron-expression"]) == (shown["addr"], "0 15 * * * *")
    now = {"del-cfg-nm": "posted", "addr": "https://receiver.example/", "cron-expression": None}
    await world.ok("PUT", f"{PATH}/{id}", now)
    assert (await world.ok("GET", f"{PATH}/{id}"))["addr"] == "https://receiver.example/"


async def test_a_version_that_is_not_current_is_409(world: EventWorld) -> None:
    id = await world.configuration("one")
    body = {"del-cfg-nm": "two", "addr": "https://other.example/", "version-number": 1}
    await world.ok("PUT", f"{PATH}/{id}", body)
    reply = await world.client.call("PUT", f"{PATH}/{id}", json=body)
    assert (reply.status, reply.code) == (409, "1001")


async def test_what_is_deleted_is_gone_with_its_subscriptions(world: EventWorld) -> None:
    id = await world.configuration("one")
    await world.subscription(id)
    reply = await world.client.delete(f"{PATH}/{id}")
    assert (reply.status, reply.raw) == (200, b"")
    assert (await world.get(f"{PATH}/{id}")).status == 404
    assert (await world.client.delete(f"{PATH}/{id}")).status == 404
    assert (await world.ok("GET", PATH))["delivery-configurations"] == []
    assert (await world.ok("GET", "/topic-subscriptions"))["topic-subscriptions"] == []
    await world.configuration("one")  # its name is free again


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"del-cfg-nm": "b"}, ["b"]),
        ({"del-cfg-nm": "a,b", "sort": "del-cfg-nm"}, ["a", "b"]),
        ({"is-active": "false"}, ["b"]),
        ({"del-fmt-cd": "xml"}, ["c"]),
        ({"throttling": "7"}, ["b"]),
        ({"del-prtcl-cd": "STREAM"}, ["d"]),
        ({"sort": "-del-cfg-nm"}, ["d", "c", "b", "a"]),
        ({"last-updated-date": "[2020-01-01T00:00:00-]", "sort": "id"}, ["a", "b", "c", "d"]),
        ({"last-updated-date": "[-2020-01-01]"}, []),
    ],
)
async def test_lists_are_filtered_and_sorted(
    world: EventWorld, query: dict[str, str], names: list[str]
) -> None:
    await world.configuration("a")
    await world.configuration("b", throttling=7, **{"is-active": False})
    await world.configuration("c", **{"del-fmt-cd": "XML"})
    await world.configuration("d", addr=None, **{"del-prtcl-cd": "STREAM"})
    reply = await world.get(PATH, **query)
    assert [each["del-cfg-nm"] for each in reply.json["delivery-configurations"]] == names


@pytest.mark.parametrize("id", ["0", "x", "-1", "1.5", "9" * 40, "١"])
async def test_what_is_no_id_names_nothing(world: EventWorld, id: str) -> None:
    assert (await world.get(f"{PATH}/{id}")).status == 404


# ---------------------------------------------------------------- who posts


async def test_passwords_are_never_shown_and_stay_when_they_are_sent_back(
    world: EventWorld,
) -> None:
    path = f"{PATH}/{await world.configuration('one')}/authentication"
    assert await world.ok("GET", path) == {"type": "NONE", "settings": {}}
    given = {"type": "BASIC", "settings": {"username": "Admin", "password": "adnin"}}
    await world.ok("PUT", path, given)
    shown = await world.ok("GET", path)
    assert shown == {"type": "BASIC", "settings": {"username": "Admin", "password": "***"}}
    shown["settings"]["username"] = "Other"
    await world.ok("PUT", path, shown)
    assert (await world.ok("GET", path))["settings"]["username"] == "Other"
    assert await _opened(world) == {"username": "Other", "password": "adnin"}
    (listed,) = (await world.ok("GET", PATH))["delivery-configurations"]
    assert listed["authentication-type"] == "BASIC"
    assert "adnin" not in str(listed)


async def _opened(world: EventWorld) -> dict[str, str]:
    from clarion.engine.events.configurations.service import destinations

    services = world.site.services
    rows = (await world.ok("GET", PATH))["delivery-configurations"]
    (one,) = await destinations(
        services.db, services.vault, world.company, [int(row["id"]) for row in rows]
    )
    return dict(one.settings)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"type": "BASIC", "settings": {"username": "x"}}, "settings.password"),
        ({"type": "BASIC", "settings": {"username": "x", "password": "y", "z": "1"}}, "settings.z"),
        ({"type": "OAUTH", "settings": {}}, "settings.grant_type"),
        ({"type": "BASIC"}, "settings"),
        ({"settings": {}}, "type"),
    ],
)
async def test_settings_that_are_not_whole_are_refused(
    world: EventWorld, body: dict[str, Any], field: str
) -> None:
    path = f"{PATH}/{await world.configuration('one')}/authentication"
    await _refused(world, "PUT", path, body, field)


async def test_signing_secrets_are_shown_once(world: EventWorld) -> None:
    path = f"{PATH}/{await world.configuration('one')}/secrets"
    assert await world.ok("GET", path) == {"secrets": []}
    first = (await world.ok("POST", path))["secret"]
    assert first.startswith("whsec_")
    second = (await world.ok("POST", path, {}))["secret"]
    own = "whsec_" + "QUJD" * 8
    assert (await world.ok("POST", path, {"secret": own}))["secret"] == own
    shown = (await world.ok("GET", path))["secrets"]
    assert len(shown) == 3
    assert "until" not in shown[0]
    assert all(each["until"].endswith("Z") for each in shown[1:])
    masked = [each["secret"] for each in shown]
    assert masked == [f"{secret[:10]}***" for secret in (own, second, first)]


async def test_signing_secrets_are_set_and_taken_away(world: EventWorld) -> None:
    path = f"{PATH}/{await world.configuration('one')}/secrets"
    await world.ok("PUT", path, {"secrets": ["whsec_" + "QUJD" * 8, "whsec_" + "REVG" * 8]})
    shown = (await world.ok("GET", path))["secrets"]
    assert [each["secret"] for each in shown] == ["whsec_QUJD***", "whsec_REVG***"]
    for wrong in ({"secrets": ["short"]}, {"secrets": "x"}, {}, {"secrets": ["whsec_QUJD"] * 6}):
        reply = await world.client.call("PUT", path, json=wrong)
        assert reply.status == 400, reply.raw
    assert (await world.client.delete(path)).status == 200
    assert await world.ok("GET", path) == {"secrets": []}

"""A walk through the SCG reference: what every operation refuses, and with which code."""

from __future__ import annotations

from typing import Any

import pytest
from harness import LIVE, REFERENCE
from scg_samples import SAMPLES
from scg_tables import (
    COLLECTIONS,
    DEVIATIONS,
    ERRORS,
    MORE_CODES,
    OPERATIONS,
    REFUSED,
    RESOURCES,
    Collection,
)
from scg_walk import (
    DELETED,
    LISTS,
    NUMBERS,
    OWN,
    REPLACED,
    SINGLE,
    UNKNOWN,
    UPDATED,
    filled,
    fresh,
    is_reference,
    named,
    refused,
)
from scg_world import World

from clarion.kit import ids


async def test_what_is_not_allowed_is_405(world: World) -> None:
    assert len(REFUSED) == 3
    for verb, path in REFUSED:
        body = {"state": "CONVERTED", "name": "x"}
        reply = await world.client.call(verb, await filled(world, path), json=body)
        refused(reply, 405, "405", verb, path)
        assert "GET" in reply.headers["Allow"]


async def test_without_a_token_every_operation_is_401(world: World) -> None:
    for verb, path in OPERATIONS:
        for token in (None, "Bearer nothing"):
            headers = {"Authorization": token}
            reply = await world.client.call(verb, path.format(UNKNOWN, UNKNOWN), headers=headers)
            refused(reply, 401, "401", verb, path)


async def test_too_many_requests_are_429_on_every_operation(world: World) -> None:
    fast = (await world.site.company(rate_limit=0.001)).in_form(world.client.prefix)
    while (await fast.get("/contacts")).status == 200:
        pass
    for verb, path in OPERATIONS:
        reply = await fast.call(verb, path.format(UNKNOWN, UNKNOWN))
        refused(reply, 429, "429", verb, path)
        assert int(reply.headers["Retry-After"]) > 0


async def test_an_unknown_id_is_404_wherever_it_stands(world: World) -> None:
    for verb, path in OPERATIONS:
        if "{}" not in path:
            continue
        for id in (UNKNOWN, ids.show(ids.new_request_id()), "nothing", "-" * 300):
            at = COLLECTIONS.get(path.removesuffix("/{}"), COLLECTIONS.get(path))
            assert at is not None
            body = await _any_body(world, path) if verb in ("POST", "PUT") else None
            if (verb, path) == ("DELETE", "/messaging/channels/{}/sender_ids"):
                body = {"sender_ids": [UNKNOWN]}
            more = {} if body is None else {"json": body}
            reply = await world.client.call(verb, path.replace("{}", id), **more)
            refused(reply, 404, "404", verb, path, id)
        if path.count("{}") == 2:  # of another one, below one that is there
            whole = f"{await world.whole(path.removesuffix('/{}'))}/{UNKNOWN}"
            body = await _any_body(world, path) if verb in ("POST", "PUT") else None
            reply = await world.client.call(verb, whole, **({} if body is None else {"json": body}))
            refused(reply, 404, "404", verb, whole)


async def _any_body(world: World, path: str) -> dict[str, Any]:
    body = await world.body(path.removesuffix("/{}"), 7)
    if path == "/messaging/sender_ids/{}":
        body.pop("parent_id", None)
    return {"state": "CANCELED"} if path == "/messaging/message_requests/{}" else body


BODYLESS = {"/messaging/attachments/{}/access_tokens"}


async def test_bad_json_is_400_wherever_there_is_a_body(world: World) -> None:
    for verb, path in OPERATIONS:
        if verb not in ("POST", "PUT") or path in BODYLESS:
            continue
        for body in (b'{"name": ', b"[1]", b'"text"', b"\xff", b"{]", b"[" * 5000):
            more = {"data": body, "headers": {"Content-Type": "application/json"}}
            reply = await world.client.call(verb, await filled(world, path), **more)
            refused(reply, 400, "400", verb, path, body)


@named(OWN)
async def test_a_value_that_is_too_long_for_its_index_is_1023(world: World, at: Collection) -> None:
    path = await world.whole(at.path)
    for attribute in at.of.used("c"):
        if attribute.types[0] != "text" or "f" not in attribute.uses:
            continue
        name = attribute.name(reference=is_reference(world))
        body = await world.body(at.path, 1 if "fast_access" in path else 8)
        refused(await world.client.post(path, body | {name: "7" * 20_000}), 400, "1023", name)


@named([each for each in OWN if each.of.unique])
async def test_what_is_unique_is_taken_once(world: World, at: Collection) -> None:
    path, _, body = await fresh(world, at)
    for names in at.of.unique:
        n = 5 if "fast_access" in path else NUMBERS["count"] + 1
        other = await world.body(at.path, n)
        same = {name: body[name] for name in names}
        reply = await world.client.post(path, other | same)
        refused(reply, 409, "1011", names)


@pytest.mark.parametrize(
    ("path", "change", "code"),
    [
        ("/messaging/message_requests", {"body": "x" * 50_000}, "1012"),
        ("/messaging/message_requests", {"body": '#track("nothing")'}, "1020"),
        ("/contact_groups", {"type": "DYNAMIC", "criteria": '{"$what": 1}'}, "1017"),
        ("/contact_groups", {"type": "DYNAMIC", "criteria": "{"}, "1017"),
    ],
)
async def test_operations_have_codes_of_their_own(
    world: World, path: str, change: dict[str, Any], code: str
) -> None:
    assert code in MORE_CODES[f"POST {path}"]
    body = await world.body(path, 10)
    body = {k: v for k, v in body.items() if k in ("from", "to", "name")} | change
    refused(await world.client.post(path, body), 400, code)


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("POST", "/messaging/keywords", {"value": "x", "type": "RESERVED"}),
        ("POST", "/messaging/channels", {"name": "x", "ownership": "SHARED"}),
        ("POST", "/messaging/message_templates", {"name": "x", "pattern": "x",
                                                  "ownership": "PUBLIC"}),
        ("POST", "/messaging/sender_ids", {"class_id": "NOTIFICATIONS", "type_id": "SHORTCODE",
                                           "address": "44444", "ownership": "SHARED"}),
        ("POST", "/messaging/sender_ids/{}", {"name": "x"}),
        ("DELETE", "/messaging/sender_ids/{}", None),
    ],
)  # fmt: skip
async def test_what_only_the_operator_may_do_is_403(
    world: World, verb: str, path: str, body: dict[str, Any] | None
) -> None:
    whole = path.replace("{}", world.offers[1])
    reply = await world.client.call(verb, whole, **({} if body is None else {"json": body}))
    refused(reply, 403, "403")


async def test_what_the_credit_does_not_cover_is_402(world: World, install: Any) -> None:
    async with install(world.site.services.db, billing={"enabled": True}) as dear:
        poor = (await dear.company()).in_form(world.client.prefix)
        sender = await dear.sender(poor, address=f"1888{poor.caller.company_id:07}")
        body = {"from": sender, "to": "+4915160000002", "body": "x"}
        refused(await poor.post("/messaging/message_requests", body), 402, "402")


@pytest.mark.parametrize(("form", "name"), [(LIVE, "scg"), (REFERENCE, "scg-reference")])
async def test_the_document_has_what_the_tables_have(
    walked: dict[str, World], form: str, name: str
) -> None:
    client = walked[form].client
    document = (await client.get(f"/docs/{name}/openapi.json", whole=True)).json
    known = {_anonymous(path): verbs for path, verbs in document["paths"].items()}
    unanswered = {each["statuses"] for each in DEVIATIONS if "statuses" in each}
    for verb, path in OPERATIONS:
        said = known[form + path][verb.lower()]
        needed = set(ERRORS) - unanswered
        if verb in ("GET", "DELETE"):
            needed -= {"402"}
        assert needed - set(said["responses"]) == set(), (verb, path)
    for at in LISTS:
        said = known[form + at.path]["get"]
        filters = {each["name"] for each in said["parameters"]}
        wanted = {each.name(reference=form == REFERENCE) for each in at.of.used("f")}
        assert wanted - filters == set(), at.path


def _anonymous(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def test_the_tables_are_whole() -> None:
    assert len(OPERATIONS) >= 87
    assert len(RESOURCES) == 19
    assert set(SAMPLES) == set(COLLECTIONS)
    for each in DEVIATIONS:
        assert each["why"]
        if each["of"] != "*":
            known = {attribute.key for attribute in RESOURCES[each["of"]].attributes}
            assert set(each["attributes"].split()) <= known


ELSEWHERE = {
    ("POST", "/messaging/sender_ids/purchase"),
    ("POST", "/messaging/channels/{}/sender_ids"),
    ("DELETE", "/messaging/channels/{}/sender_ids"),
    ("DELETE", "/messaging/channels/{}/sender_ids/{}"),
    ("POST", "/messaging/attachments/{}/access_tokens"),
    ("POST", "/contact_groups/{}/contacts"),
    ("DELETE", "/contact_groups/{}/contacts/{}"),
}
"""Operations that succeed in tests of their own, or as samples are made."""


def test_the_walk_sees_every_operation_succeed() -> None:
    seen = {
        (verb, each.path + below)
        for verb, below, collections in (
            ("GET", "", LISTS),
            ("GET", "/{}", SINGLE),
            ("POST", "", OWN),
            ("POST", "/{}", UPDATED),
            ("PUT", "/{}", REPLACED),
            ("DELETE", "/{}", DELETED),
        )
        for each in collections
    }
    assert set(OPERATIONS) - seen == ELSEWHERE

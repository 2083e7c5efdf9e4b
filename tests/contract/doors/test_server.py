"""What every address has in common: routes, tokens, limits, bodies, errors."""

from __future__ import annotations

import asyncio
import socket

import pytest
from harness import LIVE, REFERENCE, Client, Site, SiteMaker

from clarion.api.call import Answer, Call, Door, Route, json_answer
from clarion.api.errors import problem
from clarion.api.wire import LIVE as LIVE_FORM
from clarion.engine.accounts.tokens import revoke_token

REQUESTS = "/messaging/message_requests"
PATIENCE = 15.0  # seconds; how soon exactly is a test of the cache


def _request(sender: str) -> dict[str, object]:
    return {"from": sender, "to": ["+4915112345678"], "body": "Hello"}


async def test_a_message_request_is_accepted_and_answers_its_id(site: Site, client: Client) -> None:
    sender = await site.sender(client)
    reply = await client.post(REQUESTS, _request(sender))
    assert reply.status == 200
    assert list(reply.json) == ["id"]
    assert len(reply.json["id"]) == 22


@pytest.mark.parametrize(
    "path",
    [
        f"/{LIVE}{REQUESTS}/",
        f"/{LIVE}//messaging/message_requests",
        f"/{LIVE}/messaging/message_requests//",
    ],
)
async def test_repeated_and_trailing_slashes_make_no_difference(
    site: Site, client: Client, path: str
) -> None:
    sender = await site.sender(client)
    reply = await client.post(path, _request(sender))
    assert reply.status == 200


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Authorization": None}, "missing"),
        ({"Authorization": "Bearer 0000"}, "unknown"),
        ({"Authorization": "Basic YTpi"}, "Bearer <access token>"),
        ({"Authorization": "Bearer " + "x" * 5000}, "Bearer"),
        ({"Authorization": None, "int-companyId": "1000", "int-appId": "1000"}, "missing"),
    ],
)
async def test_without_a_good_token_the_answer_is_401(
    client: Client, headers: dict[str, str], why: str
) -> None:
    reply = await client.post(REQUESTS, {}, headers=headers)
    assert reply.status == 401
    assert reply.code == "401"
    assert why in reply.json["error_description"]
    assert reply.headers["WWW-Authenticate"] == "Bearer"


async def test_the_word_bearer_may_be_in_any_case(client: Client) -> None:
    reply = await client.get(REQUESTS, headers={"Authorization": f"bearer {client.token}"})
    assert reply.status == 200


async def test_a_revoked_token_is_refused_soon(site: Site, client: Client) -> None:
    assert (await client.get(REQUESTS)).status == 200
    who = client.caller
    await revoke_token(site.services.db, who.company_id, who.application_id, token=client.token)
    async with asyncio.timeout(PATIENCE):
        while (await client.get(REQUESTS)).status != 401:
            pass
    assert (await client.get(REQUESTS)).status == 401


async def test_internal_headers_count_only_from_a_trusted_network(make_site: SiteMaker) -> None:
    site = await make_site(http={"trusted_networks": ("127.0.0.0/8",)})
    client = await site.company()
    who = {
        "Authorization": None,
        "INT-COMPANYID": str(client.caller.company_id),
        "int-appId": str(client.caller.application_id),
    }
    assert (await client.get(REQUESTS, headers=who)).status == 200
    assert (await client.get(REQUESTS, headers=who | {"int-appId": "999999"})).status == 401
    reply = await client.get(REQUESTS, headers=who | {"int-appId": "1e3"})
    assert (reply.status, "both as whole numbers" in reply.raw.decode()) == (401, True)
    elsewhere = await make_site(http={"trusted_networks": ("10.0.0.0/8",)})
    client.base = elsewhere.base
    forged = who | {"X-Forwarded-For": "10.0.0.1"}
    assert (await client.get(REQUESTS, headers=forged)).status == 401


async def test_an_unknown_address_is_404_in_the_doors_own_words(client: Client) -> None:
    reply = await client.get("/nothing/here")
    assert (reply.status, reply.code) == (404, "404")
    reply = await client.get("/elsewhere", whole=True)
    assert (reply.status, reply.code) == (404, "404")


async def test_a_method_that_an_address_does_not_have_is_405_with_allow(client: Client) -> None:
    reply = await client.call("PATCH", REQUESTS)
    assert (reply.status, reply.code) == (405, "405")
    assert reply.headers["Allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "The body is empty"),
        (b"{", "cannot be read"),
        (b"[]", "it must be an object, not an array"),
        (b'{"to": "+491"}', "from: it is required"),
        (b'{"from": 5}', "from: it must be a text, not a whole number"),
        (b'{"from": "x", "to": {"a": 1}}', "to: it must be"),
        (
            b'{"from": "x", "test_message_flag": "perhaps"}',
            "test_message_flag: it must be true or false, not a text",
        ),
        (b'{"from": "x", "body": "\xff"}', "cannot be read"),
        (b'{"from": "x", "body": "a\\u0000b"}', "U+0000"),
        (b'{"from": "x", "scheduled_delivery_time": "soon"}', "scheduled_delivery_time: "),
        (b'{"from": "x", "expiry_time": 5}', "expiry_time: "),
        (b'{"from": "x", "consent_requirement": "PERHAPS"}', "consent_requirement: "),
        (b'{"from": "x", "attachments": 5}', "attachments"),
        (b'{"from": "x", "a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", ""),
    ],
)
async def test_a_bad_body_is_400_and_names_the_attribute_as_the_wire_does(
    client: Client, body: bytes, says: str
) -> None:
    headers = {"Content-Type": "application/json"}
    reply = await client.call("POST", REQUESTS, data=body, headers=headers)
    assert (reply.status, reply.code) == (400, "400")
    assert says in reply.json["error_description"]


async def test_a_value_that_is_too_long_is_1023(site: Site, client: Client) -> None:
    sender = await site.sender(client)
    reply = await client.post(REQUESTS, _request(sender) | {"campaign_id": "c" * 256})
    assert (reply.status, reply.code) == (400, "1023")
    assert "campaign_id" in reply.json["error_description"]


async def test_a_message_that_needs_too_many_fragments_is_1012(site: Site, client: Client) -> None:
    sender = await site.sender(client)
    reply = await client.post(REQUESTS, _request(sender) | {"body": "x" * 5000})
    assert (reply.status, reply.code) == (400, "1012")


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("Application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("APPLICATION/JSON", 200),
        ("text/xml", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
    ],
)
async def test_media_types_are_compared_without_case(
    site: Site, client: Client, media_type: str, status: int
) -> None:
    import json

    sender = await site.sender(client)
    reply = await client.call(
        "POST",
        REQUESTS,
        data=json.dumps(_request(sender)).encode(),
        headers={"Content-Type": media_type},
    )
    assert reply.status == status
    if status == 415:
        assert reply.code == "415"
        assert "Content-Type: application/json" in reply.json["error_description"]


async def test_a_body_over_the_limit_is_413(make_site: SiteMaker) -> None:
    site = await make_site(http={"max_body_bytes": 200_000})
    client = await site.company()
    reply = await client.post(REQUESTS, {"from": "x", "body": "b" * 200_000})
    assert (reply.status, reply.code) == (413, "413")

    async def unmeasured() -> object:
        for _ in range(30):
            yield b" " * 10_000

    reply = await client.call(
        "POST", REQUESTS, data=unmeasured(), headers={"Content-Type": "application/json"}
    )
    assert (reply.status, reply.code) == (413, "413")


async def test_a_small_limit_holds_for_bodies_that_come_without_asgi_messages_too(
    make_site: SiteMaker,
) -> None:
    site = await make_site(http={"max_body_bytes": 1000})
    client = await site.company()
    reply = await client.post(REQUESTS, {"from": "x", "body": "b" * 1000})
    assert (reply.status, reply.code) == (413, "413")


async def test_the_rate_limit_of_an_application_answers_429_with_retry_after(
    make_site: SiteMaker,
) -> None:
    site = await make_site(http={"rate_limit": 0.5, "rate_burst": 3})
    client = await site.company()
    other = await site.company()
    free = await site.company(rate_limit=0)
    replies = [await client.get(REQUESTS) for _ in range(5)]
    assert [r.status for r in replies] == [200, 200, 200, 429, 429]
    assert replies[3].code == "429"
    assert 1 <= int(replies[3].headers["Retry-After"]) <= 2
    assert (await other.get(REQUESTS)).status == 200
    assert {(await free.get(REQUESTS)).status for _ in range(8)} == {200}


async def test_a_surprise_is_500_with_the_id_under_which_the_log_has_it(
    make_site: SiteMaker, capfd: pytest.CaptureFixture[str]
) -> None:
    async def surprise(_: Call) -> Answer:
        raise RuntimeError("a wheel came off")

    door = Door("odd", "/odd", [Route("GET", "/thing", surprise)], problem, LIVE_FORM)
    site = await make_site(doors=[door])
    client = await site.company()
    reply = await client.get("/odd/thing", whole=True)
    assert (reply.status, reply.code) == (500, "500")
    assert reply.headers["X-Request-Id"] in reply.json["error_description"]
    assert "wheel" not in reply.json["error_description"]


async def test_while_the_database_is_away_the_answer_is_503_with_retry_after(
    make_site: SiteMaker,
) -> None:
    from clarion.errors import Unavailable

    async def away(_: Call) -> Answer:
        raise Unavailable

    door = Door("odd", "/odd", [Route("GET", "/thing", away)], problem, LIVE_FORM)
    site = await make_site(doors=[door])
    client = await site.company()
    reply = await client.get("/odd/thing", whole=True)
    assert (reply.status, reply.code) == (503, "503")
    assert int(reply.headers["Retry-After"]) >= 1


async def test_fixed_segments_go_before_parameters(make_site: SiteMaker) -> None:
    async def show(call: Call) -> Answer:
        return json_answer(dict(call.params))

    async def fixed(_: Call) -> Answer:
        return json_answer("fixed")

    routes = [
        Route("GET", "/things/{id}", show),
        Route("GET", "/things/fixed", fixed),
        Route("GET", "/things/fixed/parts", fixed),
        Route("GET", "/things/{id}/parts/{part}", show),
    ]
    site = await make_site(doors=[Door("odd", "/odd", routes, problem, LIVE_FORM)])
    client = await site.company()
    for path, expected in {
        "/odd/things/fixed": "fixed",
        "/odd/things/7": {"id": "7"},
        "/odd/things/fixed/parts/9": {"id": "fixed", "part": "9"},
        "/odd/things/a%20b/parts/%2D1/": {"id": "a b", "part": "-1"},
    }.items():
        assert (await client.get(path, whole=True)).json == expected


async def test_garbage_before_http_does_not_disturb_the_server(site: Site, client: Client) -> None:
    host, port = site.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(b"\x16\x03\x01\x00\xa5nonsense\r\n\r\n")
    assert (await client.get(REQUESTS)).status == 200


@pytest.mark.parametrize("prefix", [LIVE, REFERENCE])
async def test_both_wire_forms_are_served(client: Client, prefix: str) -> None:
    assert (await client.in_form(prefix).get(REQUESTS)).status == 200


async def test_head_is_get_without_its_body(client: Client) -> None:
    reply = await client.call("HEAD", REQUESTS)
    assert (reply.status, reply.raw) == (200, b"")
    assert int(reply.headers["Content-Length"]) > 2


@pytest.mark.parametrize("path", ["/messaging/sender_id_types/a%00b", "/messaging/messages/%ff%00"])
async def test_odd_characters_in_a_path_name_nothing(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 404


@pytest.mark.parametrize(
    "more",
    [
        {"price_threshold": "nan"},
        {"price_threshold": "-inf"},
        {"sender_id_sort_criteria": ["x" * 300]},
        {"contact_delivery_address_priority": ["x"] * 300},
        {"body": "x" * 900_000},
    ],
)
async def test_oversized_and_odd_values_are_refused(
    site: Site, client: Client, more: dict[str, object]
) -> None:
    sender = await site.sender(client)
    assert (await client.post(REQUESTS, _request(sender) | more)).status == 400


async def test_a_version_that_no_row_can_have_is_400(site: Site, client: Client) -> None:
    sender = await site.sender(client)
    id = (await client.post(REQUESTS, _request(sender))).json["id"]
    for version in (2**31, 10**30, -1, "x"):
        body = {"campaign_id": "x", "version_number": version}
        assert (await client.post(f"{REQUESTS}/{id}", body)).status == 400

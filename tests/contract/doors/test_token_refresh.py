"""GET /saop-rest-data/v1/apptoken-refresh, as clients of the SCG API call it after a 401."""

from __future__ import annotations

import asyncio

import pytest
from harness import Client, Reply
from tests.waiting import PATIENCE

REFRESH = "/saop-rest-data/v1/apptoken-refresh"


async def refresh(client: Client, **changes: str | None) -> Reply:
    query = {
        "consumerkey": client.consumer_key,
        "consumersecret": client.consumer_secret,
        "oldtoken": client.token,
    } | changes
    given = {name: value for name, value in query.items() if value is not None}
    nobody = {"Authorization": None}
    return await client.call("GET", REFRESH, whole=True, params=given, headers=nobody)


async def test_an_old_token_is_replaced_and_dies_at_once(client: Client) -> None:
    assert (await client.get("/messaging/messages")).status == 200
    reply = await refresh(client)
    assert reply.status == 200
    assert set(reply.json) == {"accessToken", "validityTime"}
    assert reply.json["validityTime"] == 0
    old, client.token = client.token, reply.json["accessToken"]
    assert (await client.get("/messaging/messages")).status == 200
    async with asyncio.timeout(PATIENCE):
        while True:
            headers = {"Authorization": f"Bearer {old}"}
            if (await client.get("/messaging/messages", headers=headers)).status == 401:
                break


async def test_validity_is_in_seconds(client: Client) -> None:
    reply = await refresh(client, validity="900")
    assert 900 - PATIENCE <= reply.json["validityTime"] <= 900


@pytest.mark.parametrize("name", ["consumerkey", "consumersecret", "oldtoken"])
async def test_a_missing_parameter_is_400(client: Client, name: str) -> None:
    for value in (None, "", "x" * 600):
        reply = await refresh(client, **{name: value})
        assert reply.status == 400
        assert set(reply.json) == {"errorCode", "moreInfo", "userMsg"}
        assert reply.json["errorCode"] == 1
        assert name in reply.json["userMsg"]


@pytest.mark.parametrize("name", ["consumerkey", "consumersecret"])
async def test_a_wrong_key_or_secret_is_500(client: Client, name: str) -> None:
    reply = await refresh(client, **{name: "wrong"})
    assert (reply.status, reply.json["errorCode"]) == (500, 1)
    assert (await client.get("/messaging/messages")).status == 200


@pytest.mark.parametrize("validity", ["-1", "soon", "1e9", "9" * 30])
async def test_a_validity_that_is_no_number_of_seconds_is_400(
    client: Client, validity: str
) -> None:
    assert (await refresh(client, validity=validity)).status == 400


async def test_only_get_refreshes(client: Client) -> None:
    reply = await client.call("POST", REFRESH, whole=True)
    assert (reply.status, reply.headers["Allow"]) == (405, "GET")
    assert reply.json["errorCode"] == 1

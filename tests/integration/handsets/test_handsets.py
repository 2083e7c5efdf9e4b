"""The virtual handsets over HTTP, with a whole node behind them."""

from __future__ import annotations

import asyncio
import json
from time import monotonic
from typing import Any

import aiohttp
import pytest
from phones import ADDRESS, PATIENCE, PHONE, VAULT, Company, clarion, company

from clarion.app import ROLES, Node
from clarion.connectors.sandbox.numbers import MAGIC_PREFIX
from clarion.kit import ids


async def test_a_phone_shows_what_it_received_and_what_it_answered(acme: Company) -> None:
    await acme.send(PHONE, "Hello")
    await acme.until_handset(PHONE, lambda found: len(found) == 1)
    status, answer = await acme.answer("4915112345678", "+" + ADDRESS, "Hello yourself")
    assert status == 200
    shown = await acme.handset(PHONE)
    assert [(m["direction"], m["text"]) for m in shown] == [
        ("MT", "Hello"),
        ("MO", "Hello yourself"),
    ]
    assert shown[1]["id"] == answer["id"]
    assert {m["sender_address"] for m in shown} == {ADDRESS}
    stored = await acme.node.db.fetchrow(
        "select direction, state, body, reply_to, updated_at from message "
        "where company_id = $1 and id = $2",
        acme.id,
        ids.parse(answer["id"]),
    )
    assert stored is not None
    assert tuple(stored)[:4] == ("MO", "RECEIVED", "Hello yourself", ids.parse(shown[0]["id"]))
    id = ids.parse(answer["id"])
    assert id is not None
    assert ids.created_at(id) <= stored["updated_at"]  # never created after its last change


async def test_pages_follow_one_another(acme: Company) -> None:
    for number in range(5):
        await acme.send(PHONE, f"message {number}")
    everything = await acme.until_delivered(PHONE, 5)
    assert await acme.handset(PHONE, "?limit=2") == everything[-2:]
    first = everything[0]["id"]
    assert await acme.handset(PHONE, f"?after={first}&limit=2") == everything[1:3]
    assert await acme.handset(PHONE, f"?after={everything[-1]['id']}") == []


async def test_a_long_answer_becomes_one_message(acme: Company) -> None:
    text = "Ich schreibe viel: äöü€ ж " * 20
    status, _ = await acme.answer(PHONE, ADDRESS, text)
    assert status == 200
    assert await acme.texts(PHONE) == [("MO", text)]


async def test_a_phone_that_echoes_answers_by_itself(acme: Company) -> None:
    echo = MAGIC_PREFIX + "0031"
    await acme.send(echo, "Anybody there?")
    found = await acme.until_handset(echo, lambda found: len(found) == 2)
    assert found == [("MT", "Anybody there?"), ("MO", "Anybody there?")]


async def test_a_phone_does_not_hold_what_never_arrived(acme: Company) -> None:
    lost, refused = MAGIC_PREFIX + "0011", MAGIC_PREFIX + "0001"
    for number in (lost, refused):
        id = await acme.send(number, "Hello")
        await until_failed(acme, id)
        assert await acme.texts(number) == []


async def until_failed(acme: Company, id: str) -> None:
    sql = "select count(*) from message where company_id = $1 and request_id = $2 and state = $3"
    deadline = monotonic() + PATIENCE
    while not await acme.node.db.fetchval(sql, acme.id, ids.parse(id), "FAILED"):
        assert monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_watchers_see_arrivals_once_and_in_order(acme: Company) -> None:
    _, start = await acme.call("GET", "/sandbox/v1/messages?wait=0")
    sent = [f"message {number}" for number in range(6)]
    for number, text in enumerate(sent):
        await acme.send(f"+49151123456{number:02}", text)
    seen: list[str] = []
    after, deadline = start["next"], monotonic() + PATIENCE
    while len(seen) < len(sent):
        assert monotonic() < deadline
        _, page = await acme.call("GET", f"/sandbox/v1/messages?after={after}&limit=4")
        seen += [message["text"] for message in page["list"]]
        after = page["next"]
    assert sorted(seen) == sent
    _, rest = await acme.call("GET", f"/sandbox/v1/messages?after={after}&wait=0")
    assert rest["list"] == []


async def test_a_watcher_may_begin_in_the_past(acme: Company) -> None:
    await acme.send(PHONE, "early")
    await acme.until_handset(PHONE, lambda found: len(found) == 1)
    _, page = await acme.call("GET", "/sandbox/v1/messages?recent=60")
    assert [message["text"] for message in page["list"]] == ["early"]
    _, page = await acme.call("GET", "/sandbox/v1/messages?wait=0")
    assert page["list"] == []


async def test_a_company_sees_only_its_own_messages(
    node: Node, http: aiohttp.ClientSession, acme: Company
) -> None:
    other = await company(node, http, "Other", "15550002000")
    _, start = await other.call("GET", "/sandbox/v1/messages?wait=0")
    await acme.send(PHONE, "for Acme")
    await acme.until_handset(PHONE, lambda found: len(found) == 1)
    await acme.answer(PHONE, ADDRESS, "to Acme")
    assert await other.texts(PHONE) == []
    status, answer = await other.answer(PHONE, ADDRESS, "not mine")
    assert (status, answer["error_code"]) == (400, "400")
    _, page = await other.call("GET", f"/sandbox/v1/messages?after={start['next']}")
    assert page["list"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("GET", "/handsets/12/messages", None, "too short"),
        ("GET", "/handsets/nobody/messages", None, "not a telephone number"),
        ("GET", f"/handsets/{PHONE}/messages?after=x", None, "after"),
        ("GET", f"/handsets/{PHONE}/messages?limit=many", None, "limit"),
        ("GET", "/messages?after=1-x", None, "after"),
        ("GET", "/messages?wait=long", None, "wait"),
        ("POST", f"/handsets/{PHONE}/messages", {"to": ADDRESS}, "text"),
        ("POST", f"/handsets/{PHONE}/messages", {"to": "1", "text": "a"}, "no sender id"),
        ("POST", f"/handsets/{PHONE}/messages", {"to": ADDRESS, "text": ""}, "text"),
        ("POST", f"/handsets/{PHONE}/messages", {"to": ADDRESS, "text": "a" * 1601}, "text"),
    ],
)
async def test_what_cannot_be_done_is_said_in_words(
    acme: Company, method: str, path: str, body: Any, words: str
) -> None:
    status, answer = await acme.call(method, "/sandbox/v1" + path, json=body)
    assert status == 400
    assert words in answer["error_description"]


async def test_receipts_owed_at_a_crash_are_given_at_the_next_start(
    database_url: str, node: Node, http: aiohttp.ClientSession, acme: Company
) -> None:
    await acme.send(PHONE, "before the crash")
    await acme.until_handset(PHONE, lambda found: len(found) == 1)
    await node.db.execute(
        "update message set state = 'SENT', delivered_at = null where company_id = $1", acme.id
    )
    after = Node(node.settings, roles=ROLES, vault=VAULT)
    await after.start()
    try:
        deadline = monotonic() + PATIENCE
        while (await acme.handset(PHONE))[0]["state"] != "DELIVERED":
            assert monotonic() < deadline
            await asyncio.sleep(0.02)
    finally:
        await after.stop()


async def test_the_command_line_watches_shows_and_answers(acme: Company) -> None:
    await acme.send(PHONE, "one")
    await acme.send(PHONE, "two\x1b[2J")
    watched = await clarion(acme, "watch", "--count", "2", "--json")
    assert sorted(json.loads(line)["text"] for line in watched.splitlines()) == [
        "one",
        "two\x1b[2J",
    ]
    assert f"{PHONE} <- {ADDRESS}  one" in await clarion(acme, "watch", "--count", "2")
    assert f"Sent to {ADDRESS}" in await clarion(acme, "answer", PHONE, "three")
    shown = await clarion(acme, "show", PHONE)
    assert "\x1b" not in shown
    assert "two\\x1b[2J" in shown
    assert f"{PHONE} -> {ADDRESS}  three" in shown
    assert len(json.loads(await clarion(acme, "show", PHONE, "--json"))) == 3

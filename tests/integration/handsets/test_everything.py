"""From a client's request to what somebody holds in their hand, for what is more than a text."""

from __future__ import annotations

import re
from typing import Any

import pytest
from phones import ADDRESS, PHONE, VAULT, Company
from tests.waiting import eventually

from clarion.engine.senders.model import NewSender, SenderState
from clarion.engine.senders.service import create_sender

API = "/scg-external-api/api/v1/messaging"
NEWS = "news@acme.example"
PERSON = "Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 Version/18.1 Mobile/15E148 Safari/604.1"
SHOP = "https://shop.example/a?b=c"


async def send(acme: Company, **body: Any) -> str:
    status, answer = await acme.call("POST", f"{API}/message_requests", json=body)
    assert status == 200, answer
    return str(answer["id"])


async def message_of(acme: Company, request: str, state: str) -> dict[str, Any]:
    """The request's one message, once it is in that state."""

    async def reached() -> dict[str, Any] | None:
        _, page = await acme.call("GET", f"{API}/message_requests/{request}/messages")
        found = [each for each in page["list"] if each["state"] == state]
        return found[0] if found else None

    found = await eventually(reached, words=state)
    assert found is not None
    return found


async def sender(acme: Company, type_id: str, address: str) -> None:
    new = NewSender(
        class_id="NOTIFICATIONS", type_id=type_id, address=address, state=SenderState.ACTIVE
    )
    await create_sender(acme.node.db, VAULT, acme.caller, new, auto_provision=True)


async def test_a_tracked_link_converts_its_message(acme: Company) -> None:
    request = await send(
        acme, **{"from": ADDRESS, "to": [PHONE], "body": f'Look: #track("{SHOP}") now'}
    )
    await message_of(acme, request, "DELIVERED")
    (shown,) = await acme.handset(PHONE)
    link = re.fullmatch(r"Look: (http://\S+) now", shown["text"])
    assert link is not None
    path = "/t/" + link[1].rpartition("/")[2]
    headers = {"User-Agent": PERSON}
    url = acme.node.base_url + path
    async with acme.http.get(url, headers=headers, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, SHOP)
    message = await message_of(acme, request, "CONVERTED")
    assert message["conversion_info_source"] == "SCG/URL"
    _, shown_request = await acme.call("GET", f"{API}/message_requests/{request}")
    counts = {name: shown_request[f"{name}_count"] for name in ("read", "click_thru", "converted")}
    assert counts == {"read": 1, "click_thru": 1, "converted": 1}


@pytest.mark.parametrize("url", ["ftp://x.example", "javascript:alert(1)", "https://a:b@c.example"])
async def test_an_address_that_cannot_be_tracked_is_refused(acme: Company, url: str) -> None:
    body = {"from": ADDRESS, "to": [PHONE], "body": f'Look: #track("{url}")'}
    status, answer = await acme.call("POST", f"{API}/message_requests", json=body)
    assert (status, answer["error_code"]) == (400, "1020")


async def test_a_mail_is_read_and_answered(acme: Company) -> None:
    await sender(acme, "EMAIL", NEWS)
    request = await send(
        acme, **{"from": NEWS, "to": ["read+1@sandbox.test"], "body": "Hello", "subject": "News"}
    )
    message = await message_of(acme, request, "READ")
    assert (message["type"], message["subject"]) == ("EMAIL", "News")
    path = "/sandbox/v1/mailboxes/read+1@sandbox.test/messages"
    answer = {"to": NEWS, "text": "Thanks", "subject": "Re: News"}
    assert (await acme.call("POST", path, json=answer))[0] == 200
    _, page = await acme.call("GET", f"{API}/messages?direction=MO")
    (reply,) = page["list"]
    assert (reply["type"], reply["subject"], reply["body"]) == ("EMAIL", "Re: News", "Thanks")
    assert reply["reply_to"] == message["id"]


async def test_a_dead_token_fails_its_push(acme: Company) -> None:
    await sender(acme, "PUSH", "app")
    _, page = await acme.call("GET", f"{API}/sender_ids?address=app")
    push = page["list"][0]["id"]
    sent = [f"psh:apn@{push}@sandbox-dead", f"psh:apn@{push}@0123456789abcdef"]
    requests = [await send(acme, **{"from": push, "to": [to], "body": "Your turn"}) for to in sent]
    dead = await message_of(acme, requests[0], "FAILED")
    assert (dead["type"], dead["failure_code"]) == ("PSH", "1002")
    await message_of(acme, requests[1], "DELIVERED")
    _, page = await acme.call("GET", "/sandbox/v1/tokens/0123456789abcdef/messages")
    assert [each["text"] for each in page["list"]] == ["Your turn"]


async def test_an_mms_shows_its_media(acme: Company) -> None:
    urls = ["https://media.example/photo.jpg"]
    request = await send(
        acme, **{"from": ADDRESS, "to": [PHONE], "body": "Look", "media_urls": urls}
    )
    message = await message_of(acme, request, "DELIVERED")
    assert message["type"] == "MMS"
    (shown,) = await acme.handset(PHONE)
    assert (shown["type"], shown["text"]) == ("MMS", "Look")
    assert [each["url"] for each in shown["media"]] == urls


async def test_a_group_mms_says_who_is_in_the_group(acme: Company) -> None:
    members = ["+12125550123", "+12125550124"]
    urls = ["https://media.example/photo.jpg"]
    request = await send(
        acme,
        **{"from": ADDRESS, "to": members, "body": "Hi", "media_urls": urls, "group_mms": True},
    )
    for member in members:
        await eventually(lambda member=member: acme.handset(member), words=member)  # type: ignore[misc]
        (shown,) = await acme.handset(member)
        assert (shown["handset"], shown["group"]) == (member, members)
    _, watched = await acme.call("GET", "/sandbox/v1/messages?recent=60")
    assert [each["group"] for each in watched["list"]] == [members] * 2
    assert request

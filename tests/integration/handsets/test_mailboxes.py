"""Mailboxes, applications and MMS over HTTP and on the command line, with a whole node behind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from phones import ADDRESS, PHONE, VAULT, Company, clarion

from clarion.engine.messages.ports import Media
from clarion.engine.messages.rich import stored_media
from clarion.engine.senders.model import NewSender, SenderState
from clarion.engine.senders.service import create_sender
from clarion.kit import ids

NEWS = "news@acme.example"
PHOTO = Media(name="photo.jpg", mime_type="image/jpeg", size=48_000, key="secret/place")
CLIP = Media(name="clip.mp4", url="https://example.com/clip.mp4")

SENT = """
with sender as (select id, company_id, address from sender_id where company_id = $1 limit 1),
part as (
    insert into fragment (company_id, message_id, number, total, connector, external_id, shown_id)
    values ($1, $2, 1, 1, 'sandbox', $2::uuid::text, $2::uuid::text)
)
insert into message (company_id, id, direction, state, medium, sender_id, sender_address,
    peer_address, body, subject, media, sent_at, updated_at)
select company_id, $2, 'MT', 'DELIVERED', $3::text::message_medium, id, address, $4, $5, $6,
    $7::text::jsonb, $8, $8
from sender
"""


async def arrived(acme: Company, medium: str, to: str, body: str, **more: Any) -> str:
    """A message that the sandbox has taken and delivered."""
    id: UUID = ids.new_request_id()
    await acme.node.db.execute(
        SENT, acme.id, id, medium, to, body, more.get("subject"),
        stored_media(more.get("media", ())), datetime.now(UTC),
    )  # fmt: skip
    return ids.show(id)


async def mail_sender(acme: Company) -> None:
    new = NewSender(
        class_id="NOTIFICATIONS", type_id="EMAIL", address=NEWS, state=SenderState.ACTIVE
    )
    await create_sender(acme.node.db, VAULT, acme.caller, new, auto_provision=True)


async def holds(acme: Company, path: str) -> list[dict[str, Any]]:
    status, answer = await acme.call("GET", f"/sandbox/v1/{path}/messages")
    assert status == 200, answer
    return list(answer["list"])


async def test_a_mailbox_shows_its_mail(acme: Company) -> None:
    id = await arrived(
        acme, "EMAIL", "ann@example.com", "Hello", subject="News", media=(PHOTO, CLIP)
    )
    (mail,) = await holds(acme, "mailboxes/ann@Example.COM")
    assert (mail["id"], mail["type"], mail["subject"], mail["text"]) == (
        id, "EMAIL", "News", "Hello",
    )  # fmt: skip
    assert mail["media"] == [
        {"name": "photo.jpg", "mime_type": "image/jpeg", "size": 48_000},
        {"name": "clip.mp4", "url": "https://example.com/clip.mp4"},
    ]
    assert await holds(acme, "mailboxes/bob@example.com") == []


async def test_a_mailbox_answers(acme: Company) -> None:
    await mail_sender(acme)
    body = {"to": NEWS, "text": "More!\n" * 2000, "subject": "Re: News"}
    status, answer = await acme.call(
        "POST", "/sandbox/v1/mailboxes/ann@example.com/messages", json=body
    )
    assert status == 200, answer
    (mail,) = await holds(acme, "mailboxes/ann@example.com")
    assert (mail["id"], mail["direction"], mail["type"]) == (answer["id"], "MO", "EMAIL")
    assert (mail["subject"], mail["text"]) == ("Re: News", "More!\n" * 2000)


async def test_a_phone_answers_with_media(acme: Company) -> None:
    urls = ["https://example.com/a/photo.png?size=2", "https://example.com/"]
    body = {"to": ADDRESS, "text": "Look", "media_urls": urls}
    status, answer = await acme.call("POST", f"/sandbox/v1/handsets/{PHONE}/messages", json=body)
    assert status == 200, answer
    (shown,) = await acme.handset(PHONE)
    assert (shown["type"], shown["text"]) == ("MMS", "Look")
    assert shown["media"] == [
        {"name": "photo.png", "mime_type": "image/png", "url": urls[0]},
        {"name": "media", "url": urls[1]},
    ]
    path = f"/messaging/messages/{answer['id']}"
    _, message = await acme.call("GET", f"/scg-external-api/api/v1{path}")
    assert (message["media_urls"], message["attachments"]) == (urls, [])
    _, message = await acme.call("GET", f"/scg/v1{path}")
    assert "media_urls" not in message


@pytest.mark.parametrize("token", ["apn:12ab", "APN:12ab", "12ab"])
async def test_an_application_shows_what_it_was_pushed(acme: Company, token: str) -> None:
    await arrived(acme, "PSH", "apn:12ab", "Your turn")
    await arrived(acme, "PSH", "fcm:34cd", "Not yours")
    (push,) = await holds(acme, f"tokens/{token}")
    assert (push["type"], push["handset"], push["text"]) == ("PSH", "apn:12ab", "Your turn")
    assert await holds(acme, "tokens/fcm:12ab") == []


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("GET", "/mailboxes/ann/messages", None, "not an e-mail address"),
        ("POST", "/mailboxes/a@b/messages", {"to": NEWS, "text": "a"}, "domain name"),
        ("POST", "/mailboxes/a@b.example/messages", {"to": "x@y.z", "text": "a"}, "no sender id"),
        ("POST", "/mailboxes/a@b.example/messages", {"to": NEWS}, "text"),
        (
            "POST",
            f"/handsets/{PHONE}/messages",
            {"to": ADDRESS, "text": "a", "media_urls": ["javascript:alert(1)"]},
            "media_urls",
        ),
    ],
)
async def test_what_cannot_be_done_is_said_in_words(
    acme: Company,
    method: str,
    path: str,
    body: Any,
    words: str,
) -> None:
    status, answer = await acme.call(method, "/sandbox/v1" + path, json=body)
    assert status == 400
    assert words in answer["error_description"]


async def test_the_command_line_knows_mailboxes_and_tokens(acme: Company) -> None:
    await mail_sender(acme)
    await arrived(acme, "EMAIL", "ann@example.com", "Hello", subject="News\x1b", media=(PHOTO,))
    await arrived(acme, "PSH", "fcm:a-b_c:12", "Your turn")
    watched = await clarion(acme, "watch", "--count", "2")
    assert "EMAIL  News\\x1b  Hello  <photo.jpg image/jpeg 48000>" in watched
    assert "PSH  Your turn" in watched
    assert "Your turn" in await clarion(acme, "show", "a-b_c:12")
    await clarion(acme, "answer", "ann@example.com", "Thanks", "--to", NEWS)
    assert f"ann@example.com -> {NEWS}  EMAIL  Thanks" in await clarion(
        acme, "show", "ann@example.com"
    )

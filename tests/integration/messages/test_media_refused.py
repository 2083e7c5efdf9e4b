"""Attachments and media whose MIME type a sender id's type does not allow."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from stage import Stage

from clarion.engine.attachments.model import NewAttachment
from clarion.engine.attachments.service import create_attachment
from clarion.engine.messages.model import Options
from clarion.engine.senders.mime_types import set_mime_types
from clarion.kit import ids

PEOPLE = [f"+1212555{n:04}" for n in range(100, 116)]
PNG, JPEG = "https://a.example/map.png?size=2", "https://a.example/photo.JPG"


async def _type(stage: Stage, name: str, **lists: list[str]) -> str:
    """A sender id type of this test's own."""
    type_id = f"{name} {stage.place.name}"
    await stage.db.execute(
        "insert into sender_id_type (id, name, description, capabilities, allowed_mime_types, "
        "blocked_mime_types, credential_parameter_list, created_at, updated_at) "
        "values ($1, $1, '', '{SMS,MMS,EMAIL}', '{}', '{}', '{}', now(), now())",
        type_id,
    )
    await set_mime_types(stage.db, type_id, **lists)
    return type_id


async def _file(stage: Stage, mime_type: str | None, name: str) -> str:
    """An attachment that has content."""
    new = NewAttachment(name="A file", type=mime_type, filename=name)
    id = await create_attachment(stage.db, stage.caller, new)
    await stage.db.execute(
        "update attachment set state = 'UPLOADED', file_key = $3, size = 3 "
        "where company_id = $1 and id = $2",
        stage.company_id,
        id,
        f"{stage.company_id}/{id}",
    )
    return ids.show(id)


async def _sent(stage: Stage, sender: UUID | str, *to: str, **options: Any) -> UUID:
    return await stage.send(*to, sender=sender, options=Options(**options))


async def test_an_attachment_that_is_not_allowed_fails_each_message(stage: Stage) -> None:
    images = await _type(stage, "images", allowed=["image/png", "image/jpeg"])
    sender = await stage.sender("MMS", type_id=images)
    png = await _file(stage, "IMAGE/PNG; name=map.png", "map.png")
    good = await _sent(stage, sender, *PEOPLE[:2], attachments=[png])
    assert [fate[1:] for fate in await stage.fate(good)] == [("CREATED", None)] * 2
    program = await _file(stage, "Application/X-SH", "run.sh")
    bad = await _sent(stage, sender, *PEOPLE[:2], attachments=[png, program])
    assert await stage.fate(bad) == [(each, "FAILED", "1003") for each in PEOPLE[:2]]
    words = "The attachment 'run.sh' is Application/X-SH, which type"
    for message in await stage.messages(bad):
        assert message["failure_details"] == f"{words} {images} does not allow."
    request = await stage.request(bad)
    assert (request["state"], request["failed_count"], request["pending_count"]) == (
        "REJECTED", 2, 0,
    )  # fmt: skip
    queued = "select count(*) from outbound where company_id = $1"
    assert await stage.db.fetchval(queued, stage.company_id) == 2  # of the good one


async def test_a_blocked_type_fails_and_others_go(stage: Stage) -> None:
    """What has no type is on no list of blocked ones, and on none of allowed ones."""
    most = await stage.sender("MMS", type_id=await _type(stage, "most", blocked=["image/gif"]))
    few = await stage.sender("MMS", type_id=await _type(stage, "few", allowed=["image/png"]))
    for mime_type, of_most, of_few in (
        ("image/gif", "FAILED", "FAILED"),
        ("image/png", "CREATED", "CREATED"),
        (None, "CREATED", "FAILED"),
    ):
        file = await _file(stage, mime_type, "a")
        for sender, state in ((most, of_most), (few, of_few)):
            request = await _sent(stage, sender, PEOPLE[0], attachments=[file])
            assert (await stage.message(request))["state"] == state, (mime_type, sender)


async def test_the_ending_of_an_address_says_its_type(stage: Stage) -> None:
    sender = await stage.sender("MMS", type_id=await _type(stage, "maps", allowed=["image/png"]))
    request = await _sent(stage, sender, PEOPLE[0], media_urls=[PNG])
    assert (await stage.message(request))["state"] == "CREATED"
    for url, words in (
        (JPEG, "The media 'photo.JPG' is image/jpeg, which"),
        ("https://a.example/photo", "The media 'photo' is of an unknown MIME type, which"),
    ):
        message = await stage.message(await _sent(stage, sender, PEOPLE[0], media_urls=[PNG, url]))
        assert (message["state"], message["failure_code"]) == ("FAILED", "1003")
        assert message["failure_details"].startswith(words)


async def test_a_text_alone_has_nothing_to_refuse(stage: Stage) -> None:
    sender = await stage.sender("SMS", "MMS", type_id=await _type(stage, "x", allowed=["a/b"]))
    request = await stage.send(*PEOPLE[:2], sender=sender)
    assert {fate[1] for fate in await stage.fate(request)} == {"CREATED"}


async def test_programs_are_no_mail(stage: Stage) -> None:
    """As the types ship."""
    sender = await stage.sender("EMAIL")
    file = await _file(stage, "application/x-sh", "run.sh")
    request = await _sent(stage, sender, "ann@example.com", attachments=[file])
    assert await stage.fate(request) == [("ann@example.com", "FAILED", "1003")]
    assert "EMAIL" in (await stage.message(request))["failure_details"]


async def test_a_channel_sends_from_types_that_allow_it(stage: Stage) -> None:
    """If none does, the message says so as if it had been sent from that sender id."""
    images = await stage.sender("MMS", type_id=await _type(stage, "p", allowed=["image/png"]))
    photos = await stage.sender("MMS", type_id=await _type(stage, "j", allowed=["image/jpeg"]))
    channel = await stage.channel(images, photos)
    for url, sender in ((PNG, images), (JPEG, photos)):
        made = await stage.messages(await _sent(stage, channel, *PEOPLE, media_urls=[url]))
        assert {(m["sender_id"], m["state"]) for m in made} == {(sender, "CREATED")}
    clip = "https://a.example/clip.mp4"
    made = await stage.messages(await _sent(stage, channel, *PEOPLE, media_urls=[clip]))
    assert {(m["state"], m["failure_code"]) for m in made} == {("FAILED", "1003")}
    assert all(m["failure_details"].startswith("The media 'clip.mp4' is video/mp4") for m in made)


async def test_a_contact_is_reached_where_it_is_allowed(stage: Stage) -> None:
    """At a later address, from another sender id of the channel."""
    phone = await stage.sender("MMS", type_id=await _type(stage, "c", blocked=["image/png"]))
    mail = await stage.sender("EMAIL")
    channel = await stage.channel(phone, mail)
    contact = await stage.contact(PEOPLE[0], primary_email_addr="ann@example.com")
    to = f"contact:{ids.show(contact)}"
    made = await stage.message(await _sent(stage, channel, to, media_urls=[PNG]))
    assert (made["medium"], made["state"], made["sender_id"]) == ("EMAIL", "CREATED", mail)
    made = await stage.message(await _sent(stage, channel, to, media_urls=[JPEG]))
    assert (made["medium"], made["sender_id"]) == ("MMS", phone)

"""MMS, push and e-mail on their way: what is stored reaches the connector, and its answers the
message. How requests become such messages is another's matter: these are put into the queue."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pipeline import Gateway, Place
from tests.factories import Tenant
from tests.waiting import eventually

from clarion.engine.attachments.model import AttachmentState
from clarion.engine.attachments.service import linked_attachments
from clarion.engine.attachments.store import stored_files
from clarion.engine.messages.ports import Inbound, Media, Medium, Submission
from clarion.engine.messages.rich import read_media, stored_media
from clarion.kit import ids

PHOTO = Media(name="photo.jpg", mime_type="image/jpeg", size=48_000, key="a/1")
CLIP = Media(name="clip.mp4", url="https://example.com/clip.mp4")

ORDINARY = {
    Medium.PSH: "apn:0123456789abcdef",
    Medium.EMAIL: "ann@example.com",
    Medium.MMS: "+4915112345678",
}

REQUEST = """
insert into message_request (company_id, id, application_id, state, sender_id, recipients, body,
    content_type, options, media, recipient_count, pending_count, updated_at)
values ($1, $2, $3, 'TRANSMITTING', $4, $5, $6, $7, $8, $9::text::jsonb, $10, $10, $11)
"""
MESSAGE = """
insert into message (company_id, id, request_id, application_id, direction, state, medium,
    sender_id, sender_address, peer_address, subject, media, updated_at)
values ($1, $2, $3, $4, 'MT', 'CREATED', $5::text::message_medium, $6, $7, $8, $9,
    $10::text::jsonb, $11)
"""
QUEUED = """
insert into outbound (company_id, connector, sender_id, priority, due_at, message_id)
values ($1, $2, $3, 1, $4, $5)
"""

UNQUEUED = "delete from outbound where company_id = $1 and message_id = $2"
FAILED = """
with failed as (update message set state = 'FAILED' where company_id = $1 and id = $2)
update message_request set pending_count = pending_count - 1, failed_count = failed_count + 1
where company_id = $1 and id = $3
"""


class _Watched:
    """What a gateway's connector was handed."""

    def __init__(self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
        (connector,) = gateway.connectors.values()
        self.seen: list[Submission] = []
        submit = connector.submit

        def noted(batch: Any) -> None:
            self.seen.extend(batch)
            submit(batch)

        monkeypatch.setattr(connector, "submit", noted)


async def _put(
    place: Place,
    tenant: Tenant,
    medium: Medium,
    *to: str,
    body: str = "Hello",
    subject: str | None = None,
    shared: tuple[Media, ...] = (),
    own: tuple[Media, ...] = (),
    content_type: str | None = None,
    options: dict[str, object] | None = None,
) -> UUID:
    """A request of this medium with its messages in the queue."""
    now = datetime.now(UTC)
    request = ids.new_request_id()
    app, company = tenant.caller.application_id, tenant.company_id
    await place.db.execute(
        REQUEST, company, request, app, tenant.sender_id, list(to), body, content_type, options,
        stored_media(shared), len(to), now,
    )  # fmt: skip
    for number, address in enumerate(to, 1):
        message = ids.message_id(request, number)
        await place.db.execute(
            MESSAGE, company, message, request, app, medium.value, tenant.sender_id,
            tenant.address, address, subject, stored_media(own), now,
        )  # fmt: skip
        await place.db.execute(QUEUED, company, place.name, tenant.sender_id, now, message)
    return request


async def test_a_connector_gets_all_that_belongs_to_a_message(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await place.tenant()
    gateway = place.gateway()
    watched = _Watched(gateway, monkeypatch)
    await gateway.start()
    request = await _put(
        place, tenant, Medium.EMAIL, "ann@example.com", body="<p>Hello</p>" * 100,
        subject="News", shared=(PHOTO, CLIP), content_type="text/html",
        options={"options": {"push:badge": 1}},
    )  # fmt: skip
    gateway.carriers.queued(place.name)
    await place.until(tenant, request, "DELIVERED")
    (sent,) = watched.seen
    assert (sent.medium, sent.subject, sent.content_type) == ("EMAIL", "News", "text/html")
    assert (sent.source, sent.destination) == (tenant.address, "ann@example.com")
    assert (sent.parts, sent.pending) == (("<p>Hello</p>" * 100,), (1,))
    assert sent.media == (PHOTO, CLIP)
    assert sent.options == {"push:badge": 1}
    assert sent.group == ()


async def test_a_messages_own_media_go_before_its_requests(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await place.tenant()
    gateway = place.gateway()
    watched = _Watched(gateway, monkeypatch)
    await gateway.start()
    request = await _put(place, tenant, Medium.MMS, "+4915112345678", shared=(PHOTO,), own=(CLIP,))
    await place.until(tenant, request, "DELIVERED")
    assert watched.seen[0].media == (CLIP,)


async def test_members_of_a_group_mms_know_one_another(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Save those to whom it does not go."""
    tenant = await place.tenant()
    gateway = place.gateway()
    watched = _Watched(gateway, monkeypatch)
    members = ("+12125550123", "+12125550124", "+12125550125")
    refused = "+12125550127"
    request = await _put(place, tenant, Medium.MMS, *members, refused, options={"group_mms": True})
    alone = await _put(place, tenant, Medium.MMS, "+12125550126")
    await place.db.execute(UNQUEUED, tenant.company_id, ids.message_id(request, 4))
    await place.db.execute(FAILED, tenant.company_id, ids.message_id(request, 4), request)
    await gateway.start()
    await place.until(tenant, request, *["DELIVERED"] * 3, "FAILED")
    await place.until(tenant, alone, "DELIVERED")
    groups = {sent.destination: sent.group for sent in watched.seen}
    assert groups == dict.fromkeys(members, members) | {"+12125550126": ()}


@pytest.mark.parametrize(
    ("medium", "to", "state", "code"),
    [
        (Medium.PSH, "apn:sandbox-dead", "FAILED", "1002"),
        (Medium.PSH, "fcm:sandbox-refused", "FAILED", "1009"),
        (Medium.PSH, "fcm:sandbox-down", "FAILED", "1009"),
        (Medium.PSH, "fcm:sandbox-removed", "FAILED", "1002"),
        (Medium.PSH, "gcm:sandbox-busy", "DELIVERED", None),
        (Medium.PSH, "gcm:sandbox-read", "READ", None),
        (Medium.EMAIL, "unknown@sandbox.test", "FAILED", "1002"),
        (Medium.EMAIL, "full@sandbox.test", "FAILED", "1009"),
        (Medium.EMAIL, "bounce@sandbox.test", "FAILED", "1009"),
        (Medium.EMAIL, "gone@sandbox.test", "FAILED", "1002"),
        (Medium.EMAIL, "expired@sandbox.test", "EXPIRED", "1007"),
        (Medium.MMS, "+15559990022", "FAILED", "1009"),
        (Medium.MMS, "+15559990021", "READ", None),
    ],
)
async def test_each_end_of_a_message_is_recorded(
    place: Place, medium: Medium, to: str, state: str, code: str | None
) -> None:
    tenant = await place.tenant()
    await place.started()
    request = await _put(place, tenant, medium, to, ORDINARY[medium], own=(PHOTO,))
    await eventually(lambda: _first_is(place, tenant, request, state), words=state)
    message = (await place.messages(tenant, request))[0]
    assert message["failure_code"] == code
    assert (message["failure_details"] is None) == (code is None)
    await eventually(lambda: _settled(place, tenant, request))


async def _first_is(place: Place, tenant: Tenant, request: UUID, state: str) -> bool:
    return (await place.states(tenant, request))[0] == state


async def _settled(place: Place, tenant: Tenant, request: UUID) -> bool:
    return (await place.states(tenant, request))[1] == "DELIVERED"


async def test_what_was_read_is_counted(place: Place) -> None:
    tenant = await place.tenant()
    await place.started()
    request = await _put(
        place, tenant, Medium.PSH, "apn:sandbox-read", "apn:1", "apn:sandbox-read-2"
    )
    await place.until(tenant, request, "READ", "DELIVERED", "READ")
    row = await place.request(tenant, request)
    assert (row["read_count"], row["delivered_count"], row["sent_count"]) == (2, 3, 3)
    assert row["state"] == "COMPLETED"
    assert all(m["read_at"] for m in (await place.messages(tenant, request))[::2])


async def test_a_mail_is_answered(place: Place) -> None:
    tenant = await place.tenant()
    await place.started()
    request = await _put(
        place, tenant, Medium.EMAIL, "echo@sandbox.test", subject="Size", own=(CLIP,)
    )
    await eventually(lambda: place.received(tenant))
    (answer,) = await place.received(tenant)
    assert (answer["medium"], answer["subject"], answer["body"]) == ("EMAIL", "Re: Size", "Hello")
    assert (answer["peer_address"], answer["country"]) == ("echo@sandbox.test", None)
    assert answer["reply_to"] == ids.message_id(request, 1)
    assert read_media(answer["media"]) == (CLIP,)
    await place.until(tenant, request, "DELIVERED")


async def test_what_subscribers_send_keeps_its_medium(place: Place) -> None:
    tenant = await place.tenant()
    gateway = await place.started()
    long = "a" * 64 + "@" + "b" * 63 + "." + "c" * 63 + ".example"
    stored: list[bool] = []
    gateway.recorder.inbound(
        place.name,
        [
            Inbound(
                "4915112345678", tenant.address, "look", None, 1, 1, Medium.MMS, None, (PHOTO,)
            ),
            Inbound(long, tenant.address, "x" * 50_000, None, 1, 1, Medium.EMAIL, "s" * 300),
            Inbound("4915112345678", tenant.address, "plain", None, 1, 1),
        ],
        stored.append,
    )
    await eventually(lambda: stored)
    found = {m["body"]: m for m in await place.received(tenant)}
    assert stored == [True]
    assert (found["look"]["medium"], read_media(found["look"]["media"])) == ("MMS", (PHOTO,))
    mail = found["x" * 50_000]
    assert (mail["medium"], mail["peer_address"], len(mail["subject"])) == ("EMAIL", long, 255)
    assert (found["plain"]["medium"], found["plain"]["media"]) == ("SMS", None)


async def test_files_that_a_message_has_brought_are_attachments(place: Place) -> None:
    """Content that an attachment has already, as an echo brings it back, makes no second one."""
    tenant = await place.tenant()
    gateway = await place.started()
    new = Media("cat.jpg", "image/jpeg", 3, key=f"{tenant.company_id}/new")
    await place.db.execute(
        "insert into file_removal (company_id, key, due_at) values ($1, $2, now())",
        tenant.company_id,
        new.key,
    )
    for text, media in (("first", (CLIP, new)), ("again", (new,)), ("link", (CLIP,))):
        stored: list[bool] = []
        gateway.recorder.inbound(
            place.name,
            [Inbound("4915112345678", tenant.address, text, None, 1, 1, Medium.MMS, None, media)],
            stored.append,
        )
        await eventually(lambda stored=stored: stored)
    found = {m["body"]: m["id"] for m in await place.received(tenant)}
    carried = await linked_attachments(place.db, tenant.company_id, list(found.values()))
    (made,) = carried[found["first"]]
    assert carried == {found["first"]: [made], found["again"]: [made]}
    (file,) = (await stored_files(place.db, tenant.company_id, [made])).values()
    assert (file.key, file.filename, file.mime_type, file.size) == (
        new.key, "cat.jpg", "image/jpeg", 3,
    )  # fmt: skip
    assert file.state == AttachmentState.UPLOADED
    assert not await place.db.fetchval(
        "select count(*) from file_removal where company_id = $1", tenant.company_id
    )

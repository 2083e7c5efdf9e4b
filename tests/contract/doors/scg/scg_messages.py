"""Message requests, messages and attachments that differ in all that a client can say."""

from __future__ import annotations

import json
from typing import Any

from attached import content
from harness import Reply
from scg_world import DAYS, TOMORROW, Body, World, listed

from clarion.kit import ids

CSV = b"external_id,first_name\nx,Ann\n"


async def a_request(world: World, n: int) -> Body:
    first = n % 2 == 0
    return {
        "from": f"sender_id:{await able_sender(world, n % 2)}",
        **(
            {"to": [f"+49151100000{n:02}", f"+49151200000{n:02}"]}
            if first
            else {"criteria": json.dumps({"first_name": f"Name {n}"})}
        ),
        "conversation_id": f"conversation {n}",
        "campaign_id": f"campaign {n}",
        "program_id": f"program {n}",
        "subject": f"subject {n}",
        "external_id": f"external {n}",
        "attachments": [(await world.have("/messaging/attachments"))[0]],
        "body": f"Hello {n}",
        "consent_requirement": ("OPT_IN", "OPT_OUT")[n % 2],
        "src_language": ("en", "de")[n % 2],
        "dst_language": ("fr", "es")[n % 2],
        "translate": first,
        "content_type": f"text/{n}",
        "scheduled_delivery_time": DAYS[n % 2],
        "scheduled_delivery_time_zone": ("UTC", "LOCAL")[n % 2],
        "expiry_time": DAYS[n % 2 + 1],
        "test_message_flag": first,
        "pause_before_transmit": first,
        **({"pause_expiry_time": TOMORROW} if first else {}),
        "price_threshold": n + 0.5,
        "sender_id_sort_criteria": [("PRICE", "DELIVERY_ADDRESS")[n % 2]],
        "contact_delivery_address_priority": [("MDN", "PUSH")[n % 2]],
    }


async def able_sender(world: World, n: int) -> str:
    key = f"able {n}"
    if key not in world.parents:
        body = {
            "class_id": "NOTIFICATIONS",
            "type_id": "LONGCODE",
            "state": "ACTIVE",
            "capabilities": ["SMS", "MMS"],
            "address": f"1777{world.company:06}{n}",
        }
        world.parents[key] = await world.post("/messaging/sender_ids", body)
    return world.parents[key]


async def a_state(_: World, n: int) -> Body:
    return {"state": "CONVERTED", "converted_date": DAYS[0], "conversion_info_source": f"walk {n}"}


async def sent(world: World, n: int, **more: Any) -> str:
    world.number += 1
    body = {
        "from": f"sender_id:{await able_sender(world, n)}",
        "to": [f"+4915130000{world.number:03}"],
        "body": f"Text {world.number}",
        "conversation_id": f"talk {world.number}",
        "campaign_id": f"campaign {world.number}",
        "external_id": f"message {world.number}",
        "subject": f"subject {world.number}",
    }
    return await world.post("/messaging/message_requests", body | more)


async def messages(world: World) -> list[str]:
    """Of one request each."""
    await world.have("/messaging/attachments")
    made = []
    for n in (0, 1):
        request = await sent(world, n)
        reply = await world.client.get(f"/messaging/message_requests/{request}/messages")
        made += [row["id"] for row in listed(world.client, reply)]
    return made


async def request_with_messages(world: World) -> str:
    """Nothing makes messages of requests with many recipients here: the second is put in."""
    request = await sent(world, 0, test_message_flag=True)
    key = ids.parse(request)
    assert key is not None
    await world.database(
        "insert into message (company_id, id, request_id, application_id, direction, state, "
        "sender_id, sender_address, peer_address, updated_at) "
        "select company_id, $2, request_id, application_id, direction, state, sender_id, "
        "sender_address, peer_address, updated_at from message where company_id = $1 "
        "and request_id = $3",
        world.company,
        ids.message_id(key, 2),
        key,
    )
    return request


async def messages_of_request(world: World) -> list[str]:
    await world.have("/messaging/attachments")
    path = await world.whole("/messaging/message_requests/{}/messages")
    rows = listed(world.client, await world.client.get(f"{path}?sort=id"))
    return [row["id"] for row in rows]


def at(day: int) -> str:
    """A time for the first row, and one a day later for the second."""
    return f"'2031-01-{day:02} 03:04:05.067Z'::timestamptz + $3::int * '1 day'::interval"


MESSAGE_FILLS = (
    f"update message set sent_at = {at(2)}, delivered_at = {at(3)}, converted_at = {at(4)}, "
    f"scheduled_at = {at(5)}, expires_at = {at(6)}, conversion_source = 'SCG/URL', "
    "language = 'fr', failed_translation = 'unknown language', reply_to = $2, contact_id = $2, "
    "price = 0.25 + $3::int, failure_details = 'why', "
    "failure_code = (array['1002', '1005'])[$3::int + 1], "
    "state = (array['SENT', 'FAILED'])[$3::int + 1]::message_state, "
    "external_request_id = 'external ' || $3::int, conversation_id = 'talk ' || $3::int, "
    "campaign_id = 'campaign ' || $3::int, subject = 'subject ' || $3::int, "
    "body = 'Text ' || $3::int, "
    "medium = (array['PSH', 'MMS'])[$3::int + 1]::message_medium, "
    "peer_address = (array['apn:0a0b', '+4915133333333'])[$3::int + 1] "
    "where company_id = $1 and id = $2",
    "insert into fragment (company_id, message_id, number, total, connector, external_id, "
    "shown_id) values ($1, $2, 1, 1, 'sandbox', 'c' || $1::int || $3::int, "
    "'C' || $1::int || $3::int)",
    "insert into message_request_attachment (company_id, request_id, attachment_id, position) "
    "select $1, m.request_id, (select a.id from attachment a where a.company_id = $1 limit 1), "
    "9 + $3::int from message m where m.company_id = $1 and m.id = $2 on conflict do nothing",
)
REQUEST_FILLS = (
    "update message_request set translations = array[3, 4, 5], failed_count = 2, sent_count = 3, "
    "read_count = 6, delivered_count = 7, converted_count = 8, canceled_count = 9, "
    "state = (array['PAUSED', 'COMPLETED'])[$3::int + 1]::request_state, "
    f"pause_expires_at = {at(6)} "
    "where company_id = $1 and id = $2",
)


async def an_attachment(_: World, n: int) -> Body:
    return {"name": f"photo {n}", "type": ("image/jpeg", "image/png")[n % 2],
            "filename": f"photo{n}.jpg"}  # fmt: skip


async def attachments(world: World) -> list[str]:
    """One with content and one without."""
    path = "/messaging/attachments"
    first, second = [await world.post(path, await an_attachment(world, n)) for n in (0, 1)]
    await upload(world, first, b"jpeg" * 10)
    await world.database(
        "update attachment set size = 0 where company_id = $1 and id = $2",
        world.company,
        ids.parse(second),
    )
    return [first, second]


async def upload(world: World, id: str, data: bytes) -> Reply:
    token = await world.post(f"/messaging/attachments/{id}/access_tokens", {})
    headers = {"Content-Type": "application/octet-stream"}
    return await content(world.client, "POST", token, data=data, headers=headers)


async def file(world: World, n: int) -> str:
    """An attachment that an import can read."""
    id = await world.post("/messaging/attachments", await an_attachment(world, n + 10))
    await upload(world, id, CSV)
    return id


async def message_with_attachments(world: World) -> str:
    (message, *_) = await world.have("/messaging/messages")
    for n, id in enumerate(await world.have("/messaging/attachments")):
        await world.database(
            "insert into message_request_attachment select $1, request_id, $3, $4 from message "
            "where company_id = $1 and id = $2 on conflict do nothing",
            world.company,
            ids.parse(message),
            ids.parse(id),
            20 + n,
        )
    return message


async def same_attachments(world: World) -> list[str]:
    await world.parent("/messaging/messages/{}/attachments")
    return await world.have("/messaging/attachments")


async def a_token(world: World, n: int) -> Body:
    return {"resource": "ATTACHMENT",
            "resource_id": (await world.have("/messaging/attachments"))[n % 2]}  # fmt: skip

"""Sender ids, channels and templates that differ in all that a client can say."""

from __future__ import annotations

import json

from scg_world import Body, Make, World, listed


async def a_template(_: World, n: int) -> Body:
    return {
        "name": f"template {n}",
        "designation": ("TEMPLATE", "VALIDATOR")[n % 2],
        "pattern": f"Dear $name, {n}",
    }


async def a_sender(world: World, n: int) -> Body:
    if n == 0:
        parent = {"parent_id": world.offers[0]}
        type_, address = "SHORTCODE", "55550"
    else:
        parent, type_, address = (
            {},
            ("LONGCODE", "TOLLFREE")[n % 2],
            f"1555{world.company:04}{n:03}",
        )
    return parent | {
        "name": f"sender {n}",
        "ownership": "PRIVATE",
        "class_id": ("NOTIFICATIONS", "COMMERCIAL")[n % 2],
        "type_id": type_,
        "state": ("ACTIVE", "INACTIVE")[n % 2],
        "address": address,
        "content_type": f"text/{n}",
        "message_templates": [(await world.have("/messaging/message_templates"))[n % 2]],
        "credentials": json.dumps({"secret": str(n)}),
        **({} if n % 2 else dict.fromkeys(_FLAGS, "YES")),
        "consent_managed_by": ("USER", "SCG")[n % 2],
        "capabilities": [("SMS", "MMS")[n % 2]],
        "check_white_list": not n % 2,
    }


_FLAGS = ("two_way_required", "keep_sender_address", "dr_required")


async def a_channel(_: World, n: int) -> Body:
    return {
        "name": f"channel {n}",
        "priority": ("HIGH", "LOW", "NORMAL")[n % 3],
        "description": f"For walk {n}",
        "ownership": "PRIVATE",
    }


async def a_member(world: World, n: int) -> Body:
    return {"sender_ids": [(await world.have("/messaging/sender_ids"))[n % 2]]}


async def members(world: World) -> list[str]:
    path = await world.whole("/messaging/channels/{}/sender_ids")
    both = await world.have("/messaging/sender_ids")
    reply = await world.client.post(path, {"sender_ids": both})
    assert (reply.status, "errors" in reply.json) == (200, False), reply.raw
    return both


def shelf(path: str) -> Make:
    async def first_two(world: World) -> list[str]:
        reply = await world.client.get(f"{path}?limit=1000&sort=id")
        rows = listed(world.client, reply)
        rich = [row["id"] for row in rows if row["id"] in ("COMMERCIAL", "PUSH")]
        return [*rich, *(row["id"] for row in rows if row["id"] not in rich)][:2]

    return first_two


FILLS = (
    "update sender_id set country = (array['US', 'DE'])[$3::int + 1], "
    "operators = array['carrier ' || $3::int], billing = '{\"email\": \"a@b.example\"}' "
    "where company_id = $1 and id = $2",
)

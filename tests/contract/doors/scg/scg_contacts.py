"""Contacts, their tokens, groups and jobs, consent and keywords: two of each, all different."""

from __future__ import annotations

import json

from scg_messages import able_sender, an_attachment, at, file
from scg_senders import a_template
from scg_world import DAYS, Body, World, listed


async def a_contact(world: World, n: int) -> Body:
    reference = world.client.prefix == "/scg/v1"
    names = ("customer_account_list", "customer_device_list") if reference else (
        "account_list", "device_list")  # fmt: skip
    return {
        "external_id": f"contact {n}",
        "first_name": f"First {n}",
        "last_name": f"Last {n}",
        "birth_date": f"19{80 + n % 20}-02-03",
        "first_acquisition_date": DAYS[n % 2],
        "last_acquisition_date": DAYS[n % 2 + 1],
        "primary_mdn": f"+4915{world.company:05}{n:04}",
        "primary_addr_line1": f"Street {n}",
        "primary_addr_line2": f"Floor {n}",
        "primary_addr_city": f"City {n}",
        "primary_addr_zip": f"{10000 + n}",
        "primary_addr_state": f"State {n}",
        "primary_email_addr": f"a{n}@b.example",
        "primary_addr_country": ("US", "DE")[n % 2],
        "primary_social_handle": f"fb:{n}",
        "address_list": [{"priority": 1, "line1": f"Street {n}"}],
        names[0]: [{"priority": 1, "username": f"user{n}"}],
        names[1]: [{"priority": 1, "msisdn": f"4915{n}"}],
        "interest_list": [{"code": f"c{n}", "score": 0.5}],
        "demographic_list": [{"name": f"d{n}", "score": 0.25}],
        "extended_attributes": json.dumps({"color": f"colour {n}"}),
        "preferred_language": ("fr", "de")[n % 2],
        "voice_preference": ("PREFER_VOICE", "REQUIRE_VOICE")[n % 2],
    }


async def contacts(world: World) -> list[str]:
    """Both rules of fast access come first, so that contacts show their values by name."""
    await world.have("/contacts/fast_access")
    return [await world.post("/contacts", await a_contact(world, n)) for n in (0, 1)]


async def a_rule(_: World, n: int) -> Body:
    return {
        "target_attribute": f"fast_access_{n + 1}",
        "target_attribute_name": f"Colour{n}",
        "value_derivation_script": "$.extended_attributes.color",
        "user_data": f"data {n}",
    }


async def an_application_token(_: World, n: int) -> Body:
    return {
        "sender_id_address": f"com.example.app{n}",
        "message_delivery_provider": ("APN", "GCM")[n % 2],
        "token": f"a{n}b{n}",
    }


async def a_lifetime(_: World, n: int) -> Body:
    return {"duration": str(1000 + 100_000 * n)}


async def access_tokens(world: World) -> list[str]:
    """What a create answers has the secret behind the id."""
    path = await world.whole("/contacts/{}/access_tokens")
    whole = [await world.post(path, await a_lifetime(world, n)) for n in (0, 1)]
    return [token[:22] for token in whole]


async def a_group(_: World, n: int) -> Body:
    return {
        "external_id": f"group {n}",
        "name": f"friends {n}",
        "description": f"About {n}",
        "type": ("STATIC", "DYNAMIC")[n % 2],
        "criteria": json.dumps({"first_name": f"First {n}"}),
    }


GROUP_FILLS = (
    "update contact_group set status = 'Ready', member_count = 0 where company_id = $1 "
    "and id = $2 and $3::int = 0",
)


async def group_of_two(world: World) -> str:
    return await world.post("/contact_groups", {"name": "two", "type": "STATIC"})


async def an_addition(world: World, n: int) -> Body:
    return {"contacts": [(await world.have("/contacts"))[n % 2]]}


async def group_members(world: World) -> list[str]:
    path = await world.whole("/contact_groups/{}/contacts")
    both = await world.have("/contacts")
    reply = await world.client.post(path, {"contacts": both})
    assert (reply.status, "errors" in reply.json) == (200, False), reply.raw
    return both


async def import_job(world: World, n: int) -> Body:
    group, attachment = await group_of_two(world), await file(world, n)
    return {"contact_group_id": group, "import_attachment_id": attachment}


async def export_job(world: World, n: int) -> Body:
    target = await world.post("/messaging/attachments", await an_attachment(world, n + 20))
    return {"contact_group_id": await group_of_two(world), "export_attachment_id": target}


JOB_FILLS = (
    f"update contact_job set started_at = {at(2)}, completed_at = {at(3)}, "
    "failures_attachment_id = case when kind = 'IMPORT' then attachment_id end, "
    "state = (array['COMPLETED', 'RUNNING'])[$3::int + 1]::contact_job_state "
    "where company_id = $1 and id = $2",
)


async def a_status(world: World, n: int) -> Body:
    return {
        "address_type": ("MDN", "EMAIL")[n % 2],
        "address": (f"+49151500000{n:02}", f"c{n}@d.example")[n % 2],
        "sender_id": await able_sender(world, n % 2),
        "consent_status": ("OPTIN", "OPTOUT")[n % 2],
    }


async def history(world: World) -> list[str]:
    await world.have("/consent/contact_address_statuses")
    reply = await world.client.get("/consent/contact_address_history?sort=created_date")
    return [row["id"] for row in listed(world.client, reply)][:2]


HISTORY_FILLS = (
    "update contact_address_history set source = (array['MESSAGE', 'COMPANY'])[$3::int + 1], "
    "message = 'Stop it', keyword = 'STOP' || $3::int where company_id = $1 and id = $2",
)


async def a_keyword(world: World, n: int) -> Body:
    return {
        "name": f"keyword {n}",
        "description": f"About {n}",
        "value": f"JOIN{n}",
        "case": ("SENSITIVE", "INSENSITIVE")[n % 2],
        "sender_id": await able_sender(world, n % 2),
        "valid_from": DAYS[n % 2],
        "valid_to": DAYS[n % 2 + 1],
        "associated_info": f"info {n}",
        "campaign_id": f"campaign {n}",
        "type": "COMPANY",
        "actions": [("OPTIN", "STORE")[n % 2]],
        "reply_template": await _answer(world, n % 2 * 2),
    }


async def _answer(world: World, n: int) -> str:
    """The name of a template that is there."""
    path, template = "/messaging/message_templates", await a_template(world, n)
    await world.have(path)
    reply = await world.client.get(path, params={"name": template["name"]})
    if not listed(world.client, reply):
        await world.post(path, template)
    return str(template["name"])


async def keywords(world: World) -> list[str]:
    return [await world.post("/messaging/keywords", await a_keyword(world, n)) for n in (0, 1)]

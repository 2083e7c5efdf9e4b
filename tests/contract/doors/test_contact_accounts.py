"""Tokens in the accounts of contacts: shown to the company alone, and sealed wherever they lie."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from harness import Client, Site
from test_contacts import CONTACTS, make, read

from clarion.engine.contacts.jobs.working import JobWorker
from clarion.engine.contacts.reading import contacts_for_sending
from clarion.kit import ids
from clarion.kit.vault import Vault

SECRET = "ya29.secret"
ACCOUNTS: list[dict[str, Any]] = [
    {"type": "social", "domain": "example.com", "username": "ada", "access_token": SECRET},
    {"type": "loyalty", "username": "777"},
    {"type": "web", "access_token": ""},
]
PLAIN = [{k: v for k, v in each.items() if k != "access_token"} for each in ACCOUNTS]


async def document(site: Site, id: str) -> Any:
    sql = "select document from contact where id = $1"
    return await site.services.db.fetchval(sql, ids.parse(id))


async def test_a_token_is_sealed_in_the_database_and_comes_back(client: Client, site: Site) -> None:
    id = await make(client, account_list=ACCOUNTS)
    assert (await read(client, id))["account_list"] == ACCOUNTS
    assert (await client.get(CONTACTS)).json["list"][0]["account_list"] == ACCOUNTS
    stored = await document(site, id)
    assert SECRET not in json.dumps(stored)
    assert stored["account_list"][0]["username"] == "ada"
    for method in ("POST", "PUT"):
        shown = await read(client, id)
        shown["account_list"][0]["access_token"] = f"{SECRET} {method}"
        assert (await client.call(method, f"{CONTACTS}/{id}", json=shown)).status == 200
        assert (await read(client, id))["account_list"] == shown["account_list"]
        assert SECRET not in json.dumps(await document(site, id))


async def test_a_group_makes_and_shows_contacts_likewise(client: Client, site: Site) -> None:
    group = (await client.post("/contact_groups", {"name": "A"})).json["id"]
    path = f"/contact_groups/{group}/contacts"
    made = await client.post(path, {"first_name": "Ada", "account_list": ACCOUNTS})
    assert SECRET not in json.dumps(await document(site, made.json["id"]))
    assert (await client.get(path)).json["list"][0]["account_list"] == ACCOUNTS


async def test_an_import_seals_and_an_export_leaves_out(client: Client, site: Site) -> None:
    quoted = json.dumps(ACCOUNTS).replace('"', '""')
    made = await client.post("/messaging/attachments", {"name": "f"})
    file = f"/messaging/attachments/{made.json['id']}/content"
    rows = f'external_id,account_list\na,"{quoted}"\nb,[]\n'
    await client.call("POST", file, data=rows.encode(), headers={"Content-Type": "text/csv"})
    await client.post("/contactimport", {"import_attachment_id": made.json["id"]})
    services = site.services
    worker = JobWorker(services.db, services.files, services.vault, node_id=ids.new_id())
    while await worker.step():
        pass
    found = {each["external_id"]: each for each in (await client.get(CONTACTS)).json["list"]}
    assert found["a"]["account_list"] == ACCOUNTS
    assert SECRET not in json.dumps(await document(site, found["a"]["id"]))
    job = (await client.post("/contactexport", {})).json["id"]
    while await worker.step():
        pass
    target = (await client.get(f"/contactexport/{job}")).json["export_attachment_id"]
    text = (await client.get(f"/messaging/attachments/{target}/content")).raw.decode()
    assert "access_token" not in text
    assert "sealed" not in text
    assert '""username"": ""ada""' in text
    assert "[]" in text.splitlines()[2]


async def test_neither_rules_nor_templates_nor_criteria_see_it(client: Client, site: Site) -> None:
    rule = {
        "target_attribute": "fast_access_1",
        "value_derivation_script": "$..access_token",
    }
    assert (await client.post(f"{CONTACTS}/fast_access", rule)).status == 200
    id = await make(client, account_list=ACCOUNTS)
    shown = await read(client, id)
    assert "fast_access_1" not in shown
    uuid = ids.parse(id)
    assert uuid is not None
    found = await contacts_for_sending(site.services.db, client.caller.company_id, [uuid])
    assert found[uuid].attributes["account_list"] == PLAIN
    criteria = json.dumps({"account_list.access_token": SECRET})
    group = {"name": "A", "type": "DYNAMIC", "criteria": criteria}
    made = (await client.post("/contact_groups", group)).json["id"]
    assert (await client.get(f"/contact_groups/{made}/contacts")).json["total"] == 0


async def test_what_was_sealed_under_another_key_is_left_out(client: Client, site: Site) -> None:
    id = await make(client, account_list=ACCOUNTS)
    stored = await document(site, id)
    other = Vault("another secret").seal(SECRET, owner="somebody")
    stored["account_list"][0]["access_token"]["sealed"] = b64encode(other).decode()
    sql = "update contact set document = $2 where id = $1"
    await site.services.db.execute(sql, ids.parse(id), stored)
    assert (await read(client, id))["account_list"] == [PLAIN[0], *ACCOUNTS[1:]]

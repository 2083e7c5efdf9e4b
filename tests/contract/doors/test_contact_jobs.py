"""Contact import and export jobs, as the SCG reference describes them."""

from __future__ import annotations

from typing import Any

import pytest
from harness import REFERENCE, UNKNOWN, Client, Site
from resources import Records, whole_list
from test_attachments import downloaded, made, uploaded

from clarion.engine.contacts.jobs.working import JobWorker
from clarion.kit import ids

IMPORTS, EXPORTS, GROUPS = "/contactimport", "/contactexport", "/contact_groups"
CSV = b"external_id,first_name\na,Ann\nb,Bob\nbad\n"


async def begin(client: Client, path: str, **more: Any) -> str:
    reply = await client.post(path, more)
    assert reply.status == 200, reply.raw
    return str(reply.json["id"])


async def work(site: Site) -> None:
    services = site.services
    worker = JobWorker(services.db, services.files, services.vault, node_id=ids.new_id())
    while await worker.step():
        pass


async def group(client: Client, **more: Any) -> str:
    reply = await client.post(GROUPS, {"name": "friends"} | more)
    return str(reply.json["id"])


async def test_an_import_goes_from_created_to_completed(site: Site, client: Client) -> None:
    file, members = await uploaded(client, CSV), await group(client)
    id = await begin(client, IMPORTS, import_attachment_id=file, contact_group_id=members)
    shown = await Records(IMPORTS).read_new(client, id)
    assert shown == {
        "id": id,
        "import_attachment_id": file,
        "contact_group_id": members,
        "state": "CREATED",
        "imported_count": 0,
        "failed_count": 0,
        "application_id": client.caller.application_id,
        "company_id": client.caller.company_id,
        "version_number": 1,
    }
    await work(site)
    shown = await Records(IMPORTS).read(client, id)
    assert (shown["state"], shown["imported_count"], shown["failed_count"]) == ("COMPLETED", 2, 1)
    assert shown["created_date"] <= shown["started_date"] <= shown["completed_date"]
    reply = await downloaded(client, shown["failures_attachment_id"])
    assert reply.raw.decode().splitlines() == [
        "external_id,first_name,import_line,import_error",
        'bad,,4,"1 field, and the first line has 2"',
    ]
    assert reply.headers["Content-Type"].startswith("text/csv")
    assert (await client.get(f"{GROUPS}/{members}")).json["member_count"] == 2
    other = await Records(IMPORTS).read(client.in_form(REFERENCE), id)
    assert other["completed_date"].endswith("Z")


async def test_an_export_fills_the_attachment_that_it_is_given(site: Site, client: Client) -> None:
    await client.post("/contacts", {"external_id": "a", "first_name": "Ann"})
    file = await made(client)
    id = await begin(client, EXPORTS, export_attachment_id=file)
    shown = await Records(EXPORTS).read(client, id)
    assert (shown["state"], shown["exported_count"]) == ("CREATED", 0)
    assert "import_attachment_id" not in shown
    await work(site)
    shown = await Records(EXPORTS).read(client, id)
    assert (shown["state"], shown["exported_count"]) == ("COMPLETED", 1)
    assert shown["export_attachment_id"] == file
    lines = (await downloaded(client, file)).raw.decode().splitlines()
    assert lines[0].startswith("external_id,primary_mdn,first_name,")
    assert lines[1].startswith("a,,Ann,")
    assert (await client.get(f"/messaging/attachments/{file}")).json["state"] == "UPLOADED"


async def test_an_export_of_a_group_makes_its_own_attachment(site: Site, client: Client) -> None:
    await client.post("/contacts", {"external_id": "a", "primary_addr_state": "FL"})
    await client.post("/contacts", {"external_id": "b"})
    florida = await group(client, type="DYNAMIC", criteria='{"primary_addr_state": "FL"}')
    id = await begin(client, EXPORTS, contact_group_id=florida, export_attachment_id="")
    await work(site)
    shown = await Records(EXPORTS).read(client, id)
    assert shown["exported_count"] == 1
    reply = await downloaded(client, shown["export_attachment_id"])
    assert len(reply.raw.decode().splitlines()) == 2


async def test_an_export_is_an_import(site: Site, client: Client) -> None:
    await client.post(
        "/contacts",
        {"external_id": "a", "birth_date": "1985-04-12", "interest_list": [{"code": "golf"}]},
    )
    id = await begin(client, EXPORTS)
    await work(site)
    file = (
        await downloaded(client, (await Records(EXPORTS).read(client, id))["export_attachment_id"])
    ).raw
    other = await site.company()
    job = await begin(other, IMPORTS, import_attachment_id=await uploaded(other, file))
    await work(site)
    assert (await Records(IMPORTS).read(other, job))["imported_count"] == 1
    (contact,) = (await other.get("/contacts")).json["list"]
    assert (contact["birth_date"], contact["interest_list"]) == ("1985-04-12", [{"code": "golf"}])


@pytest.mark.parametrize("body", [{}, {"import_attachment_id": ""}, {"import_attachment_id": None}])
async def test_an_import_needs_a_file(client: Client, body: dict[str, Any]) -> None:
    reply = await client.post(IMPORTS, body)
    assert (reply.status, reply.code) == (400, "400")
    assert reply.json["error_description"] == "import_attachment_id: it is required."


async def test_jobs_name_what_is_there(site: Site, client: Client) -> None:
    file, empty = await uploaded(client, CSV), await made(client)
    theirs = await uploaded(await site.company(), CSV)
    dynamic = await group(client, type="DYNAMIC", criteria="{}")
    for path, body, words in (
        (IMPORTS, {"import_attachment_id": UNKNOWN}, "there is no such attachment."),
        (IMPORTS, {"import_attachment_id": "nonsense"}, "there is no such attachment."),
        (IMPORTS, {"import_attachment_id": theirs}, "there is no such attachment."),
        (IMPORTS, {"import_attachment_id": empty}, "its file is not uploaded."),
        (IMPORTS, {"import_attachment_id": 5}, ""),
        (
            IMPORTS,
            {"import_attachment_id": file, "contact_group_id": UNKNOWN},
            "contact_group_id: there is no such group.",
        ),
        (
            IMPORTS,
            {"import_attachment_id": file, "contact_group_id": dynamic},
            "contact_group_id: contacts cannot be added to a DYNAMIC group.",
        ),
        (EXPORTS, {"export_attachment_id": theirs}, "there is no such attachment."),
        (EXPORTS, {"contact_group_id": "nonsense"}, "contact_group_id: there is no such group."),
    ):
        reply = await client.post(path, body)
        assert (reply.status, reply.code) == (400, "400"), body
        assert words in reply.json["error_description"], body
    assert await whole_list(client, IMPORTS) == await whole_list(client, EXPORTS) == []


@pytest.mark.parametrize("path", [IMPORTS, EXPORTS])
async def test_a_deleted_job_is_gone(site: Site, client: Client, path: str) -> None:
    more = {"import_attachment_id": await uploaded(client, CSV)} if path == IMPORTS else {}
    id = await begin(client, path, **more)
    other = EXPORTS if path == IMPORTS else IMPORTS
    assert (await client.get(f"{other}/{id}")).status == 404
    assert (await client.delete(f"{other}/{id}")).status == 404
    reply = await client.delete(f"{path}/{id}")
    assert (reply.status, reply.raw) == (200, b"")
    assert (await client.get(f"{path}/{id}")).status == 404
    assert (await client.delete(f"{path}/{id}")).status == 404
    await work(site)
    assert await whole_list(client, path) == await whole_list(client, "/contacts") == []


@pytest.mark.parametrize("path", [IMPORTS, EXPORTS])
async def test_jobs_are_filtered(site: Site, client: Client, path: str) -> None:
    more = {"import_attachment_id": await uploaded(client, CSV)} if path == IMPORTS else {}
    done = await begin(client, path, **more)
    await work(site)
    waiting = await begin(client, path, **more)
    for query, expected in {
        "": [waiting, done],
        f"id={done}": [done],
        "state=CREATED": [waiting],
        "state=completed,running": [done],
        "started_date=[2020-01-01,]": [done],
        "completed_date=[2020-01-01,]": [done],
        "completed_date=[2020-01-01,2020-01-02]": [],
        f"application_id={client.caller.application_id}": [waiting, done],
        "created_date=[2020-01-01,]": [waiting, done],
        "last_updated_date=[2020-01-01,]": [waiting, done],
        "sort=created_date": [done, waiting],
    }.items():
        assert await whole_list(client, path, query) == expected, query
    assert (await client.get(f"{path}?state=OTHER")).status == 400
    await client.delete(f"{path}/{waiting}")


@pytest.mark.parametrize("path", [IMPORTS, EXPORTS])
async def test_jobs_are_not_changed(client: Client, path: str) -> None:
    for method in ("POST", "PUT"):
        reply = await client.call(method, f"{path}/{UNKNOWN}", json={})
        assert (reply.status, reply.headers["Allow"]) == (405, "DELETE, GET")

"""/event-buffer-files: listed, downloaded, and nobody else's."""

from __future__ import annotations

import pytest
from ess_world import EventWorld

from clarion.errors import NotFound

PATH = "/event-buffer-files"
CONTENT = b'{"n": 1}\n{"n": 2}\n'


async def test_a_file_is_listed(full: EventWorld) -> None:
    (shown,) = (await full.ok("GET", PATH))["files"]
    assert all(shown.pop(name).endswith("Z") for name in ("opened", "closed", "expires"))
    assert shown == {
        "file-id": int(full.made["FILE_ID"]),
        "kind": "BUFFER",
        "del-cfg-id": full.made["collecting"],
        "del-cfg-nm": "collecting",
        "file-status": "ARCHIVED",
        "rows": 2,
        "size": len(CONTENT),
    }


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"file-status": "archived"}, 1),
        ({"file-status": "PENDING"}, 0),
        ({"del-cfg-nm": "collecting"}, 1),
        ({"del-cfg-nm": "receiver"}, 0),
        ({"closed": "[2020-01-01-]"}, 1),
        ({"opened": "[-2020-01-01]"}, 0),
    ],
)
async def test_files_are_filtered(full: EventWorld, query: dict[str, str], count: int) -> None:
    assert len((await full.get(PATH, **query)).json["files"]) == count


async def test_a_dump_is_no_buffer(full: EventWorld) -> None:
    await full.ok("GET", "/topics/NIS-Events/dump-subscriptions")
    assert len((await full.ok("GET", PATH))["files"]) == 1


async def test_dumps_are_listed_where_they_are_asked_for(full: EventWorld) -> None:
    made = (await full.ok("GET", "/topics/NIS-Events/dump-subscriptions"))["referenceId"]
    (shown,) = (await full.get(PATH, kind="dump")).json["files"]
    assert shown.pop("opened").endswith("Z")
    assert shown == {
        "file-id": int(made), "kind": "DUMP", "topic-nm": "NIS-Events",
        "file-status": "PENDING", "rows": 0,
    }  # fmt: skip
    both = (await full.get(PATH, kind="BUFFER,DUMP")).json["files"]
    assert {each["file-id"] for each in both} == {int(made), int(full.made["FILE_ID"])}
    of_topic = (await full.get(PATH, kind="DUMP", **{"topic-nm": "SCG-Message"})).json["files"]
    assert of_topic == []
    assert (await full.get(PATH, kind="OTHER")).status == 400


async def test_a_file_is_deleted_with_its_content(full: EventWorld) -> None:
    to = await full.configuration("files")
    await full.subscription(to, "MSS-Messages", **{"evt-tp": "event_file_delete"})
    services, path = full.site.services, f"{PATH}/{full.made['FILE_ID']}"
    key = await services.db.fetchval(
        "select file_key from event_file where company_id = $1", full.company
    )
    assert (await full.client.delete(path)).status == 200
    for gone in (path, f"{path}/content"):
        assert (await full.client.get(gone)).status == 404
    assert (await full.client.delete(path)).status == 404
    assert (await full.ok("GET", PATH))["files"] == []
    with pytest.raises(NotFound):
        await services.files.get(key)
    (told,) = await services.db.fetch(
        "select type, bodies::text from announcement where company_id = $1", full.company
    )
    assert told["type"] == "event_file_delete"
    assert '"file_status": "DELETED"' in told["bodies"]


async def test_a_file_whose_content_is_gone_can_be_deleted(full: EventWorld) -> None:
    """Whoever was cut off in between asks again."""
    services = full.site.services
    key = await services.db.fetchval(
        "select file_key from event_file where company_id = $1", full.company
    )
    await services.files.delete(key)
    assert (await full.client.delete(f"{PATH}/{full.made['FILE_ID']}")).status == 200


async def test_a_file_that_is_being_written_stays(full: EventWorld) -> None:
    made = (await full.ok("GET", "/topics/NIS-Events/dump-subscriptions"))["referenceId"]
    reply = await full.client.delete(f"{PATH}/{made}")
    assert (reply.status, reply.code) == (409, "409")
    assert "being written" in reply.json["error_description"]
    assert (await full.ok("GET", f"{PATH}/{made}"))["file-status"] == "PENDING"


async def test_a_file_is_downloaded(full: EventWorld) -> None:
    path = f"{PATH}/{full.made['FILE_ID']}/content"
    whole = await full.client.get(path)
    assert (whole.status, whole.raw) == (200, CONTENT)
    assert whole.headers["Content-Type"] == "application/x-ndjson"
    assert whole.headers["Content-Disposition"].startswith("attachment; filename=")
    part = await full.client.get(path, headers={"Range": "bytes=9-"})
    assert (part.status, part.raw) == (206, CONTENT[9:])
    known = await full.client.get(path, headers={"If-None-Match": whole.headers["ETag"]})
    assert (known.status, known.raw) == (304, b"")
    head = await full.client.call("HEAD", path)
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(CONTENT)))
    outside = await full.client.get(path, headers={"Range": "bytes=900-"})
    assert outside.status == 416


async def test_a_download_is_told_to_who_subscribed(full: EventWorld) -> None:
    to = await full.configuration("files")
    more = {"evt-tp": "event_file_download"}
    await full.subscription(to, "MSS-Messages", **more)
    path = f"{PATH}/{full.made['FILE_ID']}/content"
    await full.client.call("HEAD", path)
    await full.client.get(path, headers={"Range": "bytes=9-"})
    await full.client.get(path)
    told = await full.site.services.db.fetch(
        "select type, bodies::text from announcement where company_id = $1", full.company
    )
    assert [row["type"] for row in told] == ["event_file_download"]
    assert f"/event-buffer-files/{full.made['FILE_ID']}/content" in told[0]["bodies"]


async def test_what_is_not_there_is_404(full: EventWorld, world: EventWorld) -> None:
    mine = full.made["FILE_ID"]
    made = await full.ok("GET", "/topics/NIS-Events/dump-subscriptions")
    for who, id in ((world, mine), (full, "987654321"), (full, "x"), (full, made["referenceId"])):
        assert (await who.client.get(f"{PATH}/{id}/content")).status == 404
    assert (await world.get(f"{PATH}/{mine}")).status == 404
    for id in (mine, "987654321", "x"):
        assert (await world.client.delete(f"{PATH}/{id}")).status == 404
    assert (await full.client.get(f"{PATH}/{mine}/content")).status == 200
    assert (await world.ok("GET", PATH))["files"] == []

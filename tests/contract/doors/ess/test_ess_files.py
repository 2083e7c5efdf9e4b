"""/event-buffer-files: listed, downloaded, and nobody else's."""

from __future__ import annotations

import pytest
from ess_world import EventWorld

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
    assert (await world.ok("GET", PATH))["files"] == []

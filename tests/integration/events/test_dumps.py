"""Dumps of subscriptions: files made in the background, plain, gzip or zip."""

from __future__ import annotations

from pathlib import Path

import pytest
from collected import Scene, a_scene

from clarion.engine.events.files import service
from clarion.engine.events.files.model import Compression, FileKind, FileStatus
from clarion.engine.events.files.service import dump
from clarion.engine.events.files.tasks import expire_files
from clarion.errors import TooManyRequests
from clarion.storage.database import Database

TOPIC = "NIS-Events"


@pytest.fixture
async def scene(db: Database, tmp_path: Path) -> Scene:
    return await a_scene(db, tmp_path)


async def subscriptions(scene: Scene, count: int, *, topic: str = TOPIC) -> None:
    await scene.db.execute(
        "insert into subscription (company_id, topic, event_type, configuration_id, criteria, "
        "starts_at, ends_at, updated_at) select $1, $2, "
        "case when n % 2 = 0 then 'porting_event' end, $3, "
        "format('number = ''+1%s''', 2000000000 + n), to_timestamp(0), "
        "case when n % 3 = 0 then to_timestamp(2000000000) end, now() "
        "from generate_series(1, $4) as n",
        scene.company_id,
        topic,
        scene.configuration_id,
        count,
    )


@pytest.mark.parametrize("compression", [None, Compression.GZIP, Compression.ZIP])
async def test_a_dump_has_every_subscription_of_the_topic(
    scene: Scene, compression: Compression | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.engine.events.files.dumping.WINDOW", 4)
    await subscriptions(scene, 10)
    await subscriptions(scene, 3, topic="SCG-Message")
    id = await dump(scene.db, scene.company_id, TOPIC, compression)
    assert (await scene.the_file()).status is FileStatus.PENDING
    await scene.work()
    file = await scene.the_file()
    assert (file.id, file.kind, file.status, file.rows) == (
        id, FileKind.DUMP, FileStatus.ARCHIVED, 10,
    )  # fmt: skip
    lines = await scene.lines(file)
    ids = [row["id"] for row in await scene.db.fetch(
        "select id from subscription where topic = $1 order by id", TOPIC
    )]  # fmt: skip
    common = {
        "del-cfg-id": str(scene.configuration_id),
        "del-cfg-nm": "hourly",
        "topic-nm": TOPIC,
        "start-date": "1970-01-01T00:00:00Z",
    }
    assert lines[0] == common | {"id": str(ids[0]), "match-crt": "number = '+12000000001'"}
    assert lines[5] == common | {
        "id": str(ids[5]),
        "match-crt": "number = '+12000000006'",
        "evt-tp": "porting_event",
        "end-date": "2033-05-18T03:33:20Z",
    }
    assert [int(line["id"]) for line in lines] == ids
    endings = {None: "jsonl", Compression.GZIP: "jsonl.gz", Compression.ZIP: "jsonl.zip"}
    assert file.name == f"subscriptions-{id}.{endings[compression]}"


async def test_a_topic_without_subscriptions_makes_an_empty_file(scene: Scene) -> None:
    await dump(scene.db, scene.company_id, TOPIC, Compression.ZIP)
    await scene.work()
    file = await scene.the_file()
    assert (file.status, await scene.lines(file)) == (FileStatus.ARCHIVED, [])


async def test_the_announcement_names_the_reference_that_was_given(scene: Scene) -> None:
    await scene.subscribe("MSS-Messages", "event_file_complete")
    id = await dump(scene.db, scene.company_id, TOPIC)
    await scene.work()
    ((type, fields),) = await scene.announced()
    assert type == "event_file_complete"
    assert (fields["file_id"], fields["file_tags"], fields["file_folder"]) == (
        str(id), TOPIC, "subscriptions",
    )  # fmt: skip
    file = await scene.the_file()
    assert fields["file_size"] == file.size == len(await scene.content(file))


async def test_dumps_are_limited(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(service.MAX_PENDING):
        await dump(scene.db, scene.company_id, TOPIC)
    with pytest.raises(TooManyRequests, match="are being made"):
        await dump(scene.db, scene.company_id, TOPIC)
    await scene.work()
    monkeypatch.setattr(service, "MAX_DUMPS", 3)
    monkeypatch.setattr(service, "MAX_ENDING", 2)
    with pytest.raises(TooManyRequests, match="are gone in a minute"):
        await dump(scene.db, scene.company_id, TOPIC)


async def test_a_dump_takes_the_place_of_the_oldest(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_DUMPS", 2)
    made = []
    for _ in range(4):
        made.append(await dump(scene.db, scene.company_id, TOPIC))
        await scene.work()
    await expire_files(scene.db, scene.files, address="http://here")
    rows = await scene.db.fetch("select id from event_file where status = 'ARCHIVED' order by id")
    assert [row["id"] for row in rows] == made[2:]

"""Cron configurations collect events into files: each event is in exactly one that is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from collected import ADDRESS, DUE, OPENED, Scene, a_node, a_scene
from lxml import etree

from clarion.engine.events.bodies import NAMESPACE
from clarion.engine.events.files.model import FileStatus
from clarion.engine.events.files.service import find_file, read_file
from clarion.engine.events.files.tasks import expire_files, forget_files
from clarion.engine.events.tracking.service import summary
from clarion.engine.events.types.catalogue import TYPES
from clarion.engine.events.types.fields import check_fields
from clarion.errors import NotFound, TooManyRequests
from clarion.kit import ids
from clarion.settings import Files
from clarion.storage.database import Database
from clarion.storage.files import FileStore

SCHEMA = etree.XMLSchema(file=Path(__file__).parents[3] / "docs" / "event-delivery.xsd")


@pytest.fixture
async def scene(db: Database, tmp_path: Path) -> Scene:
    return await a_scene(db, tmp_path)


# ---------------------------------------------------------------- what is in a file


async def test_a_due_file_has_every_event_as_it_would_be_posted(scene: Scene) -> None:
    events = await scene.wait(["+1", "+2", "+3"])
    await scene.work()
    file = await scene.the_file()
    assert (file.status, file.rows, file.opened_at, file.closed_at) == (
        FileStatus.ARCHIVED, 3, OPENED, DUE,
    )  # fmt: skip
    assert await scene.lines(file) == [
        {
            "topic": "NIS-Events",
            "attempt": 1,
            "event": {
                "evt-tp": "porting_event",
                "timestamp": "2026-11-20T10:00:00.000Z",
                "fld-val-list": {"number": number},
            },
            "event-id": ids.show(event),
        }
        for event, number in zip(events, ["+1", "+2", "+3"], strict=True)
    ]
    assert file.size == len(await scene.content(file))
    assert await scene.statuses() == {"SUCCESS 1": 3}
    assert await scene.waiting() == 0


async def test_each_delivery_tells_the_file_that_it_is_in(scene: Scene) -> None:
    await scene.wait(["+1"])
    await scene.work()
    row = await scene.db.fetchrow("select * from delivery_attempt")
    assert row is not None
    file = await scene.the_file()
    assert row["address"] == f"{ADDRESS}/ess/v1/event-buffer-files/{file.id}/content"
    assert (row["number"], row["succeeded"], row["http_status"]) == (1, True, None)
    assert row["answer"] == f"It is in file {file.id}."


async def test_xml_is_one_document_of_the_same_elements(db: Database, tmp_path: Path) -> None:
    scene = await a_scene(db, tmp_path, format="XML")
    await scene.wait(["<&>", "+2"])
    await scene.work()
    file = await scene.the_file()
    root = etree.fromstring(await scene.content(file))
    SCHEMA.assertValid(root)
    assert root.tag == f"{{{NAMESPACE}}}event-deliveries"
    assert [each.findtext(".//{*}fld") for each in root] == ["<&>", "+2"]
    assert (file.name, file.media_type) == (f"events-{file.id}.xml", "application/xml")


async def test_of_each_key_the_newest_alone_is_in_it_where_that_is_wanted(
    db: Database, tmp_path: Path
) -> None:
    scene = await a_scene(db, tmp_path, latest_event_only=True)
    events = await scene.wait(["+1", "+2", "+1", "+3", "+1", "+2"])
    await scene.work()
    found = [line["event-id"] for line in await scene.lines(await scene.the_file())]
    assert found == [ids.show(events[place]) for place in (3, 4, 5)]
    assert await scene.statuses() == {"SUCCESS 1": 6}
    words = "select count(*) from delivery_attempt where answer like 'A newer event%'"
    assert await db.fetchval(words) == 3


async def test_the_newest_of_a_key_is_found_over_all_that_was_taken_at_once(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.engine.events.files.collecting.WINDOW", 2)
    scene = await a_scene(db, tmp_path, latest_event_only=True)
    events = await scene.wait(["+1", "+2", "+1", "+1", "+2"])
    await scene.work()
    found = [line["event-id"] for line in await scene.lines(await scene.the_file())]
    assert found == [ids.show(events[place]) for place in (3, 4)]
    assert await scene.statuses() == {"SUCCESS 1": 5}


async def test_what_is_too_much_for_one_file_is_in_further_ones(scene: Scene) -> None:
    events = await scene.wait([str(number) for number in range(7)])
    await scene.work(scene.keeper(most=3))
    files = await scene.listed()
    assert [file.rows for file in files] == [3, 3, 1]
    found = [line["event-id"] for file in files for line in await scene.lines(file)]
    assert found == [ids.show(event) for event in events]
    assert {file.closed_at for file in files} == {DUE}


async def test_events_that_are_not_kept_any_more_are_passed_over(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.engine.events.files.collecting.WRITE_WINDOW", 2)
    events = await scene.wait([str(number) for number in range(5)])
    await scene.db.execute("delete from event where id = any($1)", events[:3])
    await scene.work()
    file = await scene.the_file()
    assert [line["event-id"] for line in await scene.lines(file)] == [
        ids.show(event) for event in events[3:]
    ]
    assert file.rows == 2


# ---------------------------------------------------------------- when


async def test_what_comes_after_the_close_is_for_the_next_file(scene: Scene) -> None:
    await scene.wait(["+1"])
    await scene.wait(["+2"], at=DUE + timedelta(seconds=1))
    await scene.work()
    assert len(await scene.lines(await scene.the_file())) == 1
    row = await scene.db.fetchrow("select * from delivery_configuration")
    assert row is not None
    assert row["file_opened_at"] == DUE
    now = datetime.now(UTC)
    assert now < row["file_due_at"] <= now + timedelta(hours=1)
    await scene.db.execute(
        "update delivery_configuration set file_due_at = $1", DUE + timedelta(hours=1)
    )
    await scene.work()
    second = (await scene.listed())[1]
    assert (second.opened_at, second.closed_at, second.rows) == (
        DUE, DUE + timedelta(hours=1), 1,
    )  # fmt: skip


async def test_while_a_file_cannot_be_written_no_other_is_closed(scene: Scene) -> None:
    """So that a store that is away for a day does not leave thousands of files to write."""
    await scene.wait(["+1"])
    lost = Lost(Files(url=scene.home.as_uri()))
    with pytest.raises(KeyboardInterrupt):
        await scene.keeper(files=lost, node_id=await a_node(scene.db, alive=True)).step()
    await scene.wait(["+2"], at=DUE + timedelta(seconds=1))
    later = DUE + timedelta(hours=1)
    await scene.db.execute("update delivery_configuration set file_due_at = $1", later)
    assert not await scene.keeper().step()
    await scene.db.execute("update node set expires_at = $1", DUE)
    await scene.work()
    assert [file.rows for file in await scene.listed()] == [1, 1]


async def test_nothing_collected_makes_no_file(scene: Scene) -> None:
    assert await scene.keeper().step()
    assert not await scene.keeper().step()
    assert await scene.listed() == []


async def test_a_configuration_that_is_off_or_deleted_closes_no_file(
    db: Database, tmp_path: Path
) -> None:
    off = await a_scene(db, tmp_path, active=False)
    gone = await a_scene(db, tmp_path, name="gone", deleted_at=DUE)
    for scene in (off, gone):
        await scene.wait(["+1"])
        await scene.work()
        assert await scene.listed() == []
        assert await scene.statuses() == {"PENDING 0": 1}


async def test_a_cron_expression_that_cannot_be_used_any_more_stops_nobody_else(
    db: Database, tmp_path: Path
) -> None:
    odd = await a_scene(db, tmp_path, cron_expression="never")
    even = await a_scene(db, tmp_path, name="even")
    for scene in (odd, even):
        await scene.wait(["+1"])
    await even.work()
    assert (await even.the_file()).status is FileStatus.ARCHIVED
    assert (await odd.the_file()).status is FileStatus.ARCHIVED
    due = "select file_due_at from delivery_configuration where company_id = $1"
    assert await db.fetchval(due, odd.company_id) is None


# ---------------------------------------------------------------- nodes


class Lost(FileStore):
    """The node dies when the file is in the store, and before that is noted."""

    async def put(
        self, key: str, chunks: AsyncIterable[bytes], *, limit: int, owner: object = None
    ) -> int:
        await super().put(key, chunks, limit=limit, owner=owner)
        raise KeyboardInterrupt


async def test_a_file_of_a_node_that_died_is_written_anew(scene: Scene) -> None:
    events = await scene.wait(["+1", "+2"])
    dead = await a_node(scene.db, alive=False)
    lost = Lost(Files(url=scene.home.as_uri()))
    with pytest.raises(KeyboardInterrupt):
        await scene.keeper(files=lost, node_id=dead).step()
    assert len(scene.stored()) == 1
    assert await scene.statuses() == {"PENDING 0": 2}
    assert (await summary(scene.db, scene.company_id))[0].counts.pending == 2
    await scene.work()
    assert (await summary(scene.db, scene.company_id))[0].counts.pending == 0
    file = await scene.the_file()
    assert [line["event-id"] for line in await scene.lines(file)] == list(map(ids.show, events))
    assert len(scene.stored()) == 1
    assert await scene.statuses() == {"SUCCESS 1": 2}


class Full(FileStore):
    """Others are writing as much as may be."""

    async def put(
        self, key: str, chunks: AsyncIterable[bytes], *, limit: int, owner: object = None
    ) -> int:
        raise TooManyRequests


async def test_a_file_waits_for_room_in_the_store(scene: Scene) -> None:
    await scene.wait(["+1"])
    node = await a_node(scene.db, alive=True)
    full = Full(Files(url=scene.home.as_uri()))
    assert not await scene.keeper(files=full, node_id=node).step()
    await scene.work(scene.keeper(node_id=node))
    assert await scene.statuses() == {"SUCCESS 1": 1}


async def test_a_file_that_cannot_be_written_fails_with_its_deliveries(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.engine.events.files.keeper.MAX_FILE", 10)
    await scene.wait(["+1", "+2"])
    await scene.work()
    assert (await scene.the_file()).status is FileStatus.FAILED
    assert scene.stored() == []
    assert await scene.statuses() == {"FAILED 1": 2}
    assert (await summary(scene.db, scene.company_id))[0].counts.failed == 2
    assert await scene.waiting() == 0


class Held(FileStore):
    """A node that is so slow that others take it for dead."""

    def __init__(self, settings: Files) -> None:
        super().__init__(settings)
        self.there, self.go = asyncio.Event(), asyncio.Event()

    async def put(
        self, key: str, chunks: AsyncIterable[bytes], *, limit: int, owner: object = None
    ) -> int:
        size = await super().put(key, chunks, limit=limit, owner=owner)
        self.there.set()
        await self.go.wait()
        return size


async def test_a_node_that_was_taken_for_dead_leaves_nothing_behind(scene: Scene) -> None:
    events = await scene.wait(["+1", "+2"])
    held = Held(Files(url=scene.home.as_uri()))
    slow = asyncio.create_task(scene.keeper(files=held).step())
    async with asyncio.timeout(10):
        await held.there.wait()
        await scene.work()
        held.go.set()
        assert await slow
    file = await scene.the_file()
    assert [line["event-id"] for line in await scene.lines(file)] == list(map(ids.show, events))
    assert len(scene.stored()) == 1
    assert await scene.statuses() == {"SUCCESS 1": 2}
    assert await scene.db.fetchval("select count(*) from delivery_attempt") == 2


async def test_a_file_in_the_hands_of_a_live_node_is_left_to_it(scene: Scene) -> None:
    await scene.wait(["+1"])
    alive = await a_node(scene.db, alive=True)
    lost = Lost(Files(url=scene.home.as_uri()))
    with pytest.raises(KeyboardInterrupt):
        await scene.keeper(files=lost, node_id=alive).step()
    assert not await scene.keeper().step()
    await scene.work(scene.keeper(node_id=alive))  # it has forgotten, and begins again
    assert await scene.statuses() == {"SUCCESS 1": 1}


async def test_several_nodes_put_each_event_into_one_file(db: Database, tmp_path: Path) -> None:
    scenes = [await a_scene(db, tmp_path / str(n), name=f"company {n}") for n in range(3)]
    for scene in scenes:
        await scene.wait([str(number) for number in range(50)])
    nodes = [await a_node(db, alive=True) for _ in range(3)]
    store = scenes[0]
    keepers = [store.keeper(node_id=node, most=20) for node in nodes]
    await asyncio.gather(*(store.work(keeper) for keeper in keepers * 2))
    for scene in scenes:
        scene.files = store.files
        files = await scene.listed()
        assert sorted(file.rows for file in files) == [10, 20, 20]
        found = [line["event-id"] for file in files for line in await scene.lines(file)]
        assert len(set(found)) == len(found) == 50
        assert await scene.statuses() == {"SUCCESS 1": 50}


# ---------------------------------------------------------------- what is told, and the end


async def test_a_file_is_announced_downloaded_and_deleted_with_its_events(scene: Scene) -> None:
    await scene.subscribe()
    await scene.wait(["+1", "+2"])
    await scene.work()
    file = await find_file(scene.db, scene.company_id, (await scene.the_file()).id)
    for start in (5, 0):
        chunks = await read_file(scene.db, scene.files, file, address=ADDRESS, start=start)
        content = b"".join([chunk async for chunk in chunks])
        assert content == (await scene.content(file))[start:]
    await scene.db.execute("update event_file set expires_at = $1", DUE)
    assert await expire_files(scene.db, scene.files, address=ADDRESS) == 1
    told = await scene.announced()
    assert [type for type, _ in told] == [
        "event_file_complete", "event_file_download", "event_file_delete",
    ]  # fmt: skip
    for type, fields in told:
        assert check_fields(TYPES[type], fields) == fields
        assert fields["file_id"] == str(file.id)
        assert fields["file_uri"] == f"{ADDRESS}/ess/v1/event-buffer-files/{file.id}/content"
    complete = told[0][1]
    assert complete.keys() == TYPES["event_file_complete"].fields.keys()
    assert (complete["file_size"], complete["file_status"]) == (file.size, "ARCHIVED")
    assert told[2][1]["file_status"] == "DELETED"


async def test_nothing_is_announced_where_nobody_asked(scene: Scene) -> None:
    await scene.subscribe("MSS-Messages", "event_file_delete")
    await scene.wait(["+1"])
    await scene.work()
    assert await scene.announced() == []


async def test_a_file_whose_time_is_over_is_gone(scene: Scene) -> None:
    await scene.wait(["+1"])
    await scene.work()
    file = await scene.the_file()
    assert file.expires_at is not None
    assert timedelta(days=6.9) < file.expires_at - datetime.now(UTC) <= timedelta(days=7)
    assert await expire_files(scene.db, scene.files, address=ADDRESS) == 0
    await scene.db.execute("update event_file set expires_at = $1", DUE)
    assert await expire_files(scene.db, scene.files, address=ADDRESS) == 1
    assert scene.stored() == []
    with pytest.raises(NotFound):
        await find_file(scene.db, scene.company_id, file.id)
    assert (await scene.the_file()).status is FileStatus.DELETED
    assert await forget_files(scene.db, timedelta(hours=1)) == 0
    await scene.db.execute("update event_file set updated_at = $1", DUE)
    assert await forget_files(scene.db, timedelta(hours=1)) == 1
    assert await scene.listed() == []


async def test_nobody_finds_another_companys_file(db: Database, tmp_path: Path) -> None:
    ours, theirs = [await a_scene(db, tmp_path, name=name) for name in ("ours", "theirs")]
    await ours.wait(["+1"])
    await ours.work()
    file = await ours.the_file()
    assert await find_file(db, ours.company_id, file.id) == file
    with pytest.raises(NotFound):
        await find_file(db, theirs.company_id, file.id)

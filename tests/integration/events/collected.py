"""What the tests of files share: a company, its cron configuration, and deliveries that wait."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from clarion.engine.accounts.service import create_company
from clarion.engine.events.files.keeper import FileKeeper
from clarion.engine.events.files.model import Compression, EventFile
from clarion.engine.events.files.store import as_file
from clarion.kit import ids
from clarion.settings import Files
from clarion.storage.database import Database
from clarion.storage.files import FileStore

ADDRESS = "https://gateway.example"
OPENED = datetime(2026, 11, 20, 10, tzinfo=UTC)
DUE = datetime(2026, 11, 20, 11, tzinfo=UTC)


class Scene:
    """One company with a cron configuration whose file is due."""

    def __init__(self, db: Database, home: Path, company_id: int, configuration_id: int) -> None:
        self.db = db
        self.home = home
        self.files = FileStore(Files(url=home.as_uri()))
        self.company_id = company_id
        self.configuration_id = configuration_id

    def keeper(self, *, files: FileStore | None = None, **more: Any) -> FileKeeper:
        more = {"node_id": ids.new_id(), "kept_days": 7} | more
        return FileKeeper(self.db, files or self.files, address=ADDRESS, **more)

    async def work(self, keeper: FileKeeper | None = None) -> None:
        """Until there is nothing to do."""
        keeper = keeper or self.keeper()
        while await keeper.step():
            pass

    async def wait(self, keys: Sequence[str], *, at: datetime = OPENED) -> list[UUID]:
        """An event and a waiting delivery for each of the keys."""
        made = [ids.new_id() for _ in keys]
        await self.db.execute(
            "insert into event (company_id, id, topic, type, key, at, body) "
            "select $1, id, 'NIS-Events', 'porting_event', key, $2, "
            "jsonb_build_object('number', key)::text from unnest($3::uuid[], $4::text[]) "
            "as e (id, key)",
            self.company_id,
            at,
            made,
            list(keys),
        )
        await self.db.execute(
            "insert into event_delivery (company_id, event_id, configuration_id, updated_at) "
            "select $1, id, $2, $3 from unnest($4::uuid[]) as e (id)",
            self.company_id,
            self.configuration_id,
            at,
            made,
        )
        await self.db.execute(
            "insert into delivery_queue (company_id, configuration_id, due_at, event_id) "
            "select $1, $2, $3, id from unnest($4::uuid[]) as e (id)",
            self.company_id,
            self.configuration_id,
            at,
            made,
        )
        return made

    async def listed(self) -> list[EventFile]:
        rows = await self.db.fetch(
            "select * from event_file where company_id = $1 order by id", self.company_id
        )
        return [as_file(row) for row in rows]

    async def the_file(self) -> EventFile:
        (found,) = await self.listed()
        return found

    async def content(self, file: EventFile) -> bytes:
        assert file.file_key is not None
        return b"".join([chunk async for chunk in await self.files.get(file.file_key)])

    async def lines(self, file: EventFile) -> list[dict[str, Any]]:
        content = unpacked(await self.content(file), file)
        return [msgspec.json.decode(line) for line in content.splitlines()]

    def stored(self) -> list[str]:
        """All files in the store, whole or not."""
        return sorted(each.name for each in self.home.rglob("*") if each.is_file())

    async def statuses(self) -> dict[str, int]:
        """Of the deliveries, with how many of each have been attempted once."""
        rows = await self.db.fetch(
            "select status || ' ' || attempts as words, count(*) as number from event_delivery "
            "where company_id = $1 group by 1 order by 1",
            self.company_id,
        )
        return {row["words"]: row["number"] for row in rows}

    async def waiting(self) -> int:
        """Rows in the queue and on their way into a file."""
        found: int = await self.db.fetchval(
            "select (select count(*) from delivery_queue where company_id = $1) "
            "+ (select count(*) from event_file_entry where company_id = $1)",
            self.company_id,
        )
        return found

    async def subscribe(self, topic: str = "MSS-Messages", type: str = "") -> None:
        """Somebody wants to know."""
        await self.db.execute(
            "insert into subscription_key values ($1, $2, $3, '', '', 1)",
            self.company_id,
            topic,
            type,
        )

    async def announced(self) -> list[tuple[str, dict[str, Any]]]:
        """Type and fields of what is announced."""
        rows = await self.db.fetch(
            "select type, bodies::text from announcement where company_id = $1 order by at, id",
            self.company_id,
        )
        return [
            (row["type"], each["fields"])
            for row in rows
            for each in msgspec.json.decode(row["bodies"])
        ]


async def a_scene(db: Database, home: Path, *, name: str = "acme", **more: object) -> Scene:
    company = await create_company(db, name=name)
    facts: dict[str, object] = {
        "company_id": company.id,
        "name": "hourly",
        "protocol": "REST",
        "format": "JSON",
        "active": True,
        "cron_expression": "0 0 * * * *",
        "file_opened_at": OPENED,
        "file_due_at": DUE,
        "updated_at": OPENED,
    }
    facts |= more
    columns = ", ".join(facts)
    places = ", ".join(f"${number}" for number in range(1, len(facts) + 1))
    id = await db.fetchval(
        f"insert into delivery_configuration ({columns}) values ({places}) returning id",
        *facts.values(),
    )
    return Scene(db, home, company.id, id)


async def a_node(db: Database, *, alive: bool) -> UUID:
    """A node whose lease holds, or has ended."""
    id = ids.new_id()
    until = datetime.now(UTC) + timedelta(hours=1 if alive else -1)
    await db.execute("insert into node values ($1, 'node', '{jobs}', $2)", id, until)
    return id


def unpacked(content: bytes, file: EventFile) -> bytes:
    if file.compression is Compression.GZIP:
        return gzip.decompress(content)
    if file.compression is Compression.ZIP:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            assert packed.testzip() is None
            (name,) = packed.namelist()
            assert name == file.name.removesuffix(".zip")
            return packed.read(name)
    return content

"""A DUMP: the subscriptions to a topic, a JSON document on each line, as lists show them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

import msgspec
from msgspec import Struct

from clarion.engine.events.files import store
from clarion.engine.events.files.model import EventFile
from clarion.engine.events.files.store import Row
from clarion.storage.database import Database

WINDOW = 5000  # subscriptions

_encode = msgspec.json.Encoder().encode_lines


class Line(Struct, rename="kebab", omit_defaults=True):
    """A subscription."""

    id: str
    del_cfg_id: str
    del_cfg_nm: str
    topic_nm: str
    match_crt: str
    start_date: str
    end_date: str | None = None
    evt_tp: str | None = None


class DumpContent:
    """The bytes of a DUMP, and how many subscriptions have gone into them. One that is made or
    deleted meanwhile may be in it or not."""

    def __init__(self, db: Database, file: EventFile) -> None:
        self._db = db
        self._file = file
        self.rows = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        after = 0
        while found := await store.subscription_window(self._db, self._file, after, WINDOW):
            yield _encode([_line(self._file.topic or "", row) for row in found])
            self.rows += len(found)
            after = found[-1].id


def _line(topic: str, row: Row) -> Line:
    return Line(
        id=str(row.id),
        del_cfg_id=str(row.configuration_id),
        del_cfg_nm=row.configuration_name,
        topic_nm=topic,
        match_crt=row.criteria,
        start_date=_instant(row.starts_at),
        end_date=_instant(row.ends_at) if row.ends_at else None,
        evt_tp=row.event_type,
    )


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")

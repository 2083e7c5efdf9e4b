"""Files: what cron configurations collect, and dumps of subscriptions.

ESS reference, event-buffer-files and dump-subscriptions. A BUFFER holds the events that a delivery
configuration collected from `opened_at` to `closed_at`, a DUMP the subscriptions to a topic. Both
are written in the background, announced, kept for a time, and deleted.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from clarion.engine.events.model import Format
from clarion.errors import Conflict

FILES_CHANNEL = "clarion_event_files"
"""Hints that a file waits to be written."""

PATH = "/ess/v1/event-buffer-files/{id}/content"
"""Where a file is downloaded, after the public address of the installation."""

MAX_FILE = 48 << 30  # bytes; object stores take little more in parts of 5 MiB
MAX_EVENTS = 250_000
"""Of one BUFFER: so many become SUCCESS in one transaction. What is more is in a further file."""


class FileKind(StrEnum):
    BUFFER = "BUFFER"
    DUMP = "DUMP"


class FileStatus(StrEnum):
    PENDING = "PENDING"  # to be written, or being written
    ARCHIVED = "ARCHIVED"  # it can be downloaded
    DELETED = "DELETED"  # its time is over
    FAILED = "FAILED"  # it could not be written


class Compression(StrEnum):
    GZIP = "GZIP"
    ZIP = "ZIP"


class EventFile(Struct, frozen=True, kw_only=True):
    """A file as the company sees it."""

    company_id: int
    id: int
    kind: FileKind
    configuration_id: int | None  # of a BUFFER
    topic: str | None  # of a DUMP
    format: Format
    compression: Compression | None
    status: FileStatus
    opened_at: datetime
    closed_at: datetime | None
    rows: int
    size: int | None
    file_key: str | None
    expires_at: datetime | None
    updated_at: datetime

    @property
    def name(self) -> str:
        """What a download is called."""
        stem = "events" if self.kind is FileKind.BUFFER else "subscriptions"
        ending = "xml" if self.format is Format.XML else "jsonl"
        packed = {Compression.GZIP: ".gz", Compression.ZIP: ".zip"}
        return f"{stem}-{self.id}.{ending}{packed[self.compression] if self.compression else ''}"

    @property
    def media_type(self) -> str:
        if self.compression is not None:
            return f"application/{self.compression.lower()}"
        return "application/xml" if self.format is Format.XML else "application/x-ndjson"


class Written(Struct, frozen=True):
    """What was put into the store."""

    key: str
    rows: int
    size: int


class Stopped(Conflict):
    """Another node works on the file, or nobody is to any more."""


def file_key(company_id: int, unique: UUID) -> str:
    """Where a file is in the store."""
    return f"{company_id}/events/{unique.hex}"

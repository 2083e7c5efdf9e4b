"""Import and export jobs: contacts from and to CSV files, in the background.

SCG reference, Contact Import Job and Contact Export Job. A job waits, is worked on, and is
completed; what could not be imported is in a file of its own. Deleting a job ends it where it is.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from clarion.engine.contacts.jobs.csv_reading import Mark
from clarion.errors import Conflict

CSV_TYPE = "text/csv"
MAX_FILE = 4 * 1024**3  # bytes of a file that a job writes


class JobKind(StrEnum):
    IMPORT = "IMPORT"
    EXPORT = "EXPORT"


class JobState(StrEnum):
    CREATED = "CREATED"  # waits for a node
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"


class Job(Struct, frozen=True):
    """A job in the hands of this node."""

    company_id: int
    id: UUID
    kind: JobKind
    application_id: int
    group_id: UUID | None
    attachment_id: UUID  # what is read or written
    failures_id: UUID | None  # the attachment that is to hold the failures
    state: JobState
    mark: Mark
    canceled: bool


class Stopped(Conflict):
    """The job was canceled, or another node works on it."""


class Failure(Struct, frozen=True):
    """A row that is no contact."""

    line: int
    cells: list[str]
    reason: str

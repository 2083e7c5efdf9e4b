"""/contactimport and /contactexport: contacts from and to CSV files, in the background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from clarion.api.call import Call, Route
from clarion.api.resource import Resource, Values
from clarion.api.scg.records import READ_ONLY, RECORD, record_columns
from clarion.api.shape import Attribute, Row, Shape, Version
from clarion.engine.contacts.jobs.model import JobKind, JobState
from clarion.engine.contacts.jobs.service import cancel_job, create_export, create_import
from clarion.kit import ids
from clarion.storage.listing import Column, Listing


class _Job(Struct, kw_only=True):
    """What both kinds of jobs have."""

    id: str
    contact_group_id: str | None = None
    state: Annotated[
        JobState, Meta(description="CREATED while it waits, RUNNING, or COMPLETED.")
    ] = JobState.CREATED
    started_date: datetime | None = None
    completed_date: datetime | None = None
    application_id: int | None = None
    company_id: int | None = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: Version | None = None


class ImportJob(_Job, kw_only=True):
    """Makes contacts of the rows of a CSV file."""

    contact_group_id: Annotated[
        str | None, Meta(description="A STATIC group that imported contacts become members of.")
    ] = None
    import_attachment_id: Annotated[
        str, Meta(description="An attachment in state UPLOADED: the file.")
    ] = ""
    failures_attachment_id: Annotated[
        str | None,
        Meta(description="Once the job is COMPLETED: the rows that are no contacts, and why."),
    ] = None
    imported_count: int = 0
    failed_count: int = 0


class ExportJob(_Job, kw_only=True):
    """Puts contacts into a CSV file."""

    contact_group_id: Annotated[
        str | None, Meta(description="Only the contacts of this group, whatever its type.")
    ] = None
    export_attachment_id: Annotated[
        str | None,
        Meta(description="The attachment that gets the file; without one, one is made."),
    ] = None
    exported_count: int = 0


def _named(words: str, column: str = "") -> Attribute:
    """An id that the job is given; blank is none."""

    def take(value: str) -> UUID | None:
        if not value.strip():
            return None
        found = ids.parse(value.strip())
        if found is None:
            raise ValueError(words)
        return found

    return Attribute(take=take, wire_type=str, column=column)


_FILE = _named("there is no such attachment.", column="attachment_id")
_COMMON: Mapping[str, Attribute] = {
    **RECORD,
    "contact_group_id": _named("there is no such group."),
    "state": READ_ONLY,
    "started_date": Attribute(read_only=True, column="started_at"),
    "completed_date": Attribute(read_only=True, column="completed_at"),
    "version_number": Attribute(read_only=True, column="version"),
}


def _listing(kind: JobKind, attachment: str) -> Listing:
    return Listing(
        source="contact_job j",
        tenant="j.company_id",
        key="j.id",
        select="j.*",
        always=f"j.kind = '{kind}' and j.deleted_at is null",
        columns=(
            Column("id", "j.id", "id"),
            Column("contact_group_id", "j.contact_group_id", "id"),
            Column(attachment, "j.attachment_id", "id"),
            Column(
                "state", "j.state", "enum", choices=frozenset(JobState), enum="contact_job_state"
            ),
            Column("started_date", "j.started_at", "timestamp"),
            Column("completed_date", "j.completed_at", "timestamp"),
            *record_columns("j"),
        ),
    )


async def complete(_: Call, rows: Sequence[Row]) -> list[Row]:
    """A file of failures is there when it is whole."""
    unready = {"failures_attachment_id": None}
    return [row if row["state"] == JobState.COMPLETED else dict(row) | unready for row in rows]


async def make_import(call: Call, values: Values) -> str:
    made = await create_import(
        call.services.db, call.caller, values["attachment_id"], values.get("contact_group_id")
    )
    return ids.show(made)


async def make_export(call: Call, values: Values) -> str:
    made = await create_export(
        call.services.db, call.caller, values.get("attachment_id"), values.get("contact_group_id")
    )
    return ids.show(made)


async def cancel_import(call: Call, id: UUID) -> None:
    await cancel_job(call.services.db, call.caller, id, JobKind.IMPORT)


async def cancel_export(call: Call, id: UUID) -> None:
    await cancel_job(call.services.db, call.caller, id, JobKind.EXPORT)


IMPORTS = Resource(
    name="Contact Import Job",
    path="/contactimport",
    shape=Shape(
        ImportJob,
        {
            **_COMMON,
            "import_attachment_id": _FILE,
            "failures_attachment_id": READ_ONLY,
            "imported_count": Attribute(read_only=True, column="done_count"),
            "failed_count": READ_ONLY,
        },
    ),
    listing=_listing(JobKind.IMPORT, "import_attachment_id"),
    about="Makes contacts of the rows of a CSV file. To delete it is to end it.",
    required=("import_attachment_id",),
    complete=complete,
    create=make_import,
    delete=cancel_import,
)
EXPORTS = Resource(
    name="Contact Export Job",
    path="/contactexport",
    shape=Shape(
        ExportJob,
        {
            **_COMMON,
            "export_attachment_id": _FILE,
            "exported_count": Attribute(read_only=True, column="done_count"),
        },
    ),
    listing=_listing(JobKind.EXPORT, "export_attachment_id"),
    about="Puts contacts into a CSV file. To delete it is to end it.",
    complete=complete,
    create=make_export,
    delete=cancel_export,
)


def routes() -> list[Route]:
    return [*IMPORTS.routes(), *EXPORTS.routes()]

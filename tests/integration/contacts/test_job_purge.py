"""Imports and exports that were completed long ago go, with the files that nobody else has."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from test_jobs import PLAIN, Place
from tests.factories import a_tenant

from clarion.engine.attachments.model import AttachmentChange
from clarion.engine.attachments.service import (
    change_attachment,
    create_attachment,
    link_attachments,
    read_for_sending,
)
from clarion.engine.attachments.tasks import remove_files
from clarion.engine.contacts.jobs import service
from clarion.engine.contacts.jobs.service import create_export, create_import, purge_jobs
from clarion.engine.contacts.tasks import contact_jobs
from clarion.kit import ids
from clarion.settings import Files, Retention, Settings
from clarion.storage.database import Database
from clarion.storage.files import FileStore

AGE = timedelta(days=30)
TEXT = f"{PLAIN}c1,Ann\nc2,{'x' * 256}\n"  # the second row is no contact


@pytest.fixture
async def place(db: Database, tmp_path: Path) -> Place:
    files = FileStore(Files(url=(tmp_path / "store").as_uri()))
    return Place(db, files, await a_tenant(db))


async def aged(place: Place, days: float = 31, *, jobs: Iterable[UUID] = ()) -> None:
    """As if everything so far had happened so many days earlier; of jobs, all or these."""
    ago = timedelta(days=days)
    await place.db.execute(
        "update contact_job set completed_at = completed_at - $1::interval "
        "where id = any($2) or $2 = '{}'",
        ago, list(jobs),
    )  # fmt: skip
    await place.db.execute(
        "update attachment set updated_at = updated_at - $1::interval, "
        "used_at = used_at - $1::interval",
        ago,
    )


async def there(place: Place, *attachments: UUID) -> set[UUID]:
    found = await read_for_sending(place.db, place.tenant.company_id, attachments)
    return {each.id for each in found}


async def an_import(place: Place, source: UUID | None = None) -> tuple[UUID, UUID, UUID]:
    """The job, its file and its failures."""
    source = source or await place.upload(TEXT)
    job = await create_import(place.db, place.tenant.caller, source, None)
    await place.work()
    failures = (await place.job(job))["failures_attachment_id"]
    assert failures is not None
    return job, source, failures


async def test_old_jobs_go_with_their_files(place: Place, tmp_path: Path) -> None:
    old = await an_import(place)
    exported = await create_export(place.db, place.tenant.caller, None, None)
    await place.work()
    made = (await place.job(exported))["attachment_id"]
    await aged(place)
    fresh = await an_import(place)
    waiting = await create_import(place.db, place.tenant.caller, await place.upload(TEXT), None)
    assert await purge_jobs(place.db, AGE) == 2
    assert [bool(await place.job(job)) for job in (old[0], exported, fresh[0], waiting)] == [
        False, False, True, True,
    ]  # fmt: skip
    assert await there(place, *old[1:], made, *fresh[1:]) == set(fresh[1:])
    assert await remove_files(place.db, place.files) == 3
    assert len([each for each in (tmp_path / "store").rglob("*") if each.is_file()]) == 3
    assert len(await place.contacts()) == 1
    assert await purge_jobs(place.db, AGE) == 0


async def test_files_that_something_else_has_stay(place: Place) -> None:
    company = place.tenant.company_id
    shared, linked, renamed, refilled, used = [await place.upload(TEXT) for _ in range(5)]
    old = [await an_import(place, each) for each in (shared, linked, renamed, used)]
    target = await create_attachment(place.db, place.tenant.caller, service.NewAttachment())
    exported = await create_export(place.db, place.tenant.caller, target, None)
    await place.work()
    other, _, _ = await an_import(place, shared)
    await aged(place, jobs=[*(job for job, _, _ in old), exported])
    async with place.db.transaction() as tx:
        await link_attachments(tx, company, ids.new_request_id(), [linked])
    await place.db.execute("update attachment set used_at = null where id = $1", linked)
    await change_attachment(place.db, company, renamed, AttachmentChange(name="kept"))
    await place.refill(target, "new")
    await place.db.execute("update attachment set used_at = now() where id = $1", used)
    assert await purge_jobs(place.db, AGE) == 5
    kept = {shared, linked, renamed, target, used, refilled}
    assert await there(place, *kept, *(failures for _, _, failures in old)) == kept
    assert await place.job(other)


async def test_many_jobs_of_several_companies_go_by_and_by(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PURGED", 2)
    theirs = Place(place.db, place.files, await a_tenant(place.db, name="other"))
    for owner in (place, place, place, theirs):
        await an_import(owner)
    await aged(place)
    kept = await an_import(theirs)
    settings = Settings(retention=Retention(contact_job_days=30))
    (upkeep,) = contact_jobs(place.db, settings)
    await upkeep.work()
    left = await place.db.fetch("select id from contact_job")
    assert [row["id"] for row in left] == [kept[0]]
    later = Settings(retention=Retention(contact_job_days=60))
    await aged(place)
    (upkeep,) = contact_jobs(place.db, later)
    await upkeep.work()
    assert (await theirs.job(kept[0]))["state"] == "COMPLETED"

"""Import and export jobs: rows become contacts once, whatever happens; what comes out goes in."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from crowd import some_contacts
from tests.factories import Tenant, a_tenant
from tests.waiting import PATIENCE

from clarion import settings
from clarion.engine.attachments.content import find_content, store_content
from clarion.engine.attachments.model import NewAttachment
from clarion.engine.attachments.service import create_attachment, delete_attachment
from clarion.engine.contacts.groups.model import GroupType, NewGroup
from clarion.engine.contacts.groups.service import add_members, create_group, delete_group
from clarion.engine.contacts.jobs import abreast, csv_reading, exporting, failures, importing
from clarion.engine.contacts.jobs.model import JobKind
from clarion.engine.contacts.jobs.service import cancel_job, create_export, create_import
from clarion.engine.contacts.jobs.working import JobWorker
from clarion.errors import Conflict, InvalidInput, NotFound, Unavailable
from clarion.kit import ids
from clarion.kit.vault import Vault
from clarion.storage.database import Database
from clarion.storage.files import FileStore

LIMIT = 1 << 30
VAULT = Vault("a secret of the tests")
PLAIN = "external_id,first_name\n"


class Place:
    """A company, its files, and a node that does its jobs."""

    def __init__(self, db: Database, files: FileStore, tenant: Tenant) -> None:
        self.db = db
        self.files = files
        self.tenant = tenant
        self.node = ids.new_id()
        self.worker = JobWorker(db, files, VAULT, node_id=self.node)

    async def upload(self, text: str | bytes) -> UUID:
        id = await create_attachment(self.db, self.tenant.caller, NewAttachment(name="upload"))
        await self.refill(id, text)
        return id

    async def refill(self, id: UUID, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        company = self.tenant.company_id
        await store_content(self.db, self.files, company, id, _chunks(data), limit=LIMIT)

    async def imported(self, text: str | bytes, group: UUID | None = None) -> dict[str, Any]:
        """The job of a file, done."""
        job = await create_import(self.db, self.tenant.caller, await self.upload(text), group)
        await self.work()
        return await self.job(job)

    async def exported(self, group: UUID | None = None) -> list[dict[str, str]]:
        job = await create_export(self.db, self.tenant.caller, None, group)
        await self.work()
        found = await self.job(job)
        rows = await self.file(found["attachment_id"])
        assert (found["state"], found["done_count"]) == ("COMPLETED", len(rows))
        return rows

    async def work(self) -> None:
        while await self.worker.step():
            pass

    async def job(self, id: UUID) -> dict[str, Any]:
        row = await self.db.fetchrow(
            "select * from contact_job where company_id = $1 and id = $2",
            self.tenant.company_id,
            id,
        )
        return dict(row) if row else {}

    async def text(self, attachment: UUID) -> str:
        content = await find_content(self.db, self.tenant.company_id, attachment)
        assert content.key is not None
        return b"".join([c async for c in await self.files.get(content.key)]).decode()

    async def file(self, attachment: UUID) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(await self.text(attachment), newline="")))

    async def failures(self, job: dict[str, Any]) -> list[tuple[str, str]]:
        rows = await self.file(job["failures_attachment_id"])
        return [(row["import_line"], row["import_error"]) for row in rows]

    async def contacts(self) -> list[dict[str, Any]]:
        rows = await self.db.fetch(
            "select * from contact where company_id = $1 and deleted_at is null order by id",
            self.tenant.company_id,
        )
        return [dict(row) for row in rows]

    async def names(self) -> dict[str, str]:
        return {each["external_id"]: each["first_name"] for each in await self.contacts()}

    async def left_over(self) -> int:
        return int(await self.db.fetchval("select count(*) from contact_job_failure"))


async def _chunks(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> FileStore:
    return FileStore(settings.Files(url=tmp_path_factory.mktemp("files").as_uri()))


@pytest.fixture
async def place(shared_db: Database, files: FileStore) -> Place:
    return Place(shared_db, files, await a_tenant(shared_db, name=ids.show(ids.new_id())))


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reading, "WINDOW_ROWS", 10)
    monkeypatch.setattr(exporting, "WINDOW", 10)
    monkeypatch.setattr(failures, "SLICE", 3)


def plain(count: int, name: str = "Ann") -> str:
    return PLAIN + "".join(f"c{n},{name}{n}\n" for n in range(count))


def counts(job: dict[str, Any]) -> tuple[str, int, int]:
    return job["state"], job["done_count"], job["failed_count"]


# ---------------------------------------------------------------- import


async def test_rows_become_contacts(place: Place) -> None:
    job = await place.imported(
        "Phone,First Name,birth_date,interest_list,extended_attributes.color\r\n"
        '1 212 555 0100,Ann,1985-04-12,"[{""code"": ""golf""}]",red\r\n'
        '+49 151 12345678,"Müller, Zoë\r\nSenior",,,\r\n'
    )
    assert counts(job) == ("COMPLETED", 2, 0)
    assert job["failures_attachment_id"] is None
    assert job["started_at"] <= job["completed_at"]
    ann, zoe = await place.contacts()
    assert (ann["primary_mdn"], ann["first_name"]) == ("+12125550100", "Ann")
    assert ann["birth_date"].isoformat() == "1985-04-12"
    assert ann["document"]["interest_list"] == [{"code": "golf"}]
    assert json.loads(ann["extended_attributes"]) == {"color": "red"}
    assert ann["application_id"] == place.tenant.caller.application_id
    assert (zoe["primary_mdn"], zoe["first_name"]) == ("+4915112345678", "Müller, Zoë\r\nSenior")


async def test_known_contacts_change_by_either_key(place: Place) -> None:
    await place.imported("external_id,primary_mdn,first_name\na,12125550101,Ann\nb,,Bob\n")
    job = await place.imported(
        "external_id,primary_mdn,first_name,last_name\n"
        ",12125550101,,Lee\nb,12125550102,Rob,\nb,,Robert,\nc,,Eve,\n"
    )
    assert counts(job) == ("COMPLETED", 4, 0)
    found = [
        (c["external_id"], c["primary_mdn"], c["first_name"], c["last_name"])
        for c in await place.contacts()
    ]
    assert found == [
        ("a", "+12125550101", "Ann", "Lee"),
        ("b", "+12125550102", "Robert", None),
        ("c", None, "Eve", None),
    ]


@pytest.mark.usefixtures("small_batches")
async def test_bad_rows_are_in_a_file_with_their_reasons_that_can_be_imported_again(
    place: Place,
) -> None:
    rows = [f"c{n},{'12' if n % 4 == 0 else f'1212555{n:04}'}" for n in range(30)]
    job = await place.imported("external_id;phone\n".replace(";", ",") + "\n".join(rows))
    assert counts(job) == ("COMPLETED", 22, 8)
    found = await place.failures(job)
    assert [line for line, _ in found] == [str(n + 2) for n in range(0, 30, 4)]
    assert all(reason.startswith("primary_mdn: ") for _, reason in found)
    assert await place.left_over() == 0
    mended = (await place.text(job["failures_attachment_id"])).replace(",12,", ",491511234567,", 1)
    again = await place.imported(mended)
    assert counts(again) == ("COMPLETED", 1, 7)
    assert len(await place.contacts()) == 23


async def test_rows_fail_for_what_the_file_or_the_company_has(place: Place) -> None:
    await place.imported("external_id,primary_mdn\na,12125550101\nb,12125550102\n")
    job = await place.imported(
        "external_id,primary_mdn,last_name\n"
        "a,12125550102,\n"
        "c\n"
        ",,Nobody\n"
        'd,,"unclosed\n'
        "e,12125550105,ok\n"
    )
    assert counts(job) == ("COMPLETED", 1, 4)
    assert await place.failures(job) == [
        ("2", "primary_mdn: another contact than that with the external_id has it."),
        ("3", "1 field, and the first line has 3"),
        ("4", "external_id or primary_mdn: one of them is required."),
        ("5", "a quotation mark is opened and not closed"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shoe,external_id\n1,2\n", "the first line names what contacts do not have: 'shoe'"),
        ("first_name\nAnn\n", "the first line must name external_id or primary_mdn"),
        ("\n", "the first line must name the attributes, and is empty"),
        ("external_id\na\n".encode("utf-16"), "the file is UTF-16"),
    ],
)
async def test_a_file_that_cannot_be_read_is_one_failure(
    place: Place, text: str | bytes, words: str
) -> None:
    job = await place.imported(text)
    assert counts(job) == ("COMPLETED", 0, 1)
    ((line, reason),) = await place.failures(job)
    assert line == "1"
    assert reason.startswith(words)


async def test_latin_text_is_understood_and_mixed_text_is_not(place: Place) -> None:
    job = await place.imported("external_id,first_name\na,Zoë\n".encode("latin-1"))
    assert counts(job) == ("COMPLETED", 1, 0)
    job = await place.imported(b"\xef\xbb\xbfexternal_id,first_name\nb,\xc3\xab\nc,\xeb\n")
    assert await place.names() == {"a": "Zoë", "b": "ë"}
    assert await place.failures(job) == [("3", "it is not UTF-8, as the file is up to here")]


async def test_fast_access_rules_apply_to_imported_contacts(place: Place) -> None:
    for number, name, script in ((1, "Color", None), (2, "City", "$.primary_addr_city")):
        await place.db.execute(
            "insert into fast_access_rule (company_id, id, number, name, script, updated_at) "
            "values ($1, $2, $3, $4, $5, now())",
            place.tenant.company_id,
            ids.new_id(),
            number,
            name,
            script,
        )
    await place.imported(
        "external_id,city,fast_access.Color,fast_access.City\na,Tampa,red,Orlando\n"
    )
    (contact,) = await place.contacts()
    assert (contact["fast_access_1"], contact["fast_access_2"]) == ("red", "Tampa")
    (row,) = await place.exported()
    assert row["fast_access.Color"] == "red"
    assert "fast_access.City" not in row


# ---------------------------------------------------------------- groups


@pytest.mark.usefixtures("small_batches")
async def test_imported_contacts_become_members(place: Place) -> None:
    group = await create_group(place.db, place.tenant.caller, NewGroup(name="new"))
    await place.imported(plain(5))
    job = await place.imported(plain(25), group)
    assert counts(job) == ("COMPLETED", 25, 0)
    row = await place.db.fetchrow("select member_count from contact_group where id = $1", group)
    assert row is not None
    assert row["member_count"] == 25
    assert len(await place.exported(group)) == 25


async def test_a_group_that_is_deleted_meanwhile_does_not_stop_the_import(place: Place) -> None:
    group = await create_group(place.db, place.tenant.caller, NewGroup(name="new"))
    upload = await place.upload(plain(3))
    job = await create_import(place.db, place.tenant.caller, upload, group)
    await delete_group(place.db, place.tenant.caller, group)
    await place.work()
    assert counts(await place.job(job)) == ("COMPLETED", 3, 0)


async def test_a_job_is_refused_for_what_is_not_there(place: Place) -> None:
    db, caller = place.db, place.tenant.caller
    upload = await place.upload(PLAIN)
    empty = await create_attachment(db, caller, NewAttachment(name="empty"))
    dynamic = await create_group(db, caller, NewGroup(type=GroupType.DYNAMIC, criteria="{}"))
    other = Place(db, place.files, await a_tenant(db, name="other"))
    theirs = await other.upload(PLAIN)
    for attachment, group, words in (
        (ids.new_id(), None, "import_attachment_id: there is no such attachment"),
        (theirs, None, "import_attachment_id: there is no such attachment"),
        (empty, None, "import_attachment_id: its file is not uploaded"),
        (upload, ids.new_id(), "contact_group_id: there is no such group"),
        (upload, dynamic, "contact_group_id: contacts cannot be added to a DYNAMIC group"),
    ):
        with pytest.raises(InvalidInput, match=words):
            await create_import(db, caller, attachment, group)
    with pytest.raises(InvalidInput, match="export_attachment_id: there is no such"):
        await create_export(db, caller, theirs, None)
    with pytest.raises(InvalidInput, match="contact_group_id: there is no such group"):
        await create_export(db, caller, None, ids.new_id())


async def test_an_export_does_not_take_an_attachment_that_is_in_use(place: Place) -> None:
    upload = await place.upload(PLAIN)
    job = await create_import(place.db, place.tenant.caller, upload, None)
    with pytest.raises(Conflict, match="export_attachment_id: the attachment is in use"):
        await create_export(place.db, place.tenant.caller, upload, None)
    await cancel_job(place.db, place.tenant.caller, job, JobKind.IMPORT)
    await place.work()


# ---------------------------------------------------------------- two batches at once


@pytest.mark.usefixtures("small_batches")
async def test_two_batches_are_under_way_at_once_and_commit_in_their_order(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert, settle = importing._Import._upsert, importing._Import._settle
    working, most, settled = set(), [], []

    async def watched(self: Any, tx: Any, batch: Any) -> Any:
        working.add(batch.start)
        outcomes = await upsert(self, tx, batch)
        most.append(len(working))
        return outcomes

    async def noted(self: Any, tx: Any, batch: Any, outcomes: Any) -> None:
        await settle(self, tx, batch, outcomes)
        working.discard(batch.start)
        settled.append(batch.start)

    monkeypatch.setattr(importing._Import, "_upsert", watched)
    monkeypatch.setattr(importing._Import, "_settle", noted)
    assert counts(await place.imported(plain(200))) == ("COMPLETED", 200, 0)
    assert max(most) == 2
    assert settled == sorted(settled)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("before", ["", "a,old\nb,old\n"])
async def test_the_last_row_of_a_contact_wins_across_batches(
    place: Place, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    monkeypatch.setattr(abreast, "PATIENCE", 0.02)
    monkeypatch.setattr(abreast, "ALONE", 1)
    await place.imported(PLAIN + before)
    rows = "".join(f"{'ab'[n % 2]},n{n}\n" for n in range(300))
    assert counts(await place.imported(PLAIN + rows)) == ("COMPLETED", 300, 0)
    assert await place.names() == {"a": "n298", "b": "n299"}


@pytest.mark.usefixtures("small_batches")
async def test_a_batch_whose_contacts_the_next_one_has_locked_goes_first(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abreast, "PATIENCE", 0.02)
    upsert, overtaken = importing._Import._upsert, asyncio.Event()

    async def overtakes(self: Any, tx: Any, batch: Any) -> Any:
        first = batch.start == 0
        if first and not overtaken.is_set():
            await overtaken.wait()
        outcomes = await upsert(self, tx, batch)
        overtaken.set()
        return outcomes

    monkeypatch.setattr(importing._Import, "_upsert", overtakes)
    rows = "".join(f"c{n % 10},n{n}\n" for n in range(20))
    assert counts(await place.imported(PLAIN + rows)) == ("COMPLETED", 20, 0)
    assert await place.names() == {f"c{n}": f"n{n + 10}" for n in range(10)}


# ---------------------------------------------------------------- crashes


class _Killed(Exception):
    """The process ends here."""


async def killed_at(place: Place, monkeypatch: pytest.MonkeyPatch, *where: Any) -> None:
    """The worker begins its job, and its process ends where this is called."""

    async def dies(*_: Any) -> None:
        raise _Killed

    with monkeypatch.context() as patched:
        patched.setattr(*where, dies)
        with pytest.raises(_Killed):
            await place.worker.step()


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("survived", [0, 1, 3, 5])
async def test_an_import_goes_on_after_a_crash_and_does_nothing_twice(
    place: Place, monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    group = await create_group(place.db, place.tenant.caller, NewGroup(name="new"))
    text = plain(45) + "bad\n"
    job = await create_import(place.db, place.tenant.caller, await place.upload(text), group)
    real, calls = importing._Import._settle, []

    async def dies(self: Any, *args: Any) -> None:
        await real(self, *args)
        calls.append(args)
        if len(calls) > survived:
            raise _Killed

    with monkeypatch.context() as patched:
        patched.setattr(importing._Import, "_settle", dies)
        if survived < 5:
            with pytest.raises(_Killed):
                await place.worker.step()
            assert (await place.job(job))["done_count"] == survived * 10
    other = JobWorker(place.db, place.files, VAULT, node_id=ids.new_id())
    while await other.step():
        pass
    done = await place.job(job)
    assert counts(done) == ("COMPLETED", 45, 1)
    assert await place.names() == {f"c{n}": f"Ann{n}" for n in range(45)}
    assert await place.failures(done) == [("47", "1 field, and the first line has 2")]
    versions = {contact["version"] for contact in await place.contacts()}
    assert versions == {1}
    row = await place.db.fetchrow("select member_count from contact_group where id = $1", group)
    assert row is not None
    assert row["member_count"] == 45


async def test_a_living_nodes_job_is_left_to_it(place: Place, monkeypatch: Any) -> None:
    await place.db.execute(
        "insert into node (id, name, roles, expires_at) values ($1, 'n', '{}', $2)",
        place.node,
        datetime.now(UTC) + timedelta(seconds=60),
    )
    job = await create_import(place.db, place.tenant.caller, await place.upload(plain(3)), None)
    other = JobWorker(place.db, place.files, VAULT, node_id=ids.new_id())
    await killed_at(place, monkeypatch, importing._Import, "_settle")
    assert not await other.step()
    assert (await place.job(job))["state"] == "RUNNING"
    await place.work()  # its own node takes it again
    assert counts(await place.job(job)) == ("COMPLETED", 3, 0)


@pytest.mark.usefixtures("small_batches")
async def test_a_node_that_was_thought_dead_stops_at_its_next_batch(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await create_import(place.db, place.tenant.caller, await place.upload(plain(8)), None)
    real = importing._Import._upsert
    other = JobWorker(place.db, place.files, VAULT, node_id=ids.new_id())
    overtaken = []

    async def overtakes(self: Any, *args: Any) -> Any:
        if not overtaken:
            overtaken.append(True)
            await other.step()
        return await real(self, *args)

    monkeypatch.setattr(importing._Import, "_upsert", overtakes)
    await place.work()
    assert counts(await place.job(job)) == ("COMPLETED", 8, 0)
    assert {contact["version"] for contact in await place.contacts()} == {1}


async def test_a_crash_between_the_file_of_failures_and_the_end_leaves_one_file(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = PLAIN + "bad\n"
    job = await create_import(place.db, place.tenant.caller, await place.upload(text), None)
    await killed_at(place, monkeypatch, "clarion.engine.contacts.jobs.store.complete")
    await place.work()
    done = await place.job(job)
    assert counts(done) == ("COMPLETED", 0, 1)
    assert len(await place.failures(done)) == 1
    mine = "select count(*) from attachment where company_id = $1 and name like '%failures%'"
    assert await place.db.fetchval(mine, place.tenant.company_id) == 1


async def test_a_crash_before_clearing_up_is_made_good(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await place.upload(PLAIN + "bad\n")
    job = await create_import(place.db, place.tenant.caller, upload, None)
    await killed_at(place, monkeypatch, "clarion.engine.contacts.jobs.working.remove_failures")
    assert (await place.job(job))["state"] == "COMPLETED"
    await place.work()
    assert await place.left_over() == 0
    assert len(await place.failures(await place.job(job))) == 1
    assert not await place.worker.step()


async def test_a_file_that_is_gone_ends_the_import(place: Place) -> None:
    upload = await place.upload(plain(3))
    job = await create_import(place.db, place.tenant.caller, upload, None)
    await delete_attachment(place.db, place.files, place.tenant.company_id, upload)
    await place.work()
    done = await place.job(job)
    assert counts(done) == ("COMPLETED", 0, 1)
    assert (await place.failures(done))[0][0] == "1"


# ---------------------------------------------------------------- cancel


@pytest.mark.usefixtures("small_batches")
async def test_a_deleted_import_stops_and_leaves_what_it_has_done(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = plain(25).replace("c3,Ann3", "bad")
    job = await create_import(place.db, place.tenant.caller, await place.upload(text), None)
    real = importing._Import._settle

    async def canceled(self: Any, tx: Any, batch: Any, outcomes: Any) -> None:
        if batch.end.line > 15:
            await cancel_job(place.db, place.tenant.caller, job, JobKind.IMPORT)
        await real(self, tx, batch, outcomes)

    with monkeypatch.context() as patched:
        patched.setattr(importing._Import, "_settle", canceled)
        await place.worker.step()
    await place.work()
    assert len(await place.contacts()) == 9
    assert await place.job(job) == {}
    assert await place.left_over() == 0
    with pytest.raises(NotFound):
        await cancel_job(place.db, place.tenant.caller, job, JobKind.IMPORT)


async def test_jobs_are_deleted_before_they_begin_and_after_they_end(place: Place) -> None:
    caller = place.tenant.caller
    waiting = await create_import(place.db, caller, await place.upload(plain(3)), None)
    await cancel_job(place.db, caller, waiting, JobKind.IMPORT)
    done = await place.imported(PLAIN + "bad\n")
    await cancel_job(place.db, caller, done["id"], JobKind.IMPORT)
    await place.work()
    assert await place.job(waiting) == await place.job(done["id"]) == {}
    assert await place.contacts() == []
    assert len(await place.failures(done)) == 1  # the client has seen it: it is the client's
    with pytest.raises(NotFound):
        await cancel_job(place.db, caller, done["id"], JobKind.EXPORT)


async def test_a_file_of_failures_that_nobody_has_seen_goes_with_its_job(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await place.upload(PLAIN + "bad\n")
    job = await create_import(place.db, place.tenant.caller, upload, None)
    await killed_at(place, monkeypatch, "clarion.engine.contacts.jobs.store.complete")
    planned = (await place.job(job))["failures_attachment_id"]
    await cancel_job(place.db, place.tenant.caller, job, JobKind.IMPORT)
    await place.work()
    with pytest.raises(NotFound):
        await find_content(place.db, place.tenant.company_id, planned)


# ---------------------------------------------------------------- export


@pytest.mark.usefixtures("small_batches")
async def test_an_export_is_an_import(place: Place) -> None:
    fields = (
        "external_id,primary_mdn,first_name,last_name,birth_date,last_acquisition_date,"
        "voice_preference,address_list,social_handles,extended_attributes,fast_access_7\n"
    )
    rows = "".join(
        f'c{n},1212555{n:04},"An ""n"", {n}","Lee\nJr",1985-04-12,2026-11-22T09:30:00.123Z,'
        f'PREFER_VOICE,"[{{""city"": ""Tampa""}}]","fb:1@2,we:{n}","{{""a"": [{n}, ""ü""]}}",x\n'
        for n in range(25)
    )
    assert counts(await place.imported(fields + rows)) == ("COMPLETED", 25, 0)
    exported = _sorted(await place.exported())
    assert exported[18]["last_acquisition_date"] == "2026-11-22T09:30:00.123Z"
    assert json.loads(exported[18]["social_handles"]) == ["fb:1@2", "we:3"]
    other = Place(place.db, place.files, await a_tenant(place.db, name=ids.show(ids.new_id())))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(exported[0]))
    writer.writeheader()
    writer.writerows(exported)
    assert counts(await other.imported(out.getvalue())) == ("COMPLETED", 25, 0)
    assert _comparable(await other.contacts()) == _comparable(await place.contacts())
    assert _sorted(await other.exported()) == _sorted(exported)


def _comparable(contacts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    own = ("company_id", "id", "application_id", "updated_at", "version")
    bare = [{k: v for k, v in contact.items() if k not in own} for contact in contacts]
    return _sorted(bare)


def _sorted(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Which of two batches at once made its contacts first is left open."""
    return sorted(rows, key=lambda row: row["external_id"])


@pytest.mark.usefixtures("small_batches")
async def test_a_group_is_exported_whatever_its_type(place: Place) -> None:
    db, caller = place.db, place.tenant.caller
    florida = {"primary_addr_state": "FL"}
    made = await some_contacts(db, place.tenant, *[florida, {}] * 15)
    criteria = json.dumps(florida | {"id": {"$nin": [ids.show(made[0])]}})
    dynamic = NewGroup(type=GroupType.DYNAMIC, criteria=criteria)
    assert len(await place.exported(await create_group(db, caller, dynamic))) == 14
    by_path = NewGroup(type=GroupType.DYNAMIC, criteria='{"extended_attributes.a": "\'"}')
    assert await place.exported(await create_group(db, caller, by_path)) == []
    static = await create_group(db, caller, NewGroup())
    await add_members(db, caller, static, made[3:6])
    assert len(await place.exported(static)) == 3
    assert len(await place.exported()) == 30


async def test_an_export_fills_the_attachment_that_it_is_given(place: Place) -> None:
    await place.imported(plain(2))
    target = await place.upload("what was there before")
    await create_export(place.db, place.tenant.caller, target, None)
    await place.work()
    assert [row["first_name"] for row in await place.file(target)] == ["Ann0", "Ann1"]


@pytest.mark.usefixtures("small_batches")
async def test_an_export_that_was_cut_is_begun_anew(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.imported(plain(25))
    job = await create_export(place.db, place.tenant.caller, None, None)
    real, calls = exporting.window_end, []

    async def dies(*args: Any) -> Any:
        calls.append(args)
        if len(calls) > 2:
            raise Unavailable("gone")
        return await real(*args)

    with monkeypatch.context() as patched:
        patched.setattr(exporting, "window_end", dies)
        with pytest.raises(Unavailable):
            await place.worker.step()
    half = await place.job(job)
    assert (half["state"], half["done_count"]) == ("RUNNING", 20)
    await place.work()
    done = await place.job(job)
    rows = await place.file(done["attachment_id"])
    assert sorted(row["external_id"] for row in rows) == sorted(f"c{n}" for n in range(25))


@pytest.mark.usefixtures("small_batches")
async def test_a_deleted_export_stops(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await place.imported(plain(25))
    job = await create_export(place.db, place.tenant.caller, None, None)
    target = (await place.job(job))["attachment_id"]
    real, calls = exporting.window_end, []

    async def canceled(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            await cancel_job(place.db, place.tenant.caller, job, JobKind.EXPORT)
        return await real(*args)

    monkeypatch.setattr(exporting, "window_end", canceled)
    await place.work()
    assert len(calls) == 2
    assert await place.job(job) == {}
    with pytest.raises(InvalidInput, match="no content"):
        await find_content(place.db, place.tenant.company_id, target)


async def test_an_export_whose_attachment_or_group_is_gone_ends(place: Place) -> None:
    db, caller = place.db, place.tenant.caller
    await place.imported(plain(2))
    group = await create_group(db, caller, NewGroup())
    one = await create_export(db, caller, None, group)
    two = await create_export(db, caller, None, None)
    await delete_group(db, caller, group)
    target = (await place.job(two))["attachment_id"]
    await delete_attachment(db, place.files, place.tenant.company_id, target)
    await place.work()
    for job in (one, two):
        assert counts(await place.job(job)) == ("COMPLETED", 0, 0)


# ---------------------------------------------------------------- fairness


async def test_companies_with_fewer_jobs_under_way_go_first(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Place(place.db, place.files, await a_tenant(place.db, name=ids.show(ids.new_id())))
    mine = [
        await create_import(place.db, place.tenant.caller, await place.upload(plain(1)), None)
        for _ in range(3)
    ]
    theirs = await create_import(place.db, other.tenant.caller, await other.upload(plain(1)), None)
    running: list[UUID] = []
    both = asyncio.Event()

    async def waits(*args: Any) -> None:
        running.append(args[3].id)
        if len(running) == 2:
            both.set()
        async with asyncio.timeout(PATIENCE):
            await both.wait()

    monkeypatch.setattr("clarion.engine.contacts.jobs.working.run_import", waits)
    await asyncio.gather(place.worker.step(), place.worker.step())
    assert running == [mine[0], theirs]
    await place.work()

"""An export: a company's contacts, or a group's, as a CSV file with the columns of an import.

The contacts are gone through in the order of their ids, a window a transaction; the database
itself writes them as CSV. So each contact is in the file once, as it was at its turn, and memory
holds a window. A crash begins the file anew; what was written of it is thrown away.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from clarion.engine.attachments.content import store_content
from clarion.engine.contacts.accounts import ACCOUNTS
from clarion.engine.contacts.criteria import Compiled, InvalidCriteria
from clarion.engine.contacts.fast_access.model import Rules
from clarion.engine.contacts.fast_access.store import read_rules
from clarion.engine.contacts.groups.service import membership
from clarion.engine.contacts.groups.store import START, window_end
from clarion.engine.contacts.jobs import store
from clarion.engine.contacts.jobs.model import MAX_FILE, Job, Stopped
from clarion.engine.contacts.model import EXTENDED, IN_DOCUMENT
from clarion.engine.contacts.names import FAST_ACCESS, TEXTS
from clarion.errors import Conflict, NotFound
from clarion.log import get_logger
from clarion.storage.database import Database
from clarion.storage.files import FileStore

WINDOW = 5000  # contacts
EXPORT_ENDED = "contact_export.ended"

log = get_logger(__name__)

_EVERYBODY = Compiled("true", ())
_INSTANT = "to_char(c.{0} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
_ACCOUNTS = (  # without their tokens
    "coalesce((select jsonb_agg(a - 'access_token')"
    " from jsonb_array_elements(c.document -> 'account_list') as a),"
    " c.document -> 'account_list')::text"
)
_PLAIN: Sequence[tuple[str, str]] = (
    *((name, f"c.{name}") for name in ("external_id", "primary_mdn")),
    *((name, f"c.{name}") for name in TEXTS if name != "external_id"),
    ("birth_date", "to_char(c.birth_date, 'YYYY-MM-DD')"),
    ("voice_preference", "c.voice_preference"),
    *((name, _INSTANT.format(name))
      for name in ("first_acquisition_date", "last_acquisition_date")),
    *((name, f"c.document ->> '{name}'") for name in IN_DOCUMENT if name != ACCOUNTS),
    (ACCOUNTS, _ACCOUNTS),
    (EXTENDED, f"c.{EXTENDED}"),
)  # fmt: skip
"""The columns of every export, and what is in them."""


async def run_export(db: Database, files: FileStore, job: Job, node_id: UUID) -> None:
    """All of it. Stopped: it was canceled, or is another node's."""
    try:
        members = await _members(db, job)
        await store_content(
            db,
            files,
            job.company_id,
            job.attachment_id,
            _file(db, job, members, node_id),
            limit=MAX_FILE,
        )
    except Stopped:
        raise
    except (NotFound, Conflict, InvalidCriteria) as error:
        # Its group or its attachment is gone since, or is in use.
        log.warning(EXPORT_ENDED, company_id=job.company_id, reason=error.message)
        await store.count_exported(db, job, node_id, 0, datetime.now(UTC))


async def _members(db: Database, job: Job) -> Compiled:
    if job.group_id is None:
        return _EVERYBODY
    return await membership(db, job.company_id, job.group_id)


async def _file(db: Database, job: Job, members: Compiled, node_id: UUID) -> AsyncIterator[bytes]:
    columns = await _columns(db, job.company_id)
    yield _header([name for name, _ in columns])
    selected = ", ".join(sql for _, sql in columns)
    after, count = START, 0
    while (end := await window_end(db, job.company_id, after, WINDOW)) is not None:
        rows = bytearray()

        async def take(data: bytes, rows: bytearray = rows) -> None:
            rows += data

        async with db.transaction() as tx:
            count += await store.copy_window(
                tx, job.company_id, selected, members, (after, end), take
            )
        yield bytes(rows)
        if not await store.count_exported(db, job, node_id, count, datetime.now(UTC)):
            raise Stopped
        after = end


async def _columns(db: Database, company_id: int) -> list[tuple[str, str]]:
    rules = await read_rules(db, company_id)
    in_use = await store.columns_in_use(db, company_id)
    return [*_PLAIN, *_fast_access(rules, in_use)]


def _fast_access(rules: Rules, in_use: Sequence[int]) -> list[tuple[str, str]]:
    """The attributes that clients write: those that have a rule, and those that have values."""
    ruled = {rule.column for rule in rules.rules}
    used = {FAST_ACCESS[number - 1] for number in in_use}
    written = [c for c in FAST_ACCESS if c in ruled | used and c not in rules.derived]
    return [(f"fast_access.{rules.names[c]}" if c in rules.names else c, f"c.{c}") for c in written]


def _header(names: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(names)
    return text.getvalue().encode()

"""What a company can do with its keywords: make, change, replace and delete them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import msgspec

from clarion.engine.accounts.model import Caller
from clarion.engine.consent.addresses.store import Runner
from clarion.engine.consent.keywords import store
from clarion.engine.consent.keywords.directory import CHANNEL
from clarion.engine.consent.keywords.model import (
    MAX_EXPRESSIONS,
    MAX_KEYWORDS,
    KeywordChange,
    NewKeyword,
    check,
)
from clarion.engine.consent.keywords.reserved import BY_ID
from clarion.errors import Conflict, InvalidInput, NotAllowed, NotFound
from clarion.kit.changes import check_version, given
from clarion.kit.dates import to_epoch_ms
from clarion.kit.ere import is_literal
from clarion.kit.ids import new_id
from clarion.storage.database import Database


async def create_keyword(db: Database, caller: Caller, new: NewKeyword) -> UUID:
    """A keyword of the caller's company; its id."""
    check(new)
    now = datetime.now(UTC)
    id = new_id(at_ms=to_epoch_ms(now))

    async def work(tx: asyncpg.Connection) -> None:
        await _check_answer(tx, caller.company_id, new.reply_template)
        await _check_place(tx, caller.company_id, id, new)
        await tx.execute(
            store.SQL["insert_keyword"],
            *(caller.company_id, id, caller.application_id, *store.columns(new), now),
        )

    await db.run(work)
    _tell(db, caller)
    return id


async def change_keyword(db: Database, caller: Caller, id: UUID, change: KeywordChange) -> None:
    """Set what `change` names, if its version is current."""
    values = given(change)
    version = values.pop("version")

    async def work(tx: asyncpg.Connection) -> None:
        row = await _own(tx, caller, id, version)
        await _put(tx, caller, row, msgspec.structs.replace(store.as_new(row), **values))

    await db.run(work)
    _tell(db, caller)


async def replace_keyword(
    db: Database, caller: Caller, id: UUID, new: NewKeyword, *, version: int | None = None
) -> None:
    """All of it anew: what is not given is as if it had never been."""

    async def work(tx: asyncpg.Connection) -> None:
        row = await _own(tx, caller, id, version)
        await _put(tx, caller, row, new)

    await db.run(work)
    _tell(db, caller)


async def delete_keyword(db: Database, caller: Caller, id: UUID) -> None:
    """Mark it deleted; nothing finds it any more."""
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        await _own(tx, caller, id, None)
        await tx.execute(store.SQL["delete_keyword"], caller.company_id, id, now)

    await db.run(work)
    _tell(db, caller)


# ---------------------------------------------------------------- the steps


async def _own(tx: Runner, caller: Caller, id: UUID, version: int | None) -> store.Row:
    if id in BY_ID:
        raise NotAllowed("RESERVED keywords are everybody's; they cannot be changed.")
    row = await tx.fetchrow(store.SQL["lock_keyword"], caller.company_id, id)
    if row is None:
        raise NotFound
    check_version(version, row["version"])
    found: store.Row = row
    return found


async def _put(tx: Runner, caller: Caller, row: store.Row, new: NewKeyword) -> None:
    """What it answers with may be gone by now: only what is new has to be there."""
    check(new)
    company_id, id = caller.company_id, row["id"]
    if new.reply_template != row["reply_template"]:
        await _check_answer(tx, company_id, new.reply_template)
    await _check_place(tx, company_id, id, new)
    now = datetime.now(UTC)
    await tx.execute(store.SQL["update_keyword"], company_id, id, *store.columns(new), now)


async def _check_answer(tx: Runner, company_id: int, template: str | None) -> None:
    if template and not await tx.fetchval(store.SQL["has_template"], company_id, template):
        words = f"reply_template: there is no message template {template[:100]!r} to answer with."
        raise InvalidInput(words, field="reply_template")


async def _check_place(tx: Runner, company_id: int, id: UUID, new: NewKeyword) -> None:
    """The sender id is the company's, and there is room for one more."""
    if new.sender_id is not None and not await tx.fetchval(
        store.SQL["has_sender"], company_id, new.sender_id
    ):
        raise InvalidInput("sender_id: there is no such sender id.", field="sender_id")
    rows = await tx.fetch(store.SQL["values_of"], company_id, id, MAX_KEYWORDS)
    if len(rows) >= MAX_KEYWORDS:
        raise Conflict(f"A company has at most {MAX_KEYWORDS} keywords.")
    if is_literal(new.value):
        return
    if sum(not is_literal(row["value"]) for row in rows) >= MAX_EXPRESSIONS:
        words = f"value: at most {MAX_EXPRESSIONS} keywords of a company are more than plain words."
        raise Conflict(words, field="value")


def _tell(db: Database, caller: Caller) -> None:
    db.hint(CHANNEL, str(caller.company_id))

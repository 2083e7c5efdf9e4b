"""Contact access tokens: what an application on a device shows to speak for its contact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from clarion.engine.accounts.model import Caller
from clarion.engine.contacts.tokens import store
from clarion.engine.contacts.tokens.model import (
    DEFAULT_DURATION,
    MAX_TOKENS,
    Holder,
    Issued,
    digest,
    matches,
    new_secret,
    token_id,
    token_secret,
    token_text,
)
from clarion.errors import Conflict, NotAuthenticated, NotFound
from clarion.kit import ids
from clarion.kit.changes import check_version
from clarion.kit.dates import to_epoch_ms
from clarion.storage.database import Database

KEPT = timedelta(days=30)
"""How long tokens stay in lists after they have expired."""


async def issue_access_token(
    db: Database, caller: Caller, contact_id: UUID, duration: int | None
) -> Issued:
    """A credential for a contact, good for `duration` seconds."""
    now = datetime.now(UTC)
    seconds = duration or DEFAULT_DURATION
    id, secret = ids.new_id(at_ms=to_epoch_ms(now)), new_secret()
    expires_at = now + timedelta(seconds=seconds)
    made = await store.insert_access_token(
        db, (caller.company_id, contact_id, caller.application_id), id,
        hash=digest(secret), duration=seconds, expires_at=expires_at, now=now,
    )  # fmt: skip
    if not made:
        raise Conflict(f"The contact has {MAX_TOKENS} tokens already, or is no longer there.")
    return Issued(id, token_text(id, secret), expires_at)


async def renew_access_token(
    db: Database,
    caller: Caller,
    contact_id: UUID,
    id: UUID,
    *,
    duration: int | None,
    version: int | None = None,
) -> None:
    """It is good for its duration, or another one, from now on; expired ones live again."""
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        row = await store.lock_access_token(tx, caller.company_id, contact_id, id)
        if row is None:
            raise NotFound
        check_version(version, row["version"])
        seconds = duration or row["duration"]
        expires_at = now + timedelta(seconds=seconds)
        await store.renew_access_token(tx, caller.company_id, id, seconds, expires_at, now)

    await db.run(work)


async def revoke_access_token(db: Database, caller: Caller, contact_id: UUID, id: UUID) -> None:
    """It is good for nothing at once."""
    if not await store.delete_access_token(db, caller.company_id, contact_id, id):
        raise NotFound


async def find_holder(db: Database, text: str) -> Holder:
    """Whom an access token speaks for. NotAuthenticated: it is unknown, or has expired."""
    id = token_id(text)
    row = None if id is None else await store.read_access_token(db, id)
    good = row is not None and matches(token_secret(text), row["token_hash"])
    if row is None or not good or row["expires_at"] <= datetime.now(UTC):
        raise NotAuthenticated("The contact's access token is unknown or has expired.")
    return Holder(row["company_id"], row["contact_id"], row["application_id"])


async def forget_expired(db: Database) -> None:
    """Tokens that expired long ago. May run again and anywhere: it only deletes."""
    await store.forget_expired(db, datetime.now(UTC) - KEPT)

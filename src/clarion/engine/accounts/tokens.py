"""Access tokens: issue, revoke, refresh. Several may live for one application.

Whoever changes one hints on CHANGED, so that caches look again at once; without the hint they do
so within a second all the same (cache.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from asyncpg import Connection, Record

from clarion.engine.accounts import secrets
from clarion.engine.accounts.model import NewToken, expiry
from clarion.engine.accounts.store import SQL, Source
from clarion.errors import InvalidInput, NotAuthenticated, NotFound
from clarion.storage.database import Database

CHANGED = "clarion_tokens"
"""The channel of hints that a token was revoked."""

KEPT_DEAD = timedelta(days=30)
_TURNS = 64  # successors of one token that are told apart
_MAX_CREDENTIAL = 512
_NO_HASH = bytes(32)


async def issue_token(
    db: Source, company_id: int, application_id: int, *, validity_s: float = 0
) -> NewToken:
    """A new token of an application; `validity_s` 0: it does not expire."""
    now = datetime.now(UTC)
    made = NewToken(secrets.new_token(), expiry(now, validity_s))
    await _insert(db, company_id, application_id, made, now)
    return made


async def revoke_token(db: Database, company_id: int, application_id: int, *, token: str) -> None:
    """The token dies. NotFound: the application has no such live token."""
    now = datetime.now(UTC)
    found = await db.fetchval(
        SQL["revoke_token"], company_id, application_id, secrets.digest(token), now
    )
    if found is None:
        raise NotFound("The application has no such live token.")
    db.hint(CHANGED)


async def revoke_all_tokens(db: Database, company_id: int, application_id: int) -> int:
    """All tokens of the application die; how many there were."""
    now = datetime.now(UTC)
    dead = await db.fetch(SQL["revoke_all_tokens"], company_id, application_id, now)
    db.hint(CHANGED)
    return len(dead)


async def delete_dead_tokens(db: Database) -> int:
    """Forget tokens that have been dead for long. May run again and anywhere: it only deletes."""
    return len(await db.fetch(SQL["delete_dead_tokens"], datetime.now(UTC) - KEPT_DEAD))


# ---------------------------------------------------------------- refresh


@dataclass(frozen=True)
class _Owner:
    """The application that proved itself with key and secret."""

    company_id: int
    application_id: int
    secret: str


async def refresh_token(
    db: Database, *, key: str, secret: str, old_token: str, validity_s: float = 0
) -> NewToken:
    """A token in place of `old_token`, which dies at once if it is still alive.

    The token that an earlier refresh of the same old token made is returned again while it lives,
    so clients that share a token and refresh it together end up with one. An old token that the
    application never had, or that is forgotten, gets a token of its own.
    Raises NotAuthenticated (key or secret), InvalidInput (validity).
    """
    expiry(datetime.now(UTC), validity_s)
    if max(len(key), len(secret), len(old_token)) > _MAX_CREDENTIAL:
        raise InvalidInput("A credential is too long.")

    async def work(connection: Connection) -> NewToken:
        now = datetime.now(UTC)
        owner = await _prove(connection, key, secret)
        known = await _retire(connection, owner, old_token, now)
        if not known:
            return await _insert_new(connection, owner, secrets.new_token(), validity_s, now)
        return await _follow(connection, owner, old_token, validity_s, now)

    made = await db.run(work)
    db.hint(CHANGED)
    return made


async def _prove(connection: Connection, key: str, secret: str) -> _Owner:
    row = await connection.fetchrow(SQL["lock_application_by_key"], key)
    # An unknown key takes as long as a wrong secret.
    good = secrets.matches(secret, row["consumer_secret_hash"] if row else _NO_HASH)
    if row is None or not good:
        raise NotAuthenticated("The consumer key or the consumer secret is wrong.")
    return _Owner(row["company_id"], row["id"], secret)


async def _retire(connection: Connection, owner: _Owner, old_token: str, now: datetime) -> bool:
    """Whether the application had this token; it has it no more."""
    hash = secrets.digest(old_token)
    args = owner.company_id, owner.application_id
    if await connection.fetchval(SQL["revoke_token"], *args, hash, now):
        return True
    return bool(await connection.fetch(SQL["tokens_of_application"], *args, [hash]))


async def _follow(
    connection: Connection, owner: _Owner, old_token: str, validity_s: float, now: datetime
) -> NewToken:
    """The first successor that lives, or the first that has never been."""
    line = [secrets.successor(owner.secret, old_token, turn) for turn in range(_TURNS)]
    hashes = [secrets.digest(token) for token in line]
    args = owner.company_id, owner.application_id
    rows = await connection.fetch(SQL["tokens_of_application"], *args, hashes)
    been = {row["token_hash"]: row for row in rows}
    for token, hash in zip(line, hashes, strict=True):
        row = been.get(hash)
        if row is None:
            return await _insert_new(connection, owner, token, validity_s, now)
        if _alive(row, now):
            return NewToken(token, row["expires_at"])
    return await _insert_new(connection, owner, secrets.new_token(), validity_s, now)


def _alive(row: Record, now: datetime) -> bool:
    return row["revoked_at"] is None and (row["expires_at"] is None or row["expires_at"] > now)


async def _insert_new(
    connection: Connection, owner: _Owner, token: str, validity_s: float, now: datetime
) -> NewToken:
    made = NewToken(token, expiry(now, validity_s))
    await _insert(connection, owner.company_id, owner.application_id, made, now)
    return made


async def _insert(
    db: Source, company_id: int, application_id: int, made: NewToken, now: datetime
) -> None:
    hash = secrets.digest(made.token)
    await db.execute(SQL["insert_token"], company_id, application_id, hash, now, made.expires_at)

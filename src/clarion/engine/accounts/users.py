"""Users and their passwords (argon2id). Hashing runs in threads, few at once: each takes 64 MiB."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from clarion.engine.accounts import store
from clarion.engine.accounts.model import MAX_PASSWORD, User, check_name, check_password
from clarion.engine.accounts.store import SQL
from clarion.errors import NotAuthenticated, NotFound
from clarion.kit import ids
from clarion.storage.database import Database

_hasher = PasswordHasher()  # argon2id with the parameters of RFC 9106, section 4, second choice
_turns = asyncio.Semaphore(2)
_NOBODY = _hasher.hash("no user has this password")


async def create_user(db: Database, company_id: int, *, login: str, password: str) -> User:
    """A user who may sign in. Raises AlreadyExists, InvalidInput."""
    login = check_name(login, what="login").casefold()
    check_password(password)
    user = User(company_id, ids.new_id(), login, datetime.now(UTC), disabled_at=None)
    return await store.insert_user(db, user, await _hash(password))


async def verify_user(db: Database, *, login: str, password: str) -> User:
    """The user, if the password is right. NotAuthenticated says nothing about which is wrong."""
    found = await store.user_by_login(db, login.strip().casefold()[:MAX_PASSWORD])
    # A login that does not exist takes as long as a wrong password.
    good = await _verify(found[1] if found else _NOBODY, password)
    if found is None or not good or found[0].disabled_at is not None:
        raise NotAuthenticated("The login or the password is wrong.")
    user, password_hash = found
    if _hasher.check_needs_rehash(password_hash):
        await db.execute(SQL["set_password"], user.company_id, user.id, await _hash(password))
    return user


async def set_password(db: Database, company_id: int, user_id: UUID, *, password: str) -> None:
    check_password(password)
    await db.execute(SQL["set_password"], company_id, user_id, await _hash(password))


async def disable_user(db: Database, company_id: int, user_id: UUID) -> None:
    """The user may not sign in any more. NotFound: no such user, or disabled before."""
    now = datetime.now(UTC)
    if await db.fetchval(SQL["disable_user"], company_id, user_id, now) is None:
        raise NotFound("There is no such user, or it is disabled.")


async def _hash(password: str) -> str:
    async with _turns:
        return await asyncio.to_thread(_hasher.hash, password)


async def _verify(password_hash: str, password: str) -> bool:
    if len(password) > MAX_PASSWORD:
        return False
    async with _turns:
        return await asyncio.to_thread(_verify_now, password_hash, password)


def _verify_now(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False

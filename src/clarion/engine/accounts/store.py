"""The only SQL of accounts: rows in and out of the model."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from asyncpg import Record, UniqueViolationError

from clarion.engine.accounts.model import Application, Caller, Company, User
from clarion.errors import AlreadyExists
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)


class Source(Protocol):
    """The Database, where a statement runs by itself, or a connection in its transaction."""

    async def fetch(self, sql: str, /, *args: object) -> list[Record]: ...
    async def fetchrow(self, sql: str, /, *args: object) -> Record | None: ...
    async def fetchval(self, sql: str, /, *args: object) -> Any: ...
    async def execute(self, sql: str, /, *args: object) -> str: ...


async def insert_company(db: Source, name: str, weight: int, now: datetime) -> Company:
    try:
        row = await db.fetchrow(SQL["insert_company"], name, weight, now)
    except UniqueViolationError as error:
        raise AlreadyExists(f"There is a company named {name!r}.", field="name") from error
    return Company(**_stored(row))


async def list_companies(db: Source) -> list[Company]:
    return [Company(**row) for row in await db.fetch(SQL["list_companies"])]


async def company(db: Source, company_id: int) -> Company | None:
    row = await db.fetchrow(SQL["company_by_id"], company_id)
    return Company(**row) if row else None


async def insert_application(db: Source, wanted: Application, secret_hash: bytes) -> Application:
    """The application as stored; the database chooses its id."""
    try:
        row = await db.fetchrow(
            SQL["insert_application"],
            wanted.company_id,
            wanted.name,
            wanted.consumer_key,
            secret_hash,
            wanted.rate_limit,
            wanted.created_at,
        )
    except UniqueViolationError as error:
        words = f"The company has an application named {wanted.name!r}."
        raise AlreadyExists(words, field="name") from error
    return Application(**_stored(row))


async def list_applications(db: Source, company_id: int | None) -> list[Application]:
    return [Application(**row) for row in await db.fetch(SQL["list_applications"], company_id)]


async def application(db: Source, application_id: int) -> Application | None:
    row = await db.fetchrow(SQL["application_by_id"], application_id)
    return Application(**row) if row else None


async def caller_by_application(db: Source, company_id: int, application_id: int) -> Caller | None:
    row = await db.fetchrow(SQL["caller_by_application"], company_id, application_id)
    return Caller(**row) if row else None


async def callers_by_tokens(
    db: Source, hashes: list[bytes], now: datetime
) -> dict[bytes, tuple[Caller, datetime | None]]:
    """The live ones among the tokens: who calls with them, and until when."""
    rows = await db.fetch(SQL["callers_by_tokens"], hashes, now)
    return {row["token_hash"]: (_caller(row), row["expires_at"]) for row in rows}


def _caller(row: Record) -> Caller:
    return Caller(row["company_id"], row["application_id"], row["rate_limit"])


async def insert_user(db: Source, user: User, password_hash: str) -> User:
    try:
        row = await db.fetchrow(
            SQL["insert_user"],
            user.company_id, user.id, user.login, password_hash, user.created_at,
        )  # fmt: skip
    except UniqueViolationError as error:
        raise AlreadyExists(f"The login {user.login!r} is taken.", field="login") from error
    return User(**_stored(row))


async def user_by_login(db: Source, login: str) -> tuple[User, str] | None:
    """The user and the hash of the password."""
    row = await db.fetchrow(SQL["user_by_login"], login)
    if row is None:
        return None
    facts = dict(row)
    password_hash = facts.pop("password_hash")
    return User(**facts), password_hash


def _stored(row: Record | None) -> Record:
    """An insert with `returning` always has its row."""
    assert row is not None
    return row

"""Companies and applications: create, list; and the first ones of an empty database."""

from __future__ import annotations

from datetime import UTC, datetime

from asyncpg import Connection

from clarion.engine.accounts import secrets, store
from clarion.engine.accounts.model import (
    MAX_WEIGHT,
    Application,
    Company,
    Credentials,
    NewApplication,
    check_name,
)
from clarion.engine.accounts.store import SQL, Source
from clarion.engine.accounts.tokens import issue_token
from clarion.errors import InvalidInput, NotFound
from clarion.storage.database import Database

FIRST_NAME = "Clarion"


async def create_company(db: Source, *, name: str, weight: int = 1) -> Company:
    """A tenant; `weight` is its share of fair turns. Raises AlreadyExists, InvalidInput."""
    if not 1 <= weight <= MAX_WEIGHT:
        raise InvalidInput(f"A weight is 1 to {MAX_WEIGHT}.", field="weight")
    return await store.insert_company(db, check_name(name), weight, datetime.now(UTC))


async def list_companies(db: Source) -> list[Company]:
    return await store.list_companies(db)


async def get_company(db: Source, company_id: int) -> Company:
    found = await store.company(db, company_id)
    if found is None:
        raise NotFound(f"There is no company {company_id}.")
    return found


async def create_application(
    db: Source, company_id: int, *, name: str, rate_limit: float | None = None
) -> NewApplication:
    """An application with a new key and secret. Raises AlreadyExists, InvalidInput, NotFound."""
    if rate_limit is not None and not 0 <= rate_limit <= 1e6:
        raise InvalidInput("A rate limit is requests a second, 0 for none.", field="rate_limit")
    await get_company(db, company_id)
    consumer_secret = secrets.new_consumer_secret()
    wanted = Application(
        company_id=company_id,
        id=0,
        name=check_name(name),
        consumer_key=secrets.new_consumer_key(),
        rate_limit=rate_limit,
        created_at=datetime.now(UTC),
    )
    made = await store.insert_application(db, wanted, secrets.digest(consumer_secret))
    return NewApplication(made, consumer_secret)


async def list_applications(db: Source, company_id: int | None = None) -> list[Application]:
    """A company's applications; without a company everyone's, for the operator."""
    return await store.list_applications(db, company_id)


async def get_application(db: Source, application_id: int) -> Application:
    """By its id alone, for the operator: doors name the company as well."""
    found = await store.application(db, application_id)
    if found is None:
        raise NotFound(f"There is no application {application_id}.")
    return found


async def bootstrap(db: Database, known: Credentials | None = None) -> Credentials:
    """Credentials that work, for `clarion run`.

    Those known from an earlier start, if they are still good; else a new application in the first
    company, which is made if there is none. Several processes may do this at once.
    """

    async def work(connection: Connection) -> Credentials:
        await connection.execute(SQL["lock_bootstrap"])
        if known is not None and await _is_good(connection, known):
            return known
        companies = await store.list_companies(connection)
        company = companies[0] if companies else await create_company(connection, name=FIRST_NAME)
        return await _first_application(connection, company)

    return await db.run(work)


async def _is_good(connection: Connection, known: Credentials) -> bool:
    hash = secrets.digest(known.token)
    found = await store.callers_by_tokens(connection, [hash], datetime.now(UTC))
    if hash not in found:
        return False
    caller, _ = found[hash]
    return (caller.company_id, caller.application_id) == (known.company_id, known.application_id)


async def _first_application(connection: Connection, company: Company) -> Credentials:
    """Secrets of an application that exists cannot be shown again, so this makes another."""
    taken = {a.name for a in await store.list_applications(connection, company.id)}
    numbers = range(1, len(taken) + 2)
    name = next(n for n in (f"clarion run {i}" for i in numbers) if n not in taken)
    made = await create_application(connection, company.id, name=name)
    token = await issue_token(connection, company.id, made.application.id)
    return Credentials(
        company_id=company.id,
        application_id=made.application.id,
        consumer_key=made.application.consumer_key,
        consumer_secret=made.consumer_secret,
        token=token.token,
    )

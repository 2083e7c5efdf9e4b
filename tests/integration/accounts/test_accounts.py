"""Companies, applications, users and the first start."""

from __future__ import annotations

import asyncio

import pytest

from clarion.engine.accounts import secrets, service, tokens, users
from clarion.engine.accounts.model import NewApplication
from clarion.errors import AlreadyExists, InvalidInput, NotAuthenticated, NotFound
from clarion.storage.database import Database


async def test_companies_have_unique_names_and_are_listed_in_order(db: Database) -> None:
    first = await service.create_company(db, name=" Acme ", weight=3)
    second = await service.create_company(db, name="Bolt")
    with pytest.raises(AlreadyExists):
        await service.create_company(db, name="Acme")
    assert await service.list_companies(db) == [first, second]
    assert (first.name, first.weight) == ("Acme", 3)


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\nb"])
async def test_names_that_nobody_can_read_are_refused(db: Database, name: str) -> None:
    with pytest.raises(InvalidInput):
        await service.create_company(db, name=name)


async def test_a_consumer_secret_is_shown_once_and_stored_hashed(
    db: Database, made: NewApplication
) -> None:
    stored = await db.fetchval("select consumer_secret_hash from application")
    assert stored == secrets.digest(made.consumer_secret)
    assert made.consumer_secret not in repr(made)


async def test_application_names_are_unique_in_their_company(
    db: Database, made: NewApplication
) -> None:
    company_id = made.application.company_id
    with pytest.raises(AlreadyExists):
        await service.create_application(db, company_id, name="shop")
    other = await service.create_company(db, name="Bolt")
    await service.create_application(db, other.id, name="shop")
    assert [a.name for a in await service.list_applications(db, company_id)] == ["shop"]
    assert len(await service.list_applications(db)) == 2


async def test_an_application_needs_a_company_that_exists(db: Database) -> None:
    with pytest.raises(NotFound):
        await service.create_application(db, 4711, name="shop")


async def test_the_first_start_makes_company_application_and_token(db: Database) -> None:
    first = await service.bootstrap(db)
    assert [c.id for c in await service.list_companies(db)] == [first.company_id]
    assert await service.bootstrap(db, first) == first
    assert len(await service.list_applications(db)) == 1


async def test_credentials_that_stopped_working_are_replaced_by_another_application(
    db: Database,
) -> None:
    first = await service.bootstrap(db)
    await tokens.revoke_all_tokens(db, first.company_id, first.application_id)
    second = await service.bootstrap(db, first)
    assert second.company_id == first.company_id
    assert second.application_id != first.application_id


async def test_two_first_starts_at_once_make_one_company(db: Database) -> None:
    both = await asyncio.gather(service.bootstrap(db), service.bootstrap(db))
    assert len({found.company_id for found in both}) == 1


async def test_a_user_signs_in_with_the_right_password_only(
    db: Database, made: NewApplication
) -> None:
    company_id = made.application.company_id
    user = await users.create_user(db, company_id, login="Ada@Acme", password="correct horse")
    assert await users.verify_user(db, login="ada@acme ", password="correct horse") == user
    for login, password in [("ada@acme", "wrong horse"), ("bob@acme", "correct horse")]:
        with pytest.raises(NotAuthenticated):
            await users.verify_user(db, login=login, password=password)
    assert "argon2id" in await db.fetchval("select password_hash from user_account")


async def test_a_disabled_user_does_not_sign_in(db: Database, made: NewApplication) -> None:
    company_id = made.application.company_id
    user = await users.create_user(db, company_id, login="ada", password="correct horse")
    await users.disable_user(db, company_id, user.id)
    with pytest.raises(NotAuthenticated):
        await users.verify_user(db, login="ada", password="correct horse")
    with pytest.raises(NotFound):
        await users.disable_user(db, company_id, user.id)


async def test_a_new_password_replaces_the_old(db: Database, made: NewApplication) -> None:
    company_id = made.application.company_id
    user = await users.create_user(db, company_id, login="ada", password="correct horse")
    await users.set_password(db, company_id, user.id, password="battery staple")
    await users.verify_user(db, login="ada", password="battery staple")
    with pytest.raises(NotAuthenticated):
        await users.verify_user(db, login="ada", password="correct horse")


async def test_logins_are_unique_and_passwords_long_enough(
    db: Database, made: NewApplication
) -> None:
    company_id = made.application.company_id
    await users.create_user(db, company_id, login="ada", password="correct horse")
    with pytest.raises(AlreadyExists):
        await users.create_user(db, company_id, login="ADA", password="correct horse")
    with pytest.raises(InvalidInput):
        await users.create_user(db, company_id, login="bob", password="short")

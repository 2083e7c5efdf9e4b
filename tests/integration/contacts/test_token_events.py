"""application_token_state_change: from every way that a token comes and goes to the event."""

from __future__ import annotations

from uuid import UUID

import pytest
from tests.factories import Tenant, a_tenant
from tests.subscribers import Subscriber, a_subscriber, announced, without_owner

from clarion.engine.contacts.model import read_value
from clarion.engine.contacts.service import create_contact, delete_contact
from clarion.engine.contacts.tokens.model import Holder, NewToken, Provider, TokenChange
from clarion.engine.contacts.tokens.service import (
    change_token,
    create_token,
    delete_token,
    mark_dead_tokens,
    register_token,
    unregister_token,
)
from clarion.kit import ids
from clarion.storage.database import Database

TOPIC, MOVED = "SCG-Contact", "application_token_state_change"
APP = "com.example.app"
_names = iter(range(1000))


@pytest.fixture
async def tenant(shared_db: Database) -> Tenant:
    return await a_tenant(shared_db, name=f"token company {next(_names)}")


@pytest.fixture
async def by(shared_db: Database, tenant: Tenant) -> Subscriber:
    return await a_subscriber(shared_db, tenant.caller, TOPIC, MOVED)


async def a_contact(db: Database, tenant: Tenant) -> UUID:
    name = f"contact {next(_names)}"
    values = {"external_id": read_value("external_id", name)}
    return await create_contact(db, tenant.caller, values)


def a_token(token: str) -> NewToken:
    return NewToken(sender_id_address=APP, message_delivery_provider=Provider.FCM, token=token)


def holder(tenant: Tenant, contact: UUID) -> Holder:
    return Holder(tenant.company_id, contact, tenant.caller.application_id)


async def states(by: Subscriber, contact: UUID) -> list[str]:
    return [e.fields["new_state"] for e in await by.told() if e.key == ids.show(contact)]


async def dead(db: Database, tenant: Tenant, *tokens: str) -> None:
    await db.run(lambda tx: mark_dead_tokens(tx, tenant.company_id, tokens))


async def test_a_token_that_a_company_keeps(
    shared_db: Database, tenant: Tenant, by: Subscriber
) -> None:
    contact = await a_contact(shared_db, tenant)
    id = await create_token(shared_db, tenant.caller, contact, a_token("a"))
    for _ in range(2):
        await dead(shared_db, tenant, "a", "nobody's")
    change = TokenChange(token="b")
    await change_token(shared_db, tenant.caller, contact, id, change)
    await change_token(shared_db, tenant.caller, contact, id, TokenChange(sender_id_address="x"))
    await delete_token(shared_db, tenant.caller, contact, id)
    assert await states(by, contact) == ["ACTIVE", "INVALID", "ACTIVE", "DELETED"]
    first = (await by.told())[0]
    assert without_owner(first.fields) == {
        "new_state": "ACTIVE",
        "sender_id_address": APP,
        "contact_id": ids.show(contact),
    }
    assert first.fields["application_id"] == tenant.caller.application_id


async def test_a_device_that_registers_again_and_again_is_told_once(
    shared_db: Database, tenant: Tenant, by: Subscriber
) -> None:
    contact = await a_contact(shared_db, tenant)
    for _ in range(3):
        await register_token(shared_db, holder(tenant, contact), a_token("a"))
    await dead(shared_db, tenant, "a")
    await register_token(shared_db, holder(tenant, contact), a_token("a"))
    await unregister_token(shared_db, holder(tenant, contact), a_token("a"))
    assert await states(by, contact) == ["ACTIVE", "INVALID", "ACTIVE", "DELETED"]


async def test_a_device_that_changes_hands_is_told_of_both(
    shared_db: Database, tenant: Tenant, by: Subscriber
) -> None:
    one, two = [await a_contact(shared_db, tenant) for _ in range(2)]
    for contact in (one, two):
        await register_token(shared_db, holder(tenant, contact), a_token("a"))
    assert await states(by, one) == ["ACTIVE", "DELETED"]
    assert await states(by, two) == ["ACTIVE"]


async def test_a_contact_that_is_deleted_takes_its_tokens_along(
    shared_db: Database, tenant: Tenant, by: Subscriber
) -> None:
    contact = await a_contact(shared_db, tenant)
    for token in ("a", "b"):
        await create_token(shared_db, tenant.caller, contact, a_token(token))
    await delete_contact(shared_db, tenant.caller, contact)
    assert await states(by, contact) == ["ACTIVE", "ACTIVE", "DELETED", "DELETED"]


async def test_where_nobody_has_subscribed_nothing_is_written(
    shared_db: Database, tenant: Tenant
) -> None:
    contact = await a_contact(shared_db, tenant)
    await create_token(shared_db, tenant.caller, contact, a_token("a"))
    await delete_contact(shared_db, tenant.caller, contact)
    assert await announced(shared_db, tenant.company_id) == 0

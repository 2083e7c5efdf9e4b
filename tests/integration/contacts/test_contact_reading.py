"""Contacts below the door: what other subjects read of them and write into them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.factories import Tenant, a_tenant
from tests.waiting import eventually

from clarion.engine.contacts.fast_access.model import NewRule
from clarion.engine.contacts.fast_access.service import create_rule
from clarion.engine.contacts.groups import member_slice
from clarion.engine.contacts.groups.model import GroupType, NewGroup
from clarion.engine.contacts.groups.service import add_members, create_group
from clarion.engine.contacts.model import read_value
from clarion.engine.contacts.profile import opted_in, store_keyword, store_keywords
from clarion.engine.contacts.reading import contacts_for_sending
from clarion.engine.contacts.service import change_contact, create_contact, delete_contact
from clarion.engine.contacts.tokens.access import find_holder, issue_access_token
from clarion.engine.contacts.tokens.model import NewToken, Provider
from clarion.engine.contacts.tokens.service import create_token, mark_dead_tokens, register_token
from clarion.errors import NotAuthenticated, NotFound
from clarion.kit import ids
from clarion.storage.database import Database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WAITING = """
select count(*) from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock'
"""
_names = iter(range(1000))


@pytest.fixture
async def tenant(shared_db: Database) -> Tenant:
    return await a_tenant(shared_db, name=f"company {next(_names)}")


async def make(db: Database, tenant: Tenant, **raw: Any) -> UUID:
    values = {name: read_value(name, value) for name, value in raw.items()}
    return await create_contact(db, tenant.caller, values)


async def row(db: Database, tenant: Tenant, id: UUID) -> Any:
    return await db.fetchrow(
        "select * from contact where company_id = $1 and id = $2", tenant.company_id, id
    )


# ---------------------------------------------------------------- for sending


async def test_messages_read_all_that_leads_to_a_contact(
    shared_db: Database, tenant: Tenant
) -> None:
    db = shared_db
    await create_rule(db, tenant.caller, NewRule(number=1, name="Color", script="$..color"))
    id = await make(
        db, tenant, primary_mdn="+12125550123", primary_email_addr="ada@example.com",
        primary_social_handle="fb:1@x", social_handles=["we:2@y", "fb:1@x"],
        primary_addr_country="usa", primary_addr_zip="10001", preferred_language="es",
        first_name="Ada", birth_date="1990-01-02", extended_attributes='{"color": "red"}',
        address_list=[{"city": "Tampa"}],
    )  # fmt: skip
    for number in (1, 2, 3):
        new = NewToken(sender_id_address="app", message_delivery_provider=Provider.APN,
                       token=f"t{number}")  # fmt: skip
        await create_token(db, tenant.caller, id, new)
    async with db.transaction() as tx:
        assert len(await mark_dead_tokens(tx, tenant.company_id, ["t2", "unknown"])) == 1
        found = await contacts_for_sending(tx, tenant.company_id, [id, ids.new_id()])
    contact = found.pop(id)
    assert not found
    assert (contact.primary_mdn, contact.email) == ("+12125550123", "ada@example.com")
    assert contact.tokens == (("APN", "app", "t3"), ("APN", "app", "t1"))
    assert contact.social_handles == ("fb:1@x", "we:2@y")
    assert (contact.country, contact.zip, contact.language) == ("US", "10001", "es")
    attributes = dict(contact.attributes)
    assert attributes["first_name"] == "Ada"
    assert attributes["birth_date"] == "1990-01-02"
    assert attributes["Color"] == "red"
    assert attributes["fast_access"] == {"Color": "red"}
    assert attributes["extended_attributes"] == {"color": "red"}
    assert attributes["address_list"] == [{"city": "Tampa"}]


@pytest.mark.parametrize(
    ("written", "country"), [("US", "US"), ("de", "DE"), ("GBR", "GB"), ("gbr", "GB"), (None, None)]
)
async def test_a_contacts_country_is_known_by_two_letters(
    shared_db: Database, tenant: Tenant, written: str | None, country: str | None
) -> None:
    id = await make(shared_db, tenant, primary_addr_country=written)
    found = await contacts_for_sending(shared_db, tenant.company_id, [id])
    assert found[id].country == country


async def test_nobody_reads_deleted_contacts_or_another_companys(
    shared_db: Database, tenant: Tenant
) -> None:
    db, stranger = shared_db, await a_tenant(shared_db, name=f"company {next(_names)}")
    gone, theirs = await make(db, tenant), await make(db, stranger)
    await delete_contact(db, tenant.caller, gone)
    assert await contacts_for_sending(db, tenant.company_id, [gone, theirs]) == {}
    assert await contacts_for_sending(db, tenant.company_id, []) == {}


# ---------------------------------------------------------------- opt-ins and keywords


async def test_opt_ins_set_the_first_and_the_last_acquisition(
    shared_db: Database, tenant: Tenant
) -> None:
    db, mdn = shared_db, "+12125550124"
    id = await make(db, tenant, primary_mdn=mdn)
    later, earlier = NOON + timedelta(days=2), NOON - timedelta(days=2)
    for at, expected, version in (
        (NOON, (NOON, NOON), 2),
        (later, (NOON, later), 3),
        (NOON, (NOON, later), 3),
        (earlier, (earlier, later), 4),
        (earlier, (earlier, later), 4),
    ):
        async with db.transaction() as tx:
            await opted_in(tx, tenant.company_id, {mdn: at, "+12125550999": at})
        found = await row(db, tenant, id)
        dates = found["first_acquisition_date"], found["last_acquisition_date"]
        assert (dates, found["version"]) == (expected, version)


async def test_keywords_become_interests_once_and_rules_see_them(
    shared_db: Database, tenant: Tenant
) -> None:
    db, mdn = shared_db, "+12125550125"
    await create_rule(db, tenant.caller, NewRule(number=4, script="$.interest_list[*].code"))
    id = await make(db, tenant, primary_mdn=mdn, interest_list=[{"name": "by hand"}])
    async with db.transaction() as tx:
        await store_keyword(tx, tenant.company_id, mdn, "SPORTS")
        await store_keywords(
            tx, tenant.company_id, {mdn: [("SPORTS", "x"), ("NEWS", "News")], "+12125550998": []}
        )
    found = await row(db, tenant, id)
    assert found["document"]["interest_list"] == [
        {"name": "by hand"},
        {"code": "SPORTS", "name": "SPORTS", "source": "KEYWORD"},
        {"code": "NEWS", "name": "News", "source": "KEYWORD"},
    ]
    assert (found["fast_access_4"], found["version"]) == ("SPORTS", 3)


async def test_nobody_becomes_a_contact_by_a_keyword_or_an_opt_in(
    shared_db: Database, tenant: Tenant
) -> None:
    async with shared_db.transaction() as tx:
        await store_keyword(tx, tenant.company_id, "+12125550126", "SPORTS")
        await opted_in(tx, tenant.company_id, {"+12125550126": NOON})
        await opted_in(tx, tenant.company_id, {})
        await store_keywords(tx, tenant.company_id, {})
    counted = await shared_db.fetchval(
        "select count(*) from contact where company_id = $1", tenant.company_id
    )
    assert counted == 0


# ---------------------------------------------------------------- together


async def test_two_changes_at_once_are_both_made(shared_db: Database, tenant: Tenant) -> None:
    id = await make(shared_db, tenant)
    await asyncio.gather(
        *(
            change_contact(shared_db, tenant.caller, id, {name: name}, version=None)
            for name in ("first_name", "last_name", "primary_addr_city", "primary_addr_zip")
        )
    )
    found = await row(shared_db, tenant, id)
    assert found["version"] == 5
    assert [found["first_name"], found["primary_addr_zip"]] == ["first_name", "primary_addr_zip"]


async def test_a_deleted_contact_leaves_its_groups_and_its_tokens(
    shared_db: Database, tenant: Tenant
) -> None:
    db = shared_db
    id, other = await make(db, tenant), await make(db, tenant)
    group = await create_group(db, tenant.caller, NewGroup(name="all", type=GroupType.STATIC))
    await add_members(db, tenant.caller, group, [id, other])
    issued = await issue_access_token(db, tenant.caller, id, None)
    holder = await find_holder(db, issued.text)
    push = NewToken(sender_id_address="a", message_delivery_provider=Provider.FCM, token="t")
    await register_token(db, holder, push)
    await delete_contact(db, tenant.caller, id)
    assert await member_slice(db, tenant.company_id, group, None, 10) == [other]
    with pytest.raises(NotAuthenticated):
        await find_holder(db, issued.text)
    left = await db.fetchval(
        "select count(*) from application_token where company_id = $1", tenant.company_id
    )
    assert left == 0


async def test_a_token_for_a_contact_that_is_being_deleted_waits_and_is_not_made(
    shared_db: Database, tenant: Tenant
) -> None:
    """Otherwise it would be left behind, and speak for nobody."""
    db = shared_db
    id = await make(db, tenant)
    holder = await find_holder(db, (await issue_access_token(db, tenant.caller, id, 60)).text)
    push = NewToken(sender_id_address="a", message_delivery_provider=Provider.FCM, token="late")
    async with db.transaction() as tx:
        await tx.execute(
            "update contact set deleted_at = now() where company_id = $1 and id = $2",
            tenant.company_id, id,
        )  # fmt: skip
        registering = asyncio.create_task(register_token(db, holder, push))
        await eventually(lambda: db.fetchval(WAITING))
    with pytest.raises(NotFound):
        await registering

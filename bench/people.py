"""Contacts for benchmarks: a group of people with names, who have opted in."""

from __future__ import annotations

from datetime import UTC, datetime

from clarion.engine.accounts.model import Caller
from clarion.engine.contacts import store
from clarion.engine.contacts.groups.model import NewGroup
from clarion.engine.contacts.groups.service import add_members, create_group
from clarion.engine.contacts.model import new_row
from clarion.engine.senders.templates.model import NewTemplate
from clarion.engine.senders.templates.service import create_template
from clarion.kit import ids
from clarion.storage.database import Database

BATCH = 5000
TEMPLATE = "offer"
PATTERN = "Dear $contact.first_name $contact.last_name of $contact.primary_addr_city, $offer"
BODY = '#set($offer="today everything is half price for you. Reply STOP to end.")\n#parse("offer")'


async def fill_group(db: Database, *, address: str, count: int) -> str:
    """The group as a recipient of a message request."""
    row = await db.fetchrow(
        "select s.company_id, s.id, a.id as application_id from sender_id s "
        "join application a on a.company_id = s.company_id where s.address = $1",
        address,
    )
    assert row is not None
    caller = Caller(row["company_id"], row["application_id"])
    await create_template(db, caller, NewTemplate(name=TEMPLATE, pattern=PATTERN))
    group = await create_group(db, caller, NewGroup(name="everybody"))
    for first in range(0, count, BATCH):
        people = [_person(first + n) for n in range(min(BATCH, count - first))]
        async with db.transaction() as tx:
            await store.insert(tx, caller.company_id, people, datetime.now(UTC))
        await add_members(db, caller, group, [person["id"] for person in people])
        await db.execute(
            _AGREE, caller.company_id, [ids.new_id() for _ in people], row["id"],
            [person["primary_mdn"] for person in people],
        )  # fmt: skip
    await db.execute("analyze contact")
    await db.execute("analyze contact_group_member")
    await db.execute("analyze contact_address_status")
    return f"group:{ids.show(group)}"


def _person(number: int) -> store.Row:
    return new_row() | {
        "id": ids.new_id(),
        "primary_mdn": f"+4915120{number:06d}",
        "external_id": f"customer {number}",
        "first_name": f"Ann{number}",
        "last_name": "Other",
        "primary_addr_city": "Berlin",
        "primary_addr_zip": "10115",
        "primary_addr_country": "DE",
        "primary_email_addr": f"ann{number}@example.com",
    }


_AGREE = """
insert into contact_address_status (
    company_id, id, sender_id, address_type, address, consent_status, updated_at
)
select $1, i.id, $3, 'MDN', i.address, 'OPTIN', now()
from unnest($2::uuid[], $4::text[]) as i (id, address)
"""

"""Contacts for tests, straight into the table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
from tests.factories import Tenant

from clarion.engine.contacts.groups import leave_groups
from clarion.kit import ids
from clarion.storage.database import Database

_COLUMNS = ("first_name", "primary_addr_state", "primary_mdn", "birth_date", "document")


async def some_contacts(db: Database, tenant: Tenant, *contacts: dict[str, Any]) -> list[UUID]:
    """One for each dictionary of columns; their ids ascend."""
    now = datetime.now(UTC)
    made = [ids.new_id() for _ in contacts]
    rows = [
        (tenant.company_id, id, now, *(_value(contact, name) for name in _COLUMNS))
        for id, contact in zip(made, contacts, strict=True)
    ]
    async with db.transaction() as tx:
        await tx.copy_records_to_table(
            "contact", records=rows, columns=("company_id", "id", "updated_at", *_COLUMNS)
        )
    return made


def _value(contact: dict[str, Any], name: str) -> Any:
    return contact.get(name, {} if name == "document" else None)


async def delete_contact(db: Database, tenant: Tenant, contacts: Sequence[UUID]) -> None:
    await db.run(lambda tx: delete_in(tx, tenant, contacts))


async def delete_in(tx: asyncpg.Connection, tenant: Tenant, contacts: Sequence[UUID]) -> None:
    """As the contacts' own service does it: marked, then out of all groups."""
    await tx.execute(
        "update contact set deleted_at = $3 where company_id = $1 and id = any($2::uuid[])",
        tenant.company_id, contacts, datetime.now(UTC),
    )  # fmt: skip
    await leave_groups(tx, tenant.company_id, contacts)

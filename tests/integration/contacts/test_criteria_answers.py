"""What SQL answers to queries for contacts is what the documentation says, contact by contact."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from evaluator import Contact, a_contact, a_query, matches

from clarion.engine.contacts.criteria import compile_criteria
from clarion.kit import ids
from clarion.storage.database import Database

NAMES = {"Color": "fast_access_3"}
TEXTS = ("first_name", "last_name", "primary_addr_state", "preferred_language", "fast_access_3")
IN_DOCUMENT = (
    *("extended_attributes", "interest_list", "address_list", "account_list", "social_handles"),
)
COUNT, QUERIES = 150, 400


@pytest.fixture(scope="module")
async def contacts(shared_db: Database) -> tuple[int, dict[UUID, Contact]]:
    """A company's contacts, made at random; another company has the same."""
    rng = random.Random(7)
    made = [a_contact(rng) for _ in range(COUNT)]
    companies = [
        await shared_db.fetchval(
            "insert into company (name, created_at) values ($1, $2) returning id",
            name,
            datetime.now(UTC),
        )
        for name in ("one", "two")
    ]
    for company in companies:
        stored = {await _store(shared_db, company, each): each for each in made}
    await shared_db.execute("analyze contact")
    return companies[-1], stored


async def _store(db: Database, company: int, contact: Contact) -> UUID:
    id = ids.new_id(at_ms=int(contact["created_date"].timestamp() * 1000))
    birth = contact.get("birth_date")
    columns: dict[str, Any] = {name: contact.get(name) for name in TEXTS} | {
        "company_id": company,
        "id": id,
        "application_id": contact.get("application_id"),
        "birth_date": birth and date.fromisoformat(birth),
        "last_acquisition_date": contact.get("last_acquisition_date"),
        "updated_at": contact["last_updated_date"],
        "version": contact["version_number"],
        "document": {name: contact[name] for name in IN_DOCUMENT if name in contact},
    }
    places = ", ".join(f"${at}" for at in range(1, len(columns) + 1))
    await db.execute(
        f"insert into contact ({', '.join(columns)}) values ({places})", *columns.values()
    )
    return id


async def _answer(db: Database, company: int, query: dict[str, Any]) -> set[UUID]:
    compiled = compile_criteria(json.dumps(query), NAMES)
    rows = await db.fetch(
        "select id from contact c where company_id = $1 and deleted_at is null "
        f"and ({compiled.condition(2)})",
        company,
        *compiled.args,
    )
    return {row["id"] for row in rows}


@pytest.mark.parametrize("seed", range(4))
async def test_sql_and_plain_python_answer_the_same(
    shared_db: Database, contacts: tuple[int, dict[UUID, Contact]], seed: int
) -> None:
    company, stored = contacts
    rng = random.Random(seed)
    sizes = set()
    for _ in range(QUERIES // 4):
        query = a_query(rng)
        expected = {id for id, contact in stored.items() if matches(query, contact)}
        answered = await _answer(shared_db, company, query)
        assert answered == expected, (json.dumps(query), _first(answered ^ expected, stored))
        sizes.add(len(expected))
    assert len(sizes) > 20  # the queries tell contacts apart


def _first(differing: set[UUID], stored: dict[UUID, Contact]) -> Contact | None:
    return next((stored[id] for id in differing), None)

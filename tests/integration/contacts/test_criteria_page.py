"""docs/criteria.md: its examples match what it says, and its faults are refused in its words."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.factories import Tenant, a_tenant

from clarion.engine.contacts.criteria import InvalidCriteria, compile_criteria
from clarion.engine.contacts.criteria.attributes import ATTRIBUTES
from clarion.engine.contacts.criteria.model import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_TERMS,
    MAX_VALUES,
    Operator,
)
from clarion.engine.contacts.criteria.reading import MAX_DIGITS
from clarion.engine.contacts.groups import criteria_slice
from clarion.kit import ids
from clarion.storage.database import Database

PAGE = (Path(__file__).parents[3] / "docs/criteria.md").read_text("utf-8")
COLUMNS = ("primary_mdn", "primary_addr_state", "preferred_language", "fast_access_1")
NAMES = {"Color": "fast_access_1"}


def block(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


EXAMPLES = [
    (query, [name for name in names.split(", ") if name])
    for query, names in re.findall(r"^\| `(\{.*\})` \| ([A-Za-z, ]*) \|$", PAGE, re.MULTILINE)
]
FAULTS = [re.split(r"\s{2,}(?=criteria: )", line) for line in block("text faults").splitlines()]


@pytest.fixture(scope="module")
async def people(shared_db: Database) -> tuple[Tenant, dict[UUID, str]]:
    tenant = await a_tenant(shared_db)
    await shared_db.execute(
        "insert into fast_access_rule (company_id, id, number, name, updated_at) "
        "values ($1, $2, 1, 'Color', now())",
        tenant.company_id,
        ids.new_id(),
    )
    contacts = json.loads(block("json contacts"))
    return tenant, {
        await _store(shared_db, tenant, {"first_name": name} | contact): name
        for name, contact in contacts.items()
    }


async def _store(db: Database, tenant: Tenant, contact: dict[str, Any]) -> UUID:
    id = ids.new_id()
    born = contact.pop("birth_date", None)
    columns = {name: contact.pop(name) for name in ("first_name", *COLUMNS) if name in contact}
    values = columns | {
        "company_id": tenant.company_id,
        "id": id,
        "updated_at": datetime.now(UTC),
        "birth_date": born and date.fromisoformat(born),
        "document": contact,
    }
    places = ", ".join(f"${at}" for at in range(1, len(values) + 1))
    await db.execute(
        f"insert into contact ({', '.join(values)}) values ({places})", *values.values()
    )
    return id


def test_the_page_has_examples_and_every_operator() -> None:
    assert len(EXAMPLES) > 20
    assert len(FAULTS) == 5
    for name in (*Operator, *ATTRIBUTES):
        assert f"`{name}" in PAGE or name.startswith("fast_access_"), name
    for limit in (MAX_BYTES // 1024, MAX_DEPTH, MAX_TERMS, f"{MAX_VALUES:,}", MAX_DIGITS):
        assert re.search(rf"Limits:.*\b{limit} ", PAGE), limit


@pytest.mark.parametrize(("query", "names"), EXAMPLES)
async def test_an_example_matches_whom_the_page_says(
    shared_db: Database, people: tuple[Tenant, dict[UUID, str]], query: str, names: list[str]
) -> None:
    tenant, known = people
    found = await criteria_slice(shared_db, tenant.company_id, query, None, 100)
    assert [known[id] for id in found] == names


@pytest.mark.parametrize(("query", "words"), FAULTS)
def test_a_fault_is_refused_in_the_pages_words(query: str, words: str) -> None:
    with pytest.raises(InvalidCriteria) as caught:
        compile_criteria(query, NAMES)
    assert caught.value.message == words


def test_every_query_of_the_page_can_be_read() -> None:
    for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL):
        assert compile_criteria(text, NAMES)
    for text in re.findall(r"^Several .*`(\{.*\})`", PAGE, re.MULTILINE):
        assert compile_criteria(text, NAMES)

"""Lists of contacts: every filter, sorting and pages, in both wire forms."""

from __future__ import annotations

import pytest
from harness import REFERENCE, Client, Reply
from test_contacts import CONTACTS, WHOLE, listed, make, read


async def people(client: Client) -> dict[str, str]:
    """Ada and Bob, in that order."""
    ada = await make(client, **WHOLE)
    bob = await make(client, first_name="Bob", primary_addr_state="NY", primary_mdn="+15550009999",
                     birth_date="1990-05-05", external_id="c-2, with a comma")  # fmt: skip
    return {"ada": ada, "bob": bob}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "bob ada"),
        ("id={ada}", "ada"),
        ("id={ada},{bob}", "bob ada"),
        ("external_id=c-1", "ada"),
        ("external_id=c-2,%20with%20a%20comma", "bob"),
        ("first_name=Ada", "ada"),
        ("first_name=Ada,Bob", "bob ada"),
        ("first_name=ada", ""),
        ("last_name=Lovelace", "ada"),
        ("birth_date=1815-12-10", "ada"),
        ("birth_date=[1800-01-01,1900-01-01]", "ada"),
        ("birth_date=[1900-01-01,]", "bob"),
        ("first_acquisition_date=1600000000000", "ada"),
        ("first_acquisition_date=[2020-09-01,2020-09-30]", "ada"),
        ("last_acquisition_date=[,2023-01-01]", ""),
        ("last_acquisition_date=[2023-11-14T00:00:00.000Z,2023-11-15T00:00:00.000Z]", "ada"),
        ("primary_mdn=%2B15550001234", "ada"),
        ("primary_mdn=+15550001234", "ada"),
        ("primary_mdn=15550009999", "bob"),
        ("primary_addr_line1=1 Main Street", "ada"),
        ("primary_addr_line2=2nd floor", "ada"),
        ("primary_addr_city=Tampa", "ada"),
        ("primary_addr_zip=33602", "ada"),
        ("primary_addr_state=FL,CA", "ada"),
        ("primary_addr_state=FL&first_name=Bob", ""),
        ("primary_email_addr=ada@example.com", "ada"),
        ("primary_email_addr=ada@EXAMPLE.com", "ada"),
        ("primary_email_addr=mailto:ada@example.com,bob", "ada"),
        ("primary_email_addr=Ada@example.com", ""),
        ("primary_addr_country=US", "ada"),
        ("primary_addr_country=us", "ada"),
        ("primary_addr_country=usa", "ada"),
        ("primary_addr_country=null", ""),
        ("application_id={application}", "bob ada"),
        ("application_id=1", ""),
        ("created_date=[2020-01-01T00:00:00.000Z,2020-02-01T00:00:00.000Z]", ""),
        ("created_date=[2020-01-01T00:00:00.000Z,]", "bob ada"),
        ("last_updated_date=[2020-01-01T00:00:00.000Z,]", "bob ada"),
        ("last_updated_date=[,2020-01-01T00:00:00.000Z]", ""),
        ("state=DELETED", "bob ada"),
        ("sort=created_date", "ada bob"),
        ("sort=-last_updated_date", "bob ada"),
        ("sort=primary_addr_state", "ada bob"),
        ("sort=-primary_addr_state,first_name", "bob ada"),
        ("limit=1", "bob"),
        ("limit=1&offset=1", "ada"),
        ("offset=2", ""),
    ],
)
async def test_filters_sorting_and_pages(client: Client, query: str, found: str) -> None:
    made = await people(client)
    query = query.format(**made, application=client.caller.application_id)
    names = {id: name for name, id in made.items()}
    assert [names[id] for id in await listed(client, query)] == found.split()


async def test_the_reference_form_lists_an_array_with_paging_headers(client: Client) -> None:
    await people(client)
    reply = await client.in_form(REFERENCE).get(f"{CONTACTS}?limit=1")
    assert [each["first_name"] for each in reply.json] == ["Bob"]
    assert reply.headers["X-Total-Count"] == "2"
    assert 'rel="next"' in reply.headers["Link"]


@pytest.mark.parametrize(
    "query",
    [
        "birth_date=yesterday",
        "birth_date=[1900-02-30,]",
        "application_id=x",
        "created_date=[2020]",
        "sort=address_list",
        "sort=fast_access.unknown",
        "fast_access.unknown=1",
        "limit=-1",
    ],
)
async def test_a_filter_that_cannot_be_used_is_refused(client: Client, query: str) -> None:
    reply = await client.get(f"{CONTACTS}?{query}")
    assert (reply.status, reply.code) == (400, "400")


async def test_lists_of_contacts_hold_all_that_one_shows(client: Client) -> None:
    id = await make(client, **WHOLE)
    reply: Reply = await client.get(CONTACTS)
    assert reply.json["list"] == [await read(client, id)]
    assert {k: v for k, v in reply.json.items() if k != "list"} == {
        "total": 1,
        "offset": 0,
        "limit": 100,
    }

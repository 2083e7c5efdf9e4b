"""The declarative layer on a resource of the test's own: what no resource of today uses yet."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import pytest
from harness import Client, Site, SiteMaker
from msgspec import Meta, Struct

from clarion.api.call import Door
from clarion.api.errors import problem
from clarion.api.resource import Resource
from clarion.api.shape import Attribute, Shape, choice
from clarion.api.wire import LIVE, REFERENCE
from clarion.storage.listing import Column, Listing


class Colour(StrEnum):
    RED = "RED"
    GREEN = "GREEN"


class Thing(Struct, kw_only=True):
    id: str
    name: Annotated[str, Meta(max_length=10)] = ""
    colour: Colour = Colour.RED
    tags: list[str] = []
    size: int | None = None
    weight: float | None = None
    is_good: bool = False
    made: datetime | None = None


SHAPE = Shape(
    Thing,
    {
        "id": Attribute(read_only=True),
        "size": Attribute(reference="the size", spellings=("magnitude",)),
        "colour": choice(Colour, {"GREN": "GREEN"}),
    },
)


class Store:
    """Where the test's things go."""

    def __init__(self) -> None:
        self.written: dict[str, Any] = {}

    async def create(self, _: Any, values: dict[str, Any]) -> str:
        self.written = values
        return "new"

    async def write(self, _: Any, id: str, values: dict[str, Any]) -> None:
        self.written = values | {"id": id}


@pytest.fixture
async def store() -> Store:
    return Store()


@pytest.fixture
async def things(make_site: SiteMaker, store: Store) -> Client:
    resource = Resource(
        name="Thing",
        path="/things",
        shape=SHAPE,
        listing=Listing(source="sender_id_class", tenant=None, columns=(Column("id", "id"),)),
        key=str,
        required=("name",),
        create=store.create,
        update=store.write,
        replace=store.write,
    )
    doors = [
        Door("odd", "/odd", resource.routes(), problem, LIVE),
        Door("odd-reference", "/odd-reference", resource.routes(), problem, REFERENCE),
    ]
    site: Site = await make_site(doors=doors)
    client = await site.company()
    return client.in_form("/odd")


GIVEN = {
    "name": "one",
    "colour": "green",
    "tags": ["a"],
    "size": "7",
    "weight": 1,
    "is_good": "true",
}


async def test_a_replacement_comes_as_json(things: Client, store: Store) -> None:
    reply = await things.call("PUT", "/things/7", json=GIVEN | {"unknown": 1, "id": "9"})
    assert (reply.status, reply.json) == (200, {"id": "7"})
    assert store.written == {
        "id": "7",
        "name": "one",
        "colour": Colour.GREEN,
        "tags": ["a"],
        "size": 7,
        "weight": 1.0,
        "is_good": True,
    }


async def test_a_replacement_comes_as_a_form(things: Client, store: Store) -> None:
    form = "name=one&colour=GREN&tags=a,b&tags=c&magnitude=7&is_good=1&made=2026-01-01&x=y"
    headers = {"Content-Type": "Application/X-WWW-Form-UrlEncoded; charset=utf-8"}
    reply = await things.call("PUT", "/things/7", data=form, headers=headers)
    assert reply.status == 200, reply.raw
    made = store.written.pop("made")
    assert (made.year, made.tzinfo is not None) == (2026, True)
    assert store.written == {
        "id": "7",
        "name": "one",
        "colour": Colour.GREEN,
        "tags": ["a", "b", "c"],
        "size": 7,
        "is_good": True,
    }


async def test_one_value_does_for_an_array_in_a_form(things: Client, store: Store) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    await things.call("PUT", "/things/7", data="name=one&tags=a", headers=headers)
    assert store.written["tags"] == ["a"]


@pytest.mark.parametrize(
    ("form", "names"),
    [("name=one&size=x", "size"), ("name=one&is_good=x", "is_good"), ("size=1", "name"),
     ("name=%ff", "form"), ("name=one&made=x", "made")],
)  # fmt: skip
async def test_a_bad_form_names_the_attribute(things: Client, form: str, names: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = await things.call("PUT", "/things/7", data=form, headers=headers)
    assert (reply.status, reply.code) == (400, "400")
    assert names in reply.json["error_description"]


@pytest.mark.parametrize(
    ("body", "code", "names"),
    [
        ({}, "400", "name"),
        ({"name": ""}, "400", "name"),
        ({"name": None}, "400", "name"),
        ({"name": "n" * 11}, "1023", "name"),
        ({"name": "one", "colour": "BLUE"}, "400", "colour"),
        ({"name": "one", "size": 1.5}, "400", "size"),
        ({"name": "one", "the size": "x"}, "400", "the size"),
        ({"name": "one", "magnitude": "x"}, "400", "magnitude"),
        ({"name": "one", "tags": "a"}, "400", "tags"),
        ({"name": "one", "tags": [1]}, "400", "tags"),
        ({"name": "one", "made": "yesterday"}, "400", "made"),
        ({"name": "one", "made": True}, "400", "made"),
    ],
)
async def test_errors_name_the_attribute_as_the_client_spelled_it(
    things: Client, body: dict[str, Any], code: str, names: str
) -> None:
    reply = await things.post("/things", body)
    assert (reply.status, reply.code) == (400, code)
    assert reply.json["error_description"].startswith(names)


async def test_null_is_kept_only_where_it_means_something(things: Client, store: Store) -> None:
    nothing = {"name": None, "size": None, "tags": None, "is_good": None, "made": None}
    assert (await things.post("/things/7", nothing)).status == 200
    assert store.written == {"id": "7", "size": None, "made": None}
    assert (await things.post("/things", nothing | {"name": "one"})).status == 200
    assert store.written == {"name": "one"}


async def test_every_spelling_is_taken_in_both_forms(things: Client, store: Store) -> None:
    for prefix in ("/odd", "/odd-reference"):
        for spelling in ("size", "the size", "magnitude"):
            reply = await things.in_form(prefix).post("/things/7", {spelling: 3})
            assert reply.status == 200
            assert store.written == {"id": "7", "size": 3}


async def test_what_is_not_declared_is_not_allowed(things: Client) -> None:
    reply = await things.delete("/things/7")
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, POST, PUT")

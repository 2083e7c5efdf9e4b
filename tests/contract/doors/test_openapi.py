"""Health, figures, OpenAPI documents and the reference page."""

from __future__ import annotations

import re
from importlib import import_module
from pkgutil import iter_modules

import pytest
from harness import LIVE, REFERENCE, Client, Site
from openapi_spec_validator import validate

from clarion.api import scg
from clarion.api.doors import all_doors
from clarion.storage.listing import Listing


async def test_a_process_that_answers_is_alive_and_ready(client: Client) -> None:
    nobody = {"Authorization": None}
    alive = await client.call("GET", "/healthz", whole=True, headers=nobody)
    assert (alive.status, alive.json) == (200, {"status": "ok"})
    ready = await client.call("GET", "/readyz", whole=True, headers=nobody)
    assert ready.status == 200
    assert ready.json["database"]["ready"] is True


async def test_the_figures_are_prometheus_text(client: Client) -> None:
    await client.get("/messaging/messages")
    reply = await client.call("GET", "/metrics", whole=True, headers={"Authorization": None})
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert re.search(
        rb'clarion_http_requests_total\{door="scg",method="GET",status="200"\} \d', reply.raw
    )


@pytest.mark.parametrize("path", ["/docs/openapi.json", "/docs/scg/openapi.json",
                                  "/docs/scg-reference/openapi.json"])  # fmt: skip
async def test_the_documents_are_valid_openapi(client: Client, path: str) -> None:
    reply = await client.call("GET", path, whole=True, headers={"Authorization": None})
    assert reply.status == 200
    assert reply.json["openapi"].startswith("3.1")
    validate(reply.json)


async def test_the_documents_tell_the_wire_forms_apart(client: Client) -> None:
    live = (await client.get("/docs/scg/openapi.json", whole=True)).json
    reference = (await client.get("/docs/scg-reference/openapi.json", whole=True)).json
    mine = live["components"]["schemas"]["scg.Message"]["properties"]
    theirs = reference["components"]["schemas"]["scg-reference.Message"]["properties"]
    assert mine["created_date"]["type"] == "integer"
    assert theirs["created_date"] == {"type": "string", "format": "date-time"}
    assert {"contact_id", "failed_translation"} <= set(mine)
    assert {"contact-id", "failedTranslation"} <= set(theirs)
    listed = live["paths"][f"{LIVE}/messaging/messages"]["get"]
    content = listed["responses"]["200"]["content"]["application/json"]["schema"]
    assert content["required"] == ["list", "total", "offset", "limit"]
    listed = reference["paths"][f"{REFERENCE}/messaging/messages"]["get"]
    content = listed["responses"]["200"]["content"]["application/json"]["schema"]
    assert content["type"] == "array"
    names = {each["name"] for each in listed["parameters"]}
    assert {"from_address", "contact-id", "sort", "offset", "limit"} <= names


def test_every_authenticated_route_is_documented(site: Site) -> None:
    for door in all_doors(site.services):
        for route in door.routes:
            assert route.open or route.about is not None, door.prefix + route.path


async def test_what_answers_show_is_in_the_document(client: Client, site: Site) -> None:
    from test_message_requests import make, messages_of

    request = await make(site, client)
    await messages_of(client, request)
    document = (await client.get("/docs/scg/openapi.json", whole=True)).json
    for path, name in {
        "/messaging/sender_ids": "SenderId",
        "/messaging/sender_id_classes": "SenderIdClass",
        "/messaging/sender_id_types": "SenderIdType",
        "/messaging/message_requests": "MessageRequest",
        "/messaging/messages": "Message",
    }.items():
        known = set(document["components"]["schemas"][f"scg.{name}"]["properties"])
        (first, *_) = (await client.get(path)).json["list"]
        assert set(first) <= known


async def test_the_printed_address_leads_to_the_reference_page(client: Client) -> None:
    reply = await client.call("GET", "/", whole=True, allow_redirects=False)
    assert (reply.status, reply.headers["Location"]) == (302, "/docs")


async def test_the_reference_page_needs_nothing_from_elsewhere(client: Client) -> None:
    reply = await client.call("GET", "/docs/", whole=True, headers={"Authorization": None})
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert not re.search(rb"https?://", reply.raw)
    doors = (await client.get("/docs/doors.json", whole=True)).json
    assert {"scg", "scg-reference"} <= {each["name"] for each in doors}
    assert (await client.get("/docs/nothing/openapi.json", whole=True)).status == 404


def test_a_filter_with_a_closed_set_of_values_says_which() -> None:
    open_ended = [
        (module.__name__, column.name)
        for module in map(import_module, _modules())
        for listing in vars(module).values()
        if isinstance(listing, Listing)
        for column in listing.columns
        if column.kind == "enum" and not column.choices
    ]
    assert open_ended == []


def _modules() -> list[str]:
    return [f"{scg.__name__}.{found.name}" for found in iter_modules(scg.__path__)]

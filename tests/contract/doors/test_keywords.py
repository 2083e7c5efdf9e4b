"""/messaging/keywords: everybody's words and a company's own."""

from __future__ import annotations

from typing import Any

import pytest
from harness import REFERENCE, Client, Site
from resources import Records

from clarion.engine.consent.keywords.reserved import BY_WORD
from clarion.kit import ids

PATH = "/messaging/keywords"
read = Records(PATH).read
SPORTS: dict[str, Any] = {
    "name": "Sports news",
    "description": "Scores of the day",
    "value": "SPORTS",
    "case": "INSENSITIVE",
    "valid_from": "2020-01-01T00:00:00Z",
    "valid_to": "2099-01-01T00:00:00Z",
    "associated_info": "desk 7",
    "campaign_id": "summer",
    "type": "COMPANY",
    "actions": ["OPTIN", "STORE"],
    "reply_template": "sports-welcome",
}


@pytest.fixture(autouse=True)
async def _templates(client: Client) -> None:
    await add_templates(client)


async def add_templates(client: Client) -> None:
    """What keywords answer with."""
    for name in ("sports-welcome", "weather"):
        body = {"name": name, "pattern": "Welcome", "designation": "TEMPLATE"}
        assert (await client.post("/messaging/message_templates", body)).status == 200


async def made(client: Client, **more: Any) -> str:
    reply = await client.post(PATH, SPORTS | more)
    assert reply.status == 200, reply.json
    return str(reply.json["id"])


async def test_a_keyword_is_shown_as_it_was_given(site: Site, client: Client) -> None:
    sender = await site.sender(client)
    id = await made(client, sender_id=sender)
    shown = await read(client, id)
    dates = {name: shown.pop(name) for name in ("valid_from", "valid_to")}
    assert dates == {"valid_from": 1577836800000, "valid_to": 4070908800000}
    assert shown.pop("created_date") == shown.pop("last_updated_date")
    assert shown == {name: SPORTS[name] for name in SPORTS if not name.startswith("valid")} | {
        "id": id,
        "sender_id": sender,
        "application_id": client.caller.application_id,
        "company_id": client.caller.company_id,
        "version_number": 1,
    }


async def test_the_reference_form_has_iso_dates_and_arrays(client: Client) -> None:
    id = await made(client)
    reference = client.in_form(REFERENCE)
    shown = await read(reference, id)
    assert shown["valid_from"] == "2020-01-01T00:00:00.000Z"
    assert "company_id" not in shown
    listed = await reference.get(f"{PATH}?id={id}")
    assert [each["id"] for each in listed.json] == [id]
    assert listed.headers["X-Total-Count"] == "1"


async def test_only_the_value_is_required(client: Client) -> None:
    shown = await read(client, (await client.post(PATH, {"value": "news"})).json["id"])
    assert shown["name"] == "news"
    assert (shown["case"], shown["type"], shown["actions"]) == ("INSENSITIVE", "COMPANY", [])
    assert not {"sender_id", "valid_from", "valid_to", "reply_template"} & set(shown)
    for body in ({}, {"value": ""}, {"value": None}, {"value": "  "}):
        reply = await client.post(PATH, body)
        assert (reply.status, reply.code) == (400, "400")
        assert reply.json["error_description"].startswith("value: ")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("OPTOUT", ["OPTOUT"]),
        ("OPTIN,STORE", ["OPTIN", "STORE"]),
        ("optin store", ["OPTIN", "STORE"]),
        ("STORE , OPTOUT", ["STORE", "OPTOUT"]),
        (["store"], ["STORE"]),
        (["OPTIN, STORE"], ["OPTIN", "STORE"]),
        (["STORE", "STORE"], ["STORE"]),
        ("", []),
        ([], []),
    ],
)
async def test_actions_are_read_in_every_spelling(client: Client, given: Any, shown: Any) -> None:
    id = await made(client, value="word", actions=given)
    assert (await read(client, id))["actions"] == shown


@pytest.mark.parametrize(
    ("wrong", "status", "code", "name"),
    [
        ({"actions": "OPTIN,SHOUT"}, 400, "400", "actions"),
        ({"actions": ["OPTIN", "OPTOUT"]}, 400, "400", "actions"),
        ({"actions": 7}, 400, "400", "actions"),
        ({"case": "MIXED"}, 400, "400", "case"),
        ({"type": "OTHER"}, 400, "400", "type"),
        ({"type": "RESERVED"}, 403, "403", "type"),
        ({"sender_id": ids.show(ids.new_id())}, 400, "400", "sender_id"),
        ({"sender_id": "nonsense"}, 400, "400", "sender_id"),
        ({"valid_from": "soon"}, 400, "400", "valid_from"),
        ({"valid_to": "2019-01-01"}, 400, "400", "valid_to"),
        ({"value": "x" * 256}, 400, "1023", "value"),
        ({"name": "x" * 256}, 400, "1023", "name"),
        ({"campaign_id": "x" * 256}, 400, "1023", "campaign_id"),
        ({"reply_template": "x" * 256}, 400, "1023", "reply_template"),
        ({"reply_template": "no such one"}, 400, "400", "reply_template"),
        ({"value": " padded"}, 400, "400", "value"),
        ({"value": "STOP"}, 409, "1011", "value"),
        ({"value": "Arrêt"}, 409, "1011", "value"),
        ({"value": "sí"}, 409, "1011", "value"),
    ],
)
async def test_what_is_wrong_is_named(
    client: Client, wrong: dict[str, Any], status: int, code: str, name: str
) -> None:
    reply = await client.post(PATH, SPORTS | wrong)
    assert (reply.status, reply.code) == (status, code)
    assert reply.json["error_description"].startswith(f"{name}: ")


@pytest.mark.parametrize(
    "value",
    ["(", "a{2,1}", "[z-a]", "*", "a**)", r"\d+", "(?i)x", "(?=x)", r"(a)\1", "(x{1000}){1000}"],
)
async def test_an_expression_that_cannot_be_used_is_refused(client: Client, value: str) -> None:
    reply = await client.post(PATH, {"value": value})
    assert (reply.status, reply.code) == (400, "400")
    assert reply.json["error_description"].startswith("value: it is not a POSIX extended regular")


async def test_an_expression_that_would_take_too_much_memory_is_refused(client: Client) -> None:
    reply = await client.post(PATH, {"value": "((.{0,100}){0,10}x{0,100}){0,1}"})
    assert (reply.status, reply.code) == (400, "400")


@pytest.mark.parametrize("value", ["vote [[:digit:]]+", "(SPORT|SPORTS)", "a{1,3}", "go.?", "ÉTÉ"])
async def test_posix_expressions_are_taken(client: Client, value: str) -> None:
    assert (await client.post(PATH, {"value": value})).status == 200


async def test_an_update_sets_what_it_names(client: Client) -> None:
    id = await made(client)
    reply = await client.post(
        f"{PATH}/{id}", {"value": "FOOTBALL", "description": None, "version_number": 1}
    )
    assert (reply.status, reply.json) == (200, {"id": id})
    shown = await read(client, id)
    assert (shown["value"], shown["name"]) == ("FOOTBALL", "Sports news")
    assert "description" not in shown
    assert shown["version_number"] == 2
    assert shown["last_updated_date"] >= shown["created_date"]


async def test_what_was_read_can_be_sent_back(site: Site, client: Client) -> None:
    id = await made(client, sender_id=await site.sender(client))
    shown = await read(client, id)
    assert (await client.post(f"{PATH}/{id}", shown)).status == 200
    again = await read(client, id)
    for each in (shown, again):
        del each["version_number"], each["last_updated_date"]
    assert again == shown


async def test_a_stale_version_is_refused(client: Client) -> None:
    id = await made(client)
    assert (await client.post(f"{PATH}/{id}", {"name": "x"})).status == 200
    for method in ("POST", "PUT"):
        body = SPORTS | {"version_number": 1}
        reply = await client.call(method, f"{PATH}/{id}", json=body)
        assert (reply.status, reply.code) == (409, "1001")


async def test_updates_are_checked_as_creates_are(client: Client) -> None:
    id = await made(client)
    for wrong, code in (
        ({"value": "STOP"}, "1011"),
        ({"value": "("}, "400"),
        ({"valid_to": 1000}, "400"),
        ({"type": "RESERVED"}, "403"),
        ({"actions": "OPTIN OPTOUT"}, "400"),
        ({"sender_id": ids.show(ids.new_id())}, "400"),
    ):
        assert (await client.post(f"{PATH}/{id}", wrong)).code == code, wrong


@pytest.mark.parametrize("form", [False, True])
async def test_a_replacement_leaves_nothing_of_what_was(client: Client, *, form: bool) -> None:
    id = await made(client)
    body = {"value": "GOLF", "actions": "STORE", "valid_from": "2021-01-01"}
    more = {"data": body} if form else {"json": body}
    reply = await client.call("PUT", f"{PATH}/{id}", **more)
    assert reply.status == 200
    shown = await read(client, id)
    assert (shown["value"], shown["name"], shown["actions"]) == ("GOLF", "GOLF", ["STORE"])
    assert "campaign_id" not in shown
    assert "reply_template" not in shown


async def test_what_answers_has_to_be_there_when_it_is_named(client: Client) -> None:
    """Not a validator, nobody else's; and where it has gone since, the rest can be changed."""
    validator = {"name": "shape", "pattern": "Hi", "designation": "VALIDATOR"}
    assert (await client.post("/messaging/message_templates", validator)).status == 200
    id = await made(client)
    for name in ("shape", "sports", "Sports-Welcome"):
        for method, more in (("POST", {}), ("PUT", {"value": "SPORTS"})):
            body = more | {"reply_template": name}
            reply = await client.call(method, f"{PATH}/{id}", json=body)
            assert (reply.status, reply.code) == (400, "400")
            assert name in reply.json["error_description"]
    listed = await client.get("/messaging/message_templates?name=sports-welcome")
    await client.delete(f"/messaging/message_templates/{listed.json['list'][0]['id']}")
    changed = {"description": "new", "reply_template": "sports-welcome"}
    assert (await client.post(f"{PATH}/{id}", changed)).status == 200
    assert (await client.post(f"{PATH}/{id}", {"reply_template": ""})).status == 200
    assert (await client.post(f"{PATH}/{id}", changed)).status == 400


async def test_a_deleted_keyword_is_gone(client: Client) -> None:
    id = await made(client)
    reply = await client.delete(f"{PATH}/{id}")
    assert (reply.status, reply.raw) == (200, b"")
    for method in ("GET", "POST", "PUT", "DELETE"):
        more = {} if method in ("GET", "DELETE") else {"json": SPORTS}
        assert (await client.call(method, f"{PATH}/{id}", **more)).status == 404
    assert (await client.get(f"{PATH}?id={id}")).json["total"] == 0


async def test_an_unknown_id_is_404(client: Client) -> None:
    for id in (ids.show(ids.new_id()), "nonsense"):
        assert (await client.get(f"{PATH}/{id}")).status == 404


# ---------------------------------------------------------------- reserved ones


async def test_reserved_words_always_exist(client: Client) -> None:
    listed = (await client.get(f"{PATH}?type=RESERVED&limit=1000")).json
    assert listed["total"] == len(BY_WORD)
    assert {each["value"] for each in listed["list"]} == set(BY_WORD)
    stop = next(each for each in listed["list"] if each["value"] == "STOP")
    assert stop["actions"] == ["OPTOUT"]
    assert (stop["type"], stop["case"]) == ("RESERVED", "INSENSITIVE")
    assert not {"application_id", "company_id", "sender_id"} & set(stop)
    assert (await client.get(f"{PATH}/{stop['id']}")).json == stop


async def test_reserved_words_are_nobodys_to_change(client: Client) -> None:
    stop = (await client.get(f"{PATH}?value=STOP")).json["list"][0]
    for method in ("POST", "PUT", "DELETE"):
        more = {} if method == "DELETE" else {"json": {"value": "HALT"}}
        reply = await client.call(method, f"{PATH}/{stop['id']}", **more)
        assert (reply.status, reply.code) == (403, "403")


# ---------------------------------------------------------------- lists


async def test_every_filter_finds_and_leaves_out(site: Site, client: Client) -> None:
    sender = await site.sender(client)
    one = await made(client, sender_id=sender)
    two = await made(
        client,
        name="Weather",
        value="WEATHER",
        case="SENSITIVE",
        valid_from="2021-05-01",
        valid_to="2098-01-01",
        campaign_id="winter",
        actions="OPTOUT",
        reply_template="weather",
    )
    first, second = await read(client, one), await read(client, two)
    filters: list[tuple[str, Any, Any]] = [
        ("id", one, two),
        ("name", "Sports news", "Weather"),
        ("value", "SPORTS", "WEATHER"),
        ("case", "INSENSITIVE", "SENSITIVE"),
        ("sender_id", sender, None),
        ("valid_from", "2020-01-01", "2021-05-01"),
        ("valid_to", "[2098-06-01,]", "[,2098-06-01]"),
        ("campaign_id", "summer", "winter"),
        ("actions", "OPTIN", "OPTOUT"),
        ("reply_template", "sports-welcome", "weather"),
        ("created_date", f"[{first['created_date']},{first['created_date']}]", None),
        ("last_updated_date", f"{first['last_updated_date']}", None),
    ]
    for name, finds_first, finds_second in filters:
        for wanted, value in ((first, finds_first), (second, finds_second)):
            if value is None:
                continue
            params = {name: str(value), "type": "COMPANY"}
            found = (await client.get(PATH, params=params)).json["list"]
            assert wanted["id"] in [each["id"] for each in found], name
            if not name.endswith("_date"):
                assert len(found) == 1, name
    for name in ("type=COMPANY", f"application_id={client.caller.application_id}"):
        assert (await client.get(f"{PATH}?{name}")).json["total"] == 2
    assert (await client.get(f"{PATH}?actions=store,optout&type=COMPANY")).json["total"] == 2


async def test_the_newest_of_ones_own_come_first_and_sorting_works(client: Client) -> None:
    mine = [await made(client, value=value) for value in ("beta", "alpha", "gamma")]
    listed = (await client.get(f"{PATH}?limit=3")).json
    assert [each["id"] for each in listed["list"]] == mine[::-1]
    assert (listed["total"], listed["limit"]) == (3 + len(BY_WORD), 3)
    found = (await client.get(f"{PATH}?type=COMPANY&sort=value")).json["list"]
    assert [each["value"] for each in found] == ["alpha", "beta", "gamma"]
    assert (await client.get(f"{PATH}?offset=500")).json["list"] == []


async def test_another_companys_keywords_do_not_exist(site: Site, client: Client) -> None:
    owner = await site.company()
    await add_templates(owner)
    id = await made(owner, sender_id=await site.sender(owner))
    for method in ("GET", "POST", "PUT", "DELETE"):
        more = {} if method in ("GET", "DELETE") else {"json": SPORTS}
        assert (await client.call(method, f"{PATH}/{id}", **more)).status == 404
    assert (await client.get(f"{PATH}?type=COMPANY")).json["total"] == 0
    theirs = (await read(owner, id))["sender_id"]
    reply = await client.post(PATH, SPORTS | {"sender_id": theirs})
    unknown = await client.post(PATH, SPORTS | {"sender_id": ids.show(ids.new_id())})
    assert (reply.status, reply.json) == (unknown.status, unknown.json)
    assert (await read(owner, id))["version_number"] == 1


async def test_there_is_room_for_so_many_only(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clarion.engine.consent.keywords import service

    monkeypatch.setattr(service, "MAX_EXPRESSIONS", 1)
    assert (await client.post(PATH, {"value": "a+"})).status == 200
    assert (await client.post(PATH, {"value": "b+"})).status == 409
    assert (await client.post(PATH, {"value": "b"})).status == 200
    monkeypatch.setattr(service, "MAX_KEYWORDS", 2)
    reply = await client.post(PATH, {"value": "c"})
    assert (reply.status, reply.code) == (409, "409")

"""Short links: where they lead, who is counted, and what becomes of the message."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from harness import Client, Site
from tests.waiting import eventually

from clarion.engine.messages.links import desk as desk_module
from clarion.engine.messages.links.desk import LinkDesk
from clarion.engine.messages.links.model import Link, show_code
from clarion.engine.messages.links.service import make_links
from clarion.errors import BadTrackingUrl, TooManyRequests, Unavailable
from clarion.kit import ids
from clarion.storage.database import Database

SHOP = "https://shop.example/offers?id=7&x=%20y#top"
BASE = "https://go.example"
PERSON = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)
SENT = """
insert into message (company_id, id, request_id, direction, solo, state, sender_id, sender_address,
    peer_address, body, sent_at, read_at, updated_at)
values ($1, $2, $3, 'MT', $4, $5::message_state, $2, '15550001000', '+4915112345678', 'x', $6,
    case $5 when 'READ' then $7::timestamptz end, $7)
"""
REQUEST = """
insert into message_request (company_id, id, application_id, state, sender_id, recipients,
    recipient_count, solo_message_id, updated_at)
values ($1, $2, $3, 'COMPLETED', $2, '{}', $4, $5, $6)
"""


class Sent:
    """A request whose messages have left, each with a tracked link."""

    def __init__(self, site: Site, client: Client, state: str) -> None:
        self.db = site.services.db
        self.client = client
        self.company = client.caller.company_id
        self.state = state
        self.request = ids.new_request_id()
        self.messages: list[UUID] = []
        self.links: list[str] = []  # each message's path

    async def make(self, count: int, body: str) -> Sent:
        now = datetime.now(UTC)
        self.messages = [ids.message_id(self.request, n) for n in range(1, count + 1)]
        solo = self.messages[0] if count == 1 else None
        await self.db.execute(
            REQUEST, self.company, self.request, self.client.caller.application_id, count, solo, now
        )
        left = None if self.state in ("SCHEDULED", "PAUSED", "TEST", "CREATED") else now
        for message in self.messages:
            await self.db.execute(
                SENT, self.company, message, self.request, solo is not None, self.state, left, now
            )
        async with self.db.transaction() as tx:
            bodies = [(message, body) for message in self.messages]
            made = await make_links(tx, self.company, bodies, BASE)
        self.links = [str(each).removeprefix("See " + BASE) for each in made]
        return self

    async def message(self, number: int = 0) -> Any:
        return await self.db.fetchrow(
            "select * from message where company_id = $1 and id = $2",
            self.company,
            self.messages[number],
        )

    async def counts(self) -> tuple[int, int, int]:
        row = await self.db.fetchrow(
            "select read_count, click_thru_count, converted_count from message_request_now "
            "where company_id = $1 and id = $2",
            self.company,
            self.request,
        )
        assert row is not None
        return tuple(row)

    async def clicks(self) -> list[int]:
        rows = await self.db.fetch(
            "select clicks from short_link where company_id = $1 and message_id = any($2) "
            "order by message_id, label",
            self.company,
            self.messages,
        )
        return [row["clicks"] for row in rows]


async def sent(
    site: Site,
    client: Client,
    *,
    count: int = 1,
    state: str = "DELIVERED",
    body: str = f'See #track("{SHOP}")',
) -> Sent:
    return await Sent(site, client, state).make(count, body)


async def visit(
    site: Site, path: str, *, method: str = "GET", **headers: str
) -> aiohttp.ClientResponse:
    sent = {"User-Agent": PERSON} | {name.replace("_", "-"): v for name, v in headers.items()}
    async with site.session.request(
        method, site.base + path, headers=sent, allow_redirects=False
    ) as answer:
        await answer.read()
        return answer


async def test_a_link_leads_to_exactly_its_address_and_converts_its_message(
    site: Site, client: Client
) -> None:
    made = await sent(site, client)
    answer = await visit(site, made.links[0])
    assert (answer.status, answer.headers["Location"]) == (302, SHOP)
    assert answer.headers["Cache-Control"] == "no-store"
    message = await made.message()
    assert (message["state"], message["conversion_source"]) == ("CONVERTED", "SCG/URL")
    assert message["read_at"] == message["clicked_at"] == message["converted_at"]
    assert await made.counts() == (1, 1, 1)
    assert await made.clicks() == [1]
    shown = await client.get(f"/messaging/messages/{ids.show(made.messages[0])}")
    assert (shown.json["state"], shown.json["conversion_info_source"]) == ("CONVERTED", "SCG/URL")


async def test_further_clicks_count_for_the_link_alone(site: Site, client: Client) -> None:
    made = await sent(site, client, count=3)
    for path in (made.links[0], made.links[0], made.links[2]):
        await visit(site, path)
    await asyncio.gather(*(visit(site, made.links[0]) for _ in range(8)))
    assert await made.clicks() == [10, 0, 1]
    assert await made.counts() == (2, 2, 2)
    assert (await made.message(1))["state"] == "DELIVERED"


async def test_labels_tell_the_links_of_a_message_apart(site: Site, client: Client) -> None:
    body = f'#trackurl("{SHOP}","a") #trackurl("{SHOP}","b") #track("{SHOP}") #track("{SHOP}")'
    made = await sent(site, client, body=body)
    rows = await made.db.fetch(
        "select label, url from short_link where company_id = $1 order by label", made.company
    )
    assert [row["label"] for row in rows] == ["a", "b", None]
    links = made.links[0].replace(BASE, "").split()
    assert len(set(links)) == 3
    assert links[2] == links[3]
    for path in links:
        assert (await visit(site, path)).headers["Location"] == SHOP
    assert await made.clicks() == [1, 1, 2]
    assert await made.counts() == (1, 1, 1)


@pytest.mark.parametrize(
    ("state", "after", "counted"),
    [
        ("SENT", "CONVERTED", (1, 1, 1)),
        ("READ", "CONVERTED", (0, 1, 1)),  # read before
        ("FAILED", "CONVERTED", (1, 1, 1)),
        ("EXPIRED", "CONVERTED", (1, 1, 1)),
        ("CONVERTED", "CONVERTED", (1, 1, 0)),
        ("CREATED", "CREATED", (0, 0, 0)),
        ("SCHEDULED", "SCHEDULED", (0, 0, 0)),
        ("PAUSED", "PAUSED", (0, 0, 0)),
        ("TEST", "TEST", (0, 0, 0)),
        ("CANCELED", "CANCELED", (0, 0, 0)),
    ],
)
async def test_only_what_has_left_is_converted(
    site: Site, client: Client, state: str, after: str, counted: tuple[int, int, int]
) -> None:
    made = await sent(site, client, count=2, state=state)
    assert (await visit(site, made.links[0])).status == 302
    assert (await made.message())["state"] == after
    assert await made.counts() == counted
    assert await made.clicks() == [1, 0]


@pytest.mark.parametrize(
    "headers",
    [
        {"User_Agent": ""},
        {"User_Agent": "facebookexternalhit/1.1 Facebot Twitterbot/1.0"},
        {"User_Agent": "WhatsApp/2.23.20.0"},
        {"User_Agent": "TelegramBot (like TwitterBot)"},
        {"User_Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
        {"User_Agent": "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"},
        {"User_Agent": PERSON + " BingPreview/1.0b"},
        {"User_Agent": "curl/8.5.0"},
        {"User_Agent": "python-requests/2.32"},
        {"User_Agent": "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/129.0"},
        {"User_Agent": "Google-Safety"},
        {"Purpose": "prefetch"},
        {"Sec_Purpose": "prefetch;prerender"},
        {"X_Moz": "prefetch"},
        {"X_Purpose": "preview"},
        {"Sec_Fetch_Dest": "image"},
    ],
)
async def test_machines_are_sent_on_and_not_counted(
    site: Site, client: Client, headers: dict[str, str]
) -> None:
    made = await sent(site, client)
    answer = await visit(site, made.links[0], **headers)
    assert (answer.status, answer.headers["Location"]) == (302, SHOP)
    await visit(site, (await sent(site, client)).links[0])  # had it counted, it would have by now
    assert await made.clicks() == [0]
    assert (await made.message())["state"] == "DELIVERED"


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 Chrome/129.0 Mobile Safari",
        "Mozilla/5.0 (Linux; Android 10; CUBOT_X30) AppleWebKit/537.36 Chrome/120.0 Mobile Safari",
        PERSON + " [FBAN/FBIOS;FBAV/480.0]",
        "Mozilla/5.0 (Linux; Android 14; SM-S918B) Chrome/129.0 Mobile Telegram-Android/11.2",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:131.0) Gecko/20100101 Firefox/131.0",
        "Mozilla/5.0 (Macintosh) AppleWebKit/537.36 Chrome/129.0 Safari/537.36 LinkedInApp",
    ],
)
async def test_people_are_counted(site: Site, client: Client, agent: str) -> None:
    made = await sent(site, client)
    await visit(site, made.links[0], User_Agent=agent, Sec_Fetch_Dest="document")
    assert await made.clicks() == [1]


async def test_head_says_where_it_leads_and_counts_nothing(site: Site, client: Client) -> None:
    made = await sent(site, client)
    answer = await visit(site, made.links[0], method="HEAD")
    assert (answer.status, answer.headers["Location"]) == (302, SHOP)
    await visit(site, (await sent(site, client)).links[0])
    assert await made.clicks() == [0]


async def test_nothing_else_can_be_done_with_a_link(site: Site, client: Client) -> None:
    made = await sent(site, client)
    for method in ("POST", "PUT", "DELETE"):
        assert (await visit(site, made.links[0], method=method)).status == 405
    answer = await visit(site, made.links[0] + "?url=https://evil.example&next=//evil.example")
    assert answer.headers["Location"] == SHOP


@pytest.mark.parametrize(
    "path",
    [
        "/t/x",
        "/t/0123456789A",
        "/t/g8zzzzzzzzzz",
        "/t/" + "a" * 5000,
        "/t/g8..........",
        "/t/%00",
        "/t/%F0%9F%98%80",
        "/t/g8012345678%2F",
    ],
)
async def test_codes_of_no_link_say_so_and_no_more(site: Site, path: str) -> None:
    answer = await visit(site, path)
    assert answer.status == 404
    assert answer.content_type == "text/plain"
    assert "Location" not in answer.headers


async def test_a_link_of_a_company_is_no_other_companys(site: Site, client: Client) -> None:
    made = await sent(site, client)
    other = await site.company()
    own = made.links[0].removeprefix("/t/")
    theirs = show_code(other.caller.company_id, 0)[:-10] + own[-10:]
    assert (await visit(site, f"/t/{theirs}")).status == 404


async def test_a_dropped_message_takes_its_links_along(site: Site, client: Client) -> None:
    """Both are in partitions of the same time."""
    db = site.services.db
    names = {
        table: {
            row["name"].removeprefix(table)
            for row in await db.fetch(
                "select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid "
                "where i.inhparent = $1::text::regclass",
                table,
            )
        }
        for table in ("message", "short_link")
    }
    assert names["message"] == names["short_link"]


async def test_what_cannot_be_tracked_is_told_for_its_message_alone(
    site: Site, client: Client
) -> None:
    db, company = site.services.db, client.caller.company_id
    bodies = [(ids.new_id(), f'#track("{url}")') for url in (SHOP, "ftp://x", SHOP)]
    async with db.transaction() as tx:
        made = await make_links(tx, company, [*bodies, (ids.new_id(), "plain")], BASE)
    assert isinstance(made[1], BadTrackingUrl)
    assert [str(made[n]).startswith(f"{BASE}/t/") for n in (0, 2)] == [True, True]
    assert made[3] == "plain"
    assert await db.fetchval("select count(*) from short_link where company_id = $1", company) == 2


# ---------------------------------------------------------------- the desk


@pytest.fixture
async def desk(site: Site) -> Any:
    made = LinkDesk(site.services.db)
    made.start()
    yield made
    await made.stop()


async def _opened(desk: LinkDesk, made: Sent, number: int = 0) -> Link:
    link = await desk.open(made.links[number].removeprefix("/t/"))
    assert link is not None
    return link


async def test_clicks_gather_while_others_are_stored(
    site: Site, client: Client, desk: LinkDesk
) -> None:
    made = await sent(site, client, count=50)
    links = [await _opened(desk, made, number) for number in range(50)]
    flushes = 0
    store = desk._store

    async def counted(company_id: int, clicks: Any) -> None:
        nonlocal flushes
        flushes += 1
        await store(company_id, clicks)

    desk._store = counted  # type: ignore[method-assign]
    await asyncio.gather(*(desk.count(link) for link in links * 4))
    assert await made.clicks() == [4] * 50
    assert await made.counts() == (50, 50, 50)
    assert flushes <= 3


async def test_a_visitor_does_not_wait_for_a_database_that_is_away(
    site: Site, client: Client, desk: LinkDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "PATIENCE", 0.02)
    monkeypatch.setattr(desk_module, "AGAIN", 0.02)
    made = await sent(site, client)
    link = await _opened(desk, made)
    run = Database.run
    away = True

    async def refused(self: Database, work: Any) -> Any:
        if away:
            raise Unavailable("away")
        return await run(self, work)

    monkeypatch.setattr(Database, "run", refused)
    await desk.count(link)
    await desk.count(link)
    assert await made.clicks() == [0]
    away = False
    await eventually(lambda: _clicked(made, 2))


async def _clicked(made: Sent, times: int) -> bool:
    return await made.clicks() == [times]


async def test_what_cannot_be_stored_leaves_no_gap(
    site: Site, client: Client, desk: LinkDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One company's trouble is not another's, and a surprise is tried again."""
    monkeypatch.setattr(desk_module, "AGAIN", 0.02)
    other = await site.company()
    first, second = sorted(
        [await sent(site, client), await sent(site, other)], key=lambda each: each.company
    )
    store, failures = desk._store, 1

    async def failing(company_id: int, clicks: Any) -> None:
        nonlocal failures
        if company_id == second.company and failures:
            failures -= 1
            raise RuntimeError("surprise")
        await store(company_id, clicks)

    desk._store = failing  # type: ignore[method-assign]
    await asyncio.gather(
        desk.count(await _opened(desk, first)), desk.count(await _opened(desk, second))
    )
    await eventually(lambda: _clicked(second, 1))
    assert await first.clicks() == [1]


async def test_stopping_stores_what_is_there(site: Site, client: Client) -> None:
    desk = LinkDesk(site.services.db)
    made = await sent(site, client)
    link = await _opened(desk, made)
    counting = asyncio.create_task(desk.count(link))
    await asyncio.sleep(0)
    desk.start()
    await desk.stop()
    await counting
    assert await made.clicks() == [1]


async def test_only_so_many_look_ups_wait(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "WAITING", 3)
    desk = LinkDesk(site.services.db)
    go = asyncio.Event()
    fetchrow = Database.fetchrow

    async def held(self: Database, sql: str, *args: object) -> Any:
        await go.wait()
        return await fetchrow(self, sql, *args)

    monkeypatch.setattr(Database, "fetchrow", held)
    company = client.caller.company_id
    waiting = [asyncio.create_task(desk.open(show_code(company, n))) for n in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyRequests):
        await desk.open(show_code(company, 9))
    go.set()
    assert await asyncio.gather(*waiting) == [None] * 3


async def test_codes_that_are_asked_for_again_are_remembered(
    site: Site, client: Client, desk: LinkDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "MAX_KEPT", 2)
    made = await sent(site, client)
    asked = 0
    fetchrow = Database.fetchrow

    async def counted(self: Database, sql: str, *args: object) -> Any:
        nonlocal asked
        asked += "short_link" in sql
        return await fetchrow(self, sql, *args)

    monkeypatch.setattr(Database, "fetchrow", counted)
    for _ in range(3):
        await _opened(desk, made)
        assert await desk.open(show_code(made.company, 1)) is None
    assert asked == 2
    await desk.open(show_code(made.company, 2))
    await _opened(desk, made)
    assert asked == 4  # the oldest had made room

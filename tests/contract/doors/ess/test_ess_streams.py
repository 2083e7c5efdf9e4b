"""Streams: events come line by line to a client that is connected, none is lost in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from ess_world import PORTED, EventWorld

from clarion.engine.events.streaming import desk
from clarion.engine.events.streaming.desk import StreamDesk
from clarion.engine.events.streaming.tasks import forget_forsaken

PATIENCE = 10.0


async def _stream(world: EventWorld, name: str = "listener") -> str:
    id = await world.configuration(name, addr=None, **{"del-prtcl-cd": "STREAM"})
    await world.subscription(id)
    return id


@asynccontextmanager
async def _opened(world: EventWorld, id: str) -> AsyncIterator[aiohttp.ClientResponse]:
    url = f"{world.client.base}/ess/v1/delivery-configurations/{id}/stream"
    headers = {"Authorization": f"Bearer {world.client.token}"}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        yield answer


async def _lines(answer: aiohttp.ClientResponse, count: int) -> list[dict[str, Any]]:
    """The next documents; lines that only say that the connection is alive are passed over."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE):
        while len(found) < count:
            line = await answer.content.readline()
            assert line, "the stream has ended"
            if line.strip():
                found.append(json.loads(line))
    return found


async def _until(world: EventWorld, id: str, status: str, count: int) -> None:
    query = {"del-cfg-id": id, "delivery-status": status}
    async with asyncio.timeout(PATIENCE):
        while True:
            rows = (await world.get("/event-deliveries", **query)).json["event-deliveries"]
            if len(rows) == count:
                return
            await asyncio.sleep(0.02)


async def test_what_waits_and_what_comes_is_streamed_and_succeeds(world: EventWorld) -> None:
    id = await _stream(world)
    await world.publish("before")
    async with _opened(world, id) as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/x-ndjson")
        (first,) = await _lines(answer, 1)
        await world.publish("after-1", "after-2")
        others = await _lines(answer, 2)
        await _until(world, id, "SUCCESS", 3)
    assert [each["event-id"] for each in (first, *others)] == ["before", "after-1", "after-2"]
    when = first["event"].pop("timestamp")
    assert datetime.fromisoformat(when).tzinfo is not None
    assert first == {
        "topic": "NIS-Events",
        "attempt": 1,
        "event": {
            "evt-tp": "porting_event",
            "fld-val-list": PORTED | {"company-id": world.company},
        },
        "event-id": "before",
        "event-key": PORTED["number"],
    }
    tracked = await world.ok("GET", f"/event-deliveries/before:{id}/tracking")
    (attempt,) = tracked["delivery-attempts"]
    assert (attempt["attempt-number"], attempt["status"]) == (1, "SUCCESS")
    assert "response-status" not in attempt
    queued = await world.site.services.db.fetchval(
        "select count(*) from delivery_queue where company_id = $1", world.company
    )
    assert queued == 0


async def test_who_is_cut_off_misses_nothing(world: EventWorld) -> None:
    """More than a connection's buffers hold: what could not be written comes on the next one."""
    id = await _stream(world)
    note = "x" * 60_000
    to_topic = {"del-cfg-id": id, "match-crt": ""}
    await world.ok("POST", "/topics/DevTest-Events/subscriptions", to_topic)
    names = {f"e{n}" for n in range(400)}
    for name in sorted(names):
        await world.publish(name, type="__GENERIC__", note=note)
    seen: set[str] = set()
    async with _opened(world, id) as answer:
        seen |= {each["event-id"] for each in await _lines(answer, 30)}
    async with _opened(world, id) as answer:
        while seen != names:
            seen |= {each["event-id"] for each in await _lines(answer, 1)}
        await _until(world, id, "PENDING", 0)


async def test_a_stream_says_that_it_is_alive_and_that_somebody_listens(
    world: EventWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await _stream(world)
    follower = StreamDesk(world.site.services.db, beat=0.05)
    seen = "select seen_at from delivery_configuration where company_id = $1 and id = $2"
    async with asyncio.timeout(PATIENCE):
        batches = follower.follow(world.company, int(id))
        assert await anext(batches) == ()
        first = await world.site.services.db.fetchval(seen, world.company, int(id))
        assert await anext(batches) == ()
        assert await world.site.services.db.fetchval(seen, world.company, int(id)) > first
        follower.stop()
        assert await anext(batches, None) is None


@pytest.mark.parametrize("end", ["deleted", "switched off"])
async def test_a_stream_ends_with_its_configuration(world: EventWorld, end: str) -> None:
    id = await _stream(world)
    follower = StreamDesk(world.site.services.db, beat=0.05)
    batches = follower.follow(world.company, int(id))
    assert await anext(batches) == ()
    path = f"/delivery-configurations/{id}"
    if end == "deleted":
        await world.client.delete(path)
    else:
        off = {"del-cfg-nm": "off", "del-prtcl-cd": "STREAM", "is-active": False}
        await world.ok("PUT", path, off)
    async with asyncio.timeout(PATIENCE):
        async for _ in batches:
            pass
    async with _opened(world, id) as answer:
        assert answer.status == 404


async def test_what_does_not_stream_is_404(world: EventWorld, full: EventWorld) -> None:
    posted, theirs = await world.configuration("posted"), await _stream(full)
    for id in (posted, theirs, "987654321", "x"):
        async with _opened(world, id) as answer:
            assert answer.status == 404
            assert (await answer.json())["error_code"] == "404"


async def test_of_two_that_follow_one_configuration_each_delivery_counts_once(
    world: EventWorld,
) -> None:
    id = await _stream(world)
    async with _opened(world, id) as one, _opened(world, id) as other:
        await world.publish(*(f"e{n}" for n in range(50)))
        await _until(world, id, "SUCCESS", 50)
        seen = set()
        for answer in (one, other):
            while True:
                try:
                    async with asyncio.timeout(0.3):
                        line = await answer.content.readline()
                except TimeoutError:
                    break
                if line.strip():
                    seen.add(json.loads(line)["event-id"])
    assert len(seen) == 50
    attempts = await world.get("/event-delivery-attempts", limit="1000")
    assert len(attempts.json["attempts"]) == 50


async def test_a_company_has_so_many_streams(
    world: EventWorld, full: EventWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "STREAMS_OF_ONE", 1)
    id, theirs = await _stream(world), await _stream(full)
    async with _opened(world, id) as first:
        await first.content.readline()
        async with _opened(world, id) as second:
            assert second.status == 429
        async with _opened(full, theirs) as other:
            assert other.status == 200


async def test_a_configuration_that_nobody_follows_is_forgotten(world: EventWorld) -> None:
    id, posted = await _stream(world), await world.configuration("posted")
    db, now = world.site.services.db, datetime.now(UTC)
    await forget_forsaken(db, now=now + timedelta(minutes=50))
    assert (await world.get(f"/delivery-configurations/{id}")).status == 200
    async with _opened(world, id) as answer:
        await answer.content.readline()
    assert await forget_forsaken(db, now=now + timedelta(minutes=70)) >= 1
    assert (await world.get(f"/delivery-configurations/{id}")).status == 404
    assert (await world.get(f"/delivery-configurations/{posted}")).status == 200

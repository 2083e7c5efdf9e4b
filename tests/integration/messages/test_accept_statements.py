"""Requests of one message that leaves now have a statement of their own, and all have one flush."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pipeline import Gateway, Place
from tests.factories import Tenant, a_request

from clarion.engine.messages import store
from clarion.engine.messages.leases import undo_claim
from clarion.engine.messages.model import Content, Options, Recipient, Route
from clarion.engine.messages.prepared import Prepared, prepared_alone, prepared_request
from clarion.kit import ids

GOOD = "+4915112345678"


@pytest.fixture
def gateway(accepting: Gateway) -> Gateway:
    return accepting


@pytest.mark.parametrize("way", ["queue", "claim"])
async def test_a_request_of_one_message_is_stored_alike_by_either_statement(
    place: Place, tenant: Tenant, way: str
) -> None:
    """The short one for those that are one message which leaves now, and the one for all."""
    now = datetime.now(UTC)
    new = a_request(
        GOOD, body="hello", subject="s", external_id="e", conversation_id="c", campaign_id="k",
        program_id="p", reply_to=ids.new_id(), content_type="text/plain", scheduled_zone="UTC",
        scheduled_at=now - timedelta(hours=1), expires_at=now + timedelta(hours=1),
        options=Options(src_language="en"),
    )  # fmt: skip
    owner = tenant.company_id, 7
    route = Route(tenant.sender_id, tenant.address, place.name, 2)
    content, to = Content(encoding=2, fragments=3), Recipient("CREATED", GOOD, "DE")
    short = prepared_alone(new, owner, route=route, content=content, to=to, now=now)
    long = prepared_request(
        new, owner, route=route, content=content, recipients=[to], duplicates=0, now=now
    )
    stored = []
    for prepared in (short, long):
        claims = {prepared.kind: ids.new_id()} if way == "claim" else {}
        await store.accept(place.db, [prepared], now, claims=claims, node_id=ids.new_id())
        stored.append({table: await _rows(place, prepared, table) for table in _TABLES})
        for claim in claims.values():
            await undo_claim(place.db, tenant.company_id, claim)
    assert stored[0] == stored[1]
    assert len(stored[0]["message"]) == len(stored[0]["message_request"]) == 1
    assert (len(stored[0]["outbound"]), len(stored[0]["claim"])) == (way == "queue", way == "claim")


_TABLES = {
    "message_request": "id = $2",
    "message": "request_id = $2",
    "outbound": "message_id = $3",
    "claim": "messages = array[$3]",
}
_OF_EACH_RUN = {"id", "solo_message_id", "request_id", "message_id", "messages", "node_id"}


async def _rows(place: Place, prepared: Prepared, table: str) -> list[dict[str, Any]]:
    """Without the ids that differ from run to run."""
    rows = await place.db.fetch(
        f"select * from {table} where company_id = $1 and $2::uuid is not null"
        f" and $3::uuid is not null and {_TABLES[table]}",
        prepared.company_id, prepared.request_id, ids.message_id(prepared.request_id, 1),
    )  # fmt: skip
    return [{k: v for k, v in row.items() if k not in _OF_EACH_RUN} for row in rows]


async def test_requests_of_every_kind_are_stored_by_one_flush(
    place: Place, gateway: Gateway, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone, of several messages, refused in part, in need of steps, and told of, at once."""
    await gateway.send(tenant, GOOD)
    batches: list[int] = []
    accept = store.accept

    async def counted(on: store.Runner, batch: Sequence[Prepared], *rest: Any, **more: Any) -> None:
        batches.append(len(batch))
        await accept(on, batch, *rest, **more)

    monkeypatch.setattr(store, "accept", counted)
    made = await asyncio.gather(
        gateway.send(tenant, GOOD),
        gateway.send(tenant, GOOD, "nobody"),
        gateway.send(tenant, GOOD, "+4915112345679"),
        gateway.send(tenant, GOOD, test=True),
        gateway.send(tenant, GOOD, body="#if(1)x#end"),
        gateway.send(tenant, GOOD, external_id="named"),
    )
    assert batches == [len(made)]
    rows = await place.db.fetch(
        "select id, xmin::text from message_request where company_id = $1", tenant.company_id
    )
    assert len({row["xmin"] for row in rows if row["id"] in set(made)}) == 1
    assert [await place.states(tenant, request) for request in made[:4]] == [
        ["CREATED"], ["CREATED", "FAILED"], ["CREATED", "CREATED"], ["TEST"],
    ]  # fmt: skip
    assert len(await place.waiting(tenant)) == 6

"""Messages move by the usual statement as by the general one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pipeline import Gateway, Place
from tests.factories import Tenant
from tests.subscribers import a_subscriber

from clarion.engine.messages import store
from clarion.engine.messages.states import USUAL, Input
from clarion.engine.messages.store import changes
from clarion.kit import ids

NUMBERS = ("+4915112345678", "+4915112345679", "+4915112345680")
EVENTS = ("message_state_change", "message_request_state_change")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
_OF_EACH_RUN = {"id", "solo_message_id", "request_id", "subjects", "updated_at"}
Shape = tuple[int, int, bool]  # recipients, those of them that move, whether it fails over
SHAPES: list[Shape] = [(1, 1, False), (3, 3, False), (3, 2, False), (2, 2, True)]


class Moved:
    """Requests of one shape, moved; what is stored of them then, without what differs by run."""

    def __init__(self, place: Place, gateway: Gateway, tenant: Tenant) -> None:
        self._place = place
        self._gateway = gateway
        self._tenant = tenant

    async def by(self, input: Input, shape: Shape) -> dict[str, list[dict[str, Any]]]:
        recipients, count, fails_over = shape
        db, company_id = self._place.db, self._tenant.company_id
        await db.execute("delete from announcement where company_id = $1", company_id)
        request_id = await self._gateway.send(self._tenant, *NUMBERS[:recipients])
        if fails_over:
            await db.execute(
                "update message set fails_over = true where company_id = $1 and request_id = $2",
                company_id, request_id,
            )  # fmt: skip
        messages = [ids.message_id(request_id, n) for n in range(1, recipients + 1)]
        if input is Input.DELIVERED:
            await self.move(Input.TAKEN, messages)
        assert await self.move(input, messages[:count]) == dict.fromkeys(messages[:count], False)
        return {
            "message": await self._rows("message", "request_id = $2", request_id),
            "message_request": await self._rows("message_request", "id = $2", request_id),
            "announcement": await self._rows("announcement", "$2::uuid is not null", request_id),
        }

    async def move(self, input: Input, messages: list[UUID]) -> dict[UUID, bool]:
        """Each a second after the other; answers which moved, and whether late."""
        batch = [store.Advance(m, NOW + timedelta(seconds=n)) for n, m in enumerate(messages)]
        async with self._place.db.transaction() as tx:
            return await store.advance_each(tx, self._tenant.company_id, input, batch, NOW)

    async def _rows(self, table: str, which: str, request_id: UUID) -> list[dict[str, Any]]:
        rows = await self._place.db.fetch(
            f"select * from {table} where company_id = $1 and {which} order by id",
            self._tenant.company_id, request_id,
        )  # fmt: skip
        return [
            {k: v for k, v in row.items() if k not in _OF_EACH_RUN}
            | {"updated": row.get("updated_at") == NOW}
            for row in rows
        ]


@pytest.fixture
async def moved(place: Place, accepting: Gateway, tenant: Tenant) -> Moved:
    await a_subscriber(place.db, tenant.caller, "SCG-Message", *EVENTS)
    return Moved(place, accepting, tenant)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("input", USUAL)
async def test_both_statements_leave_the_same(
    moved: Moved, monkeypatch: pytest.MonkeyPatch, input: Input, shape: Shape
) -> None:
    with monkeypatch.context() as only_general:
        only_general.setattr(changes, "usual_move", lambda _: None)
        general = await moved.by(input, shape)
    usual = await moved.by(input, shape)
    assert usual == general
    assert {row["state"] for row in usual["message"][: shape[1]]} == (
        {"SENT"} if input is Input.TAKEN else {"DELIVERED"}
    )
    assert usual["announcement"]


async def test_the_usual_statement_is_enough_for_what_is_usual(
    moved: Moved, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def general(*_: Any) -> dict[UUID, bool]:
        raise AssertionError("asked though every message had moved")

    monkeypatch.setattr(changes, "_advance", general)
    for input in USUAL:
        await moved.by(input, (3, 3, False))


@pytest.mark.parametrize("statement", ["usual", "general"])
async def test_a_request_that_its_client_canceled_stays_so(
    moved: Moved, place: Place, accepting: Gateway, tenant: Tenant,
    monkeypatch: pytest.MonkeyPatch, statement: str,
) -> None:  # fmt: skip
    """Its last message left all the same."""
    if statement == "general":
        monkeypatch.setattr(changes, "usual_move", lambda _: None)
    request_id = await accepting.send(tenant, *NUMBERS[:2])
    messages = [ids.message_id(request_id, n) for n in (1, 2)]
    await moved.move(Input.CANCEL, messages[:1])
    await place.db.execute(
        "update message_request set state = 'CANCELED' where company_id = $1 and id = $2",
        tenant.company_id, request_id,
    )  # fmt: skip
    await moved.move(Input.TAKEN, messages[1:])
    assert await place.db.fetchrow(
        "select state::text, pending_count from message_request where company_id = $1 and id = $2",
        tenant.company_id, request_id,
    ) == ("CANCELED", 0)  # fmt: skip


async def test_one_batch_moves_messages_of_several_requests(
    moved: Moved, place: Place, accepting: Gateway, tenant: Tenant
) -> None:
    """Each request counts its own."""
    requests = [await accepting.send(tenant, *NUMBERS[:size]) for size in (3, 2, 1)]
    messages = [ids.message_id(r, n) for r, size in zip(requests, (2, 2, 1), strict=True)
                for n in range(1, size + 1)]  # fmt: skip
    for input in USUAL:
        assert await moved.move(input, messages) == dict.fromkeys(messages, False)
    counts = await place.db.fetch(
        "select pending_count, sent_count, delivered_count, state::text from message_request"
        " where company_id = $1 and id = any($2::uuid[]) and recipient_count > 1 order by id",
        tenant.company_id, requests,
    )  # fmt: skip
    assert [tuple(row) for row in counts] == [(1, 2, 2, "TRANSMITTING"), (0, 2, 2, "COMPLETED")]


async def test_one_batch_holds_usual_moves_and_others(
    moved: Moved, place: Place, accepting: Gateway, tenant: Tenant
) -> None:
    """One was canceled while the carrier had it, one was taken before."""
    request_id = await accepting.send(tenant, *NUMBERS)
    fresh, canceled, again = [ids.message_id(request_id, n) for n in (1, 2, 3)]
    await moved.move(Input.CANCEL, [canceled])
    await moved.move(Input.TAKEN, [again])
    assert await moved.move(Input.TAKEN, [again, fresh, canceled]) == {
        fresh: False,
        canceled: True,
    }
    assert await place.states(tenant, request_id) == ["SENT"] * 3

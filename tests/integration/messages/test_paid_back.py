"""What was never sent comes back to the company; what was sent after all is charged again."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from stage import Stage

from clarion.engine.billing.service import recount
from clarion.engine.messages import service, store
from clarion.engine.messages.model import FailureCode
from clarion.engine.messages.states import Input
from clarion.engine.messages.stops import stop, take

ONE, TWO = "+4915112345678", "+4915112345679"


async def _in_hand(stage: Stage, *to: str, body: str = "hello") -> tuple[UUID, list[UUID]]:
    """A request whose messages the carrier has, and has not answered for."""
    request = await stage.send(*to, body=body)
    await stage.db.execute("delete from outbound where company_id = $1", stage.company_id)
    return request, [row["id"] for row in await stage.messages(request)]


async def _taken(stage: Stage, *messages: UUID) -> None:
    now = datetime.now(UTC)
    async with stage.db.transaction() as tx:
        await take(tx, stage.company_id, [store.Advance(id, now) for id in messages], now)


async def _stopped(stage: Stage, input: Input, *messages: UUID) -> None:
    now = datetime.now(UTC)
    code = FailureCode.DELIVERY_FAILURE.value
    async with stage.db.transaction() as tx:
        batch = [store.Advance(id, now, code) for id in messages]
        await stop(tx, stage.company_id, input, batch, now)


async def _prices(stage: Stage, request: UUID) -> tuple[list[Decimal | None], Decimal, Decimal]:
    """Of its messages and of itself; and what the company has left."""
    own = [row["price"] for row in await stage.messages(request)]
    (books,) = await recount(stage.db, stage.company_id)
    assert books.right
    return own, (await stage.request(request))["price"], await stage.balance()


@pytest.mark.parametrize("input", [Input.CANCEL, Input.EXPIRE, Input.REFUSED])
async def test_what_leaves_after_it_was_stopped_is_charged_again(
    billed: Stage, input: Input
) -> None:
    await billed.credit("1")
    request, (one, two) = await _in_hand(billed, ONE, TWO)
    await _stopped(billed, input, one, two)
    assert await _prices(billed, request) == ([None, None], 0, Decimal("1"))
    await _taken(billed, one)
    again = ([Decimal("0.02"), None], Decimal("0.02"), Decimal("0.98"))
    assert await _prices(billed, request) == again
    await _taken(billed, one)  # twice costs once
    assert await _prices(billed, request) == again


async def test_what_the_credit_does_not_cover_any_more_has_cost_nothing(billed: Stage) -> None:
    await billed.credit("0.05")
    request, (one, two) = await _in_hand(billed, ONE, TWO)
    await service.cancel_request(billed.db, billed.company_id, request)
    await billed.send(ONE)
    assert await billed.balance() == Decimal("0.03")
    await _taken(billed, one, two)
    assert await _prices(billed, request) == (
        [Decimal("0.02"), None], Decimal("0.02"), Decimal("0.01")
    )  # fmt: skip


async def test_what_left_in_part_is_not_paid_back(billed: Stage) -> None:
    await billed.credit("1")
    request, (one, two) = await _in_hand(billed, ONE, TWO, body="x" * 200)
    part = store.NewFragment(one, 1, 2, "a", "a")
    await store.add_fragments(billed.db, billed.company_id, billed.place.name, [part])
    await _stopped(billed, Input.REFUSED, one, two)
    assert await _prices(billed, request) == (
        [Decimal("0.04"), None], Decimal("0.04"), Decimal("0.96")
    )  # fmt: skip


async def test_what_left_and_then_failed_stays_paid(billed: Stage) -> None:
    await billed.credit("1")
    request, (one,) = await _in_hand(billed, ONE)
    await _taken(billed, one)
    await _stopped(billed, Input.UNDELIVERABLE, one)
    assert await _prices(billed, request) == ([Decimal("0.02")], Decimal("0.02"), Decimal("0.98"))

"""Groups become messages once, across crashes, nodes and lost answers; what harms one request
harms no other."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pipeline import Place
from stage import Stage
from tests.waiting import eventually

from clarion.engine.contacts import store as contacts_store
from clarion.engine.contacts.model import new_row
from clarion.engine.messages import expand, service, stepped
from clarion.errors import Unavailable
from clarion.kit import ids

CHUNK = 40
BODY = 'Dear $contact.first_name, see #track("https://example.com/$contact.last_name")'


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expand, "CHUNK", CHUNK)


def _number(n: int) -> str:
    return f"+49151{10_000_000 + n}"


async def _group(stage: Stage, count: int, *, first: int = 0) -> str:
    """Contacts with names, in a group; as a recipient."""
    rows = [
        new_row()
        | {
            "id": ids.new_id(),
            "application_id": stage.caller.application_id,
            "primary_mdn": _number(first + n),
            "first_name": f"A{n}",
            "last_name": f"B{n}",
        }
        for n in range(count)
    ]
    async with stage.db.transaction() as tx:
        await contacts_store.insert(tx, stage.company_id, rows, datetime.now(UTC))
    return f"group:{ids.show(await stage.group(*(row['id'] for row in rows)))}"


async def _progress(stage: Stage, request: UUID) -> tuple[str, int]:
    shown = await stage.request(request)
    return shown["state"], shown["recipient_count"]


async def _whole(stage: Stage, request: UUID, count: int) -> None:
    """Every contact has one message, with its own text, one place in the queue and one link."""
    rows = await stage.messages(request)
    assert [row["peer_address"] for row in rows] == [_number(n) for n in range(count)]
    assert all(row["body"].startswith(f"Dear A{n}, see ") for n, row in enumerate(rows))
    assert len(await stage.place.waiting(stage.tenant)) == count
    links = await stage.db.fetch(
        "select message_id, url from short_link where company_id = $1 order by message_id",
        stage.company_id,
    )
    assert [row["url"] for row in links] == [f"https://example.com/B{n}" for n in range(count)]
    assert await _progress(stage, request) == ("TRANSMITTING", count)


async def test_progress_can_be_watched(stage: Stage) -> None:
    request = await stage.accept(await _group(stage, 100), body=BODY)
    seen = [await _progress(stage, request)]
    while seen[-1][0] == "PREPARING":
        await stage.gateway.expander.step()
        seen.append(await _progress(stage, request))
    counts = [count for _, count in seen]
    assert counts == [0, 40, 80, 100]
    await _whole(stage, request, 100)


async def test_groups_and_others_are_gone_through_in_their_order(stage: Stage) -> None:
    one, two = await _group(stage, 50), await _group(stage, 50, first=50)
    extra = _number(500)
    request = await stage.send(one, extra, one, two, _number(99), extra)
    rows = await stage.messages(request)
    wanted = [*range(50), 500, *range(50, 100)]
    assert [row["peer_address"] for row in rows] == [_number(n) for n in wanted]
    assert (await stage.request(request))["duplicate_count"] == 52


async def test_a_dead_nodes_group_is_finished_by_another(stage: Stage, place: Place) -> None:
    group = await _group(stage, 100)
    request = await stage.accept(group, group, body=BODY)
    await stage.gateway.expander.step()
    other = place.gateway()
    await other.expander.step()
    assert await _progress(stage, request) == ("PREPARING", 40)  # its node is alive
    await _lapse(stage)
    while await other.expander.step():
        pass
    await _whole(stage, request, 100)
    assert (await stage.request(request))["duplicate_count"] == 100


async def test_two_nodes_that_fight_over_a_group_make_each_message_once(
    stage: Stage, place: Place
) -> None:
    request = await stage.accept(await _group(stage, 300), body=BODY)
    nodes = [stage.gateway, place.gateway()]
    await _lapse(stage)
    while (await _progress(stage, request))[0] == "PREPARING":
        await asyncio.gather(*(node.expander.step() for node in nodes))
    await _whole(stage, request, 300)


@pytest.mark.parametrize("before", [False, True])
async def test_a_chunk_that_is_lost_is_made_again_and_only_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, *, before: bool
) -> None:
    """Before the commit, or after it, the database goes away."""
    request = await stage.accept(await _group(stage, 100), body=BODY)
    await stage.gateway.expander.step()
    run = stage.db.run

    async def lose(work: Any) -> Any:
        async def cut_short(tx: Any) -> None:
            await work(tx)
            raise Unavailable

        await run(cut_short if before else work)
        raise Unavailable

    monkeypatch.setattr(stage.db, "run", lose)
    with pytest.raises(Unavailable):
        await stage.gateway.expander.step()
    monkeypatch.setattr(stage.db, "run", run)
    await stage.expand()
    await _whole(stage, request, 100)


async def test_a_transaction_that_collides_runs_again_on_the_same_candidates(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await stage.accept(await _group(stage, 30), body=BODY)
    run = stage.db.run

    async def twice(work: Any) -> Any:
        with pytest.raises(Unavailable):
            await run(lambda tx: _and_fail(work, tx))
        return await run(work)

    monkeypatch.setattr(stage.db, "run", twice)
    await stage.gateway.expander.step()
    monkeypatch.setattr(stage.db, "run", run)
    await stage.expand()
    await _whole(stage, request, 30)


async def _and_fail(work: Any, tx: Any) -> None:
    await work(tx)
    raise Unavailable


async def test_a_group_request_that_is_canceled_goes_no_further(stage: Stage) -> None:
    request = await stage.accept(await _group(stage, 100), body=BODY)
    await stage.gateway.expander.step()
    await service.cancel_request(stage.db, stage.company_id, request)
    await stage.expand()
    assert await _progress(stage, request) == ("CANCELED", 40)


async def test_a_group_that_is_being_filled_is_waited_for(stage: Stage) -> None:
    group = await _group(stage, 3)
    await stage.db.execute(
        "update contact_group set status = 'Processing' where company_id = $1", stage.company_id
    )
    request = await stage.accept(group, body=BODY)
    other = await stage.accept(_number(7), consent_requirement="OPT_OUT")
    await stage.expand()
    assert await _progress(stage, request) == ("PREPARING", 0)
    assert await _progress(stage, other) == ("TRANSMITTING", 1)
    await stage.db.execute(
        "update contact_group set status = 'Ready' where company_id = $1", stage.company_id
    )
    await stage.expand()
    assert await _progress(stage, request) == ("TRANSMITTING", 3)


async def test_a_group_that_is_deleted_meanwhile_has_nobody(stage: Stage) -> None:
    request = await stage.accept(await _group(stage, 3), _number(9), body=BODY)
    await stage.db.execute(
        "update contact_group set deleted_at = now() where company_id = $1", stage.company_id
    )
    await stage.expand()
    assert [row["peer_address"] for row in await stage.messages(request)] == [_number(9)]


async def test_what_cannot_be_worked_on_is_given_up_and_harms_no_other(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = await stage.accept(_number(1), body="bad $x", consent_requirement="OPT_OUT")
    good = [
        await stage.accept(_number(n), body="good", consent_requirement="OPT_OUT")
        for n in range(2, 6)
    ]
    keep = stepped.SteppedChunk._keep

    def poisoned(self: Any, job: Any, candidates: Any) -> None:
        if job.plan.body.startswith("bad"):
            raise RuntimeError("a fault of ours")
        keep(self, job, candidates)

    monkeypatch.setattr(stepped.SteppedChunk, "_keep", poisoned)
    for _ in range(expand.MAX_FAILURES + 2):
        await stage.gateway.expander.step()
    shown = await stage.request(bad)
    assert (shown["state"], shown["failure_code"]) == ("REJECTED", "1009")
    assert "unexpected" in shown["failure_details"]
    for request in good:
        assert await _progress(stage, request) == ("TRANSMITTING", 1)


async def test_one_company_with_much_to_do_holds_up_nobody(stage: Stage, place: Place) -> None:
    requests = [await stage.accept(await _group(stage, 100, first=n * 100)) for n in range(6)]
    other = Stage(place, stage.gateway, await place.tenant())
    late = await other.accept(await _group(other, 10))
    await stage.gateway.expander.step()
    assert await _progress(other, late) == ("TRANSMITTING", 10)
    await stage.expand()
    assert {(await _progress(stage, r))[1] for r in requests} == {100}


async def _lapse(stage: Stage) -> None:
    await stage.db.execute(
        "update node set expires_at = now() - interval '1 s' where id = $1", stage.gateway.node_id
    )


@pytest.mark.parametrize("body", ["plain", BODY])
async def test_counters_are_right_while_messages_leave(place: Place, body: str) -> None:
    """Those that prepare and those that record write to the same request all the time."""
    stage = Stage(place, await place.started(), await place.tenant())
    group = await _group(stage, 2000)
    if body == "plain":
        request = await stage.accept(*map(_number, range(2000)), body=body)
    else:
        request = await stage.accept(group, body=body)

    async def done() -> bool:
        return (await _progress(stage, request)) == ("COMPLETED", 2000)

    await eventually(done)
    await place.until(stage.tenant, request, "DELIVERED")

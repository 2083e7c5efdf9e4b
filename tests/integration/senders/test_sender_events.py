"""sender_id_state_change: from every move of a sender id to the event."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from tests.factories import VAULT
from tests.subscribers import Subscriber, a_subscriber, announced, without_owner

from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.service import create_application, create_company
from clarion.engine.senders.model import NewSender, Ownership, SenderChange, SenderState
from clarion.engine.senders.service import (
    change_sender,
    create_sender,
    delete_sender,
    provision,
    seed_catalogue,
    take_sender,
    take_shared,
)
from clarion.kit import ids
from clarion.storage.database import Database

TOPIC, MOVED = "SCG-Sender-ID", "sender_id_state_change"
S = SenderState


async def a_caller(db: Database, name: str) -> Caller:
    company = await create_company(db, name=name)
    made = await create_application(db, company.id, name="app")
    return Caller(company_id=company.id, application_id=made.application.id)


async def make(
    db: Database, caller: Caller, address: str, *, auto: bool = True, **more: Any
) -> UUID:
    new = NewSender(class_id="NOTIFICATIONS", type_id="LONGCODE", address=address, **more)
    return await create_sender(db, VAULT, caller, new, auto_provision=auto)


@pytest.fixture
async def operator(db: Database) -> Caller:
    await seed_catalogue(db)
    return await a_caller(db, "operator")


@pytest.fixture
async def caller(db: Database, operator: Caller) -> Caller:
    return await a_caller(db, "acme")


async def moves(by: Subscriber, id: UUID) -> list[tuple[str, str]]:
    return [e.moved for e in await by.told() if e.key == ids.show(id)]


async def test_each_move_is_told_with_who_made_it(db: Database, caller: Caller) -> None:
    by = await a_subscriber(db, caller, TOPIC, MOVED)
    id = await make(db, caller, "12125550100", auto=False)
    await provision(db, caller.company_id, id, state=S.IMPLEMENTED)
    await provision(db, caller.company_id, id, state=S.IMPLEMENTED, country="US")
    for change in (SenderChange(state=S.ACTIVE), SenderChange(name="named")):
        await change_sender(db, VAULT, caller, id, change)
    await delete_sender(db, caller, id)
    events = await by.told()
    assert [e.moved for e in events] == [
        ("PENDING_IMPLEMENTATION", "IMPLEMENTED"), ("IMPLEMENTED", "ACTIVE"), ("ACTIVE", "DELETED"),
    ]  # fmt: skip
    assert [e.fields["reason_code"] for e in events] == ["OPERATOR", "COMPANY", "COMPANY"]
    assert without_owner(events[0].fields) == {
        "sender_id_id": ids.show(id),
        "previous_state": "PENDING_IMPLEMENTATION",
        "new_state": "IMPLEMENTED",
        "reason_code": "OPERATOR",
        "reason_description": "The operator has changed it.",
    }
    assert events[0].fields["application_id"] == caller.application_id


async def test_one_that_is_born_further_on_says_so(db: Database, caller: Caller) -> None:
    by = await a_subscriber(db, caller, TOPIC, MOVED)
    id = await make(db, caller, "12125550100", state=S.ACTIVE)
    assert await moves(by, id) == [("PENDING_IMPLEMENTATION", "ACTIVE")]


async def test_one_that_is_taken_from_the_operator(
    db: Database, operator: Caller, caller: Caller
) -> None:
    by = await a_subscriber(db, caller, TOPIC, MOVED)
    offers = [
        await make(db, operator, f"1212555010{n}", state=S.ACTIVE, ownership=Ownership.SHARED)
        for n in range(2)
    ]
    taken = await take_sender(db, VAULT, caller, offers[0])
    await take_shared(db, VAULT, caller.company_id, offers)
    assert await moves(by, taken) == [("PENDING_IMPLEMENTATION", "ACTIVE")]
    assert len(await by.told()) == 2


async def test_where_nobody_has_subscribed_nothing_is_written(
    db: Database, operator: Caller, caller: Caller
) -> None:
    await a_subscriber(db, operator, TOPIC)
    await make(db, caller, "12125550100", state=S.ACTIVE)
    assert await announced(db, caller.company_id) == 0

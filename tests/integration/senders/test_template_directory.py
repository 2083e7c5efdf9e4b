"""Templates for the message pipeline, on a real database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from tests.factories import VAULT, Tenant, a_tenant

from clarion.engine.senders.directory import SenderDirectory
from clarion.engine.senders.model import NewSender, Ownership, SenderChange, SenderState
from clarion.engine.senders.service import change_sender, create_sender, take_sender
from clarion.engine.senders.templates import TemplateDirectory, TemplateError, render, validate
from clarion.engine.senders.templates import directory as module
from clarion.engine.senders.templates.model import (
    Designation,
    NewTemplate,
    TemplateChange,
    TemplateOwnership,
)
from clarion.engine.senders.templates.service import (
    change_template,
    create_template,
    delete_template,
)
from clarion.errors import Conflict
from clarion.kit import ids
from clarion.storage.database import Database


class Clock:
    now = 0.0

    def __call__(self) -> float:
        self.now += 10.0  # all that is kept is too old
        return self.now


@pytest.fixture
def directory(db: Database) -> TemplateDirectory:
    return TemplateDirectory(db, clock=Clock())


@pytest.fixture
async def operator(db: Database) -> Tenant:
    return await a_tenant(db, name="operator")


@pytest.fixture
async def tenant(db: Database, operator: Tenant) -> Tenant:
    return await a_tenant(db, name="tenant", address="12125550101")


async def a_template(db: Database, tenant: Tenant, name: str, pattern: str, **more: Any) -> UUID:
    new = NewTemplate(name=name, pattern=pattern, **more)
    return await create_template(db, tenant.caller, new)


async def test_ones_own_template_comes_before_the_operators(
    db: Database, directory: TemplateDirectory, operator: Tenant, tenant: Tenant
) -> None:
    public = TemplateOwnership.PUBLIC
    await a_template(db, operator, "hello", "the operator's", ownership=public)
    await a_template(db, operator, "secret", "the operator's")
    templates = await directory.get(tenant.company_id)
    assert render('#parse("hello")', templates, {}) == "the operator's"
    with pytest.raises(TemplateError, match="There is no template"):
        render('#parse("secret")', templates, {})
    await a_template(db, tenant, "hello", "mine")
    assert render('#parse("hello")', await directory.get(tenant.company_id), {}) == "mine"
    operators = await directory.get(operator.company_id)
    assert render('#parse("hello") #parse("secret")', operators, {}) == (
        "the operator's the operator's"
    )


async def test_a_change_is_noticed_and_what_stays_is_not_read_again(
    db: Database, directory: TemplateDirectory, tenant: Tenant
) -> None:
    id = await a_template(db, tenant, "hello", "one")
    first = await directory.get(tenant.company_id)
    assert await directory.get(tenant.company_id) is first
    await change_template(db, tenant.caller, id, TemplateChange(pattern="two"))
    second = await directory.get(tenant.company_id)
    assert render('#parse("hello")', second, {}) == "two"
    await delete_template(db, tenant.caller, id)
    third = await directory.get(tenant.company_id)
    assert third.named("hello") is None
    await a_template(db, tenant, "hello", "three")
    assert render('#parse("hello")', await directory.get(tenant.company_id), {}) == "three"


async def test_within_a_second_nobody_asks_the_database(db: Database, tenant: Tenant) -> None:
    directory = TemplateDirectory(db, clock=lambda: 0.0)
    await a_template(db, tenant, "hello", "one")
    first = await directory.get(tenant.company_id)
    await a_template(db, tenant, "more", "two")
    assert await directory.get(tenant.company_id) is first
    directory.forget()
    assert (await directory.get(tenant.company_id)).named("more")


async def test_a_change_of_the_operators_is_noticed_by_all(
    db: Database, directory: TemplateDirectory, operator: Tenant, tenant: Tenant
) -> None:
    assert (await directory.get(tenant.company_id)).named("hello") is None
    id = await a_template(db, operator, "hello", "x", ownership=TemplateOwnership.PUBLIC)
    assert (await directory.get(tenant.company_id)).named("hello")
    change = TemplateChange(ownership=TemplateOwnership.PRIVATE)
    await change_template(db, operator.caller, id, change)
    assert (await directory.get(tenant.company_id)).named("hello") is None


async def test_memory_is_bounded(
    db: Database,
    directory: TemplateDirectory,
    tenant: Tenant,
    operator: Tenant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_CHARACTERS", 150)
    for owner in (tenant, operator):
        await a_template(db, owner, "hello", "x" * 100)
    for _ in range(3):
        for owner in (tenant, operator):
            assert (await directory.get(owner.company_id)).named("hello")
            assert len(directory._kept) == 1


async def test_a_company_has_room_for_so_many(
    db: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.engine.senders.templates.service.MAX_TEMPLATES", 2)
    for name in ("a", "b"):
        await a_template(db, tenant, name, "x")
    with pytest.raises(Conflict, match="at most 2"):
        await a_template(db, tenant, "c", "x")


async def test_what_a_shared_sender_id_demands_holds_for_who_takes_it(
    db: Database, directory: TemplateDirectory, operator: Tenant, tenant: Tenant
) -> None:
    validator = Designation.VALIDATOR
    brief = await a_template(db, operator, "brief", "Bank: $x", designation=validator)
    new = NewSender(
        class_id="ALERTS", type_id="SHORTCODE", address="50001", ownership=Ownership.SHARED,
        state=SenderState.ACTIVE, message_templates=[ids.show(brief)], templates_only=False,
    )  # fmt: skip
    offer = await create_sender(db, VAULT, operator.caller, new, auto_provision=True)
    taken = await take_sender(db, VAULT, tenant.caller, offer)
    await a_template(db, tenant, "brief", "$x", designation=validator)
    change = SenderChange(message_templates=["brief"])
    await change_sender(db, VAULT, tenant.caller, taken, change)
    sender = await SenderDirectory(db).get(tenant.company_id, taken)
    assert sender is not None
    assert (sender.message_templates, sender.parent_templates) == (("brief",), (ids.show(brief),))
    assert (sender.priority, sender.parent_id, sender.templates_only) == (0, offer, False)
    templates = await directory.get(tenant.company_id)
    validate(sender, "Bank: 5", templates)
    with pytest.raises(TemplateError):
        validate(sender, "5", templates)
    only = SenderChange(templates_only=True)
    await change_sender(db, VAULT, operator.caller, offer, only)
    sender = await SenderDirectory(db).get(tenant.company_id, taken)
    assert sender is not None
    assert sender.templates_only

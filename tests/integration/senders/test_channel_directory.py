"""Channels for the message pipeline, on a real database."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from tests.factories import VAULT, Tenant, a_sender, a_tenant

from clarion.engine.accounts.model import Caller
from clarion.engine.senders.channels.directory import MAX_AGE, ChannelDirectory
from clarion.engine.senders.channels.model import (
    Channel,
    ChannelChange,
    ChannelOwnership,
    NewChannel,
    Priority,
)
from clarion.engine.senders.channels.service import (
    add_senders,
    change_channel,
    create_channel,
    delete_channel,
    remove_senders,
)
from clarion.engine.senders.model import NewSender, Ownership, SenderState
from clarion.engine.senders.service import create_sender, delete_sender, take_sender
from clarion.kit import ids
from clarion.storage.database import Database


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def directory(db: Database, clock: Clock) -> ChannelDirectory:
    return ChannelDirectory(db, VAULT, clock=clock)


@pytest.fixture
async def operator(db: Database) -> Tenant:
    """The first company; it has a SHARED, a PREPROVISIONED and a sender id of its own."""
    return await a_tenant(db, name="operator")


async def offered(db: Database, operator: Tenant, address: str, **more: Any) -> UUID:
    new = NewSender(
        **{
            "class_id": "ALERTS",
            "type_id": "SHORTCODE",
            "address": address,
            "ownership": Ownership.SHARED,
            "state": SenderState.ACTIVE,
        }
        | more
    )
    return await create_sender(db, VAULT, operator.caller, new, auto_provision=True)


async def a_channel(db: Database, tenant: Tenant, *senders: UUID, **more: Any) -> UUID:
    id = await create_channel(db, tenant.caller, NewChannel(**{"name": "channel"} | more))
    await add_senders(db, tenant.caller, id, senders)
    return id


def addresses(channel: Channel | None) -> list[str]:
    assert channel is not None
    return sorted(sender.address for sender in channel.senders)


async def test_a_company_finds_its_channel_with_all_that_a_choice_needs(
    db: Database, directory: ChannelDirectory, operator: Tenant
) -> None:
    tenant = await a_tenant(db, name="tenant", address="12125550101")
    alerts = await offered(db, tenant, "50001", ownership=Ownership.PRIVATE)
    id = await a_channel(db, tenant, tenant.sender_id, alerts, priority=Priority.HIGH)
    channel = await directory.get(tenant.company_id, id)
    assert channel is not None
    assert (channel.id, channel.company_id, channel.priority) == (id, tenant.company_id, 0)
    assert addresses(channel) == ["12125550101", "50001"]
    (_, urgent) = channel.senders
    assert (urgent.priority, urgent.countries, urgent.throughput) == (0, ("OTHER",), 5000.0)
    assert channel.listed_countries == frozenset()
    await db.execute(
        "update sender_id_class set applicable_countries = '{DE,AT}' where id = 'ALERTS'"
    )
    directory.forget()
    channel = await directory.get(tenant.company_id, id)
    assert channel is not None
    assert channel.listed_countries == {"DE", "AT"}


async def test_no_other_company_finds_it(
    db: Database, directory: ChannelDirectory, operator: Tenant
) -> None:
    tenant = await a_tenant(db, name="tenant", address="12125550101")
    id = await a_channel(db, tenant, tenant.sender_id)
    assert await directory.get(operator.company_id, id) is None
    assert await directory.get(tenant.company_id, ids.new_id()) is None
    private = await a_channel(db, operator, operator.sender_id)
    assert await directory.get(tenant.company_id, private) is None


async def test_a_change_is_noticed_when_the_time_is_up(
    db: Database, directory: ChannelDirectory, operator: Tenant, clock: Clock
) -> None:
    id = await a_channel(db, operator, operator.sender_id)
    found = await directory.get(operator.company_id, id)
    await change_channel(db, operator.caller, id, ChannelChange(priority=Priority.LOW))
    await remove_senders(db, operator.caller, id, [operator.sender_id])
    assert await directory.get(operator.company_id, id) is found
    clock.now += MAX_AGE + 0.1
    found = await directory.get(operator.company_id, id)
    assert found is not None
    assert (found.priority, found.senders) == (2, ())
    await delete_channel(db, operator.caller, id)
    clock.now += MAX_AGE + 0.1
    assert await directory.get(operator.company_id, id) is None


async def test_what_is_deleted_is_no_longer_in_it(
    db: Database, directory: ChannelDirectory, operator: Tenant
) -> None:
    other = await a_sender(db, operator.caller, address="12125550102")
    id = await a_channel(db, operator, operator.sender_id, other)
    await delete_sender(db, operator.caller, other)
    assert addresses(await directory.get(operator.company_id, id)) == [operator.address]


async def test_a_shared_channel_has_what_the_company_has_taken(
    db: Database, directory: ChannelDirectory, operator: Tenant
) -> None:
    first, second = await offered(db, operator, "50001"), await offered(db, operator, "50002")
    shared = ChannelOwnership.SHARED
    id = await a_channel(db, operator, first, second, operator.sender_id, ownership=shared)
    tenant = await a_tenant(db, name="tenant", address="12125550101")
    assert addresses(await directory.get(tenant.company_id, id)) == []
    taken = await take_sender(db, VAULT, tenant.caller, first)
    directory.forget()
    channel = await directory.get(tenant.company_id, id)
    assert channel is not None
    assert [(s.id, s.company_id, s.parent_id) for s in channel.senders] == [
        (taken, tenant.company_id, first)
    ]
    assert addresses(await directory.get(operator.company_id, id)) == [
        *(operator.address, "50001", "50002")
    ]


async def test_of_a_public_channel_what_is_shared_is_taken_by_the_first_look(
    db: Database, directory: ChannelDirectory, operator: Tenant
) -> None:
    shared = await offered(db, operator, "50001", credentials='{"a":"b"}')
    asleep = await offered(db, operator, "50002", state=SenderState.INACTIVE)
    preprovisioned = await offered(db, operator, "50003", ownership=Ownership.PREPROVISIONED)
    inside = (shared, asleep, preprovisioned, operator.sender_id)
    id = await a_channel(db, operator, *inside, ownership=ChannelOwnership.PUBLIC)
    tenant = await a_tenant(db, name="tenant", address="12125550101")
    elsewhere = ChannelDirectory(db, VAULT)
    found = await asyncio.gather(
        *(each.get(tenant.company_id, id) for each in (directory, elsewhere, directory))
    )
    for channel in found:
        assert channel is not None
        assert [(s.parent_id, s.company_id, s.application_id) for s in channel.senders] == [
            (shared, tenant.company_id, None)
        ]
    held = await db.fetchval(
        "select count(*) from sender_id where company_id = $1", tenant.company_id
    )
    assert held == 2  # its own, and one taken: by one of them


async def test_a_number_that_the_company_has_otherwise_is_not_taken_again(
    db: Database, directory: ChannelDirectory, operator: Tenant
) -> None:
    shared = await offered(db, operator, "12125550101", type_id="LONGCODE")
    id = await a_channel(db, operator, shared, ownership=ChannelOwnership.PUBLIC)
    tenant = await a_tenant(db, name="tenant", address="12125550101")
    assert addresses(await directory.get(tenant.company_id, id)) == []


async def test_only_sender_ids_of_the_company_are_added(db: Database, operator: Tenant) -> None:
    tenant = await a_tenant(db, name="tenant", address="12125550101")
    id = await a_channel(db, tenant)
    strangers = [operator.sender_id, ids.new_id()]
    refused = await add_senders(db, tenant.caller, id, [tenant.sender_id, *strangers])
    assert refused == set(strangers)
    stranger = Caller(company_id=tenant.company_id, application_id=0)
    gone = await remove_senders(db, stranger, id, [tenant.sender_id, operator.sender_id])
    assert gone == {operator.sender_id}

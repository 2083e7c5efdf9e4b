"""Contact groups: members by hand and by criteria, counts that stay true, work that survives."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from crowd import delete_contact, delete_in, some_contacts
from tests.factories import Tenant, a_tenant

from clarion.engine.contacts.groups import filling, service, store
from clarion.engine.contacts.groups.filling import GroupKeeper
from clarion.engine.contacts.groups.model import (
    GroupBusy,
    GroupChange,
    GroupStatus,
    GroupType,
    NewGroup,
)
from clarion.errors import Conflict, InvalidCriteria, InvalidInput, NotFound, StaleVersion
from clarion.kit import ids
from clarion.storage.database import Database

FLORIDA = {"primary_addr_state": "FL"}
DYNAMIC, STATIC = GroupType.DYNAMIC, GroupType.STATIC


@pytest.fixture
async def tenant(shared_db: Database) -> Tenant:
    return await a_tenant(shared_db, name=ids.show(ids.new_id()))


async def a_group(db: Database, tenant: Tenant, criteria: Any = None, **more: Any) -> UUID:
    new = NewGroup(criteria=None if criteria is None else json.dumps(criteria), **more)
    return await service.create_group(db, tenant.caller, new)


async def row(db: Database, tenant: Tenant, id: UUID) -> Any:
    return await db.fetchrow(
        "select * from contact_group where company_id = $1 and id = $2", tenant.company_id, id
    )


async def members(db: Database, tenant: Tenant, id: UUID, *, size: int = 1000) -> list[UUID]:
    """All members, by slices."""
    found: list[UUID] = []
    while part := await service.member_slice(
        db, tenant.company_id, id, found[-1] if found else None, size
    ):
        found += part
    return found


async def keep(db: Database, *, node_id: UUID | None = None) -> None:
    """All background work that there is."""
    keeper = GroupKeeper(db, node_id=node_id or ids.new_id())
    while await keeper.step():
        pass


async def beat(db: Database, node: UUID, *, seconds: float) -> None:
    await db.execute(
        "insert into node (id, name, roles, expires_at) values ($1, 'n', '{}', $2) "
        "on conflict (id) do update set expires_at = $2",
        node,
        datetime.now(UTC) + timedelta(seconds=seconds),
    )


async def is_true(db: Database, tenant: Tenant, id: UUID) -> bool:
    """Whether the count is that of the members, all of whom live."""
    counted = await db.fetchval(
        "select count(*) from contact_group_member m join contact c "
        "on c.company_id = m.company_id and c.id = m.contact_id and c.deleted_at is null "
        "where m.company_id = $1 and m.group_id = $2",
        tenant.company_id,
        id,
    )
    everything = await db.fetchval(
        "select count(*) from contact_group_member where company_id = $1 and group_id = $2",
        tenant.company_id,
        id,
    )
    return bool((await row(db, tenant, id))["member_count"] == counted == everything)


# ---------------------------------------------------------------- by hand


async def test_contacts_become_members_once_and_strangers_are_named(
    shared_db: Database, tenant: Tenant
) -> None:
    group = await a_group(shared_db, tenant)
    ann, bob = await some_contacts(shared_db, tenant, {}, {})
    (stranger,) = await some_contacts(shared_db, await a_tenant(shared_db, name="else"), {})
    nobody = ids.new_id()
    unknown = await service.add_members(
        shared_db, tenant.caller, group, [ann, bob, stranger, nobody]
    )
    assert unknown == {stranger, nobody}
    assert await service.add_members(shared_db, tenant.caller, group, [bob, ann]) == set()
    assert await members(shared_db, tenant, group, size=1) == [ann, bob]
    assert (await row(shared_db, tenant, group))["member_count"] == 2


async def test_a_member_is_taken_out(shared_db: Database, tenant: Tenant) -> None:
    group = await a_group(shared_db, tenant)
    (ann,) = await some_contacts(shared_db, tenant, {})
    await service.add_members(shared_db, tenant.caller, group, [ann])
    await service.remove_member(shared_db, tenant.caller, group, ann)
    assert await members(shared_db, tenant, group) == []
    assert (await row(shared_db, tenant, group))["member_count"] == 0
    with pytest.raises(NotFound):
        await service.remove_member(shared_db, tenant.caller, group, ann)


async def test_deleted_contacts_leave_all_groups(shared_db: Database, tenant: Tenant) -> None:
    one, two = await a_group(shared_db, tenant), await a_group(shared_db, tenant)
    contacts = await some_contacts(shared_db, tenant, {}, {}, {})
    for group in (one, two):
        await service.add_members(shared_db, tenant.caller, group, contacts)
    await delete_contact(shared_db, tenant, contacts[:2])
    for group in (one, two):
        assert await members(shared_db, tenant, group) == contacts[2:]
        assert await is_true(shared_db, tenant, group)


async def test_counts_stay_true_when_contacts_are_deleted_while_they_are_added(
    shared_db: Database, tenant: Tenant
) -> None:
    group = await a_group(shared_db, tenant)
    contacts = await some_contacts(shared_db, tenant, *[{}] * 40)

    async def delete(id: UUID) -> None:
        await shared_db.run(lambda tx: delete_in(tx, tenant, [id]))

    await asyncio.gather(
        *(service.add_members(shared_db, tenant.caller, group, contacts) for _ in range(4)),
        *(delete(id) for id in contacts[::3]),
    )
    assert await is_true(shared_db, tenant, group)
    assert len(await members(shared_db, tenant, group)) <= 40 - 13


# ---------------------------------------------------------------- by criteria


async def test_a_dynamic_group_is_whoever_matches_now(shared_db: Database, tenant: Tenant) -> None:
    group = await a_group(shared_db, tenant, FLORIDA, type=DYNAMIC)
    assert await members(shared_db, tenant, group) == []
    ann, bob = await some_contacts(shared_db, tenant, FLORIDA, {"primary_addr_state": "GA"})
    assert await members(shared_db, tenant, group) == [ann]
    change = GroupChange(criteria="{}")
    await service.change_group(shared_db, tenant.caller, group, change)
    assert await members(shared_db, tenant, group, size=1) == [ann, bob]
    await delete_contact(shared_db, tenant, [ann])
    assert await members(shared_db, tenant, group) == [bob]


async def test_a_dynamic_groups_members_are_not_added_or_taken_out(
    shared_db: Database, tenant: Tenant
) -> None:
    group = await a_group(shared_db, tenant, {}, type=DYNAMIC)
    (ann,) = await some_contacts(shared_db, tenant, {})
    with pytest.raises(Conflict, match="DYNAMIC"):
        await service.add_members(shared_db, tenant.caller, group, [ann])
    with pytest.raises(Conflict, match="DYNAMIC"):
        await service.remove_member(shared_db, tenant.caller, group, ann)


async def test_matching_contacts_are_counted_unless_it_takes_too_long(
    shared_db: Database, tenant: Tenant
) -> None:
    await some_contacts(shared_db, tenant, FLORIDA, FLORIDA, {})
    one, two, broken = (ids.new_id() for _ in range(3))
    groups = {one: json.dumps(FLORIDA), broken: '{"fast_access.Gone": "x"}', two: "{}"}
    company = tenant.company_id
    counts = await service.count_matching(shared_db, company, groups, seconds=5)
    assert counts == {one: 2, two: 3}
    assert await service.count_matching(shared_db, company, groups, seconds=0) == {}


async def test_a_count_that_takes_too_long_is_given_up_alone(
    shared_db: Database, tenant: Tenant
) -> None:
    criteria = await service.membership(
        shared_db, tenant.company_id, await a_group(shared_db, tenant, {}, type=DYNAMIC)
    )
    slow = type(criteria)("(select pg_sleep(5)) is not null", ())
    await some_contacts(shared_db, tenant, {})
    async with shared_db.transaction() as tx:
        assert await store.count_matching(tx, tenant.company_id, slow, 0.02) is None
        assert await store.count_matching(tx, tenant.company_id, criteria, 5) == 1


async def test_criteria_choose_contacts_by_slices(shared_db: Database, tenant: Tenant) -> None:
    made = await some_contacts(shared_db, tenant, FLORIDA, {}, FLORIDA, FLORIDA)
    company, query = tenant.company_id, json.dumps(FLORIDA)
    first = await service.criteria_slice(shared_db, company, query, None, 2)
    assert first == [made[0], made[2]]
    assert await service.criteria_slice(shared_db, company, query, first[-1], 2) == [made[3]]
    with pytest.raises(InvalidCriteria):
        await service.criteria_slice(shared_db, company, '{"no": 1}', None, 2)


async def test_names_of_fast_access_are_a_companys_own(shared_db: Database, tenant: Tenant) -> None:
    query = {"fast_access.Color": "red"}
    with pytest.raises(InvalidCriteria):
        await a_group(shared_db, tenant, query, type=DYNAMIC)
    await shared_db.execute(
        "insert into fast_access_rule (company_id, id, number, name, updated_at) "
        "values ($1, $2, 7, 'Color', now())",
        tenant.company_id,
        ids.new_id(),
    )
    ann, _ = await some_contacts(shared_db, tenant, {}, {})
    await shared_db.execute("update contact set fast_access_7 = 'red' where id = $1", ann)
    group = await a_group(shared_db, tenant, query, type=DYNAMIC)
    assert await members(shared_db, tenant, group) == [ann]
    with pytest.raises(InvalidCriteria):
        await a_group(shared_db, await a_tenant(shared_db, name="x"), query, type=DYNAMIC)


# ---------------------------------------------------------------- filled in the background


async def test_a_static_group_is_filled_by_its_criteria(
    shared_db: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "WINDOW", 2)
    made = await some_contacts(shared_db, tenant, FLORIDA, {}, FLORIDA, {}, {}, FLORIDA)
    await delete_contact(shared_db, tenant, [made[2]])
    group = await a_group(shared_db, tenant, FLORIDA)
    assert (await row(shared_db, tenant, group))["status"] == GroupStatus.PROCESSING
    with pytest.raises(GroupBusy):
        await members(shared_db, tenant, group)
    with pytest.raises(GroupBusy):
        await service.remove_member(shared_db, tenant.caller, group, made[0])
    assert await service.add_members(shared_db, tenant.caller, group, [made[1]]) == set()
    await keep(shared_db)
    found = await row(shared_db, tenant, group)
    assert (found["status"], found["member_count"]) == (GroupStatus.READY, 3)
    assert await members(shared_db, tenant, group) == [made[0], made[1], made[5]]
    await some_contacts(shared_db, tenant, FLORIDA)
    assert len(await members(shared_db, tenant, group)) == 3


async def test_a_group_whose_node_died_is_filled_by_another(
    shared_db: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "WINDOW", 2)
    dying, alive = ids.new_id(), ids.new_id()
    made = await some_contacts(shared_db, tenant, *[FLORIDA] * 5)
    group = await a_group(shared_db, tenant, FLORIDA)
    await beat(shared_db, dying, seconds=60)
    await GroupKeeper(shared_db, node_id=dying).step()
    assert (await row(shared_db, tenant, group))["member_count"] == 2
    await keep(shared_db, node_id=alive)
    assert (await row(shared_db, tenant, group))["member_count"] == 2  # the other one lives
    await beat(shared_db, dying, seconds=-1)
    await keep(shared_db, node_id=alive)
    await beat(shared_db, dying, seconds=60)
    await keep(shared_db, node_id=dying)
    assert await members(shared_db, tenant, group) == made
    assert await is_true(shared_db, tenant, group)


async def test_a_step_that_another_node_has_taken_over_does_nothing(
    shared_db: Database, tenant: Tenant
) -> None:
    await some_contacts(shared_db, tenant, FLORIDA)
    group = await a_group(shared_db, tenant, FLORIDA)
    late = GroupKeeper(shared_db, node_id=ids.new_id())
    await late._work_on(tenant.company_id, group)
    assert (await row(shared_db, tenant, group))["status"] == GroupStatus.PROCESSING
    await keep(shared_db)


async def test_criteria_that_name_what_is_gone_end_the_filling(
    shared_db: Database, tenant: Tenant
) -> None:
    await some_contacts(shared_db, tenant, FLORIDA)
    group = await a_group(shared_db, tenant, FLORIDA)
    await shared_db.execute(
        "update contact_group set criteria = '{\"fast_access.Gone\": 1}' where id = $1", group
    )
    await keep(shared_db)
    assert await members(shared_db, tenant, group) == []


async def test_a_deleted_group_is_gone_and_emptied(
    shared_db: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "GOES", 2)
    contacts = await some_contacts(shared_db, tenant, *[{}] * 5)
    group = await a_group(shared_db, tenant)
    await service.add_members(shared_db, tenant.caller, group, contacts)
    await service.delete_group(shared_db, tenant.caller, group)
    for use in (
        service.delete_group(shared_db, tenant.caller, group),
        service.change_group(shared_db, tenant.caller, group, GroupChange(name="x")),
        service.add_members(shared_db, tenant.caller, group, contacts),
        service.member_slice(shared_db, tenant.company_id, group, None, 10),
    ):
        with pytest.raises(NotFound):
            await use
    await keep(shared_db)
    left = await shared_db.fetchval(
        "select count(*) from contact_group_member where group_id = $1", group
    )
    work = await shared_db.fetchval("select count(*) from contact_group_work")
    assert (left, work) == (0, 0)


async def test_a_group_deleted_while_it_is_filled_is_emptied(
    shared_db: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "WINDOW", 1)
    await some_contacts(shared_db, tenant, *[FLORIDA] * 3)
    group = await a_group(shared_db, tenant, FLORIDA)
    keeper = GroupKeeper(shared_db, node_id=ids.new_id())
    await keeper.step()
    await service.delete_group(shared_db, tenant.caller, group)
    await keep(shared_db)
    assert not await shared_db.fetchval(
        "select count(*) from contact_group_member where group_id = $1", group
    )


# ---------------------------------------------------------------- what can be changed


async def test_a_dynamic_group_needs_criteria_that_can_be_read(
    shared_db: Database, tenant: Tenant
) -> None:
    with pytest.raises(InvalidInput, match="DYNAMIC group must have"):
        await a_group(shared_db, tenant, type=DYNAMIC)
    with pytest.raises(InvalidCriteria, match="/shoe"):
        await a_group(shared_db, tenant, {"shoe": 1}, type=DYNAMIC)
    with pytest.raises(InvalidCriteria, match="/shoe"):
        await a_group(shared_db, tenant, {"shoe": 1})
    group = await a_group(shared_db, tenant, {}, type=DYNAMIC)
    for criteria, error in ((None, InvalidInput), ("{", InvalidCriteria)):
        with pytest.raises(error):
            await service.change_group(
                shared_db, tenant.caller, group, GroupChange(criteria=criteria)
            )


async def test_what_makes_a_group_what_it_is_does_not_change(
    shared_db: Database, tenant: Tenant
) -> None:
    group = await a_group(shared_db, tenant, FLORIDA, name="Florida")
    same = GroupChange(type=STATIC, criteria=json.dumps(FLORIDA), name="Sunshine", version=1)
    await service.change_group(shared_db, tenant.caller, group, same)
    found = await row(shared_db, tenant, group)
    assert (found["name"], found["version"]) == ("Sunshine", 2)
    for change in (GroupChange(type=DYNAMIC), GroupChange(criteria="{}")):
        with pytest.raises(Conflict):
            await service.change_group(shared_db, tenant.caller, group, change)
    with pytest.raises(StaleVersion):
        await service.change_group(shared_db, tenant.caller, group, GroupChange(version=1))

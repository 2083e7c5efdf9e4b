"""What can be done with sender ids: ask for one, take one, change, provision and delete it.

The operator's company is the first that was made. Its SHARED and PREPROVISIONED sender ids are
seen by all companies; taking one makes a PRIVATE one of the taker's own (SCG reference, Sender ID,
`ownership`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from clarion.engine.accounts.model import Caller
from clarion.engine.senders import credentials, store
from clarion.engine.senders.announcing import BY_OPERATOR, DELETED, NEW, announce_state
from clarion.engine.senders.model import (
    NewSender,
    Ownership,
    SenderChange,
    SenderState,
    SenderType,
    check_move,
    stored_address,
)
from clarion.errors import Conflict, InvalidInput, NotAllowed, NotFound
from clarion.kit import ids
from clarion.kit.changes import changes_of
from clarion.kit.dates import to_epoch_ms
from clarion.kit.vault import SealedForAnother, Vault
from clarion.storage.database import Database

_SMS = "SMS"
_PARTS_OF_PARENT = ("class_id", "type_id", "address")


async def seed_catalogue(db: Database) -> None:
    """The classes and types that ship with Clarion; those that exist stay as they are."""
    await store.seed(db, datetime.now(UTC))


async def create_sender(
    db: Database, vault: Vault, caller: Caller, new: NewSender, *, auto_provision: bool
) -> UUID:
    """A sender id of the caller's company; one with a parent_id is taken from the operator."""
    if new.parent_id is not None:
        return await take_sender(db, vault, caller, new.parent_id, wish=new)
    now = datetime.now(UTC)

    async def work(connection: asyncpg.Connection) -> UUID:
        kind = await _checked(connection, new)
        await _check_ownership(connection, caller.company_id, new.ownership, kind)
        row = _new_row(caller, new, kind, now)
        row["state"] = _first_state(new.state, auto_provision=auto_provision)
        row["credentials"] = _sealed(vault, row, new.credentials)
        await store.insert(connection, row)
        await announce_state(connection, row, row["state"], before=NEW, at=now)
        return UUID(int=row["id"].int)

    return await db.run(work)


async def take_sender(
    db: Database, vault: Vault, caller: Caller, parent_id: UUID, *, wish: NewSender | None = None
) -> UUID:
    """A PRIVATE copy of a sender id that the operator offers. NotFound: it is not on offer.

    Two companies that want one PREPROVISIONED sender id meet at its row's lock: the second finds
    it PURCHASED, which is as good as not there.
    """
    now = datetime.now(UTC)
    wish = wish or NewSender()

    async def work(connection: asyncpg.Connection) -> UUID:
        offer = await store.lock_offer(connection, parent_id)
        if offer is None:
            raise NotFound("There is no such sender id to take.")
        if offer["ownership"] == Ownership.PREPROVISIONED:
            await connection.execute(
                store.SQL["mark_purchased"], offer["company_id"], parent_id, caller.company_id, now
            )
        owner = (caller.company_id, caller.application_id)
        row = _copy_row(vault, owner, offer, wish, now)
        await store.insert(connection, row)
        await announce_state(connection, row, row["state"], before=NEW, at=now)
        return UUID(int=row["id"].int)

    return await db.run(work)


async def take_shared(
    db: Database, vault: Vault, company_id: int, parent_ids: Sequence[UUID]
) -> None:
    """What a company uses of the operator's SHARED sender ids becomes a PRIVATE copy of its own.
    What it has already, or what is not on offer any more, is passed over: it may run again."""
    now = datetime.now(UTC)

    async def work(connection: asyncpg.Connection) -> None:
        for parent_id in sorted(parent_ids):
            offer = await store.lock_offer(connection, parent_id)
            if offer is None or offer["ownership"] != Ownership.SHARED:
                continue
            same = (company_id, offer["type_id"], offer["address"])
            if not await connection.fetchval(store.SQL["has_sender"], *same):
                row = _copy_row(vault, (company_id, None), offer, NewSender(), now)
                await store.insert(connection, row)
                await announce_state(connection, row, row["state"], before=NEW, at=now)

    await db.run(work)


async def change_sender(
    db: Database, vault: Vault, caller: Caller, id: UUID, change: SenderChange
) -> None:
    """Set what `change` names, if its version is current and the states allow it."""
    now = datetime.now(UTC)

    async def work(connection: asyncpg.Connection) -> None:
        row = await _own(connection, caller.company_id, id)
        values = changes_of(row, change)
        after = dict(row) | values | {"updated_at": now}
        await _check_change(connection, row, after)
        if "credentials" in values:
            kind = await _type(connection, after["type_id"])
            after["credentials"] = _resealed(vault, row, values["credentials"], kind)
        await store.update(connection, after)
        await announce_state(connection, row, after["state"], at=now)

    await db.run(work)


async def delete_sender(db: Database, caller: Caller, id: UUID) -> None:
    """Mark it deleted; one that was taken from the operator is on offer again."""
    now = datetime.now(UTC)

    async def work(connection: asyncpg.Connection) -> None:
        row = await _own(connection, caller.company_id, id)
        if await connection.fetchval(store.SQL["is_in_use"], id):
            raise Conflict("Companies use this sender id; it cannot be deleted.")
        await connection.execute(store.SQL["delete_sender"], caller.company_id, id, now)
        await announce_state(connection, row, DELETED, at=now)
        if row["parent_id"] is not None:
            await connection.execute(
                store.SQL["release_purchased"], row["parent_id"], caller.company_id, now
            )

    await db.run(work)


async def provision(
    db: Database,
    company_id: int,
    id: UUID,
    *,
    state: SenderState = SenderState.IMPLEMENTED,
    connector: str | None = None,
    country: str | None = None,
    operators: Sequence[str] | None = None,
) -> None:
    """The operator's word: it is set up with a carrier (or broken, or in order again)."""
    now = datetime.now(UTC)

    async def work(connection: asyncpg.Connection) -> None:
        row = await _own(connection, company_id, id)
        check_move(SenderState(row["state"]), state, operator=True)
        carriers = None if operators is None else list(operators)
        await connection.execute(
            store.SQL["provision_sender"], company_id, id, state, connector, country, carriers, now
        )
        await announce_state(connection, row, state, by=BY_OPERATOR, at=now)

    await db.run(work)


async def owns_address(db: Database, company_id: int, addresses: Sequence[str]) -> bool:
    """Whether one of the addresses, as stored, is or was a sender id's of the company."""
    return bool(await db.fetchval(store.SQL["owns_address"], company_id, addresses))


async def senders_of_addresses(
    db: Database, company_id: int, addresses: Sequence[str]
) -> list[UUID]:
    """The company's sender ids that have, or had until they were deleted, these addresses."""
    rows = await db.fetch(store.SQL["ids_of_addresses"], company_id, addresses)
    return [row["id"] for row in rows]


def shown_credentials(vault: Vault, row: store.Row) -> str | None:
    """The credentials with every value hidden; the names of parameters stay readable."""
    if row["credentials"] is None:
        return None
    opened = _opened(vault, row)
    return credentials.HIDDEN if opened is None else credentials.masked(opened)


# ---------------------------------------------------------------- the steps


async def _own(connection: asyncpg.Connection, company_id: int, id: UUID) -> store.Row:
    row = await store.lock(connection, company_id, id)
    if row is not None:
        return row
    if await connection.fetchval(store.SQL["is_offered"], id):
        raise NotAllowed("The sender id is the operator's.")
    raise NotFound


async def _checked(connection: asyncpg.Connection, new: NewSender) -> SenderType:
    """The type of a new sender id whose values all fit it."""
    for name in _PARTS_OF_PARENT:
        if not getattr(new, name):
            raise InvalidInput(f"{name}: it is required.", field=name)
    await _check_class(connection, str(new.class_id))
    kind = await _type(connection, str(new.type_id))
    _check_capabilities(new.capabilities or (), kind)
    if new.credentials is not None:
        credentials.check_credentials(new.credentials, kind.credential_parameter_list)
    return kind


async def _type(connection: asyncpg.Connection, type_id: str) -> SenderType:
    kind = await store.sender_type(connection, type_id)
    if kind is None:
        raise InvalidInput("type_id: there is no such sender id type.", field="type_id")
    return kind


async def _check_class(connection: asyncpg.Connection, class_id: str) -> None:
    if not await store.class_exists(connection, class_id):
        raise InvalidInput("class_id: there is no such sender id class.", field="class_id")


def _check_capabilities(wanted: Sequence[str], kind: SenderType) -> None:
    for capability in wanted:
        if capability not in kind.capabilities:
            words = f"capabilities: {kind.id} sender ids can be {', '.join(kind.capabilities)}."
            raise InvalidInput(words, field="capabilities")


async def _check_ownership(
    connection: asyncpg.Connection, company_id: int, wanted: Ownership, kind: SenderType
) -> None:
    if wanted is Ownership.PRIVATE:
        return
    if wanted is Ownership.PURCHASED:
        words = "ownership: a sender id becomes PURCHASED when a company takes it."
        raise InvalidInput(words, field="ownership")
    if _SMS not in kind.capabilities:
        words = f"ownership: sender ids of type {kind.id} are PRIVATE."
        raise InvalidInput(words, field="ownership")
    if not await store.is_operator(connection, company_id):
        raise NotAllowed(f"Only the operator's company has {wanted} sender ids.")


def _first_state(wanted: SenderState | None, *, auto_provision: bool) -> SenderState:
    """A sender id that needs setting up waits for the operator, whatever its company wishes."""
    if not auto_provision:
        return SenderState.PENDING_IMPLEMENTATION
    if wanted in (SenderState.ACTIVE, SenderState.INACTIVE):
        return wanted
    return SenderState.IMPLEMENTED


async def _check_change(
    connection: asyncpg.Connection, row: store.Row, after: dict[str, Any]
) -> None:
    """The rules on `after`; normalises its address."""
    check_move(SenderState(row["state"]), SenderState(after["state"]))
    kind = await _type(connection, after["type_id"])
    after["address"] = stored_address(kind.id, after["address"])
    _check_fixed(row, after)
    if after["class_id"] != row["class_id"]:
        await _check_class(connection, after["class_id"])
    _check_capabilities(after["capabilities"], kind)
    if after["ownership"] != row["ownership"]:
        await _check_ownership_change(connection, row, Ownership(after["ownership"]), kind)


def _check_fixed(row: store.Row, after: dict[str, Any]) -> None:
    """What a carrier has set up stays; what comes from a parent is the parent's."""
    waiting = row["state"] == SenderState.PENDING_IMPLEMENTATION
    fixed = _PARTS_OF_PARENT if row["parent_id"] else () if waiting else ("type_id", "address")
    for name in fixed:
        if after[name] != row[name]:
            raise Conflict(f"{name}: it cannot be changed any more.", field=name)


async def _check_ownership_change(
    connection: asyncpg.Connection, row: store.Row, wanted: Ownership, kind: SenderType
) -> None:
    if row["ownership"] == Ownership.PURCHASED or await connection.fetchval(
        store.SQL["is_in_use"], row["id"]
    ):
        raise Conflict("ownership: companies use this sender id.", field="ownership")
    if row["parent_id"] is not None:
        raise Conflict("ownership: a sender id that was taken stays PRIVATE.", field="ownership")
    await _check_ownership(connection, row["company_id"], wanted, kind)


def _new_row(caller: Caller, new: NewSender, kind: SenderType, now: datetime) -> dict[str, Any]:
    values = msgspec.structs.asdict(new)
    values |= {
        "company_id": caller.company_id,
        "id": ids.new_id(at_ms=to_epoch_ms(now)),
        "application_id": caller.application_id,
        "address": stored_address(kind.id, str(new.address)),
        "capabilities": list(new.capabilities or kind.capabilities),
        "connector": None,
        "country": None,
        "operators": [],
        "updated_at": now,
    }
    return values


def _copy_row(
    vault: Vault, owner: tuple[int, int | None], offer: store.Row, wish: NewSender, now: datetime
) -> dict[str, Any]:
    """The taker's own: what the carrier knows comes from the offer, wishes from the taker."""
    wished = msgspec.structs.asdict(wish)
    chosen = {k: v for k, v in wished.items() if k in _WISHES and v not in (None, False, [])}
    row = dict(offer) | chosen
    row |= {
        "company_id": owner[0],
        "id": ids.new_id(at_ms=to_epoch_ms(now)),
        "application_id": owner[1],
        "parent_id": offer["id"],
        "ownership": Ownership.PRIVATE,
        "updated_at": now,
    }
    row["credentials"] = _sealed(vault, row, _opened(vault, offer))
    return row


_WISHES = frozenset(
    {
        "name",
        "content_type",
        "message_templates",
        "templates_only",
        "two_way_required",
        "keep_sender_address",
        "dr_required",
        "check_white_list",
        "billing",
    }
)


def _owner(row: store.Row) -> str:
    return f"sender_id:{row['company_id']}:{ids.show(row['id'])}"


def _sealed(vault: Vault, row: store.Row, text: str | None) -> bytes | None:
    return None if text is None else vault.seal(text, owner=_owner(row))


def _opened(vault: Vault, row: store.Row) -> str | None:
    """None also when the key is another one now: what cannot be read must be given again."""
    if row["credentials"] is None:
        return None
    try:
        return vault.open(row["credentials"], owner=_owner(row))
    except SealedForAnother:
        return None


def _resealed(vault: Vault, row: store.Row, text: str | None, kind: SenderType) -> bytes | None:
    if text is None:
        return None
    whole = credentials.merged(text, _opened(vault, row))
    credentials.check_credentials(whole, kind.credential_parameter_list)
    return _sealed(vault, row, whole)

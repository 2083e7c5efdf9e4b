"""The SQL of contacts' tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from clarion.engine.contacts.fast_access.store import Runner
from clarion.engine.contacts.tokens.announcing import DELETED, announce_tokens
from clarion.engine.contacts.tokens.model import MAX_TOKENS, NewToken, TokenState
from clarion.errors import AlreadyExists
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)

Row = Mapping[str, Any]
Owner = tuple[int, UUID, int | None]
"""The company, the contact, and the application that acts."""


async def insert_application_token(
    tx: Runner, owner: Owner, id: UUID, new: NewToken, now: datetime
) -> bool:
    """Whether there was such a contact, with room for one more."""
    company_id, contact_id, application_id = owner
    done = await _unique(
        tx,
        SQL["insert_application_token"],
        *(company_id, id, contact_id, application_id),
        *(new.sender_id_address, new.message_delivery_provider, new.token, now, MAX_TOKENS),
    )
    if done.endswith(" 0"):
        return False
    row = {
        "contact_id": contact_id,
        "sender_id_address": new.sender_id_address,
        "application_id": application_id,
    }
    await announce_tokens(tx, company_id, [row], TokenState.ACTIVE, at=now)
    return True


async def register_token(
    tx: Runner, owner: Owner, id: UUID, new: NewToken, now: datetime
) -> UUID | None:
    """None: there is no such contact any more."""
    company_id, contact_id, application_id = owner
    made = await tx.fetchrow(
        SQL["register_token"],
        *(company_id, id, contact_id, application_id),
        *(new.sender_id_address, new.message_delivery_provider, new.token, now),
    )
    trimmed = await tx.fetch(SQL["trim_tokens"], company_id, contact_id, MAX_TOKENS)
    await announce_tokens(tx, company_id, trimmed, DELETED, at=now)
    if made is None:
        return None
    if made["taken_from"] is not None:
        lost = dict(made) | {"contact_id": made["taken_from"]}
        await announce_tokens(tx, company_id, [lost], DELETED, at=now)
    if not made["known"]:
        await announce_tokens(tx, company_id, [made], TokenState.ACTIVE, at=now)
    found: UUID = made["id"]
    return found


async def unregister_token(
    tx: Runner, company_id: int, contact_id: UUID, token: NewToken, now: datetime
) -> bool:
    args = token.sender_id_address, token.message_delivery_provider, token.token
    gone = await tx.fetch(SQL["unregister_token"], company_id, contact_id, *args)
    await announce_tokens(tx, company_id, gone, DELETED, at=now)
    return bool(gone)


async def lock_application_token(
    tx: Runner, company_id: int, contact_id: UUID, id: UUID
) -> Row | None:
    row: Row | None = await tx.fetchrow(SQL["lock_application_token"], company_id, contact_id, id)
    return row


async def update_application_token(tx: Runner, row: Row) -> None:
    names = ("company_id", "id", "sender_id_address", "message_delivery_provider", "token",
             "state", "updated_at")  # fmt: skip
    await _unique(tx, SQL["update_application_token"], *(row[name] for name in names))


async def delete_application_token(
    tx: Runner, company_id: int, contact_id: UUID, id: UUID, now: datetime
) -> bool:
    gone = await tx.fetch(SQL["delete_application_token"], company_id, contact_id, id)
    await announce_tokens(tx, company_id, gone, DELETED, at=now)
    return bool(gone)


async def mark_dead(
    tx: Runner, company_id: int, tokens: Sequence[str], now: datetime
) -> list[asyncpg.Record]:
    rows = await tx.fetch(SQL["mark_dead"], company_id, tokens, now)
    await announce_tokens(tx, company_id, rows, TokenState.INVALID, at=now)
    return rows


async def read_targets(
    on: Runner, company_id: int, contacts: Sequence[UUID]
) -> dict[UUID, list[tuple[str, str, str]]]:
    """By contact: provider, sender id's address and token, the last registered first."""
    found: dict[UUID, list[tuple[str, str, str]]] = {}
    for contact, provider, address, token in await on.fetch(SQL["targets"], company_id, contacts):
        found.setdefault(contact, []).append((provider, address, token))
    return found


async def forget_tokens(tx: Runner, company_id: int, contact_id: UUID, now: datetime) -> None:
    """All tokens of a contact that is deleted."""
    gone = await tx.fetch(SQL["forget_application_tokens"], company_id, contact_id)
    await announce_tokens(tx, company_id, gone, DELETED, at=now)
    await tx.execute(SQL["forget_access_tokens"], company_id, contact_id)


async def _unique(on: Runner, sql: str, *args: object) -> str:
    try:
        return await on.execute(sql, *args)
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists("token: a contact has it already.", field="token") from error


# ---------------------------------------------------------------- access tokens


async def insert_access_token(
    on: Runner, owner: Owner, id: UUID, *, hash: bytes, duration: int, expires_at: datetime,
    now: datetime,
) -> bool:  # fmt: skip
    """Whether there was such a contact, with room for one more."""
    company_id, contact_id, application_id = owner
    done = await on.execute(
        SQL["insert_access_token"],
        *(company_id, id, contact_id, application_id, hash, duration, expires_at, now, MAX_TOKENS),
    )
    return not done.endswith(" 0")


async def lock_access_token(tx: Runner, company_id: int, contact_id: UUID, id: UUID) -> Row | None:
    row: Row | None = await tx.fetchrow(SQL["lock_access_token"], company_id, contact_id, id)
    return row


async def renew_access_token(
    tx: Runner, company_id: int, id: UUID, duration: int, expires_at: datetime, now: datetime
) -> None:
    await tx.execute(SQL["renew_access_token"], company_id, id, duration, expires_at, now)


async def delete_access_token(on: Runner, company_id: int, contact_id: UUID, id: UUID) -> bool:
    args = company_id, contact_id, id
    return await on.fetchval(SQL["delete_access_token"], *args) is not None


async def read_access_token(on: Runner, id: UUID) -> Row | None:
    row: Row | None = await on.fetchrow(SQL["access_token"], id)
    return row


async def forget_expired(on: Runner, before: datetime) -> None:
    await on.execute(SQL["forget_expired"], before)

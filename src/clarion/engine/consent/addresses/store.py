"""The SQL of address statuses, their history and carriers' black lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg
from msgspec import Struct
from msgspec.structs import astuple

from clarion.engine.consent.addresses.model import AddressStatus, Asked, ConsentStatus, Refusal
from clarion.kit.dates import to_epoch_ms
from clarion.kit.ids import new_id
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)

Pair = tuple[UUID, str, str]
"""A sender id, a type of address and an address."""


class Runner(Protocol):
    """A connection in a transaction, or the database itself."""

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]: ...
    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None: ...
    async def fetchval(self, sql: str, *args: object) -> Any: ...
    async def execute(self, sql: str, *args: object) -> str: ...


class Change(Struct, frozen=True):
    """What becomes of a status by a subscriber's words; the fields are change_statuses' columns."""

    id: UUID
    status: str
    before_listing: str | None
    source: str | None  # None: as it was
    opt_in_type: str | None
    opt_out_type: str | None


class Entry(Struct, frozen=True):
    """One entry of the history; the fields are add_history's columns."""

    id: UUID
    application_id: int | None
    sender_id: UUID
    address_type: str
    address: str
    source: str
    status: str
    at: datetime
    message: str | None = None
    keyword: str | None = None


def fresh_ids(count: int, at: datetime) -> list[UUID]:
    """New ids of one instant: when their rows were made is read off them."""
    ms = to_epoch_ms(at)
    return [new_id(at_ms=ms) for _ in range(count)]


async def refused(
    on: Runner, company_id: int, asked: Sequence[Asked], requirement: str, now: datetime
) -> dict[int, tuple[Refusal, bool]]:
    """The positions, why, and whether it is news that a carrier's list has the address."""
    columns = zip(*(astuple(each) for each in asked), strict=True)
    ids = fresh_ids(len(asked), now)
    rows = await on.fetch(SQL["refused"], company_id, *columns, ids, requirement, now)
    return {row["position"]: (Refusal(row["why"]), row["news"]) for row in rows}


async def make_pairs(
    on: Runner,
    company_id: int,
    pairs: Sequence[Pair],
    now: datetime,
    *,
    application_id: int | None = None,
) -> bool:
    """Statuses for those that have none; whether there were any."""
    ids = fresh_ids(len(pairs), now)
    columns = zip(*pairs, strict=True)
    tag = await on.execute(SQL["make_pairs"], company_id, ids, *columns, application_id, now)
    return tag != "INSERT 0 0"


async def lock_pairs(
    on: Runner, company_id: int, pairs: Sequence[Pair]
) -> dict[Pair, AddressStatus]:
    rows = await on.fetch(SQL["lock_pairs"], company_id, *zip(*pairs, strict=True))
    found = [as_status(row) for row in rows]
    return {(each.sender_id, each.address_type, each.address): each for each in found}


async def lock_status(on: Runner, company_id: int, id: UUID) -> AddressStatus | None:
    row = await on.fetchrow(SQL["lock_status"], company_id, id)
    return None if row is None else as_status(row)


async def change_statuses(
    on: Runner, company_id: int, changes: Sequence[Change], now: datetime
) -> None:
    if changes:
        columns = zip(*(astuple(each) for each in changes), strict=True)
        await on.execute(SQL["change_statuses"], company_id, now, *columns)


async def add_history(on: Runner, company_id: int, entries: Sequence[Entry]) -> None:
    if entries:
        columns = zip(*(astuple(each) for each in entries), strict=True)
        await on.execute(SQL["add_history"], company_id, *columns)


def as_status(row: asyncpg.Record) -> AddressStatus:
    before = row["before_listing"]
    return AddressStatus(
        id=row["id"],
        sender_id=row["sender_id"],
        address_type=row["address_type"],
        address=row["address"],
        consent_status=ConsentStatus(row["consent_status"]),
        before_listing=None if before is None else ConsentStatus(before),
        asked_at=row["asked_at"],
        version=row["version"],
    )

"""MO messages and their parts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import astuple

from clarion.engine.messages.ports import Inbound, Media
from clarion.engine.messages.store.rows import SQL, Runner, by_company, columns
from clarion.kit.ids import new_id


class Whole(Struct, frozen=True):
    """An MO message of which every part is there, or as much of it as came in time."""

    connector: str
    source: str
    destination: str
    text: str
    fragments: int
    medium: str = "SMS"
    subject: str | None = None
    media: tuple[Media, ...] = ()


class NewInbound(Struct, frozen=True):
    """An MO message with its owner; the fields are add_inbound's columns in order."""

    company_id: int
    id: UUID
    application_id: int | None
    sender_id: UUID
    sender_address: str
    peer_address: str
    country: str | None
    body: str
    conversation_id: str | None
    reply_to: UUID | None
    fragments: int
    medium: str | None = None  # None: an SMS
    subject: str | None = None
    media: str | None = None  # as rich.stored_media makes it
    keyword: str | None = None  # that it matched
    campaign_id: str | None = None  # the keyword's


class LastSent(Struct, frozen=True):
    """The last message that went from a sender to a subscriber."""

    message_id: UUID
    sender_id: UUID
    application_id: int | None
    conversation_id: str | None


PartKey = tuple[str, str, str, int, int]
"""Connector, source, destination, reference, total: the parts of one long MO message."""


async def add_inbound(on: Runner, batch: Sequence[NewInbound], now: datetime) -> dict[UUID, UUID]:
    """Answers the contacts whose numbers they came from, by message."""
    contacts: dict[UUID, UUID] = {}
    for company_id, rows in by_company((m.company_id, m) for m in batch).items():
        known = await on.fetch(
            SQL["add_inbound"],
            company_id,
            now,
            *columns([astuple(m)[1:] for m in rows], 15),
            new_id(),
        )
        contacts |= {row["id"]: row["contact_id"] for row in known}
    return contacts


async def add_inbound_parts(
    on: Runner, batch: Sequence[tuple[str, Inbound]], now: datetime
) -> None:
    if batch:
        rows = [
            (
                connector,
                m.source[:64].replace("\x00", ""),
                m.destination[:64].replace("\x00", ""),
                m.reference,
                m.total,
                m.number,
                m.text.replace("\x00", ""),
            )
            for connector, m in batch
        ]
        await on.execute(SQL["add_inbound_parts"], now, *columns(rows, 7))


async def whole_inbound(on: Runner, cutoff: datetime, limit: int) -> list[PartKey]:
    """Long MO messages that are complete, or of which a part came before `cutoff`."""
    return [tuple(row) for row in await on.fetch(SQL["whole_inbound"], cutoff, limit)]


async def take_whole_inbound(on: Runner, keys: Sequence[PartKey]) -> list[Whole]:
    rows = await on.fetch(SQL["take_whole_inbound"], *columns(keys, 5))
    return [Whole(*row) for row in rows]


async def any_application(on: Runner, company_id: int) -> int | None:
    """One that can own what nobody's application has asked for."""
    found: int | None = await on.fetchval(SQL["any_application"], company_id)
    return found


async def add_strays(on: Runner, batch: Sequence[Whole]) -> None:
    if batch:
        rows = [(new_id(), w.connector, w.source, w.destination, w.text) for w in batch]
        await on.execute(SQL["add_strays"], *columns(rows, 5))


async def last_sent(
    on: Runner, company_id: int, asked: Sequence[tuple[UUID, str, int]], since: UUID
) -> list[tuple[int, LastSent]]:
    """For (sender, subscriber, position) the last message sent since then, by position."""
    rows = await on.fetch(SQL["last_sent_to"], company_id, *columns(asked, 3), since)
    return [
        (
            row["position"],
            LastSent(row["id"], row["sender_id"], row["application_id"], row["conversation_id"]),
        )
        for row in rows
    ]

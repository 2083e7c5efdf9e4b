"""The SQL of short links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from clarion.engine.messages.links.model import Link, NewLink
from clarion.engine.messages.store.rows import Runner, column
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)

__all__ = ["SQL", "Clicks", "Runner", "add_clicks", "add_links", "find_link"]


class Clicks(Struct):
    """How often one link was opened since it was last recorded."""

    message_id: UUID
    count: int
    first_at: datetime
    last_at: datetime


async def add_links(on: Runner, company_id: int, links: Sequence[NewLink]) -> None:
    await on.execute(
        SQL["add_links"],
        company_id,
        [link.message_id for link in links],
        [link.code for link in links],
        [link.url for link in links],
        column([link.label for link in links]),
    )


async def find_link(on: Runner, company_id: int, code: int) -> Link | None:
    row = await on.fetchrow(SQL["find_link"], company_id, code)
    return Link(company_id, code, row["message_id"], row["url"]) if row else None


async def add_clicks(on: Runner, company_id: int, clicks: dict[int, Clicks]) -> None:
    """`clicks` by the code of their link."""
    ordered = sorted(clicks.items(), key=lambda item: (item[1].message_id, item[0]))
    messages = [each.message_id for _, each in ordered]
    await on.execute(
        SQL["add_clicks"],
        company_id,
        messages[0],
        messages[-1],
        messages,
        [code for code, _ in ordered],
        [each.count for _, each in ordered],
        [each.first_at for _, each in ordered],
        [each.last_at for _, each in ordered],
    )

"""The SQL of automatic answers, and of what companies would rather say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from clarion.engine.consent.addresses.store import Runner
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
MOST_A_MINUTE, MOST_A_DAY = 5, 20
"""Automatic answers from one sender id to one address; to the same keyword, one a minute."""

DAY = timedelta(days=1)


async def grant_replies(
    on: Runner, company_id: int, asked: Sequence[tuple[int, UUID, str, str]], now: datetime
) -> set[int]:
    """Of answers as (position, sender id, address, keyword), those that may go out.

    Whoever asks holds the rows of these pairs, so that nodes ask one after the other.
    """
    if not asked:
        return set()
    minute = now.replace(second=0, microsecond=0)
    rows = await on.fetch(
        SQL["grant_replies"],
        *(company_id, *zip(*asked, strict=True), minute),
        *(MOST_A_MINUTE, now - DAY, MOST_A_DAY),
    )
    return {row["position"] for row in rows}


async def first_template(on: Runner, company_id: int, names: Sequence[str]) -> str | None:
    """The first of these names that the company can use a template of."""
    found: str | None = await on.fetchval(SQL["first_template"], company_id, names)
    return found

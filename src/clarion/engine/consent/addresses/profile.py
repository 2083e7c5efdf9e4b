"""What contacts' profiles learn from consent and from keywords.

A contact is found by its primary number: there is one at most in a company. Fast access attributes
that are derived from interests follow when the contact is next written, or its rules are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from clarion.engine.consent.addresses.store import SQL, Runner

SOURCE = "KEYWORD"
MAX_INTERESTS = 1000


class Interest(Struct, frozen=True):
    """A keyword that the contact remembers: an entry of its `interest_list`."""

    code: str
    name: str


async def acquire(
    on: Runner, company_id: int, times: Mapping[str, datetime], now: datetime
) -> None:
    """Contacts with these numbers agreed to something at these times."""
    if times:
        await on.execute(SQL["acquire"], company_id, now, list(times), list(times.values()))


async def remember(
    on: Runner, company_id: int, learnt: Mapping[str, Sequence[Interest]], now: datetime
) -> None:
    """Contacts with these numbers sent keywords; those that they sent before stay as they are."""
    if not learnt:
        return
    ids, parts = [], []
    for row in await on.fetch(SQL["lock_contacts"], company_id, list(learnt)):
        known = row["interests"] or []
        grown = _grown(known, learnt[row["primary_mdn"]])
        if len(grown) > len(known):
            ids.append(row["id"])
            parts.append({"interest_list": grown})
    if ids:
        await on.execute(SQL["set_interests"], company_id, now, ids, parts)


def _grown(known: Sequence[object], new: Sequence[Interest]) -> list[object]:
    codes = {each.get("code") for each in known if isinstance(each, dict)}
    grown = list(known)
    for interest in new:
        if interest.code not in codes and len(grown) < MAX_INTERESTS:
            codes.add(interest.code)
            grown.append({"code": interest.code, "name": interest.name, "source": SOURCE})
    return grown

"""What contacts' profiles learn from their subscribers: opt-ins, and keywords to remember.

A contact is found by its primary number. Where the company has no such contact, nothing is kept:
the reference makes contacts only when a company does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from clarion.engine.contacts import store
from clarion.engine.contacts.fast_access.store import Runner, hold_rules
from clarion.engine.contacts.model import as_json

SOURCE = "KEYWORD"
INTERESTS = "interest_list"
MAX_INTERESTS = 1000


async def opted_in(tx: Runner, company_id: int, times: Mapping[str, datetime]) -> None:
    """By number, when subscribers agreed to something: the first and the last acquisition of
    their contacts. Harmless when repeated."""
    if times:
        await store.opted_in(tx, company_id, times, datetime.now(UTC))


async def store_keyword(tx: Runner, company_id: int, mdn: str, keyword: str) -> None:
    """A subscriber sent a keyword that is to be recorded."""
    await store_keywords(tx, company_id, {mdn: [(keyword, keyword)]})


async def store_keywords(
    tx: Runner, company_id: int, learnt: Mapping[str, Sequence[tuple[str, str]]]
) -> None:
    """By number, keywords as (code, name): entries of the contact's interest list, each once."""
    if not learnt:
        return
    rules = await hold_rules(tx, company_id)
    changed = []
    for found in await store.lock_by_mdn(tx, company_id, list(learnt)):
        known = found["document"].get(INTERESTS) or []
        grown = _grown(known, learnt[found["primary_mdn"]])
        if len(grown) > len(known):
            row = dict(found) | {"document": found["document"] | {INTERESTS: grown}}
            changed.append(row | rules.derive(as_json(row)))
    if changed:
        await store.update(tx, company_id, changed, datetime.now(UTC))


def _grown(known: Sequence[dict[str, Any]], new: Sequence[tuple[str, str]]) -> list[Any]:
    codes = {each.get("code") for each in known}
    grown = list(known)
    for code, name in new:
        if code not in codes and len(grown) < MAX_INTERESTS:
            codes.add(code)
            grown.append({"code": code, "name": name, "source": SOURCE})
    return grown

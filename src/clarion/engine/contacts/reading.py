"""Contacts as messages are made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from clarion.engine.contacts import store
from clarion.engine.contacts.fast_access.model import Rules
from clarion.engine.contacts.fast_access.store import Runner, read_rules
from clarion.engine.contacts.model import HANDLES, as_json
from clarion.engine.contacts.names import FAST_ACCESS
from clarion.engine.contacts.tokens.store import read_targets

Target = tuple[str, str, str]
"""Where a push message goes: the provider, the sender id's address, the token."""


class SendableContact(Struct, frozen=True):
    """One contact, with all that leads to it and all that a template may say."""

    id: UUID
    primary_mdn: str | None
    email: str | None
    tokens: tuple[Target, ...]  # that no provider has refused; the last registered first
    social_handles: tuple[str, ...]
    country: str | None  # ISO 3166 alpha-2
    zip: str | None
    language: str | None
    attributes: Mapping[str, object]  # by the names of the live form; fast access names as well


async def contacts_for_sending(
    tx: Runner, company_id: int, ids: Sequence[UUID]
) -> dict[UUID, SendableContact]:
    """By id; those that are deleted, or another company's, are left out."""
    rows = await store.read_for_sending(tx, company_id, ids)
    if not rows:
        return {}
    rules = await read_rules(tx, company_id)
    targets = await read_targets(tx, company_id, ids)
    return {row["id"]: _sendable(row, rules, targets.get(row["id"], ())) for row in rows}


def _sendable(row: Mapping[str, Any], rules: Rules, targets: Sequence[Target]) -> SendableContact:
    document = row["document"]
    primary = row["primary_social_handle"]
    handles = dict.fromkeys([*([primary] if primary else []), *document.get(HANDLES, ())])
    return SendableContact(
        id=row["id"],
        primary_mdn=row["primary_mdn"],
        email=row["primary_email_addr"],
        tokens=tuple(targets),
        social_handles=tuple(handles),
        country=row["primary_addr_country"],
        zip=row["primary_addr_zip"],
        language=row["preferred_language"],
        attributes=_attributes(row, rules),
    )


def _attributes(row: Mapping[str, Any], rules: Rules) -> dict[str, object]:
    """A contact's own attributes go before fast access names that are the same."""
    held = {column: value for column in FAST_ACCESS if (value := row[column]) is not None}
    named = {name: held[column] for name, column in rules.columns.items() if column in held}
    return {**held, **named, "fast_access": named, **as_json(row)}

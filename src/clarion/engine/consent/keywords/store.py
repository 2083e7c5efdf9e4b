"""The SQL of keywords."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clarion.engine.consent.addresses.store import Runner
from clarion.engine.consent.keywords.model import MAX_KEYWORDS, Action, Case, NewKeyword, Type
from clarion.engine.consent.keywords.rules import Keyword
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)

Row = Mapping[str, Any]


def columns(keyword: NewKeyword) -> tuple[object, ...]:
    """A keyword as insert_keyword and update_keyword take it."""
    return (
        keyword.name or keyword.value,
        keyword.description,
        keyword.value,
        keyword.case is Case.SENSITIVE,
        keyword.sender_id,
        keyword.valid_from,
        keyword.valid_to,
        keyword.associated_info,
        keyword.campaign_id,
        [str(action) for action in keyword.actions],
        keyword.reply_template,
    )


def as_new(row: Row) -> NewKeyword:
    """A stored keyword as it could be given again."""
    return NewKeyword(
        value=row["value"],
        name=row["name"],
        description=row["description"],
        case=Case.SENSITIVE if row["case_sensitive"] else Case.INSENSITIVE,
        sender_id=row["sender_id"],
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        associated_info=row["associated_info"],
        campaign_id=row["campaign_id"],
        actions=[Action(each) for each in row["actions"]],
        reply_template=row["reply_template"],
    )


async def keywords_of(on: Runner, company_id: int) -> list[Keyword]:
    rows = await on.fetch(SQL["keywords_of"], company_id, MAX_KEYWORDS)
    return [
        Keyword(
            id=row["id"],
            name=row["name"],
            value=row["value"],
            type=Type.COMPANY,
            actions=tuple(Action(each) for each in row["actions"]),
            sender_id=row["sender_id"],
            valid_from=row["valid_from"],
            valid_to=row["valid_to"],
            reply_template=row["reply_template"],
            associated_info=row["associated_info"],
            campaign_id=row["campaign_id"],
            case_sensitive=row["case_sensitive"],
        )
        for row in rows
    ]

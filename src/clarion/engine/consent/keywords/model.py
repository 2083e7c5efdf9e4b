"""Keywords: the words of a company's own, and the rules about their data.

SCG reference, Keywords. The reserved words, which every company has, are in reserved.py.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from clarion.engine.consent.keywords.reserved import reserved_word
from clarion.errors import AlreadyExists, InvalidInput
from clarion.kit.ere import compile_ere

MAX_KEYWORDS = 5000
"""Of one company."""

MAX_EXPRESSIONS = 200
"""Of them, that are more than plain words: each is tried on each message."""


class Action(StrEnum):
    OPTIN = "OPTIN"  # the subscriber agrees
    OPTOUT = "OPTOUT"  # the subscriber refuses
    STORE = "STORE"  # the contact's profile remembers the keyword


class Type(StrEnum):
    RESERVED = "RESERVED"  # the platform's; always there
    COMPANY = "COMPANY"  # a company's own


class Case(StrEnum):
    INSENSITIVE = "INSENSITIVE"
    SENSITIVE = "SENSITIVE"


class NewKeyword(Struct, kw_only=True):
    """A keyword as a company gives it."""

    value: str
    name: str | None = None  # its value, if nothing else is said
    description: str | None = None
    case: Case = Case.INSENSITIVE
    sender_id: UUID | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    associated_info: str | None = None
    campaign_id: str | None = None
    actions: list[Action] = []
    reply_template: str | None = None


class KeywordChange(Struct, kw_only=True):
    """What an update sets; the rest stays."""

    version: int | None = None
    value: str | UnsetType = UNSET
    name: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    case: Case | UnsetType = UNSET
    sender_id: UUID | UnsetType | None = UNSET
    valid_from: datetime | UnsetType | None = UNSET
    valid_to: datetime | UnsetType | None = UNSET
    associated_info: str | UnsetType | None = UNSET
    campaign_id: str | UnsetType | None = UNSET
    actions: list[Action] | UnsetType = UNSET
    reply_template: str | UnsetType | None = UNSET


_BETWEEN = re.compile(r"[\s,]+")


def read_actions(given: list[str] | str) -> list[Action]:
    """Actions as an array, or as words with commas or blanks between them. ValueError: there is no
    such action."""
    text = given if isinstance(given, str) else ",".join(given)
    words = [word.upper() for word in _BETWEEN.split(text) if word]
    unknown = next((word for word in words if word not in Action.__members__), None)
    if unknown is not None:
        raise ValueError(f"{unknown[:50]!r} is not one of {', '.join(Action)}")
    return list(dict.fromkeys(Action(word) for word in words))


def check(keyword: NewKeyword) -> None:
    """The rules on a keyword as it would be stored. InvalidInput names the attribute;
    AlreadyExists: it is a reserved word."""
    _check_value(keyword.value, keyword.case)
    if {Action.OPTIN, Action.OPTOUT} <= set(keyword.actions):
        raise InvalidInput("actions: OPTIN and OPTOUT exclude each other.", field="actions")
    if keyword.valid_from and keyword.valid_to and keyword.valid_from > keyword.valid_to:
        raise InvalidInput("valid_to: it is before valid_from.", field="valid_to")


def _check_value(value: str, case: Case) -> None:
    if not value.strip():
        raise InvalidInput("value: it is required.", field="value")
    if value != " ".join(value.split()):
        words = "value: no blanks at its ends, and one at most between words."
        raise InvalidInput(words, field="value")
    if found := reserved_word(value):
        words = f"value: {found.word} is RESERVED: it always exists and cannot be used."
        raise AlreadyExists(words, field="value")
    try:
        compile_ere(value, ignore_case=case is Case.INSENSITIVE)
    except ValueError as error:
        raise InvalidInput(f"value: {error}.", field="value") from error

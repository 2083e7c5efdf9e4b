"""Rates, charges, and the entries of a company's ledger: frozen data, and the rules about it.

Amounts are Decimal with six places, as the database keeps them; all are in one currency.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from clarion.errors import InvalidInput
from clarion.kit.countries import ALPHA_2, ALPHA_3

ANY = "*"
EVERY_COMPANY = 0
PLACES = 6
MOST = Decimal(10) ** 12  # of one amount; a balance holds a hundred times as much
MAX_OPERATOR = 100
MAX_NOTE = 500
MAX_REFERENCE = 100

_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,29}")
_AMOUNT = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?")


class LedgerKind(StrEnum):
    ADDED = "ADDED"  # the operator gave credit
    REMOVED = "REMOVED"  # the operator took credit away
    CHARGED = "CHARGED"  # for messages that are to be sent
    RETURNED = "RETURNED"  # for messages that were charged and never sent


class Rate(Struct, frozen=True):
    """What one fragment of a message costs; `*` and company 0 stand for any."""

    company_id: int
    sender_type: str
    medium: str
    country: str
    operator: str
    price: Decimal


class TableInfo(Struct, frozen=True):
    """A price list, without its rates."""

    id: UUID
    starts_at: datetime
    source: str
    rates: int
    loaded_at: datetime


class Charge(Struct, frozen=True):
    """A message that is to be paid for."""

    message_id: UUID
    amount: Decimal


class Charged(Struct, frozen=True):
    """What became of a batch of charges."""

    paid: frozenset[UUID]  # now or by an earlier try, and those that cost nothing
    refused: frozenset[UUID]  # there was not enough credit, or their charge was returned before
    amount: Decimal  # taken now


class Entry(Struct, frozen=True):
    """One line of a company's ledger."""

    number: int
    kind: LedgerKind
    amount: Decimal
    balance: Decimal  # after it
    messages: int
    reference: str | None
    note: str | None
    at: datetime


class Recount(Struct, frozen=True):
    """A company's balance beside its ledger."""

    company_id: int
    balance: Decimal
    ledger: Decimal  # the sum of its entries
    entries: int  # as the balance's row counts them
    counted: int  # as there are

    @property
    def right(self) -> bool:
        return self.balance == self.ledger and self.entries == self.counted


def parse_amount(text: str, *, field: str) -> Decimal:
    """A sum of money, zero or more: digits with at most six places."""
    if not _AMOUNT.fullmatch(text):
        raise InvalidInput(f"{field}: {text[:40]!r} is not an amount such as 0.0125.", field=field)
    return checked_amount(Decimal(text), field=field)


def checked_amount(amount: Decimal, *, field: str) -> Decimal:
    """The amount, if the database can hold it as it is."""
    if not amount.is_finite() or not 0 <= amount <= MOST:
        raise InvalidInput(f"{field}: an amount is 0 to {MOST}.", field=field)
    try:
        exact = amount.quantize(Decimal(1).scaleb(-PLACES))
    except InvalidOperation as error:
        raise InvalidInput(f"{field}: {amount} has too many digits.", field=field) from error
    if exact != amount:
        raise InvalidInput(f"{field}: {amount} has more than {PLACES} places.", field=field)
    return exact


def parse_name(text: str, *, field: str) -> str:
    """A sender type or medium: an upper-case word, or `*`, which blank means as well."""
    name = text.strip().upper() or ANY
    if name != ANY and not _NAME.fullmatch(name):
        raise InvalidInput(f"{field}: {text[:40]!r} is not a word or *.", field=field)
    return name


def parse_country(text: str) -> str:
    """A country by two or three letters, or `*`."""
    code = text.strip().upper() or ANY
    if code == ANY or code in ALPHA_3:
        return code
    if code in ALPHA_2:
        return ALPHA_2[code]
    raise InvalidInput(f"country: {text[:40]!r} is not an ISO 3166 code or *.", field="country")


def parse_operator(text: str) -> str:
    """A carrier's name as it is compared: without regard to case."""
    name = " ".join(text.split()).casefold() or ANY
    if len(name) > MAX_OPERATOR:
        raise InvalidInput(f"operator: it has at most {MAX_OPERATOR} characters.", field="operator")
    return name

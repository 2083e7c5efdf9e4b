"""Contacts: their attributes, and how each value that a client writes is stored.

SCG reference, Contact. Attributes that are filtered by have a column. Lists and what the extended
attributes hold are in `document`, under the names of the live wire form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from clarion.engine.contacts.accounts import ACCOUNTS, hide_tokens, read_accounts
from clarion.engine.contacts.documents import (
    read_extended,
    read_findings,
    read_handles,
    read_objects,
)
from clarion.engine.contacts.names import FAST_ACCESS, TEXTS
from clarion.errors import InvalidInput, ValueTooLong
from clarion.kit.countries import ALPHA_2, ALPHA_3
from clarion.kit.dates import from_epoch_ms, parse_date
from clarion.kit.e164 import parse_address
from clarion.kit.mailbox import parse_mailbox

MAX_TEXT = 255  # of what is indexed
NOTHING = ("", "null")  # published samples write this word for what they do not have
FIRST_BIRTH, LAST_BIRTH = 1800, 2200


class VoicePreference(StrEnum):
    NONE = "NONE"  # no preference
    PREFER_VOICE = "PREFER_VOICE"  # voice where a sender id for it is available
    REQUIRE_VOICE = "REQUIRE_VOICE"  # voice, or the message fails


LISTS = ("address_list", "account_list", "device_list", "interest_list", "demographic_list")
HANDLES = "social_handles"
EXTENDED = "extended_attributes"
IN_DOCUMENT = (*LISTS, HANDLES)
SCALARS = (*TEXTS, "primary_mdn", "birth_date", "voice_preference")
"""What scripts of fast access rules see beside the document."""

COLUMNS = (
    "id",
    "application_id",
    *TEXTS,
    "primary_mdn",
    "birth_date",
    "first_acquisition_date",
    "last_acquisition_date",
    "voice_preference",
    EXTENDED,
    *FAST_ACCESS,
    "document",
)
"""What a write of a contact sets, in the order of the statements."""

SYSTEM_KEPT = ("first_acquisition_date", "last_acquisition_date")
"""Opt-ins set these: what a replacement does not name stays."""

_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ].*)?", re.DOTALL)
_MAX_MS = 10_000_000_000_000
_NO_DATE = ("", "0")  # clients write 0 where they know none

Row = dict[str, Any]


def read_value(name: str, value: Any) -> Any:
    """The value of an attribute as it is stored; None: it has none. Raises InvalidInput."""
    if value is None or (isinstance(value, str) and value in NOTHING):
        return None
    try:
        return READERS[name](value)
    except ValueError as error:
        raise InvalidInput(f"{name}: {error}.", field=name) from error
    except ValueTooLong as error:
        raise ValueTooLong(f"{name}: {error.message}", field=name) from error


def new_row() -> Row:
    """A contact without any attribute."""
    row = _EMPTY.copy()
    row["document"] = {}
    return row


def apply(row: Row, values: Mapping[str, Any]) -> None:
    """Set attributes, read already, in a contact's row."""
    document = row["document"]
    for name, value in values.items():
        if name in _DOCUMENT_NAMES:
            _put(document, name, value)
        elif name == EXTENDED:
            row[name] = None if value is None else value.text
            _put(document, name, None if value is None else value.parsed)
        elif name == "voice_preference":
            row[name] = value or VoicePreference.NONE
        else:
            row[name] = value


def as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """A contact as scripts and templates see it."""
    shown = {name: row[name] for name in SCALARS if row[name] is not None}
    if (born := shown.get("birth_date")) is not None:
        shown["birth_date"] = born.isoformat()
    shown.update(row["document"])
    if ACCOUNTS in shown:
        shown[ACCOUNTS] = hide_tokens(shown[ACCOUNTS])
    return shown


def _put(document: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        document.pop(name, None)
    else:
        document[name] = value


# ---------------------------------------------------------------- one attribute


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        value = _plain(value)
    text: str = value.strip()
    if len(text) > MAX_TEXT:
        raise ValueTooLong(f"at most {MAX_TEXT} characters.")
    if "\0" in text:
        raise ValueError("no text may hold the character U+0000")
    return text or None


def _plain(value: Any) -> str:
    """Numbers, as CSV readers and careless clients have them, are texts."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("it must be a text")
    return str(value)


def read_country(value: Any) -> str | None:
    """A code of ISO 3166, of two or three letters; the one of two, in upper case."""
    code = (_text(value) or "").upper()
    if code and code not in ALPHA_3 and code not in ALPHA_2:
        raise ValueError("it must be a country's code in ISO 3166, of two or three letters")
    return ALPHA_2.get(code, code) or None


def read_mailbox(value: Any) -> str | None:
    """An e-mail address, its domain in lower case."""
    text = _text(value)
    return None if text is None else parse_mailbox(text)


def _mdn(value: Any) -> str:
    text = value if isinstance(value, str) else _plain(value)
    if len(text) > MAX_TEXT:
        raise ValueTooLong(f"at most {MAX_TEXT} characters.")
    return parse_address(text).e164


def _birth(value: Any) -> date | None:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, int | float):  # before 2001 it has fewer digits than others
        return _born_in(from_epoch_ms(int(value)).date() if abs(value) < _MAX_MS else date.min)
    written = _DAY.fullmatch(value.strip())
    if written is not None:
        return _born_in(date.fromisoformat(written[1]))
    at = parse_date(value)
    return None if at is None else at.date()


def _born_in(day: date) -> date:
    if not FIRST_BIRTH <= day.year <= LAST_BIRTH:
        raise ValueError(f"years {FIRST_BIRTH} to {LAST_BIRTH} are taken")
    return day


def _instant(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if str(value).strip() in _NO_DATE:
        return None
    return parse_date(value)


_VOICE = {member.value: member for member in VoicePreference} | {
    "TRUE": VoicePreference.PREFER_VOICE,
    "FALSE": VoicePreference.NONE,
}


def _voice(value: Any) -> VoicePreference:
    found = _VOICE.get(str(value).strip().upper())
    if found is None:
        raise ValueError(f"it must be one of {', '.join(VoicePreference)}")
    return found


READERS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    dict.fromkeys(TEXTS, _text)
    | dict.fromkeys(LISTS, read_objects)
    | {
        "primary_addr_country": read_country,
        "primary_email_addr": read_mailbox,
        ACCOUNTS: read_accounts,
        "interest_list": read_findings,
        "demographic_list": read_findings,
        "primary_mdn": _mdn,
        "birth_date": _birth,
        "first_acquisition_date": _instant,
        "last_acquisition_date": _instant,
        "voice_preference": _voice,
        HANDLES: read_handles,
        EXTENDED: read_extended,
    }
)
"""How each attribute that a client can write is read."""

_DOCUMENT_NAMES = frozenset(IN_DOCUMENT)
_EMPTY: Row = dict.fromkeys(COLUMNS) | {"voice_preference": VoicePreference.NONE}

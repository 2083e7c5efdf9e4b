"""The forms in which clients name recipients, each read as what it means.

+4915112345678 · 4915112345678 · mdn:4915112345678      a telephone number
me@example.com · mailto:me@example.com                  an e-mail address
contact:<id> · group:<id> · <id>                        whom the company has in its contacts
psh:apn@<sender id>@<token> · push:<token>@<application>@APN
                                                        an application on a device
"""

from __future__ import annotations

import re
from enum import Enum
from uuid import UUID

from msgspec import Struct

from clarion.kit import ids
from clarion.kit.e164 import parse_address
from clarion.kit.mailbox import parse_mailbox

MAX_TOKEN = 1000  # what the index on recipients holds with ease; providers' tokens have 64 to 250
PUSH_PROVIDERS = {"apn": "APN", "apns": "APN", "gcm": "GCM", "gcn": "GCM", "fcm": "FCM"}

_ID_LENGTH = 22
_PREFIXED = re.compile(r"(?P<kind>[A-Za-z_]{2,13})\s*:\s*(?P<value>.*)", re.DOTALL)
_TOKEN = re.compile(r"[A-Za-z0-9:_.\-+/=]+")
_NUMBERS = frozenset({"mdn", "tel"})
_CONTACTS = frozenset({"contact", "contact_id"})
_GROUPS = frozenset({"group", "contact_group", "contact_group_id"})
_OTHER_MEDIA = {"fb": "Facebook", "we": "WeChat", "voice": "voice calls"}


class Kind(Enum):
    """What an entry of `to` names."""

    NUMBER = "number"
    EMAIL = "email"
    PUSH = "push"
    CONTACT = "contact"
    GROUP = "group"
    EITHER = "contact or group"  # an id without a word before it
    OTHER = "other"  # on a medium that nothing is sent over


class Named(Struct, frozen=True, gc=False):
    """One entry of `to`, read. What cannot be read is why."""

    kind: Kind
    given: str
    address: str = ""  # E.164, e-mail, or `apn:<token>`
    country: str | None = None
    id: UUID | None = None  # of a contact or a group
    sender: str = ""  # PUSH: the sender id, or its address, whose application has the token
    wrong: str = ""


def is_special(text: str) -> bool:
    """Whether an entry is anything but a telephone number. Asked once a recipient, so it is cheap:
    what is neither special nor a number is a bad number."""
    if ":" in text:
        return text[:4].lower() not in {"mdn:", "tel:"}
    return "@" in text or (len(text) == _ID_LENGTH and ids.parse(text) is not None)


def read(text: str) -> Named:
    """What an entry of `to` means."""
    if not is_special(text):
        return _number(text)
    if len(text) == _ID_LENGTH and (id := ids.parse(text)) is not None:
        return Named(Kind.EITHER, text, id=id)
    found = _PREFIXED.fullmatch(text)
    if found is None or found["kind"].lower() == "mailto":
        return _email(text)
    return _prefixed(text, found["kind"].lower(), found["value"].strip())


def _number(text: str) -> Named:
    try:
        address = parse_address(text)
    except ValueError as error:
        return Named(Kind.NUMBER, text, wrong=str(error))
    return Named(Kind.NUMBER, text, address.e164, address.country)


def _email(text: str) -> Named:
    try:
        return Named(Kind.EMAIL, text, parse_mailbox(text))
    except ValueError as error:
        return Named(Kind.EMAIL, text, wrong=str(error))


def _prefixed(text: str, kind: str, value: str) -> Named:
    if kind in _NUMBERS:
        return _number(value)
    if kind in _CONTACTS:
        return _by_id(text, Kind.CONTACT, value)
    if kind in _GROUPS:
        return _by_id(text, Kind.GROUP, value)
    if kind == "psh":
        return _psh(text, value)
    if kind == "push":
        return _push(text, value)
    if kind in _OTHER_MEDIA:
        return Named(Kind.OTHER, text, wrong=f"{_OTHER_MEDIA[kind]} cannot be sent to here")
    return Named(Kind.NUMBER, text, wrong=f"{text[:100]!r} is no form of a recipient")


def _by_id(text: str, kind: Kind, value: str) -> Named:
    id = ids.parse(value)
    wrong = "" if id else f"there is no such {kind.value}"
    return Named(kind, text, id=id, wrong=wrong)


def _psh(text: str, value: str) -> Named:
    """psh:apn@<sender id>@<token>"""
    provider, _, rest = value.partition("@")
    sender, _, token = rest.partition("@")
    return _application(text, provider, sender, token)


def _push(text: str, value: str) -> Named:
    """push:<token>@<application>@APN"""
    rest, _, provider = value.rpartition("@")
    token, _, sender = rest.partition("@")
    return _application(text, provider, sender, token)


def _application(text: str, provider: str, sender: str, token: str) -> Named:
    provider, sender, token = provider.strip().lower(), sender.strip(), token.strip()
    if provider not in PUSH_PROVIDERS:
        wrong = f"{provider[:50]!r} is not one of APN, GCM and FCM"
    elif not sender:
        wrong = "the application's sender id is missing"
    elif not _TOKEN.fullmatch(token) or len(token) > MAX_TOKEN:
        wrong = "the device token is missing, or none"
    else:
        return Named(Kind.PUSH, text, push_address(provider, token), sender=sender)
    return Named(Kind.PUSH, text, wrong=wrong)


def push_address(provider: str, token: str) -> str:
    """A device token as the address of a message."""
    return f"{PUSH_PROVIDERS[provider.lower()].lower()}:{token}"

"""Sender ids: their states, ownership, and the rules about their data.

SCG reference, Sender ID. A sender id is an address of a company (short code, number, name, e-mail
address, account) that messages are sent from and received at. Its type says what it can carry,
its class how fast.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from clarion.errors import Conflict, InvalidInput

MAX_ADDRESS = 254
MAX_NAME = 255
OTHER_COUNTRIES = "OTHER"  # of a class: every country that no class names


class SenderState(StrEnum):
    PENDING_IMPLEMENTATION = "PENDING_IMPLEMENTATION"  # asked for, not yet set up with a carrier
    IMPLEMENTED = "IMPLEMENTED"  # set up, not yet switched on by its company
    ACTIVE = "ACTIVE"  # sends and receives
    INACTIVE = "INACTIVE"  # switched off by its company
    BROKEN = "BROKEN"  # switched off by the operator
    PENDING_DELETE = "PENDING_DELETE"  # to be taken down with the carrier


class Ownership(StrEnum):
    PRIVATE = "PRIVATE"  # one company's own
    SHARED = "SHARED"  # the operator's; companies use it through private children
    PREPROVISIONED = "PREPROVISIONED"  # the operator's; one company can take it
    PURCHASED = "PURCHASED"  # was PREPROVISIONED and is taken


_S = SenderState
CLIENT_MOVES: Mapping[SenderState, frozenset[SenderState]] = MappingProxyType(
    {
        _S.PENDING_IMPLEMENTATION: frozenset({_S.PENDING_DELETE}),
        _S.IMPLEMENTED: frozenset({_S.ACTIVE, _S.INACTIVE, _S.PENDING_DELETE}),
        _S.ACTIVE: frozenset({_S.INACTIVE, _S.PENDING_DELETE}),
        _S.INACTIVE: frozenset({_S.ACTIVE, _S.PENDING_DELETE}),
        _S.BROKEN: frozenset({_S.PENDING_DELETE}),
        _S.PENDING_DELETE: frozenset(),
    }
)
"""What a company may do with its sender id's state. Staying as it is is always allowed: clients
send back all that they have read."""

OPERATOR_MOVES: Mapping[SenderState, frozenset[SenderState]] = MappingProxyType(
    {
        _S.PENDING_IMPLEMENTATION: frozenset({_S.IMPLEMENTED, _S.ACTIVE, _S.BROKEN}),
        _S.IMPLEMENTED: frozenset({_S.ACTIVE, _S.BROKEN}),
        _S.ACTIVE: frozenset({_S.INACTIVE, _S.BROKEN}),
        _S.INACTIVE: frozenset({_S.ACTIVE, _S.BROKEN}),
        _S.BROKEN: frozenset({_S.IMPLEMENTED, _S.ACTIVE, _S.INACTIVE}),
        _S.PENDING_DELETE: frozenset({_S.IMPLEMENTED, _S.INACTIVE}),
    }
)
"""What the operator may do."""


def check_move(now: SenderState, then: SenderState, *, operator: bool = False) -> None:
    """Conflict unless the table has this move."""
    moves = OPERATOR_MOVES if operator else CLIENT_MOVES
    if then is not now and then not in moves[now]:
        raise Conflict(f"state: a sender id that is {now} cannot become {then}.", field="state")


class Sender(Struct, frozen=True, gc=False):
    """What the message pipeline needs to know about a sender id."""

    company_id: int
    id: UUID
    application_id: int | None  # that made it
    address: str
    type_id: str
    class_id: str
    ownership: Ownership
    state: SenderState
    connector: str | None  # None: as the settings route it
    throughput: float | None  # messages a second and country, of its class; None: no limit
    capabilities: tuple[str, ...]
    priority: int = 1  # of its class: 0 high, 1 normal, 2 low
    countries: tuple[str, ...] = (OTHER_COUNTRIES,)  # that its class is for
    country: str | None = None  # the one that it may send to; None: its class says
    parent_id: UUID | None = None  # the operator's, that it was taken from
    message_templates: tuple[str, ...] = ()  # ids or names, as its company gave them
    parent_templates: tuple[str, ...] = ()  # of its parent: these apply as well
    templates_only: bool = False  # takes only messages that are made from templates
    check_white_list: bool = False
    consent_managed_by: str = "USER"
    window: str | None = None  # of its class: when it may send, as JSON; None: always
    allowed_mime_types: tuple[str, ...] = ()  # of its type: of media; empty: all but the blocked
    blocked_mime_types: tuple[str, ...] = ()


class SenderType(Struct, frozen=True):
    """The part of a sender id type that new sender ids are checked against."""

    id: str
    capabilities: tuple[str, ...]
    credential_parameter_list: tuple[str, ...]


class NewSender(Struct, kw_only=True):
    """A sender id as a company asks for it."""

    class_id: str | None = None
    type_id: str | None = None
    address: str | None = None
    parent_id: UUID | None = None
    name: str | None = None
    ownership: Ownership = Ownership.PRIVATE
    state: SenderState | None = None
    content_type: str | None = None
    message_templates: list[str] = []
    templates_only: bool = False
    credentials: str | None = None
    two_way_required: bool = False
    keep_sender_address: bool = False
    dr_required: bool = False
    consent_managed_by: str = "USER"
    capabilities: list[str] | None = None
    check_white_list: bool = False
    billing: dict[str, object] | None = None


class SenderChange(Struct, kw_only=True):
    """What an update sets; the rest stays."""

    version: int | None = None  # the version that the caller has read
    name: str | UnsetType | None = UNSET
    ownership: Ownership | UnsetType = UNSET
    state: SenderState | UnsetType = UNSET
    class_id: str | UnsetType = UNSET
    type_id: str | UnsetType = UNSET
    address: str | UnsetType = UNSET
    content_type: str | UnsetType | None = UNSET
    message_templates: list[str] | UnsetType = UNSET
    templates_only: bool | UnsetType = UNSET
    credentials: str | UnsetType | None = UNSET
    two_way_required: bool | UnsetType = UNSET
    keep_sender_address: bool | UnsetType = UNSET
    dr_required: bool | UnsetType = UNSET
    consent_managed_by: str | UnsetType = UNSET
    capabilities: list[str] | UnsetType = UNSET
    check_white_list: bool | UnsetType = UNSET
    billing: dict[str, object] | UnsetType | None = UNSET


_DIGITS = re.compile(r"[0-9]+")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &._+\-/!]{1,11}")
_EMAIL = re.compile(r"[^@\s<>\"(),:;\\]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
_ACCOUNT = re.compile(r"[^\s@:;,]{1,100}")

ADDRESS_RULES: Mapping[str, tuple[re.Pattern[str], str]] = MappingProxyType(
    {
        "SHORTCODE": (re.compile(r"[0-9]{3,8}"), "3 to 8 digits"),
        "LONGCODE": (re.compile(r"[1-9][0-9]{6,14}"), "a number with its country code"),
        "TOLLFREE": (re.compile(r"[1-9][0-9]{6,14}"), "a number with its country code"),
        "VOICE": (re.compile(r"[1-9][0-9]{6,14}"), "a number with its country code"),
        "WHATSAPP": (re.compile(r"[1-9][0-9]{6,14}"), "a number with its country code"),
        "ALPHANUMERIC": (_NAME, "up to 11 letters, digits and blanks, one letter at least"),
        "EMAIL": (_EMAIL, "an e-mail address"),
    }
)
"""The address must correspond to the type (SCG reference, Sender ID, `address`)."""

_ANY_ACCOUNT = (_ACCOUNT, "up to 100 characters without blanks, @, colon, comma or semicolon")


def stored_address(type_id: str, address: str) -> str:
    """The address as it is stored and compared: numbers as digits without a plus sign."""
    rule, words = ADDRESS_RULES.get(type_id, _ANY_ACCOUNT)
    text = plain_address(address)
    if len(text) > MAX_ADDRESS or not rule.fullmatch(text):
        raise InvalidInput(f"address: of type {type_id}, it must be {words}.", field="address")
    return text


def plain_address(address: str) -> str:
    """An address as a person may have written it, in the spelling that is stored."""
    text = address.strip()
    digits = text[1:] if text.startswith("+") else text
    return digits if _DIGITS.fullmatch(digits) else text

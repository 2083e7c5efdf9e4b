"""Consent of one address to one sender id: its states, who may change them, and how.

SCG reference, Contact Address Status. A status is a company's own; the same address has another
one for each of the company's sender ids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from msgspec import Struct

from clarion.errors import InvalidInput, NotAllowed
from clarion.kit.e164 import parse_address
from clarion.kit.mailbox import parse_mailbox

NO_CONSENT = "1005"
"""The failure code of a message that its recipient has not agreed to."""

MDN, EMAIL = "MDN", "EMAIL"
MAX_ADDRESS = 1000
MAX_OPTOUT = 1000
"""Addresses in one call that opts them out."""

OPEN_QUESTION = timedelta(days=30)
"""How long a double opt-in message waits for its answer."""

ASK_EVERY = timedelta(days=1)
"""How often an address may be asked the same."""


class ConsentStatus(StrEnum):
    NONE = "NONE"  # nothing was said
    OPTIN = "OPTIN"  # the subscriber has agreed
    OPTOUT = "OPTOUT"  # the subscriber has refused
    BLACKLIST = "BLACKLIST"  # counts as refused; no word of the subscriber's changes it
    WHITELIST = "WHITELIST"  # counts as agreed; likewise


class Refusal(StrEnum):
    """Why a message may not be sent to an address."""

    LISTED = "LISTED"  # a carrier's black list has it
    NOT_WHITE = "NOT_WHITE"  # the sender id writes to its white list alone
    OPTOUT = "OPTOUT"
    BLACKLIST = "BLACKLIST"
    SILENT = "SILENT"  # it has not agreed

    @property
    def words(self) -> str:
        return _REFUSALS[self]


_REFUSALS = {
    Refusal.LISTED: "The recipient is on a carrier's black list.",
    Refusal.NOT_WHITE: "The recipient is not on the sender id's white list.",
    Refusal.OPTOUT: "The recipient has refused messages from the sender id.",
    Refusal.BLACKLIST: "The recipient is on the sender id's black list.",
    Refusal.SILENT: "The recipient has not agreed to it.",
}


class Source(StrEnum):
    """Who changed a status."""

    MESSAGE = "MESSAGE"  # a word of the subscriber's
    CARRIER = "CARRIER"  # a carrier's black list
    COMPANY = "COMPANY"  # the company, through the API


class Manager(StrEnum):
    """Who looks after the consent to a sender id: its `consent_managed_by`."""

    USER = "USER"  # its company; reserved words of subscribers are told to it and change nothing
    SCG = "SCG"  # the gateway, by what subscribers say
    SCG_UNSOLICITED_OPT_OUT = "SCG_UNSOLICITED_OPT_OUT"  # the gateway, for opting out alone


class Requirement(StrEnum):
    """What a message request needs of its recipients: `consent_requirement`."""

    NONE = "NONE"  # nothing
    OPT_IN = "OPT_IN"  # that they have agreed
    OPT_OUT = "OPT_OUT"  # that they have not refused


class Said(StrEnum):
    """What a keyword means for consent."""

    OPTIN = "OPTIN"
    OPTOUT = "OPTOUT"


class Way(StrEnum):
    """How a company came by a yes or a no. After the first two a yes needs no confirmation."""

    SINGLE = "SINGLE"  # given once, and that is enough
    MIGRATION = "MIGRATION"  # given elsewhere, before
    WEB = "WEB"
    IVR = "IVR"
    APP = "APP"
    EMAIL = "EMAIL"
    POS = "POS"
    SMS = "SMS"


PROVEN = frozenset({Way.SINGLE, Way.MIGRATION})
LISTED = frozenset({ConsentStatus.BLACKLIST, ConsentStatus.WHITELIST})
REFUSED = frozenset({ConsentStatus.OPTOUT, ConsentStatus.BLACKLIST})

_S = ConsentStatus
_AFTER: Mapping[tuple[ConsentStatus, Said], ConsentStatus] = MappingProxyType(
    {
        (_S.NONE, Said.OPTIN): _S.OPTIN,
        (_S.OPTIN, Said.OPTIN): _S.OPTIN,
        (_S.OPTOUT, Said.OPTIN): _S.OPTIN,
        (_S.BLACKLIST, Said.OPTIN): _S.BLACKLIST,
        (_S.WHITELIST, Said.OPTIN): _S.WHITELIST,
        (_S.NONE, Said.OPTOUT): _S.OPTOUT,
        (_S.OPTIN, Said.OPTOUT): _S.OPTOUT,
        (_S.OPTOUT, Said.OPTOUT): _S.OPTOUT,
        (_S.BLACKLIST, Said.OPTOUT): _S.BLACKLIST,
        (_S.WHITELIST, Said.OPTOUT): _S.WHITELIST,
    }
)


class Asked(Struct, frozen=True, gc=False):
    """A message that is to be sent, for `refused`."""

    position: int
    sender_id: UUID
    address_type: str
    address: str  # as stored: E.164 with its plus sign, an e-mail address in one spelling


class AddressStatus(Struct, frozen=True, kw_only=True):
    """A status as far as its rules need it."""

    id: UUID
    sender_id: UUID
    address_type: str
    address: str
    consent_status: ConsentStatus
    before_listing: ConsentStatus | None = None  # under a carrier's black list: what it was
    asked_at: datetime | None = None
    version: int = 1

    def is_asked(self, at: datetime) -> bool:
        """Whether a double opt-in message waits for its answer."""
        return self.asked_at is not None and at - self.asked_at < OPEN_QUESTION


class Wish(Struct, frozen=True, kw_only=True):
    """What a company says about an address."""

    address_type: str
    address: str
    consent_status: ConsentStatus | None = None  # None: the subscriber is to be asked
    opt_in_type: Way | None = None
    opt_out_type: Way | None = None


def after(now: ConsentStatus, said: Said, manager: Manager) -> ConsentStatus:
    """The status after a subscriber's word. A black or white list is above it; an opt-out without
    prior consent blacklists, where the sender id is set so."""
    then = _AFTER[now, said]
    unsolicited = now is ConsentStatus.NONE and then is ConsentStatus.OPTOUT
    if unsolicited and manager is Manager.SCG_UNSOLICITED_OPT_OUT:
        return ConsentStatus.BLACKLIST
    return then


def check_company_change(
    manager: Manager, now: ConsentStatus, then: ConsentStatus, *, how: Way | None = None
) -> None:
    """NotAllowed unless a company may say so itself. Where subscribers speak for themselves, it can
    restrict, list and take off its lists; it cannot agree or take a refusal back in their name."""
    if manager is not Manager.SCG or then is now or then in LISTED or then in REFUSED:
        return
    if then is ConsentStatus.NONE and now is not ConsentStatus.OPTOUT:
        return
    if then is ConsentStatus.OPTIN and now is ConsentStatus.NONE and how in PROVEN:
        return
    raise NotAllowed(
        f"consent_status: subscribers look after their consent to this sender id; it is {now} and "
        f"a company cannot make it {then}.",
        field="consent_status",
    )


# ---------------------------------------------------------------- addresses

_TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,19}")
_NUMBERS = frozenset({"MSISDN", "PHONE", "MOBILE", "SMS", "LONGCODE", "SHORTCODE", "TOLLFREE"})


def stored_pair(address_type: str | None, address: str) -> tuple[str, str]:
    """Type and address as they are stored and compared. Clients write sender id types for
    telephone numbers too; without a type, the address tells. InvalidInput names the attribute."""
    kind = (address_type or "").strip().upper()
    if not kind:
        kind = EMAIL if "@" in address else MDN
    if kind in _NUMBERS:
        kind = MDN
    if not _TYPE.fullmatch(kind):
        words = "address_type: up to 20 letters, as in MDN, EMAIL, SOCIAL, PUSH."
        raise InvalidInput(words, field="address_type")
    return kind, _stored_address(kind, address)


def _stored_address(kind: str, address: str) -> str:
    text = address.strip()
    if not text or len(text) > MAX_ADDRESS or "\0" in text:
        words = f"address: it must have 1 to {MAX_ADDRESS} characters."
        raise InvalidInput(words, field="address")
    try:
        if kind == MDN:
            return parse_address(text).e164
        if kind == EMAIL:
            return parse_mailbox(text)
    except ValueError as error:
        raise InvalidInput(f"address: {error}.", field="address") from error
    return text

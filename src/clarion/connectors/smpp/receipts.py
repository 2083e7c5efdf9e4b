"""Delivery receipts (SMPP 3.4, appendix B and 5.2.28), as SMSCs really write them.

The parameters receipted_message_id, message_state and network_error_code win over the text, which
is the vendor's own: fields come in any order and case, with odd spacing, some are missing, dates
have 10, 12 or 14 digits, `err` may be a word. Only an id and a state are needed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from clarion.connectors.smpp import text, tlv
from clarion.connectors.smpp.codec import MAX_MESSAGE_ID
from clarion.connectors.smpp.pdu import ShortMessage
from clarion.engine.messages.ports import Receipt, ReceiptState

_MESSAGE_TYPE = 0x3C  # bits of esm_class (5.2.12)
_SMSC_RECEIPT = 0x04
_INTERMEDIATE = 0x20
_LONGEST = 1024  # a receipt has some 200 characters
_MAX_ERROR = 32

_USUAL = re.compile(
    r"id:(\S{1,128}) sub:\S{0,9} dlvrd:\S{0,9} submit date:\S{0,19} done date:(\d{0,19}) "
    r"stat:(\w{1,19}) err:(\S{0,32})",
    re.IGNORECASE,
)
"""The form of appendix B. Each piece ends where the next letter cannot belong to it."""

_FIELD = re.compile(
    r"\b(id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat(?:us|e)?|err(?:or)?|text)[ \t]{0,4}[:=]",
    re.IGNORECASE,
)
_NOT_DIGITS = re.compile(r"[^0-9]+")
_NOT_LETTERS = re.compile(r"[^a-z]+")
_LETTERS = re.compile(r"[A-Z]+")
_SPELLINGS = {"status": "stat", "state": "stat", "error": "err"}

_STATES = {
    "DELIVRD": ReceiptState.DELIVERED,
    "DELIVERED": ReceiptState.DELIVERED,
    "DELIVERD": ReceiptState.DELIVERED,
    "EXPIRED": ReceiptState.EXPIRED,
    "DELETED": ReceiptState.DELETED,
    "UNDELIV": ReceiptState.UNDELIVERABLE,
    "UNDELIVERABLE": ReceiptState.UNDELIVERABLE,
    "UNDELIVERED": ReceiptState.UNDELIVERABLE,
    "FAILED": ReceiptState.UNDELIVERABLE,
    "SKIPPED": ReceiptState.UNDELIVERABLE,
    "ACCEPTD": ReceiptState.ACCEPTED,
    "ACCEPTED": ReceiptState.ACCEPTED,
    "UNKNOWN": ReceiptState.UNKNOWN,
    "REJECTD": ReceiptState.REJECTED,
    "REJECTED": ReceiptState.REJECTED,
    "ENROUTE": ReceiptState.ENROUTE,
    "BUFFERED": ReceiptState.ENROUTE,
    "BUFFRED": ReceiptState.ENROUTE,
    "SCHEDULED": ReceiptState.ENROUTE,
}
_STATES_BY_NUMBER = {
    0: ReceiptState.ENROUTE,  # SCHEDULED (SMPP 5.0)
    1: ReceiptState.ENROUTE,
    2: ReceiptState.DELIVERED,
    3: ReceiptState.EXPIRED,
    4: ReceiptState.DELETED,
    5: ReceiptState.UNDELIVERABLE,
    6: ReceiptState.ACCEPTED,
    7: ReceiptState.UNKNOWN,
    8: ReceiptState.REJECTED,
    9: ReceiptState.UNDELIVERABLE,  # SKIPPED (SMPP 5.0)
}


def is_receipt(message: ShortMessage) -> bool:
    """Whether the SMSC says so. The text alone is no proof: any subscriber can write
    "id:... stat:DELIVRD", while only the SMSC sets esm_class and receipted_message_id."""
    return says_receipt(message.esm_class) or tlv.RECEIPTED_MESSAGE_ID in message.tlvs


def says_receipt(esm_class: int) -> bool:
    """A final receipt or an intermediate notification (5.2.12). Acknowledgements of a handset or
    its user are messages: they are addressed to people, and have no form."""
    return esm_class & _MESSAGE_TYPE in (_SMSC_RECEIPT, _INTERMEDIATE)


def read(message: ShortMessage) -> Receipt | None:
    """The receipt, or None where no id or no state can be found. Never raises."""
    fields = _fields(_words(message))
    tlvs = message.tlvs
    external_id = _id_of_tlvs(tlvs) or fields.get("id", "")
    state = _state(tlvs, fields.get("stat", ""))
    if state is None or not 0 < len(external_id) <= MAX_MESSAGE_ID:
        return None
    error = _error_of_tlvs(tlvs) or _error(fields.get("err", ""))
    return Receipt(external_id, state, error, date(fields.get("donedate", "")))


def _words(message: ShortMessage) -> str:
    octets = message.content or message.tlvs.get(tlv.MESSAGE_PAYLOAD, b"")
    _, octets = text.split_header(message.esm_class, octets)
    if message.data_coding == text.UCS2:
        words = octets[: 2 * _LONGEST].decode("utf-16-be", "replace")
    else:
        words = octets[:_LONGEST].decode("latin-1")
    return words.replace("\0", "")


def _fields(words: str) -> dict[str, str]:
    usual = _USUAL.match(words)
    if usual:
        external_id, done, stat, err = usual.groups()
        return {"id": external_id, "donedate": done, "stat": stat, "err": err}
    return _odd_fields(words)


def _odd_fields(words: str) -> dict[str, str]:
    """Each value reaches to the next field's name. The first of a name wins, and after an id and a
    state `text` is the end: what follows is the subscriber's message, which may say anything."""
    found: dict[str, str] = {}
    marks = list(_FIELD.finditer(words))
    ends = (*(mark.start() for mark in marks[1:]), len(words))
    for mark, end in zip(marks, ends, strict=False):
        key = _NOT_LETTERS.sub("", mark[1].lower())
        key = _SPELLINGS.get(key, key)
        if key == "text" and "id" in found and "stat" in found:
            break
        found.setdefault(key, words[mark.end() : end].strip(" \t\r\n,;"))
    return found


def _id_of_tlvs(tlvs: tlv.Tlvs) -> str:
    value = tlvs.get(tlv.RECEIPTED_MESSAGE_ID, b"")
    return value.split(b"\0", 1)[0].decode("latin-1").strip()


def _state(tlvs: tlv.Tlvs, stat: str) -> ReceiptState | None:
    number = tlv.number(tlvs.get(tlv.MESSAGE_STATE))
    if number is not None:
        return _STATES_BY_NUMBER.get(number, ReceiptState.UNKNOWN)
    if not stat:
        return None
    known = _STATES.get(stat)
    if known is not None:
        return known
    word = _LETTERS.match(stat.upper())
    return _STATES.get(word[0] if word else "", ReceiptState.UNKNOWN)


def _error_of_tlvs(tlvs: tlv.Tlvs) -> str | None:
    """network_error_code: a network type and a code of two octets (5.3.2.31)."""
    value = tlvs.get(tlv.NETWORK_ERROR_CODE, b"")
    if len(value) != 3:
        return None
    return _error(str(int.from_bytes(value[1:], "big")))


def _error(err: str) -> str | None:
    """The vendor's code, a number or a word; zeros are no error."""
    return err[:_MAX_ERROR] if err.strip("0") else None


@lru_cache(maxsize=512)
def date(written: str) -> datetime | None:
    """YYMMDDhhmm, with seconds, or with the century too; None where it is not one.

    Receipts name no time zone; UTC is taken. Many in a row have the same date, hence the cache.
    """
    digits = _NOT_DIGITS.sub("", written)
    if len(digits) == 14 or (len(digits) == 12 and digits.startswith("20")):
        return _moment(int(digits[:4]), digits[4:])
    if len(digits) in (10, 12):
        return _moment(2000 + int(digits[:2]), digits[2:])
    return None


def _moment(year: int, rest: str) -> datetime | None:
    month, day, hour, minute, second = (int(rest[at : at + 2] or 0) for at in (0, 2, 4, 6, 8))
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None

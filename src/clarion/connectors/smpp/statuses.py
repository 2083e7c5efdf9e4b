"""command_status: names, and what each means for a message (SMPP 3.4, 5.1.3; 5.0, 4.7.6).

One table decides. A status that it does not hold is vendor-specific; it counts as temporary,
since the retry list bounds what that costs, where a wrong refusal would lose a message. The
settings name those that an operator knows better.
"""

from __future__ import annotations

from collections.abc import Iterable

from clarion.engine.messages.ports import Failure, FailureKind

OK = 0x00000000
RINVCMDLEN = 0x00000002
RINVCMDID = 0x00000003
RTHROTTLED = 0x00000058
RX_T_APPN = 0x00000064
RX_P_APPN = 0x00000065
RUNKNOWNERR = 0x000000FF

_REFUSED = FailureKind.REFUSED
_TEMPORARY = FailureKind.TEMPORARY
_THROTTLED = FailureKind.THROTTLED
_RECIPIENT = FailureKind.INVALID_RECIPIENT

_TABLE: dict[int, tuple[str, FailureKind, str]] = {
    0x01: ("ESME_RINVMSGLEN", _REFUSED, "the message is too long for the carrier"),
    0x02: ("ESME_RINVCMDLEN", _REFUSED, "the carrier could not read the request"),
    0x03: ("ESME_RINVCMDID", _REFUSED, "the carrier does not know the request"),
    0x04: ("ESME_RINVBNDSTS", _TEMPORARY, "the carrier does not take messages on this bind"),
    0x05: ("ESME_RALYBND", _TEMPORARY, "the carrier says that we are already bound"),
    0x06: ("ESME_RINVPRTFLG", _REFUSED, "the carrier does not accept the priority"),
    0x07: ("ESME_RINVREGDLVFLG", _REFUSED, "the carrier does not give delivery receipts so"),
    0x08: ("ESME_RSYSERR", _TEMPORARY, "the carrier has an internal error"),
    0x0A: ("ESME_RINVSRCADR", _REFUSED, "the carrier does not accept the sender address"),
    0x0B: ("ESME_RINVDSTADR", _RECIPIENT, "the carrier does not accept the recipient"),
    0x0C: ("ESME_RINVMSGID", _REFUSED, "the carrier does not know the message id"),
    0x0D: ("ESME_RBINDFAIL", _TEMPORARY, "the carrier refuses the bind"),
    0x0E: ("ESME_RINVPASWD", _TEMPORARY, "the carrier does not accept the password"),
    0x0F: ("ESME_RINVSYSID", _TEMPORARY, "the carrier does not know the system_id"),
    0x11: ("ESME_RCANCELFAIL", _REFUSED, "the carrier could not cancel the message"),
    0x13: ("ESME_RREPLACEFAIL", _REFUSED, "the carrier could not replace the message"),
    0x14: ("ESME_RMSGQFUL", _THROTTLED, "the carrier's queue is full"),
    0x15: ("ESME_RINVSERTYP", _REFUSED, "the carrier does not accept the service_type"),
    0x33: ("ESME_RINVNUMDESTS", _REFUSED, "the carrier does not take so many recipients"),
    0x34: ("ESME_RINVDLNAME", _REFUSED, "the carrier does not know the distribution list"),
    0x40: ("ESME_RINVDESTFLAG", _REFUSED, "the carrier does not accept the destination flag"),
    0x42: ("ESME_RINVSUBREP", _REFUSED, "the carrier does not replace messages"),
    0x43: ("ESME_RINVESMCLASS", _REFUSED, "the carrier does not accept the esm_class"),
    0x44: ("ESME_RCNTSUBDL", _REFUSED, "the carrier does not take distribution lists"),
    0x45: ("ESME_RSUBMITFAIL", _TEMPORARY, "the carrier could not take the message"),
    0x48: ("ESME_RINVSRCTON", _REFUSED, "the carrier does not accept the sender's TON"),
    0x49: ("ESME_RINVSRCNPI", _REFUSED, "the carrier does not accept the sender's NPI"),
    0x50: ("ESME_RINVDSTTON", _REFUSED, "the carrier does not accept the recipient's TON"),
    0x51: ("ESME_RINVDSTNPI", _REFUSED, "the carrier does not accept the recipient's NPI"),
    0x53: ("ESME_RINVSYSTYP", _REFUSED, "the carrier does not accept the system_type"),
    0x54: ("ESME_RINVREPFLAG", _REFUSED, "the carrier does not replace messages"),
    0x55: ("ESME_RINVNUMMSGS", _REFUSED, "the carrier does not accept the number of messages"),
    0x58: ("ESME_RTHROTTLED", _THROTTLED, "the carrier asks for fewer messages a second"),
    0x61: ("ESME_RINVSCHED", _REFUSED, "the carrier does not accept the scheduled time"),
    0x62: ("ESME_RINVEXPIRY", _REFUSED, "the carrier does not accept the validity period"),
    0x63: ("ESME_RINVDFTMSGID", _REFUSED, "the carrier does not know the predefined message"),
    0x64: ("ESME_RX_T_APPN", _TEMPORARY, "the receiver cannot take the message now"),
    0x65: ("ESME_RX_P_APPN", _REFUSED, "the receiver does not take the message"),
    0x66: ("ESME_RX_R_APPN", _REFUSED, "the receiver rejects the message"),
    0x67: ("ESME_RQUERYFAIL", _REFUSED, "the carrier could not answer the query"),
    0xC0: ("ESME_RINVOPTPARSTREAM", _REFUSED, "the carrier could not read the parameters"),
    0xC1: ("ESME_ROPTPARNOTALLWD", _REFUSED, "the carrier does not allow a parameter"),
    0xC2: ("ESME_RINVPARLEN", _REFUSED, "the carrier finds a parameter's length wrong"),
    0xC3: ("ESME_RMISSINGOPTPARAM", _REFUSED, "the carrier misses a parameter"),
    0xC4: ("ESME_RINVOPTPARAMVAL", _REFUSED, "the carrier finds a parameter's value wrong"),
    0xFE: ("ESME_RDELIVERYFAILURE", _TEMPORARY, "the carrier could not deliver the message"),
    0xFF: ("ESME_RUNKNOWNERR", _TEMPORARY, "the carrier has an error that it does not name"),
    0x100: ("ESME_RSERTYPUNAUTH", _REFUSED, "we may not use the service_type"),
    0x101: ("ESME_RPROHIBITED", _REFUSED, "the carrier prohibits the message"),
    0x102: ("ESME_RSERTYPUNAVAIL", _TEMPORARY, "the service_type is not available now"),
    0x103: ("ESME_RSERTYPDENIED", _REFUSED, "the carrier denies the service_type"),
    0x104: ("ESME_RINVDCS", _REFUSED, "the carrier does not accept the data_coding"),
    0x105: ("ESME_RINVSRCADDRSUBUNIT", _REFUSED, "the sender's subunit is not accepted"),
    0x106: ("ESME_RINVDSTADDRSUBUNIT", _REFUSED, "the recipient's subunit is not accepted"),
}


def name(status: int) -> str:
    """The specification's name, or the number of one that it does not have."""
    if status == OK:
        return "ESME_ROK"
    known = _TABLE.get(status)
    return known[0] if known else f"{status:#010x}"


def words(status: int) -> str:
    known = _TABLE.get(status)
    return known[2] if known else f"the carrier answered {name(status)}"


class Statuses:
    """The table, with what one connector's settings add to it."""

    def __init__(self, *, refused: Iterable[int] = (), temporary: Iterable[int] = ()) -> None:
        self._kinds = {status: row[1] for status, row in _TABLE.items()}
        self._kinds.update(dict.fromkeys(refused, _REFUSED))
        self._kinds.update(dict.fromkeys(temporary, _TEMPORARY))
        self._failures: dict[int, Failure] = {}

    def failure(self, status: int) -> Failure:
        found = self._failures.get(status)
        if found is None:
            kind = self._kinds.get(status, _TEMPORARY)
            found = Failure(kind, name(status), words(status))
            if len(self._failures) < 1000:  # a hostile peer has four billion to choose from
                self._failures[status] = found
        return found


UNCERTAIN_LOST = Failure(
    FailureKind.UNCERTAIN, "LOST", "the connection was lost before the carrier answered"
)
UNCERTAIN_SILENT = Failure(FailureKind.UNCERTAIN, "TIMEOUT", "the carrier did not answer in time")
NOT_SENT = Failure(FailureKind.NOT_SENT, "NOT_BOUND", "there is no connection to the carrier")

"""Submissions as submit_sm: addresses, alphabet, validity, concatenation (SMPP 3.4, 4.4.1)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from clarion.connectors.smpp import codec, text, tlv
from clarion.engine.messages.ports import Encoding, Failure, FailureKind, Submission
from clarion.settings import SmppConnector

Ticket = tuple[UUID, tuple[int, ...]]
"""The message, and those of its parts that one submit_sm carries."""

Request = tuple[Ticket, bytes]
"""What is to be answered, and the body of its submit_sm."""

_TON_UNKNOWN, _TON_INTERNATIONAL, _TON_NETWORK, _TON_ALPHANUMERIC = 0, 1, 3, 5
_NPI_UNKNOWN, _NPI_E164 = 0, 1
_LONGEST_SHORT_CODE = 8
_LONGEST_ADDRESS = 20  # and a NUL (4.4.1)
_LONGEST_CONTENT = 254  # of short_message (5.2.21)
_ROOM_OF_SMS = 140
_HEADER_ROOM = 6
_PRIORITY_FLAGS = (1, 0, 0)  # by ours; in GSM networks everything over 0 is "priority" (5.2.14)
_DAY = 86_400
_MAX_REMEMBERED = 10_000


class Unsendable(Exception):
    """No submit_sm can carry this; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.words)
        self.failure = failure


class _Envelope(Struct, frozen=True, gc=False):
    """What the parts of one message have in common."""

    head: bytes
    destination: bytes
    priority: int
    validity: bytes
    data_coding: int


class Outgoing:
    """Writes the submit_sm of one connector."""

    def __init__(self, settings: SmppConnector) -> None:
        self._settings = settings
        self._registered = 1 if settings.receipts else 0
        self._packed = settings.default_alphabet == "gsm7-packed"
        # Version 3.3 has no optional parameters, so neither sar_* nor message_payload.
        self._tlvs = settings.interface_version != "3.3"
        self._concatenation = settings.concatenation if self._tlvs else "udh"
        self._destination_types = bytes((settings.destination_ton, settings.destination_npi))
        self._heads: dict[str, bytes] = {}

    def requests(self, submission: Submission) -> list[Request]:
        """The submit_sm of the pending parts, in order. Raises Unsendable."""
        data_coding, contents = self._contents(submission)
        envelope = _Envelope(
            self._head(submission.source),
            self._destination(submission.destination),
            _PRIORITY_FLAGS[submission.priority],
            validity_period(submission.expires_at),
            data_coding,
        )
        if len(contents) == 1:
            ticket = (submission.message_id, submission.pending)
            return [(ticket, self._write(envelope, contents[0]))]
        # When the carrier has some of the parts, the others must follow as parts.
        if self._concatenation == "payload" and len(submission.pending) == len(contents):
            ticket = (submission.message_id, submission.pending)
            return [(ticket, self._write(envelope, b"".join(contents)))]
        return self._parts(submission, envelope, contents)

    def _parts(
        self, submission: Submission, envelope: _Envelope, contents: Sequence[bytes]
    ) -> list[Request]:
        write = self._write_sar if self._concatenation == "sar" else self._write_udh
        requests: list[Request] = []
        for number in submission.pending:
            concat = text.Concat(submission.reference, len(contents), number)
            body = write(envelope, contents[number - 1], concat)
            requests.append(((submission.message_id, (number,)), body))
        return requests

    def _write_udh(self, envelope: _Envelope, content: bytes, concat: text.Concat) -> bytes:
        return self._write(envelope, content, header=text.concat_header(concat))

    def _write_sar(self, envelope: _Envelope, content: bytes, concat: text.Concat) -> bytes:
        return self._write(envelope, content, tlvs=text.sar_tlvs(concat))

    def _write(
        self, envelope: _Envelope, content: bytes, *, header: bytes = b"", tlvs: bytes = b""
    ) -> bytes:
        if self._packed and envelope.data_coding == text.DEFAULT:
            content = text.pack(content, header)
        elif header:
            content = header + content
        if len(content) > _LONGEST_CONTENT:
            tlvs, content = tlvs + self._payload(content), b""
        return codec.submit_body(
            envelope.head,
            envelope.destination,
            esm_class=text.UDH_INDICATOR if header else 0,
            priority=envelope.priority,
            validity=envelope.validity,
            registered_delivery=self._registered,
            data_coding=envelope.data_coding,
            content=content,
            tlvs=tlvs,
        )

    def _payload(self, content: bytes) -> bytes:
        if not self._tlvs or len(content) > 0xFFFF:
            raise Unsendable(_refused("ESME_RINVMSGLEN", "the message is too long for the carrier"))
        return tlv.write({tlv.MESSAGE_PAYLOAD: content})

    # ------------------------------------------------------------ text

    def _contents(self, submission: Submission) -> tuple[int, list[bytes]]:
        """data_coding and the octets of every part; all parts of a message share one."""
        encoding, alphabet = submission.encoding, self._settings.default_alphabet
        try:
            contents = [text.encode(part, encoding, alphabet) for part in submission.parts]
        except text.Unencodable as error:
            return text.UCS2, self._as_ucs2(submission, str(error))
        return text.data_coding(encoding), contents

    def _as_ucs2(self, submission: Submission, why: str) -> list[bytes]:
        """Parts that this SMSC's default alphabet does not hold, where UCS-2 has the room."""
        alphabet = self._settings.default_alphabet
        contents = [text.encode(part, Encoding.UCS2, alphabet) for part in submission.parts]
        room = _ROOM_OF_SMS if len(contents) == 1 else _ROOM_OF_SMS - _HEADER_ROOM
        if max(map(len, contents)) > room:
            raise Unsendable(_refused("ALPHABET", f"the carrier's alphabet has {why}"))
        return contents

    # ------------------------------------------------------------ addresses

    def _head(self, source: str) -> bytes:
        head = self._heads.get(source)
        if head is None:
            head = self._new_head(source)
            if len(self._heads) >= _MAX_REMEMBERED:
                self._heads.clear()
            self._heads[source] = head
        return head

    def _new_head(self, source: str) -> bytes:
        settings = self._settings
        ton, npi = source_type(source)
        ton = ton if settings.source_ton is None else settings.source_ton
        npi = npi if settings.source_npi is None else settings.source_npi
        address = source.removeprefix("+")
        if len(address) > _LONGEST_ADDRESS or not address.isascii() or "\0" in address:
            raise Unsendable(_refused("ESME_RINVSRCADR", "the sender address cannot be written"))
        return codec.submit_head(settings.service_type, ton, npi, address)

    def _destination(self, destination: str) -> bytes:
        digits = destination.removeprefix("+")
        if not 0 < len(digits) <= _LONGEST_ADDRESS or not (digits.isascii() and digits.isdigit()):
            words = "the recipient's number cannot be written"
            raise Unsendable(Failure(FailureKind.INVALID_RECIPIENT, "ESME_RINVDSTADR", words))
        return b"%b%b\0" % (self._destination_types, digits.encode("ascii"))


def source_type(source: str) -> tuple[int, int]:
    """TON and NPI by the look of a sender address (5.2.5 and 5.2.6)."""
    digits = source.removeprefix("+")
    if not digits:
        return _TON_UNKNOWN, _NPI_UNKNOWN  # the SMSC puts its own
    if not (digits.isascii() and digits.isdigit()):
        return _TON_ALPHANUMERIC, _NPI_UNKNOWN
    if not source.startswith("+") and len(digits) <= _LONGEST_SHORT_CODE:
        return _TON_NETWORK, _NPI_UNKNOWN
    return _TON_INTERNATIONAL, _NPI_E164


def validity_period(expires_at: datetime | None) -> bytes:
    """The time left, relative, with its NUL (7.1.1); our clock and the SMSC's may differ.

    Days stop at 30, since what the months are relative to is the SMSC's guess; carriers keep
    nothing that long.
    """
    if expires_at is None:
        return b"\0"
    left = max(int(expires_at.timestamp() - time.time()), 1)
    days, rest = divmod(left, _DAY)
    if days > 30:
        days, rest = 30, 0
    minutes, seconds = divmod(rest, 60)
    return b"0000%02d%02d%02d%02d000R\0" % (days, minutes // 60, minutes % 60, seconds)


def _refused(code: str, words: str) -> Failure:
    return Failure(FailureKind.REFUSED, code, words)

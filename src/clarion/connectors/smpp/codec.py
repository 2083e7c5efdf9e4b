"""PDUs from and to bytes (SMPP 3.4, 3.2 and 4).

Reading accepts what real peers send: error responses without a body, torn parameters at the end,
strings that are longer than the tables say (the PDU's size bounds them). What cannot be read at
all is one error, Malformed. The session calls the readers of the hot path directly.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from clarion.connectors.smpp import pdu, tlv
from clarion.connectors.smpp.pdu import (
    AlertNotification,
    Bind,
    BindResp,
    Body,
    MessageResp,
    Outbind,
    Pdu,
    ShortMessage,
)

MAX_PDU = 65_536
"""A longer command_length is no PDU: message_payload alone may have 64 KiB, in practice 2."""

MAX_ADDRESS = 64
"""data_sm allows addresses of 64 octets (4.7.1), the others of 20."""

MAX_MESSAGE_ID = 128
"""The specification says 64 octets; what is above this is cut."""

HEADER = struct.Struct("!IIII")
_TAIL = struct.Struct("!BBBBB")
_unpack_tail = _TAIL.unpack_from


class Malformed(ValueError):
    """These bytes are not the PDU that their header names."""


def decode(frame: bytes) -> Pdu:
    """One whole PDU. Raises Malformed."""
    if len(frame) < 16:
        raise Malformed("shorter than a header")
    length, command_id, status, sequence = HEADER.unpack_from(frame)
    if length != len(frame) or length > MAX_PDU:
        raise Malformed(f"command_length {length} for {len(frame)} octets")
    read = _READERS.get(command_id, bytes)
    return Pdu(command_id, status, sequence, read(frame[16:]))


def encode(whole: Pdu) -> bytes:
    body = _write(whole.command_id, whole.body)
    return HEADER.pack(16 + len(body), whole.command_id, whole.status, whole.sequence) + body


# ---------------------------------------------------------------- reading


def read_message(body: bytes) -> ShortMessage:
    """submit_sm and deliver_sm, which have the same fields. Raises Malformed."""
    try:
        service = body.index(0)
        source = body.index(0, service + 3)
        destination = body.index(0, source + 3)
        schedule = body.index(0, destination + 4)
        validity = body.index(0, schedule + 1)
        registered, replace, coding, default, size = _unpack_tail(body, validity + 1)
    except (ValueError, struct.error) as error:
        raise Malformed("a field is missing") from error
    start = validity + 6
    end = start + size
    if end > len(body):
        raise Malformed("short_message is longer than its PDU")
    if source - service > MAX_ADDRESS + 3 or destination - source > MAX_ADDRESS + 3:
        raise Malformed("an address is too long")
    return ShortMessage(
        str(body[:service], "latin-1") if service else "",
        body[service + 1],
        body[service + 2],
        str(body[service + 3 : source], "latin-1"),
        body[source + 1],
        body[source + 2],
        str(body[source + 3 : destination], "latin-1"),
        body[destination + 1],
        body[destination + 2],
        body[destination + 3],
        str(body[destination + 4 : schedule], "latin-1"),
        str(body[schedule + 1 : validity], "latin-1"),
        registered,
        replace,
        coding,
        default,
        body[start:end],
        tlv.read(body, end) if end < len(body) else {},
    )


def read_data(body: bytes) -> ShortMessage:
    """data_sm: its content is in message_payload. Raises Malformed."""
    try:
        service = body.index(0)
        source = body.index(0, service + 3)
        destination = body.index(0, source + 3)
        esm_class, registered, coding = body[destination + 1 : destination + 4]
    except ValueError as error:
        raise Malformed("a field is missing") from error
    if source - service > MAX_ADDRESS + 3 or destination - source > MAX_ADDRESS + 3:
        raise Malformed("an address is too long")
    return ShortMessage(
        service_type=str(body[:service], "latin-1"),
        source_ton=body[service + 1],
        source_npi=body[service + 2],
        source=str(body[service + 3 : source], "latin-1"),
        destination_ton=body[source + 1],
        destination_npi=body[source + 2],
        destination=str(body[source + 3 : destination], "latin-1"),
        esm_class=esm_class,
        registered_delivery=registered,
        data_coding=coding,
        tlvs=tlv.read(body, destination + 4),
    )


def read_message_id(frame: bytes, start: int, end: int) -> str:
    """The message_id of a response between these bounds; "" where there is none."""
    stop = frame.find(0, start, end)
    if stop < 0:
        stop = end  # some peers forget the NUL
    if stop - start > MAX_MESSAGE_ID:
        stop = start + MAX_MESSAGE_ID
    return str(frame[start:stop], "latin-1")


def read_bind_resp(body: bytes) -> BindResp:
    end = body.find(0)
    if end < 0:
        return BindResp(str(body, "latin-1"))
    version = tlv.read(body, end + 1).get(tlv.SC_INTERFACE_VERSION)
    return BindResp(str(body[:end], "latin-1"), tlv.number(version))


def _read_resp(body: bytes) -> MessageResp:
    return MessageResp(read_message_id(body, 0, len(body)))


def _read_bind(body: bytes) -> Bind:
    try:
        system_id, password, system_type, rest = body.split(b"\0", 3)
        version, ton, npi = rest[:3]
        address_range = rest[3 : rest.index(0, 3)]
    except ValueError as error:
        raise Malformed("a field is missing") from error
    return Bind(
        str(system_id, "latin-1"),
        str(password, "latin-1"),
        str(system_type, "latin-1"),
        version,
        ton,
        npi,
        str(address_range, "latin-1"),
    )


def _read_outbind(body: bytes) -> Outbind:
    try:
        system_id, password, _ = body.split(b"\0", 2)
    except ValueError as error:
        raise Malformed("a field is missing") from error
    return Outbind(str(system_id, "latin-1"), str(password, "latin-1"))


def _read_alert(body: bytes) -> AlertNotification:
    try:
        source = body.index(0, 2)
        esme = body.index(0, source + 3)
    except ValueError as error:
        raise Malformed("a field is missing") from error
    return AlertNotification(
        body[0],
        body[1],
        str(body[2:source], "latin-1"),
        body[source + 1],
        body[source + 2],
        str(body[source + 3 : esme], "latin-1"),
        tlv.read(body, esme + 1),
    )


_READERS: dict[int, Callable[[bytes], Body]] = {
    **dict.fromkeys(pdu.BINDS, _read_bind),
    **{command | pdu.RESPONSE: read_bind_resp for command in pdu.BINDS},
    pdu.OUTBIND: _read_outbind,
    pdu.SUBMIT_SM: read_message,
    pdu.DELIVER_SM: read_message,
    pdu.DATA_SM: read_data,
    pdu.SUBMIT_SM_RESP: _read_resp,
    pdu.DELIVER_SM_RESP: _read_resp,
    pdu.DATA_SM_RESP: _read_resp,
    pdu.ALERT_NOTIFICATION: _read_alert,
}

# ---------------------------------------------------------------- writing


def submit_body(
    head: bytes,
    destination: bytes,
    *,
    esm_class: int,
    priority: int,
    validity: bytes,
    registered_delivery: int,
    data_coding: int,
    content: bytes,
    tlvs: bytes = b"",
) -> bytes:
    """A submit_sm from parts that are made once for many: `head` is `submit_head`, `destination`
    TON, NPI and address with its NUL, `validity` validity_period with its NUL."""
    size = len(content)
    return b"%b%b%c\0%c\0%b%c\0%c\0%c%b%b" % (
        head,
        destination,
        esm_class,
        priority,
        validity,
        registered_delivery,
        data_coding,
        size,
        content,
        tlvs,
    )


def submit_head(service_type: str, ton: int, npi: int, source: str) -> bytes:
    """The beginning of a submit_sm, up to the destination."""
    return _cstring(service_type) + bytes((ton, npi)) + _cstring(source)


def header(command_id: int, sequence: int, *, status: int = 0) -> bytes:
    """A PDU that is only a header."""
    return HEADER.pack(16, command_id, status, sequence)


def write_bind(bind: Bind) -> bytes:
    return b"".join(
        (
            _cstring(bind.system_id),
            _cstring(bind.password),
            _cstring(bind.system_type),
            bytes((bind.interface_version, bind.addr_ton, bind.addr_npi)),
            _cstring(bind.address_range),
        )
    )


def write_message(message: ShortMessage) -> bytes:
    return b"".join(
        (
            _addresses(message),
            bytes((message.esm_class, message.protocol_id, message.priority)),
            _cstring(message.schedule),
            _cstring(message.validity),
            bytes((message.registered_delivery, message.replace_if_present, message.data_coding)),
            bytes((message.default_message, len(message.content))),
            message.content,
            tlv.write(message.tlvs),
        )
    )


def write_data(message: ShortMessage) -> bytes:
    flags = bytes((message.esm_class, message.registered_delivery, message.data_coding))
    return _addresses(message) + flags + tlv.write(message.tlvs)


def _addresses(message: ShortMessage) -> bytes:
    return b"".join(
        (
            _cstring(message.service_type),
            bytes((message.source_ton, message.source_npi)),
            _cstring(message.source),
            bytes((message.destination_ton, message.destination_npi)),
            _cstring(message.destination),
        )
    )


def _write_bind_resp(body: BindResp) -> bytes:
    version = body.interface_version
    tlvs = {} if version is None else {tlv.SC_INTERFACE_VERSION: bytes((version,))}
    return _cstring(body.system_id) + tlv.write(tlvs)


def _write_alert(body: AlertNotification) -> bytes:
    return b"".join(
        (
            bytes((body.source_ton, body.source_npi)),
            _cstring(body.source),
            bytes((body.esme_ton, body.esme_npi)),
            _cstring(body.esme),
            tlv.write(body.tlvs),
        )
    )


def _write(command_id: int, body: Body) -> bytes:
    match body:
        case bytes():
            return body
        case ShortMessage():
            return write_data(body) if command_id == pdu.DATA_SM else write_message(body)
        case Bind():
            return write_bind(body)
        case BindResp():
            return _write_bind_resp(body)
        case Outbind():
            return _cstring(body.system_id) + _cstring(body.password)
        case MessageResp():
            return _cstring(body.message_id)
        case AlertNotification():
            return _write_alert(body)


def _cstring(text: str) -> bytes:
    """A C-Octet String. Raises ValueError for what it cannot hold."""
    octets = text.encode("latin-1")
    if 0 in octets:
        raise ValueError("a C-Octet String cannot hold a NUL")
    return octets + b"\0"

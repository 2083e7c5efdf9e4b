"""The PDUs of SMPP 3.4 as values: command ids (5.1.2.1) and the bodies that we send or may get."""

from __future__ import annotations

from msgspec import Struct, field

from clarion.connectors.smpp.tlv import Tlvs

RESPONSE = 0x80000000
"""The bit that makes a command id a response."""

GENERIC_NACK = 0x80000000
BIND_RECEIVER = 0x00000001
BIND_TRANSMITTER = 0x00000002
SUBMIT_SM = 0x00000004
SUBMIT_SM_RESP = 0x80000004
DELIVER_SM = 0x00000005
DELIVER_SM_RESP = 0x80000005
UNBIND = 0x00000006
UNBIND_RESP = 0x80000006
BIND_TRANSCEIVER = 0x00000009
OUTBIND = 0x0000000B
ENQUIRE_LINK = 0x00000015
ENQUIRE_LINK_RESP = 0x80000015
ALERT_NOTIFICATION = 0x00000102
DATA_SM = 0x00000103
DATA_SM_RESP = 0x80000103

BINDS = (BIND_TRANSCEIVER, BIND_TRANSMITTER, BIND_RECEIVER)

NAMES = {
    BIND_RECEIVER: "bind_receiver",
    BIND_TRANSMITTER: "bind_transmitter",
    SUBMIT_SM: "submit_sm",
    DELIVER_SM: "deliver_sm",
    UNBIND: "unbind",
    BIND_TRANSCEIVER: "bind_transceiver",
    OUTBIND: "outbind",
    ENQUIRE_LINK: "enquire_link",
    ALERT_NOTIFICATION: "alert_notification",
    DATA_SM: "data_sm",
}


def name(command_id: int) -> str:
    """The specification's name, or the number of one that it does not have."""
    if command_id == GENERIC_NACK:
        return "generic_nack"
    known = NAMES.get(command_id & ~RESPONSE)
    if known is None:
        return f"{command_id:#010x}"
    return f"{known}_resp" if command_id & RESPONSE else known


class Bind(Struct, frozen=True):
    """bind_transmitter, bind_receiver, bind_transceiver (4.1)."""

    system_id: str
    password: str
    system_type: str = ""
    interface_version: int = 0x34
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""


class BindResp(Struct, frozen=True):
    """Their responses; `interface_version` is sc_interface_version where the peer sends it."""

    system_id: str
    interface_version: int | None = None


class Outbind(Struct, frozen=True):
    """The SMSC asks to be bound to (4.1.7)."""

    system_id: str
    password: str


class ShortMessage(Struct, frozen=True, gc=False):
    """submit_sm (4.4.1), deliver_sm (4.6.1) and, with fewer fields, data_sm (4.7.1)."""

    service_type: str = ""
    source_ton: int = 0
    source_npi: int = 0
    source: str = ""
    destination_ton: int = 0
    destination_npi: int = 0
    destination: str = ""
    esm_class: int = 0
    protocol_id: int = 0
    priority: int = 0
    schedule: str = ""
    validity: str = ""
    registered_delivery: int = 0
    replace_if_present: int = 0
    data_coding: int = 0
    default_message: int = 0
    content: bytes = b""
    tlvs: Tlvs = field(default_factory=dict)


class MessageResp(Struct, frozen=True, gc=False):
    """submit_sm_resp, deliver_sm_resp, data_sm_resp."""

    message_id: str = ""


class AlertNotification(Struct, frozen=True):
    """A subscriber can be reached again (4.12.1)."""

    source_ton: int
    source_npi: int
    source: str
    esme_ton: int
    esme_npi: int
    esme: str
    tlvs: Tlvs = field(default_factory=dict)


Body = Bind | BindResp | Outbind | ShortMessage | MessageResp | AlertNotification | bytes
"""bytes: a body that has no fields, or one of a command that we do not know."""


class Pdu(Struct, frozen=True):
    """One PDU, whole."""

    command_id: int
    status: int
    sequence: int
    body: Body = b""

"""The settings of connectors, one section for each kind."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from clarion.settings.section import Count, Seconds, Section

Port = Annotated[int, Meta(ge=0, le=65535)]
Ton = Annotated[int, Meta(ge=0, le=6)]
Npi = Annotated[int, Meta(ge=0, le=18)]
Octets = Annotated[str, Meta(pattern="^[\\x01-\\xff]*$")]
"""What a C-Octet String of SMPP can hold."""


class _Connector(Section, frozen=True, kw_only=True):
    media: ClassVar[frozenset[str]] = frozenset({"SMS"})

    default: Annotated[
        bool, Meta(description="Takes the sender ids that no other connector names.")
    ] = False
    addresses: Annotated[
        tuple[str, ...],
        Meta(description='Sender addresses carried here; a final * is any ending ("49151*").'),
    ] = ()
    throughput: Annotated[
        Annotated[float, Meta(ge=0)], Meta(description="Messages a second at most; 0 is no limit.")
    ] = 0.0
    retry: Annotated[
        tuple[Seconds, ...],
        Meta(description="Seconds before each further try after a temporary failure."),
    ] = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
    on_uncertain: Annotated[
        Literal["resend", "fail"],
        Meta(
            description="A message that was handed over without an answer: send it again (it may "
            "arrive twice) or fail it (it may not arrive)."
        ),
    ] = "resend"


class SandboxConnector(_Connector, frozen=True, kw_only=True, tag="sandbox", tag_field="kind"):
    """The built-in carrier with virtual handsets and mailboxes."""

    media: ClassVar[frozenset[str]] = frozenset({"SMS", "MMS", "PSH", "EMAIL"})

    receipt_delay: Annotated[
        Annotated[float, Meta(ge=0)], Meta(description="Seconds until a handset's receipt.")
    ] = 0.2


class Tls(Section, frozen=True, kw_only=True):
    """TLS towards an SMSC."""

    ca: Annotated[str, Meta(description="File of trusted authorities; empty: the system's.")] = ""
    certificate: Annotated[str, Meta(description="File of our client certificate chain.")] = ""
    key: Annotated[str, Meta(description="File of our client key.")] = ""
    server_name: Annotated[
        str, Meta(description="Name expected in the server's certificate; empty: the host.")
    ] = ""
    verify: Annotated[bool, Meta(description="Refuse a certificate that cannot be verified.")] = (
        True
    )


class SmppConnector(_Connector, frozen=True, kw_only=True, tag="smpp", tag_field="kind"):
    """Binds to an SMSC over SMPP 3.4."""

    host: Annotated[str, Meta(description="The SMSC's host.", min_length=1)]
    port: Annotated[Port, Meta(description="The SMSC's port.")] = 2775
    system_id: Annotated[Octets, Meta(description="Our system_id.", max_length=15)] = ""
    password: Annotated[
        Octets, Meta(description="Our password.", max_length=64, extra={"secret": True})
    ] = ""
    system_type: Annotated[Octets, Meta(description="Our system_type.", max_length=12)] = ""
    bind: Annotated[
        Literal["transceiver", "transmitter", "receiver", "pair"],
        Meta(description="Kind of bind; `pair` is a transmitter and a receiver."),
    ] = "transceiver"
    binds: Annotated[Count, Meta(description="Binds held open over all nodes.")] = 1
    window: Annotated[Count, Meta(description="Requests under way on one bind.")] = 100
    interface_version: Annotated[
        Literal["3.3", "3.4", "5.0"], Meta(description="Version named at bind.")
    ] = "3.4"
    tls: Annotated[Tls | None, Meta(description="TLS towards the SMSC; absent: plain TCP.")] = None
    enquire_link: Annotated[
        Seconds, Meta(description="Seconds of silence before enquire_link.")
    ] = 30.0
    response_timeout: Annotated[Seconds, Meta(description="Seconds to wait for a response.")] = 10.0
    connect_timeout: Annotated[
        Seconds, Meta(description="Seconds for the connection and the bind.")
    ] = 10.0
    reconnect: Annotated[
        tuple[Seconds, ...],
        Meta(description="Seconds before each further connection; the last repeats."),
    ] = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
    service_type: Annotated[
        Octets, Meta(description="service_type of submit_sm.", max_length=5)
    ] = ""
    source_ton: Annotated[Ton | None, Meta(description="Fixed source TON; absent: by address.")] = (
        None
    )
    source_npi: Annotated[Npi | None, Meta(description="Fixed source NPI; absent: by address.")] = (
        None
    )
    destination_ton: Annotated[Ton, Meta(description="Destination TON.")] = 1
    destination_npi: Annotated[Npi, Meta(description="Destination NPI.")] = 1
    address_range: Annotated[
        Octets, Meta(description="address_range of the bind.", max_length=40)
    ] = ""
    default_alphabet: Annotated[
        Literal["gsm7", "gsm7-packed", "latin1", "ascii"],
        Meta(description="What data_coding 0 means to this SMSC."),
    ] = "gsm7"
    latin1: Annotated[
        bool,
        Meta(description="Send text that only Latin-1 holds with data_coding 3, not as UCS-2."),
    ] = False
    concatenation: Annotated[
        Literal["udh", "sar", "payload"],
        Meta(description="Long messages: UDH, sar_* TLVs, or one message_payload."),
    ] = "udh"
    receipts: Annotated[bool, Meta(description="Ask for delivery receipts.")] = True
    receipt_ids: Annotated[
        Literal["auto", "exact"],
        Meta(
            description="auto: an id matches in hex or decimal, in any case, with or without "
            "leading zeros."
        ),
    ] = "auto"
    refused_statuses: Annotated[
        tuple[int, ...],
        Meta(description="Further command_status values that mean a permanent refusal."),
    ] = ()
    temporary_statuses: Annotated[
        tuple[int, ...],
        Meta(description="Further command_status values that mean: try again later."),
    ] = ()


ConnectorSettings = SandboxConnector | SmppConnector

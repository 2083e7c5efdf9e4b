"""Connect and bind. Every way in which it can fail is an Ending, with words that help."""

from __future__ import annotations

import asyncio
import ssl
from typing import TypeVar

from clarion.connectors.smpp import pdu
from clarion.connectors.smpp.listener import Listener
from clarion.connectors.smpp.model import End, Ending, Limits, State
from clarion.connectors.smpp.session import Session
from clarion.kit.failures import system_words
from clarion.settings import SmppConnector, Tls

T = TypeVar("T")

KINDS = {
    "transceiver": (pdu.BIND_TRANSCEIVER,),
    "transmitter": (pdu.BIND_TRANSMITTER,),
    "receiver": (pdu.BIND_RECEIVER,),
    "pair": (pdu.BIND_TRANSMITTER, pdu.BIND_RECEIVER),
}
"""The sessions that one bind of the settings is."""

_VERSIONS = {"3.3": 0x33, "3.4": 0x34, "5.0": 0x50}


def new_session(settings: SmppConnector, command_id: int, listener: Listener[T]) -> Session[T]:
    """A session that is not connected yet."""
    bind = pdu.Bind(
        system_id=settings.system_id,
        password=settings.password,
        system_type=settings.system_type,
        interface_version=_VERSIONS[settings.interface_version],
        address_range=settings.address_range,
    )
    limits = Limits(settings.window, settings.enquire_link, settings.response_timeout)
    return Session(command_id, bind, limits, listener)


async def open_session(session: Session[T], settings: SmppConnector) -> Ending | None:
    """Connect and bind; None when it is bound."""
    try:
        async with asyncio.timeout(settings.connect_timeout):
            await _connect(session, settings)
            await session.opened
    except TimeoutError:
        session.abort(_too_slow(session, settings))
    except ssl.SSLError as error:
        session.abort(Ending(End.UNREACHABLE, f"TLS failed: {_tls_words(error)}"))
    except (OSError, ValueError) as error:  # ValueError: a password with a NUL, a bad host name
        known = system_words(error) if isinstance(error, OSError) else str(error)
        why = known or "the SMSC hung up"  # as it does on a TLS handshake it cannot read
        session.abort(Ending(End.UNREACHABLE, f"no connection to {where(settings)}: {why}"))
    except asyncio.CancelledError:
        session.abort(Ending(End.STOPPED, "stopped"))
        raise
    return None if session.state is State.BOUND else await session.closed


def where(settings: SmppConnector) -> str:
    return f"{settings.host}:{settings.port}"


async def _connect(session: Session[T], settings: SmppConnector) -> None:
    secure = None if settings.tls is None else tls_context(settings.tls)
    name = None if settings.tls is None else settings.tls.server_name or settings.host
    await asyncio.get_running_loop().create_connection(
        lambda: session, settings.host, settings.port, ssl=secure, server_hostname=name
    )


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Read anew for each connection, so that renewed certificates are taken up.

    Raises ValueError that names the setting whose file is of no use.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca or None)
    except OSError as error:
        raise ValueError(f"tls.ca: {tls.ca}: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # Debian's Python leaves it to the system
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.certificate:
        try:
            context.load_cert_chain(tls.certificate, tls.key or None)
        except OSError as error:
            raise ValueError(f"tls.certificate, tls.key: {tls.certificate}: {error}") from error
    return context


def _too_slow(session: Session[T], settings: SmppConnector) -> Ending:
    seconds = f"{settings.connect_timeout:g} s"
    if session.address is not None:
        return Ending(End.SILENT, f"{where(settings)} did not answer the bind within {seconds}")
    return Ending(End.UNREACHABLE, f"no connection to {where(settings)} within {seconds}")


def _tls_words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the SMSC's certificate is not trusted: {error.verify_message}"
    return error.reason or str(error)

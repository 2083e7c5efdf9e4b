"""Why a receiver could not be reached or understood: foreign errors in words for an attempt.

What sockets, resolvers, TLS and the parser of HTTP say of their errors is for who wrote them. Here
is what becomes of it, and nowhere else.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Mapping
from types import MappingProxyType

CLOSED = "The receiver closed the connection."
IN_TIME = "The connection could not be made in time."
NO_ROUTE = "There is no route to the receiver's address."
NOT_HTTP = "The receiver's answer is not HTTP."
NO_SUCH_NAME = "The receiver's name is not known."
UNEXPECTED = "Something unexpected happened; the log of the gateway has it."

_BY_NUMBER: Mapping[int | None, str] = MappingProxyType(
    {
        errno.ECONNREFUSED: "The connection was refused.",
        errno.ECONNRESET: CLOSED,
        errno.ECONNABORTED: CLOSED,
        errno.EPIPE: CLOSED,
        errno.EHOSTUNREACH: NO_ROUTE,
        errno.EHOSTDOWN: NO_ROUTE,
        errno.ENETUNREACH: NO_ROUTE,
        errno.EADDRNOTAVAIL: "The gateway's machine has no address or port left to connect from.",
        errno.EAFNOSUPPORT: "The gateway's machine has no network of the receiver's kind.",
        errno.EACCES: "The gateway's machine does not allow the connection.",
        errno.EPERM: "The gateway's machine does not allow the connection.",
        errno.EMFILE: "The gateway has too many connections open.",
        errno.ENFILE: "The gateway's machine has too many files open.",
    }
)
_BY_RESOLVER: Mapping[int | None, str] = MappingProxyType(
    {
        socket.EAI_NONAME: NO_SUCH_NAME,
        socket.EAI_NODATA: "The receiver's name has no address.",
        socket.EAI_AGAIN: "The receiver's name could not be looked up: no name server answers.",
        socket.EAI_FAIL: "The receiver's name could not be looked up: its name server fails.",
    }
)
_BY_TLS = (  # of how OpenSSL's name for it ends, as its beginnings are of versions long gone
    ("WRONG_VERSION_NUMBER", "The receiver does not speak TLS at this port."),
    ("HTTP_REQUEST", "The receiver does not speak TLS at this port."),
    ("RECORD_LAYER_FAILURE", "The receiver does not speak TLS at this port."),
    ("PACKET_LENGTH_TOO_LONG", "The receiver does not speak TLS at this port."),
    ("UNSUPPORTED_PROTOCOL", "The receiver speaks no TLS from version 1.2 on."),
    ("ALERT_PROTOCOL_VERSION", "The receiver does not take the gateway's version of TLS."),
    ("ALERT_HANDSHAKE_FAILURE", "The receiver refused TLS: no cipher is common, or it wants "
     "a client certificate."),
    ("ALERT_CERTIFICATE_REQUIRED", "The receiver wants a client certificate."),
    ("ALERT_UNKNOWN_CA", "The receiver does not know who issued the client certificate."),
    ("ALERT_BAD_CERTIFICATE", "The receiver does not take the client certificate."),
    ("ALERT_CERTIFICATE_UNKNOWN", "The receiver does not take the client certificate."),
    ("ALERT_CERTIFICATE_EXPIRED", "The client certificate has expired."),
    ("ALERT_CERTIFICATE_REVOKED", "The client certificate is revoked."),
    ("ALERT_UNRECOGNIZED_NAME", "The receiver's TLS does not know the name in the address."),
    ("UNEXPECTED_EOF_WHILE_READING", CLOSED),
)  # fmt: skip


def why(error: BaseException) -> str:
    """A sentence."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"The receiver's certificate is not valid: {error.verify_message}"
        case ssl.SSLError():
            return _of_tls(error)
        case socket.gaierror():
            return _BY_RESOLVER.get(error.errno, "The receiver's name could not be looked up.")
        case ConnectionRefusedError():
            return _BY_NUMBER[errno.ECONNREFUSED]
        case ConnectionError():
            return CLOSED
        case TimeoutError():
            return IN_TIME
        case OSError():
            return _of_system(error)
        case ValueError():  # ours
            return str(error)
    return UNEXPECTED


def why_lost(error: Exception | None) -> str:
    """Of a connection that was there. None: the other side has ended it."""
    if isinstance(error, TimeoutError):
        return "The connection was lost: nothing comes through any more."
    return CLOSED if error is None else why(error)


def not_http(error: Exception) -> str:
    """Of what the parser stumbled over; llhttp's words are plain, but for the first bytes."""
    words = str(error)
    if not words or words.startswith("Expected "):
        return NOT_HTTP
    return f"The receiver's answer is no valid HTTP: {words[0].lower()}{words[1:]}."


def _of_tls(error: ssl.SSLError) -> str:
    reason = getattr(error, "reason", None) or ""  # of some it is not even there
    for ending, words in _BY_TLS:
        if reason.endswith(ending):
            return words
    said = reason.replace("_", " ").lower()
    return f"TLS failed: {said}." if said else "TLS failed."


def _of_system(error: OSError) -> str:
    """Those without a number are ours, and have their words."""
    if error.errno is None:
        return str(error)
    unknown = f"The connection could not be made: {error.strerror}."
    return _BY_NUMBER.get(error.errno, unknown)

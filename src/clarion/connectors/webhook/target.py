"""An address to post to, taken apart: what is connected to and what the request says.

A host may be spelled in ways that only the system's resolver understands (`127.1`, `0x7f000001`,
`2130706433`, full-width digits): they are made plain here, so that what is checked is what is
connected to.
"""

from __future__ import annotations

import socket
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import quote, urlsplit

MAX_ADDRESS = 2000
MAX_HOST = 253
_PATH_SAFE = "/%:@!$&'()*+,;=-._~?[]|"


class BadAddress(ValueError):
    """The words say what is wrong with it."""


class Target(NamedTuple):
    secure: bool
    host: str  # a name in lower case and ASCII, or a plain address
    port: int
    path: str  # with its query, ready for the request line
    shown_host: str  # the Host header


def parse_target(address: str) -> Target:
    """Raises BadAddress."""
    if len(address) > MAX_ADDRESS:
        raise BadAddress(f"The address is longer than {MAX_ADDRESS} characters.")
    if any(c < " " or c in "\x7f\\" for c in address):
        raise BadAddress("The address has a character that no address can have.")
    try:
        parts = urlsplit(address.strip())
        port = parts.port
    except ValueError:
        raise BadAddress("The address cannot be understood.") from None
    if parts.scheme not in ("http", "https"):
        raise BadAddress("The address has to begin with http:// or https://.")
    if parts.username is not None or parts.password is not None:
        raise BadAddress("The address must not hold credentials: they are set apart.")
    if port == 0:
        raise BadAddress("There is no port 0.")
    host = plain_host(parts.hostname or "")
    secure = parts.scheme == "https"
    path = quote(parts.path or "/", safe=_PATH_SAFE)
    if parts.query:
        path += "?" + quote(parts.query, safe=_PATH_SAFE)
    shown = f"[{host}]" if ":" in host else host
    return Target(
        secure=secure,
        host=host,
        port=port or (443 if secure else 80),
        path=path,
        shown_host=f"{shown}:{port}" if port else shown,
    )


def plain_host(host: str) -> str:
    """A name in ASCII, or an address in its plain form. Raises BadAddress."""
    if ":" in host:
        return _plain_6(host)
    try:
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise BadAddress("The address names no host.") from None
    name = name.lower().removesuffix(".")
    if not name or len(name) > MAX_HOST or any(c in name for c in " %/?#@[]<>^`{|}\"'"):
        raise BadAddress("The address names no host.")
    literal = _plain_4(name)
    if literal is not None:
        return literal
    if name.rpartition(".")[2][:1].isdigit():  # a number that is none: no top-level name is one
        raise BadAddress("The address names no host.")
    return name


def is_literal(host: str) -> bool:
    """Whether a plain host is an address already."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _plain_6(host: str) -> str:
    try:
        address = IPv6Address(host)
    except ValueError:
        raise BadAddress("The address names no host.") from None
    if address.scope_id is not None:
        raise BadAddress("An address with a zone cannot be reached from here.")
    return str(address)


def _plain_4(name: str) -> str | None:
    """As the system's resolver reads numbers: one to four parts, decimal, octal or hexadecimal."""
    try:
        return socket.inet_ntoa(socket.inet_aton(name))
    except OSError:
        return None

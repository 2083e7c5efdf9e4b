"""E-mail addresses: what a client writes, in the one spelling that is stored and compared."""

from __future__ import annotations

import re

MAX_ADDRESS, MAX_LOCAL = 254, 64  # RFC 5321, 4.5.3.1, less the brackets of a path
_LOCAL = re.compile(r"[^\s@<>\"(),:;\\\[\]\x00-\x1f\x7f-\x9f]+")
_DOMAIN = re.compile(r"(?:[\w](?:[\w-]{0,61}[\w])?\.)+[^\W\d_](?:[\w-]{0,61}[\w])?")
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def parse_mailbox(text: str) -> str:
    """The address that `text` means, `mailto:` or not, its domain in lower case. ValueError says
    what is wrong with it, in words for the client. Quoted local parts and address literals, which
    nobody has, are refused: they are how headers are forged."""
    address = text.strip()
    if address[:7].lower() == "mailto:":
        address = address[7:]
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise ValueError("it is not an e-mail address")
    if len(address.encode()) > MAX_ADDRESS or len(local.encode()) > MAX_LOCAL:
        raise ValueError("it is too long for an e-mail address")
    if _INVISIBLE.search(address) or not _LOCAL.fullmatch(local) or not _dotted(local):
        raise ValueError("what is before the @ is not possible in an e-mail address")
    domain = domain.lower().removesuffix(".")
    if not _DOMAIN.fullmatch(domain):
        raise ValueError("what is behind the @ is not a domain name")
    return f"{local}@{domain}"


def _dotted(local: str) -> bool:
    """Dots stand between atoms (RFC 5322, 3.2.3)."""
    return "" not in local.split(".")

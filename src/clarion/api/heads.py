"""Heads of requests that have come before.

A client sends the same head with each request, or a few that differ by the length of the body. So
each is read once by the parser; the next time it is known by its octets, and what it means is
looked up in place of being parsed and routed again. Who is calling is asked each time.

Kept are heads that the parser found harmless (see transport.py), to an address without parameters
that is not open, of requests that were answered well: nobody without an access token fills the
memory.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from clarion.api.router import Found

END = b"\r\n\r\n"
MOST = 500
LONGEST = 2048  # octets
MANY = 32  # headers; each takes more memory than its octets


class Head(Struct, frozen=True):
    """What a head has been read as."""

    scope: dict[str, Any]  # as handlers read it, but for who is calling
    found: Found
    length: int  # of the body, in octets


class Heads:
    """Those that have come to an application, over whichever connection."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Head] = {}
        self.get = self._kept.get

    def keep(self, request: bytes, head: Head) -> None:
        """Know the head of a whole request the next time."""
        end = request.find(END) + len(END)
        if end > LONGEST or len(request) != end + head.length:
            return
        bound, scope = head.found.bound, head.scope
        if bound is None or bound.route.open:
            return
        if head.found.values or scope["query_string"] or len(scope["headers"]) > MANY:
            return
        if len(self._kept) >= MOST:
            self._kept.clear()
        self._kept[request[:end]] = head

    def forget(self, octets: bytes) -> None:
        """Its access token is not what it was."""
        self._kept.pop(octets, None)

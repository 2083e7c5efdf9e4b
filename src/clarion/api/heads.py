"""Heads of requests that have come before.

A client sends the same head with each request, or a few that differ by the length of the body. So
each is read once by the parser; the next time it is known by its octets, and what it means is
looked up in place of being parsed, routed and checked again.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from clarion.api.router import Found

END = b"\r\n\r\n"
MOST = 1000
LONGEST = 2048  # octets


class Head(Struct, frozen=True):
    """What a head has been read as."""

    scope: dict[str, Any]  # as handlers read it, but for who is calling
    found: Found
    length: int  # of the body, in octets


class Heads:
    """Those that have come to an application, over whichever connection."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}
        self.get = self._known.get

    def keep(self, request: bytes, head: Head) -> None:
        """Know the head of a whole request the next time."""
        end = request.find(END) + len(END)
        if end <= LONGEST and len(request) == end + head.length:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[request[:end]] = head

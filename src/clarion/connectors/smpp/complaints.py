"""Warnings about a peer, at most one a second: what it sends wrong, it may send by the thousand."""

from __future__ import annotations

import time

from clarion.log import Logger


class Complaints:
    def __init__(self, log: Logger, *, every: float = 1.0) -> None:
        self._log = log
        self._every = every
        self._last = -every
        self._unsaid = 0

    def warn(self, event: str, **facts: object) -> None:
        """`unsaid` tells how many warnings of any kind were left out before this one."""
        now = time.monotonic()
        if now - self._last < self._every:
            self._unsaid += 1
            return
        self._log.warning(event, unsaid=self._unsaid, **facts)
        self._last, self._unsaid = now, 0

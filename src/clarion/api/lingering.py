"""Reading on after an answer that has come before the end of its request.

Who sends a body and reads nothing before its end would never see that it was refused: a connection
that is closed while bytes still arrive is reset, and the answer is lost with it. So what arrives
is thrown away for a while, as other servers do it; silence or too much time end it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SECONDS = 30.0
IDLE_SECONDS = 5.0


class Lingering:
    """One connection's: `begin` behind the answer, `heard` whenever something comes, and `stop`
    when the request is whole or the connection gone."""

    __slots__ = ("_deadline", "_end", "_heard", "_timer")

    def __init__(self, end: Callable[[], None]) -> None:
        """`end` ends the connection at once."""
        self._end = end
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._heard = False

    @property
    def is_under_way(self) -> bool:
        return self._timer is not None

    def begin(self) -> None:
        if self._timer is None:
            self._deadline = asyncio.get_running_loop().time() + SECONDS
            self._wait()

    def heard(self) -> None:
        self._heard = True

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._heard = False
        left = max(0.0, self._deadline - loop.time())
        self._timer = loop.call_later(min(IDLE_SECONDS, left), self._look)

    def _look(self) -> None:
        if self._heard and asyncio.get_running_loop().time() < self._deadline:
            self._wait()
        else:
            self._timer = None
            self._end()

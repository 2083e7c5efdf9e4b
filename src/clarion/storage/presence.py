"""Whether the database answers: one line in the log when it goes, and one when it is back.

All pools of a process that work on one database share a Presence, so that its absence is told
once; tasks that wait for it need not tell it again (log.Logger.waits).
"""

from __future__ import annotations

import time

from clarion.errors import Unavailable
from clarion.log import get_logger

DATABASE_AWAY = "database.away"
DATABASE_BACK = "database.back"

log = get_logger(__name__)


class Presence:
    """What is known of one database."""

    __slots__ = ("_away_since", "_seen")

    def __init__(self) -> None:
        self._seen = False
        self._away_since: float | None = None

    def gone(self, error: Unavailable) -> Unavailable:
        """It does not answer: `error`, marked as told. One that has never answered is not gone:
        whoever wanted to begin with it says so."""
        if not self._seen:
            return error
        error.told = True
        if self._away_since is None:
            self._away_since = time.monotonic()
            log.warning(DATABASE_AWAY, reason=error.message)
        return error

    def answers(self) -> None:
        """It has done what it was asked."""
        self._seen = True
        if self._away_since is not None:
            log.info(DATABASE_BACK, seconds=round(time.monotonic() - self._away_since, 1))
            self._away_since = None

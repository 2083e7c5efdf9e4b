"""The windows of all classes, kept in memory; and how the operator changes one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from time import monotonic

from clarion.engine.senders.windows.holidays import is_holiday
from clarion.engine.senders.windows.model import Holidays, Openings, parse_window
from clarion.errors import InvalidInput, NotFound
from clarion.log import get_logger
from clarion.storage.database import Database
from clarion.storage.sql import load_queries

SQL = load_queries(__package__)
MAX_AGE = 5.0  # seconds
CAUTIOUS = '{"DEFAULT": {"OTH": "08:00-21:00"}}'
"""In place of a window that cannot be read: at night nothing is sent by mistake."""

WINDOW_UNREADABLE = "window.unreadable"

log = get_logger(__name__)


async def set_window(db: Database, class_id: str, text: str | None) -> None:
    """Change when messages of a class may leave; None: at any time. Raises InvalidInput,
    NotFound."""
    if text is not None:
        parse_window(text)
    if await db.execute(SQL["set_window"], class_id, text, datetime.now(UTC)) == "UPDATE 0":
        raise NotFound(f"There is no sender id class {class_id}.")


class WindowDirectory:
    """Finds the window of a sender id's class: what one process knows, some seconds old at most."""

    def __init__(
        self,
        db: Database,
        *,
        clock: Callable[[], float] = monotonic,
        holidays: Holidays = is_holiday,
    ) -> None:
        self._db = db
        self._clock = clock
        self._holidays = holidays
        self._fresh_until = -math.inf
        self._looking = asyncio.Lock()
        self._texts: Mapping[str, str] = {}
        self._openings: dict[str, Openings] = {}  # by text

    async def get(self, class_id: str) -> Openings | None:
        """When messages of this class may leave; None: at any time."""
        if self._clock() >= self._fresh_until:
            async with self._looking:
                if self._clock() >= self._fresh_until:
                    await self._look()
        text = self._texts.get(class_id)
        return None if text is None else self._openings[text]

    async def _look(self) -> None:
        asked = self._clock()
        rows = await self._db.fetch(SQL["windows"])
        self._texts = {row["id"]: row["delivery_window"] for row in rows}
        self._openings = {
            text: self._openings.get(text) or self._read(class_id, text)
            for class_id, text in self._texts.items()
        }
        self._fresh_until = asked + MAX_AGE

    def _read(self, class_id: str, text: str) -> Openings:
        try:
            return Openings(parse_window(text), self._holidays)
        except InvalidInput as error:
            log.error(WINDOW_UNREADABLE, class_id=class_id, reason=error.message)
            return Openings(parse_window(CAUTIOUS), self._holidays)

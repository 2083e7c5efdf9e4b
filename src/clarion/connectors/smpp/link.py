"""One bind that is kept open: connected again after each end, with back-off."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from clarion.connectors.smpp import dial
from clarion.connectors.smpp.listener import Listener
from clarion.connectors.smpp.model import End, Ending, State
from clarion.connectors.smpp.outgoing import Ticket
from clarion.connectors.smpp.session import Session
from clarion.kit import backoff
from clarion.log import get_logger
from clarion.settings import SmppConnector

log = get_logger(__name__)

BOUND = "smpp.bound"
REFUSED = "smpp.refused"
LOST = "smpp.lost"
UNBOUND = "smpp.unbound"
RECONNECTING = "smpp.reconnecting"
CRASHED = "smpp.crashed"

STABLE = 10.0
"""Seconds that a bind must last for the back-off to begin anew: an SMSC that takes binds only to
drop them is not asked more and more often."""

DRAIN = 3.0
"""Seconds that requests under way have when a bind is given up."""


class Link:
    """Opens a session, waits for its end, opens the next."""

    def __init__(
        self, name: str, settings: SmppConnector, command_id: int, listener: Listener[Ticket]
    ) -> None:
        self.session: Session[Ticket] | None = None
        self.words = "connecting"
        self._name = name
        self._settings = settings
        self._command_id = command_id
        self._listener = listener
        self._leaving = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"smpp link of {name}")

    @property
    def bound(self) -> bool:
        return self.session is not None and self.session.state is State.BOUND

    @property
    def over(self) -> bool:
        return self._task.done()

    def leave(self) -> None:
        """Let go of the bind, gently and within a few seconds."""
        self._leaving.set()
        if self.bound and self.session is not None:
            self.session.drain(DRAIN)
        elif self.session is None or self.session.state in (State.OPENING, State.CLOSED):
            self._task.cancel()

    async def gone(self) -> None:
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        failures = 0
        while not self._leaving.is_set():
            lasted = await self._try_to_hold()
            if self._leaving.is_set():
                break
            failures = 1 if lasted >= STABLE else failures + 1
            await self._pause(failures)

    async def _try_to_hold(self) -> float:
        """A surprise costs one connection, not the bind for good."""
        try:
            return await self._hold()
        except Exception:
            log.exception(CRASHED, connector=self._name)
            self.words = "an unexpected error; the log has it"
            return 0.0

    async def _hold(self) -> float:
        """Open the bind and keep it until it ends; the seconds for which it was bound."""
        self.session = dial.new_session(self._settings, self._command_id, self._listener)
        ending = await dial.open_session(self.session, self._settings)
        began = time.monotonic()
        if ending is None:
            self._tell_bound(self.session)
            ending = await self.session.closed
        self.words = ending.words
        self._tell_ended(ending)
        return time.monotonic() - began

    async def _pause(self, failures: int) -> None:
        schedule = self._settings.reconnect
        seconds = backoff.delay(schedule, min(failures, len(schedule))) or 0.0
        log.info(RECONNECTING, connector=self._name, seconds=round(seconds, 2))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._leaving.wait()

    def _tell_bound(self, session: Session[Ticket]) -> None:
        self.words = f"bound to {dial.where(self._settings)}"
        smsc = session.peer.system_id if session.peer else ""
        log.info(BOUND, connector=self._name, smsc=smsc, at=dial.where(self._settings))

    def _tell_ended(self, ending: Ending) -> None:
        if ending.kind is End.STOPPED:
            log.info(UNBOUND, connector=self._name, words=ending.words)
        elif ending.kind is End.REFUSED:
            log.warning(REFUSED, connector=self._name, status=ending.status, words=ending.words)
        else:
            log.warning(LOST, connector=self._name, kind=ending.kind.value, words=ending.words)

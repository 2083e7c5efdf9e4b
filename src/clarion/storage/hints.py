"""NOTIFY and LISTEN as hints: they save waiting and nothing depends on them.

One connection of its own listens and notifies. It commits asynchronously: a lost hint costs one
poll. It does not cross the nodes of a sharded database, which poll.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import asyncpg

from clarion.storage.connecting import Connection, Connector

Heard = Callable[[str], None]
GAP = 0.01
RECONNECT = (0.1, 0.2, 0.5, 1.0, 2.0)  # seconds; the last repeats
MAX_WAITING = 256  # distinct hints kept for one round; more are dropped
_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_SEND = "select pg_notify(c, p) from unnest($1::text[], $2::text[]) as hint(c, p)"


class Hints:
    """All channels of one process."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._heard: dict[str, list[Heard]] = {}
        self._waiting: dict[tuple[str, str], None] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def listen(self, channel: str, heard: Heard) -> None:
        """From now on, beside others; registers at once and connects when it can."""
        self._heard.setdefault(channel, []).append(heard)
        self._wake.set()
        self._ensure_running()

    def send(self, channel: str, payload: str) -> None:
        """Equal hints become one; see GAP."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting[channel, payload] = None
            self._wake.set()
            self._ensure_running()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def _ensure_running(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="hints")

    async def _run(self) -> None:
        failures = 0
        while True:
            with suppress(*_AWAY):
                connection = await self._connector.open(synchronous_commit="off")
                failures = 0
                await self._serve(connection)
            await asyncio.sleep(RECONNECT[min(failures, len(RECONNECT) - 1)])
            failures += 1
            self._waiting.clear()  # too old to help

    async def _serve(self, connection: Connection) -> None:
        """Until the connection fails."""
        connection.add_termination_listener(lambda _: self._wake.set())
        listening: set[str] = set()
        try:
            while not connection.is_closed():
                await self._listen_to_new(connection, listening)
                await self._send_waiting(connection)
                await asyncio.sleep(GAP)
                await self._wake.wait()
                self._wake.clear()
        finally:
            connection.terminate()

    async def _listen_to_new(self, connection: Connection, listening: set[str]) -> None:
        for channel in self._heard.keys() - listening:
            await connection.add_listener(channel, self._on_hint)
            listening.add(channel)
            self._tell(channel, "")  # something may have been said while nobody listened

    async def _send_waiting(self, connection: Connection) -> None:
        if not self._waiting:
            return
        hints, self._waiting = list(self._waiting), {}
        await connection.execute(_SEND, [c for c, _ in hints], [p for _, p in hints])

    def _on_hint(self, _: asyncpg.Connection, __: int, channel: str, payload: object) -> None:
        self._tell(channel, str(payload))

    def _tell(self, channel: str, payload: str) -> None:
        for heard in self._heard[channel]:
            heard(payload)

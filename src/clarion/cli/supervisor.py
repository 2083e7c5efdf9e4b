"""Looks after worker processes: starts them, starts them again when they die, stops them.

Workers share one port: it is bound here once, which settles port 0 and keeps the port ours while
workers come and go, and each of them binds it again and listens. They share their metrics through
a directory. A worker that dies again and again comes back ever more slowly, never not at all.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic

import msgspec

from clarion import metrics
from clarion.app import API
from clarion.cli.worker import READY, Order, shared_socket
from clarion.errors import Conflict, Unavailable
from clarion.log import get_logger
from clarion.settings import Settings

BACK_OFF = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)  # seconds before each further start; the last repeats
LONG_LIFE = 60.0  # after so many seconds a worker's next death counts as its first
STOP_SECONDS = 4.5
WORKER_STARTED = "worker.started"
WORKER_DIED = "worker.died"
WORKER_KILLED = "worker.killed"

log = get_logger(__name__)


async def supervise(
    settings: Settings,
    *,
    roles: frozenset[str],
    count: int,
    secret_key_file: Path,
    ready: Callable[[str], Awaitable[None]],
) -> None:
    """Run `count` workers until SIGINT or SIGTERM; `ready` is told their address."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    held = _hold_port(settings.http.listen) if API in roles else None
    port = held.getsockname()[1] if held else 0
    order = Order(settings, roles, str(secret_key_file), port)
    with tempfile.TemporaryDirectory(prefix="clarion-metrics-") as figures:
        supervisor = Supervisor(order, count=count, figures=figures)
        try:
            if base_url := await supervisor.start(stopped):
                await ready(base_url)
            await stopped.wait()
        finally:
            await supervisor.stop()
            if held:
                held.close()


class Supervisor:
    """The workers of one node."""

    def __init__(self, order: Order, *, count: int, figures: str) -> None:
        self._order = msgspec.json.encode(order, order="sorted") + b"\n"
        self._count = count
        self._figures = figures
        self._processes: dict[int, Process] = {}  # by slot
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    async def start(self, stopped: asyncio.Event) -> str:
        """The address at which all workers answer; empty if stopped before that. Raises
        Unavailable when one of them cannot start at all."""
        loop = asyncio.get_running_loop()
        ready: list[asyncio.Future[str]] = [loop.create_future() for _ in range(self._count)]
        self._keepers = [
            asyncio.create_task(self._keep(slot, first), name=f"worker {slot}")
            for slot, first in enumerate(ready)
        ]
        answers = asyncio.create_task(_all(ready))
        interrupted = asyncio.create_task(_when(stopped))
        try:
            await asyncio.wait({interrupted, answers}, return_when=asyncio.FIRST_COMPLETED)
            return answers.result()[0] if answers.done() else ""
        finally:
            interrupted.cancel()
            answers.cancel()

    async def stop(self) -> None:
        """SIGTERM to all, and SIGKILL to those that do not end in time."""
        self._stopping.set()
        alive = [process for process in self._processes.values() if process.returncode is None]
        for process in alive:
            _signal(process, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.gather(*(process.wait() for process in alive))
        for process in (each for each in alive if each.returncode is None):
            log.warning(WORKER_KILLED, pid=process.pid)
            _signal(process, signal.SIGKILL)
            await process.wait()
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    @property
    def pids(self) -> list[int]:
        """Of the workers that live."""
        return [p.pid for p in self._processes.values() if p.returncode is None]

    async def _keep(self, slot: int, first: asyncio.Future[str]) -> None:
        """One worker after the other in this slot. `first` hears how the first one started."""
        deaths = 0
        while not self._stopping.is_set():
            born = monotonic()
            process = self._processes[slot] = await self._spawn()
            base_url = await _until_ready(process)
            if base_url is not None:
                log.info(WORKER_STARTED, pid=process.pid, slot=slot)
                if not first.done():
                    first.set_result(base_url)
            code = await process.wait()
            metrics.forget_worker(process.pid, self._figures)
            if self._stopping.is_set():
                return
            if not first.done():
                words = f"A worker ended with code {code} while it started; the log says why."
                first.set_exception(Unavailable(words))
                return
            log.error(WORKER_DIED, pid=process.pid, slot=slot, code=code)
            deaths = 1 if monotonic() - born > LONG_LIFE else deaths + 1
            await asyncio.sleep(BACK_OFF[min(deaths, len(BACK_OFF)) - 1])

    async def _spawn(self) -> Process:
        """Out of our session: a Ctrl-C at the terminal reaches us, and we tell the workers."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "clarion.cli.worker",
            stdin=PIPE,
            stdout=PIPE,
            env={**os.environ, metrics.SHARED_DIRECTORY: self._figures},
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(self._order)
        with suppress(ConnectionError):  # it died at once: its end is noticed
            await process.stdin.drain()
        return process


async def _all(ready: list[asyncio.Future[str]]) -> list[str]:
    return await asyncio.gather(*ready)


async def _when(stopped: asyncio.Event) -> list[str]:
    await stopped.wait()
    return []


async def _until_ready(process: Process) -> str | None:
    """The address that the worker answers at; None: it ended before."""
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode("utf-8", "replace").strip()
    word, _, base_url = line.partition(" ")
    return base_url if word == READY else None


def _signal(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)


def _hold_port(listen: str) -> socket.socket:
    try:
        return shared_socket(listen, int(listen.rpartition(":")[2]))
    except OSError as error:
        raise Conflict(f"Cannot listen on {listen}: {error.strerror}.") from error

"""The processes of an installation, each of which can be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from pathlib import Path

import aiohttp

PATIENCE = 30.0
BREATH = 0.1  # seconds between two looks


class Postgres:
    """The database server."""

    url: str

    def __init__(self, home: Path) -> None:
        self._home = home
        self._keeper: Process | None = None

    async def start(self) -> str:
        self._keeper = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.chaos.database", str(self._home), stdin=PIPE, stdout=PIPE
        )
        assert self._keeper.stdout is not None
        self.url = (await self._keeper.stdout.readline()).decode().strip()
        if not self.url:
            raise RuntimeError("PostgreSQL did not start: its words are above")
        return self.url

    async def stop(self) -> None:
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.send_signal(signal.SIGCONT)
            self._keeper.stdin.close()
            await self._keeper.wait()

    async def kill(self, seconds: float) -> None:
        """SIGKILL to the postmaster, which takes all its children along; away for so long."""
        assert self._keeper is not None
        self._keeper.send_signal(signal.SIGSTOP)  # who would start it again
        _kill(self._postmaster())
        await asyncio.sleep(seconds)
        self._keeper.send_signal(signal.SIGCONT)

    def kill_backend(self, pid: int) -> None:
        """SIGKILL to one backend: the postmaster ends all others and recovers."""
        _kill(pid)

    def _postmaster(self) -> int:
        lines = (self._home / "postgres/cluster/postmaster.pid").read_text().splitlines()
        return int(lines[0])


class Gateway:
    """One `clarion serve`, started again whenever it ends, as a service manager would."""

    def __init__(
        self, home: Path, config: Path, *, name: str = "gateway", words: tuple[str, ...] = ()
    ) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = home / f"{name}.log"
        self.starts = 0
        self._words = (
            *("serve", "--data", str(home / name), "--config", str(config)),
            *("--listen", f"127.0.0.1:{self.port}", *words),
        )
        self._process: Process | None = None
        self._may_run = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Up and answering."""
        self._may_run.set()
        self._keeper = asyncio.create_task(self._keep(), name="gateway")
        await self.ready()

    async def stop(self) -> int:
        """In order, by SIGTERM; its exit code."""
        self._may_run.clear()
        if self._keeper is not None:
            self._keeper.cancel()
        if self._process is None:
            return 0
        with suppress(ProcessLookupError):
            self._process.terminate()
        return await self._process.wait()

    async def kill(self) -> None:
        """SIGKILL; it stays away until `allow`."""
        self._may_run.clear()
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    def kill_child(self) -> None:
        """SIGKILL to one of its workers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        _kill(int(children[0]))

    def freeze(self) -> None:
        """It stands still, as a suspended machine does."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def allow(self) -> None:
        self._may_run.set()

    async def ready(self) -> None:
        """Until it says that what is sent to it now becomes durable."""
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
            while True:
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(f"{self.url}/readyz") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(BREATH)

    async def _keep(self) -> None:
        program = str(Path(sys.executable).with_name("clarion"))
        while True:
            await self._may_run.wait()
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    program, *self._words, stdin=DEVNULL, stdout=log, stderr=log
                )
            self.starts += 1
            await self._process.wait()
            await asyncio.sleep(BREATH)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

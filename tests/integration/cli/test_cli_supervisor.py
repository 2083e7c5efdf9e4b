"""Worker processes are started, started again, and stopped; none outlives its supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest

from clarion import log
from clarion.cli.supervisor import WORKER_KILLED, Supervisor
from clarion.cli.worker import Order, shared_socket
from clarion.errors import Unavailable
from clarion.settings import Database, Files, Http, Settings

ROLES = frozenset({"api"})


async def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = monotonic() + seconds
    while not holds():
        assert monotonic() < deadline, "it never held"
        await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def port() -> Iterator[int]:
    held = shared_socket("127.0.0.1:0", 0)
    yield held.getsockname()[1]
    held.close()


def order_for(url: str, port: int, data: Path) -> Order:
    settings = Settings(
        database=Database(url=url),
        http=Http(listen=f"127.0.0.1:{port}"),
        files=Files(url=(data / "files").as_uri()),
    )
    return Order(settings, ROLES, str(data / "secret.key"), port)


@pytest.fixture
async def supervisor(database_url: str, port: int, tmp_path: Path) -> AsyncIterator[Supervisor]:
    made = Supervisor(order_for(database_url, port, tmp_path), count=2, figures=str(tmp_path))
    yield made
    await made.stop()


async def status_of(port: int) -> bytes:
    """The first line of the answer to a health check."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line


async def test_all_workers_answer_on_one_port(supervisor: Supervisor, port: int) -> None:
    assert await supervisor.start(asyncio.Event()) == f"http://127.0.0.1:{port}"
    assert len(supervisor.pids) == 2
    assert {await status_of(port) for _ in range(10)} == {b"HTTP/1.1 200 OK\r\n"}


async def test_a_worker_that_dies_is_started_again(supervisor: Supervisor, port: int) -> None:
    await supervisor.start(asyncio.Event())
    first, second = supervisor.pids
    os.kill(first, signal.SIGKILL)
    await until(lambda: len(supervisor.pids) == 2 and first not in supervisor.pids)
    assert second in supervisor.pids
    assert await status_of(port) == b"HTTP/1.1 200 OK\r\n"


async def test_a_stop_ends_all_workers_and_kills_none(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.cli.supervisor.STOP_SECONDS", 20.0)
    await supervisor.start(asyncio.Event())
    pids = supervisor.pids
    with log.capture() as lines:
        await supervisor.stop()
    assert WORKER_KILLED not in [line["event"] for line in lines]
    assert not any(map(is_alive, pids))
    assert supervisor.pids == []


async def test_a_worker_that_hangs_is_killed(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.cli.supervisor.STOP_SECONDS", 0.5)
    await supervisor.start(asyncio.Event())
    pids = supervisor.pids
    os.kill(pids[0], signal.SIGSTOP)
    await supervisor.stop()
    assert not any(map(is_alive, pids))


async def test_a_stop_while_workers_start_is_heeded(supervisor: Supervisor) -> None:
    stopped = asyncio.Event()
    stopped.set()
    assert await supervisor.start(stopped) == ""


async def test_workers_that_cannot_start_are_told(port: int, tmp_path: Path) -> None:
    nowhere = order_for("postgresql://x@127.0.0.1:1/x", port, tmp_path)
    supervisor = Supervisor(nowhere, count=1, figures=str(tmp_path))
    with pytest.raises(Unavailable, match="while it started"):
        await supervisor.start(asyncio.Event())
    await supervisor.stop()


async def test_no_worker_outlives_a_supervisor_that_is_killed(
    database_url: str, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "CLARION_DATABASE_URL": database_url,
        "CLARION_DATA": str(tmp_path),
    }
    command = [sys.executable, "-m", "clarion.cli", "serve", "--workers", "2"]
    log = (tmp_path / "log").open("wb")
    node = subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0"], env=environment, stdout=log, stderr=log
    )
    try:
        await until(lambda: b"Clarion is ready" in (tmp_path / "log").read_bytes())
        workers = _children(node.pid)
        assert len(workers) == 2
        node.kill()
        node.wait()
        await until(lambda: not any(map(is_alive, workers)), 10)
    finally:
        with suppress(ProcessLookupError):
            node.kill()
        log.close()


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    return [int(child) for child in found.split()]

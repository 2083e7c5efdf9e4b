"""Starts, watches and stops the embedded server. One Clarion owns a data directory at a time.

    DATA/postgres/owner.lock   held (flock) by the process that owns the server
    DATA/postgres/cluster/     PostgreSQL's own files, 0700
    DATA/postgres/run/         its Unix socket, 0700
    DATA/postgres/server.log

The kernel ends the server when the thread that started it ends (PR_SET_PDEATHSIG), so a killed
Clarion leaves no orphan. Nothing is adopted: a postmaster left over is stopped, and a pid file
that names some other process is put away.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from clarion.errors import Unavailable
from clarion.storage.embedded import account as accounts
from clarion.storage.embedded import become as become_program
from clarion.storage.embedded import configuration
from clarion.storage.embedded.account import Account
from clarion.storage.embedded.install import programs

START_SECONDS = 60.0  # crash recovery may take a while
STOP_SECONDS = 30.0
WATCH_SECONDS, MAX_WATCH_SECONDS = 0.1, 5.0
LEFT_OVER_SECONDS = 10.0
DATABASE = "clarion"
_LOG_BYTES = 4_000_000
_SOCKET_LOCK = ".s.PGSQL.5432.lock"
_SOCKET_PATH_BYTES = 107 - len("/.s.PGSQL.5432")
_INITDB = (  # the builtin locale is the same on every machine
    *("-U", configuration.ROLE, "-E", "UTF8", "--auth=peer", "--no-instructions"),
    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
)
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class EmbeddedPostgres:
    """The server of one data directory."""

    def __init__(self, data: Path) -> None:
        self._home = data.absolute() / "postgres"
        self._cluster = self._home / "cluster"
        self._run = self._home / "run"
        self._log = self._home / "server.log"
        self._lock_fd: int | None = None
        self._fds: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._command: list[str] = []

    def start(self) -> str:
        """The URL of a database that answers. Raises Unavailable with the reason.

        Call it from the main thread: the server ends with the thread that started it.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("the embedded server must be started from the main thread")
        self._home.mkdir(parents=True, exist_ok=True)
        self._own()
        try:
            self._prepare()
            self._spawn()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self._url()

    def stop(self) -> None:
        """Fast shutdown: clients are cut, everything is on disk. Harmless when nothing runs."""
        if self._process is not None:
            _end(self._process.pid, self._gone, STOP_SECONDS)
            self._process = None
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    async def watch(self) -> None:
        """Start the server again whenever it dies, until cancelled. Callers reconnect by
        themselves, so this does not wait for it. Run it in the main thread's loop."""
        pause = WATCH_SECONDS
        while True:
            await asyncio.sleep(pause)
            if self._process is None or not self._gone():
                pause = WATCH_SECONDS
                continue
            self._put_stale_pid_away()
            self._spawn()
            pause = min(MAX_WATCH_SECONDS, 2 * pause)  # it may be dying again and again

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._process.pid if self._process else None

    # ------------------------------------------------------------ steps of start, in order

    def _own(self) -> None:
        fd = os.open(self._home / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.read(fd, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise Unavailable(
                f"{self._home.parent} is in use by another Clarion (process {other})."
            ) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._lock_fd = fd

    def _prepare(self) -> None:
        account = accounts.choose(self._cluster)
        binaries = programs(account)
        if not self._cluster.exists():
            self._initialise(account, binaries)
        self._check_version(binaries)
        self._stop_left_over()
        self._run.mkdir(mode=0o700, exist_ok=True)
        account.give(self._run)
        configuration.write(
            self._cluster,
            account,
            owner=pwd.getpwuid(os.geteuid()).pw_name,
            sockets=self._name_for(self._run, account),
        )
        become = [sys.executable, "-I", "-S", become_program.__file__, str(os.getpid())]
        server = [f"{binaries}/postgres", "-D", self._name_for(self._cluster, account)]
        self._command = [*become, str(account.uid), str(account.gid), *server]

    def _initialise(self, account: Account, binaries: Path) -> None:
        """A new cluster: made aside and renamed, so that a half-made one is never used."""
        new = self._home / "cluster.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        account.give(new)
        place = self._name_for(new, account)
        self._call(
            account,
            [f"{binaries}/initdb", "-D", place, *_INITDB],
        )
        self._call(
            account,
            [f"{binaries}/postgres", "--single", "-D", place, "template1"],
            stdin=f"create database {DATABASE}\n",
        )
        new.rename(self._cluster)

    def _check_version(self, binaries: Path) -> None:
        made_by = (self._cluster / "PG_VERSION").read_text("ascii").strip()
        version = subprocess.run(  # noqa: S603
            [f"{binaries}/postgres", "-V"], capture_output=True, text=True, check=True
        ).stdout.split()[2]
        if version.split(".")[0] != made_by:
            raise Unavailable(
                f"{self._cluster} was made by PostgreSQL {made_by}, this is {version}: "
                "dump it with the old release and load it with this one."
            )

    def _stop_left_over(self) -> None:
        """After a kill the old server may still be ending. We hold the lock, so it is nobody's."""
        pid = self._pid_in_file()
        if pid is not None and self._is_our_postmaster(pid):
            _end(pid, lambda: not self._is_our_postmaster(pid), LEFT_OVER_SECONDS)
        self._put_stale_pid_away()

    def _put_stale_pid_away(self) -> None:
        """The number in the file may by now belong to any process, and PostgreSQL would refuse.
        So it is with the lock of its socket, which is left where even the server was killed."""
        pid = self._pid_in_file()
        if pid is None or not self._is_our_postmaster(pid):
            (self._cluster / "postmaster.pid").unlink(missing_ok=True)
            (self._run / _SOCKET_LOCK).unlink(missing_ok=True)

    def _spawn(self) -> None:
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_ENVIRONMENT,
                pass_fds=self._fds,
                start_new_session=True,  # Ctrl-C at the terminal is ours to handle
            )

    def _wait_until_ready(self) -> None:
        """As pg_ctl does: line 1 of the pid file is the server's pid, line 8 its state."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._gone():
                raise Unavailable(f"PostgreSQL did not start: {self._last_words()}")
            lines = self._pid_file_lines()
            if len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready":
                return
            time.sleep(0.01)
        raise Unavailable(f"PostgreSQL was not ready after {START_SECONDS:.0f} s; see {self._log}.")

    # ------------------------------------------------------------ helpers

    def _name_for(self, directory: Path, account: Account) -> str:
        """How the server names a directory.

        Below a directory that its user cannot pass (root's home, a private temporary directory),
        or where the path is too long for a socket, an inherited descriptor stands for it: that
        needs nothing opened up.
        """
        path = str(directory)
        if account.can_read(directory) and len(os.fsencode(path)) <= _SOCKET_PATH_BYTES:
            return path
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        self._fds.append(fd)
        return f"/proc/self/fd/{fd}"

    def _url(self) -> str:
        directory = str(self._run)
        if len(os.fsencode(directory)) > _SOCKET_PATH_BYTES:
            fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            self._fds.append(fd)
            directory = f"/proc/{os.getpid()}/fd/{fd}"
        return f"postgresql://{configuration.ROLE}@/{DATABASE}?host={quote(directory)}"

    def _call(self, account: Account, command: list[str], stdin: str = "") -> None:
        done = subprocess.run(  # noqa: S603
            command,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=_ENVIRONMENT,
            pass_fds=self._fds,
            **account.popen(),
        )
        if done.returncode != 0:
            words = (done.stderr or done.stdout).strip()
            raise Unavailable(f"{Path(command[0]).name} failed: {words}")

    def _gone(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self._cluster / "postmaster.pid").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []

    def _pid_in_file(self) -> int | None:
        lines = self._pid_file_lines()
        return int(lines[0]) if lines and lines[0].isdigit() else None

    def _is_our_postmaster(self, pid: int) -> bool:
        """A process called postgres that works in our cluster."""
        try:
            name = Path(f"/proc/{pid}/comm").read_text("utf-8").strip()
            return name == "postgres" and Path(f"/proc/{pid}/cwd").samefile(self._cluster)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return False

    def _last_words(self) -> str:
        lines = self._log.read_text("utf-8", "replace").splitlines()
        return " / ".join(lines[-3:]) or f"see {self._log}"


def _end(pid: int, gone: Callable[[], bool], seconds: float) -> None:
    """SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one, which the log repairs."""
    for number, patience in (
        (signal.SIGINT, seconds),
        (signal.SIGQUIT, 5.0),
        (signal.SIGKILL, 5.0),
    ):
        if gone():
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while not gone() and time.monotonic() < deadline:
            time.sleep(0.005)

"""The embedded server through everything that befalls it, for root and for a normal user."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

import clarion
from clarion import settings
from clarion.errors import Unavailable
from clarion.storage.database import Database
from clarion.storage.embedded import EmbeddedPostgres, install
from clarion.storage.embedded.account import Account

OWNER = Path(__file__).with_name("owner.py")
AS_ROOT = os.geteuid() == 0
SOON = 15.0  # seconds: half of what a stop waits for those that do not go


@pytest.fixture
def data() -> Iterator[Path]:
    """A private directory: when we are root, the server's user cannot pass through it."""
    directory = Path(tempfile.mkdtemp(prefix="clarion-embedded-"))
    yield directory / "data"
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A data directory as a first start leaves it."""
    directory = Path(tempfile.mkdtemp(prefix="clarion-embedded-"))
    with running(directory / "data"):
        pass
    yield directory / "data"
    shutil.rmtree(directory)


@pytest.fixture
def used(data: Path, made: Path) -> Path:
    """A copy of that: quicker than a first start."""
    subprocess.run(["cp", "-a", made, data], check=True)
    return data


@contextmanager
def running(data: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(data)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def owner(
    data: Path, *prefix: str, python: str = sys.executable
) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    """Another process that owns the server; and the server's URL and pid."""
    process = subprocess.Popen([*prefix, python, OWNER, data], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url, pid = process.stdout.readline().split()
    try:
        yield process, url, int(pid)
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


async def ask(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def store_something(url: str) -> None:
    await ask(url, "create table kept as select 1 as one")


async def stored(url: str) -> bool:
    return await ask(url, "select count(*) from kept") == 1


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


async def test_it_starts_stops_and_starts_again_quickly(data: Path) -> None:
    server = EmbeddedPostgres(data)
    await store_something(server.start())
    server.stop()
    began = time.monotonic()
    url = server.start()
    assert await stored(url)
    assert time.monotonic() - began < SOON
    began = time.monotonic()
    server.stop()
    server.stop()
    assert time.monotonic() - began < SOON
    assert server.pid is None


async def test_it_keeps_what_was_acknowledged(used: Path) -> None:
    with running(used) as server:
        url = server._url()
        for name, value in (
            ("fsync", "on"), ("synchronous_commit", "on"), ("listen_addresses", ""),
            ("wal_compression", "pglz"), ("max_connections", "100"),
        ):  # fmt: skip
            assert await ask(url, f"show {name}") == value


async def test_stopping_does_not_wait_for_clients(used: Path) -> None:
    server = EmbeddedPostgres(used)
    connection = await asyncpg.connect(server.start())
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < SOON
    connection.terminate()


async def test_its_files_are_for_its_user_only(data: Path) -> None:
    with running(data):
        for name in ("cluster", "run"):
            found = (data / "postgres" / name).stat()
            assert found.st_mode & 0o777 == 0o700
            assert found.st_uid != 0


async def test_a_long_path_is_no_obstacle(data: Path) -> None:
    with running(data / ("x" * 120)) as server:
        assert await ask(server._url(), "select 1") == 1


async def test_a_second_owner_is_refused(used: Path) -> None:
    with running(used) as server:
        with pytest.raises(Unavailable, match=f"in use by another Clarion .process {os.getpid()}"):
            EmbeddedPostgres(used).start()
        assert await ask(server._url(), "select 1") == 1


async def test_a_killed_postmaster_is_replaced(used: Path) -> None:
    server = EmbeddedPostgres(used)
    url = server.start()
    await store_something(url)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    wait_until(server._gone)
    server.stop()
    assert await stored(server.start())
    server.stop()


async def test_while_watched_a_killed_postmaster_comes_back_by_itself(used: Path) -> None:
    with running(used) as server:
        url = server._url()
        await store_something(url)
        database = await Database.connect(settings.Database(), url=url)
        watching = asyncio.create_task(server.watch())
        for _ in range(2):
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            assert await until_answered(database) == 1
        watching.cancel()
        await database.close()


async def test_a_killed_backend_is_survived(used: Path) -> None:
    with running(used) as server:
        database = await Database.connect(settings.Database(), url=server._url())
        backend = await database.fetchval("select pg_backend_pid()")
        os.kill(backend, signal.SIGKILL)
        assert await until_answered(database, "select 1") == 1
        await database.close()


async def until_answered(database: Database, sql: str = "select count(*) from kept") -> object:
    async with asyncio.timeout(20):
        while True:
            with suppress(Unavailable):
                return await database.fetchval(sql)
            await asyncio.sleep(0.01)


async def test_lock_files_that_name_a_foreign_process_are_put_away(used: Path) -> None:
    """After a crash the number may be anyone's: here it is a process of the server's own user."""
    server = EmbeddedPostgres(used)
    await store_something(server.start())
    server.stop()
    cluster = used / "postgres/cluster"
    who = cluster.stat()
    foreign = subprocess.Popen(
        ["sleep", "600"], **({"user": who.st_uid, "group": who.st_gid} if AS_ROOT else {})
    )
    try:
        for pid in (foreign.pid, os.getpid(), 1):
            lines = [str(pid), str(cluster), "1700000000", "5432", "", "", "", "ready   "]
            (cluster / "postmaster.pid").write_text("\n".join([*lines, ""]))
            (used / "postgres/run/.s.PGSQL.5432.lock").write_text("\n".join([*lines[:4], ""]))
            assert await stored(server.start())
            assert foreign.poll() is None
            server.stop()
    finally:
        foreign.kill()
        foreign.wait()


async def test_garbage_in_the_pid_file_is_put_away(used: Path) -> None:
    server = EmbeddedPostgres(used)
    server.start()
    server.stop()
    (used / "postgres/cluster/postmaster.pid").write_text("\0garbage")
    server.start()
    server.stop()


async def test_a_killed_owner_leaves_no_orphan(used: Path) -> None:
    with owner(used) as (process, url, pid):
        await store_something(url)
        process.kill()
        process.wait()
        with running(used) as server:  # at once, while the old server may still be ending
            assert await stored(server._url())
        wait_until(lambda: not alive(pid))


async def test_an_owner_that_stops_in_order_takes_its_server_along(used: Path) -> None:
    with owner(used) as (process, _, pid):
        process.terminate()
        assert process.wait(10) == 0
        assert not alive(pid)


async def test_a_server_left_over_is_stopped_and_not_adopted(used: Path) -> None:
    """Its owner is gone and the kernel's signal was missed: somebody else started it."""
    first = EmbeddedPostgres(used)
    await store_something(first.start())
    os.close(first._lock_fd or -1)  # as if its owner had died
    first._lock_fd = None
    second = EmbeddedPostgres(used)
    assert await stored(second.start())
    assert first.pid is not None
    assert not alive(first.pid)
    second.stop()
    first.stop()


async def test_a_half_made_cluster_is_made_again(data: Path) -> None:
    rest = data / "postgres/cluster.new"
    rest.mkdir(parents=True)
    (rest / "PG_VERSION").write_text("oops")
    with running(data) as server:
        assert await ask(server._url(), "select 1") == 1


def test_a_cluster_of_another_release_is_left_alone(used: Path) -> None:
    with running(used):
        pass
    (used / "postgres/cluster/PG_VERSION").write_text("9")
    with pytest.raises(Unavailable, match="made by PostgreSQL 9"):
        EmbeddedPostgres(used).start()


def test_a_server_that_cannot_start_says_why(used: Path) -> None:
    with running(used):
        pass
    with (used / "postgres/cluster/postgresql.auto.conf").open("a") as file:
        file.write("shared_buffers = 'lots'\n")
    with pytest.raises(Unavailable, match="shared_buffers"):
        EmbeddedPostgres(used).start()


def test_it_is_started_from_the_main_thread(data: Path) -> None:
    """The kernel ends it with the thread that started it."""
    caught: list[BaseException] = []

    def start() -> None:
        try:
            EmbeddedPostgres(data).start()
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(caught[0])


def test_the_programs_are_copied_where_its_user_can_read_them(tmp_path: Path) -> None:
    """A wheel below a closed home; here for a user who can read nothing of ours."""
    everyone = Path(tempfile.mkdtemp(prefix="clarion-copies-"))
    everyone.chmod(0o755)

    class Unlucky(Account):
        def can_read(self, path: Path) -> bool:
            return path.is_relative_to(everyone) and super().can_read(path)

    stranger = Unlucky("stranger", 54321, 54321, switch=False)
    try:
        found = install.programs(stranger, copies=everyone)
        assert found.is_relative_to(everyone)
        assert found == install.programs(stranger, copies=everyone)
        version = subprocess.run([found / "postgres", "-V"], capture_output=True, check=True)
        assert version.stdout.startswith(b"postgres (PostgreSQL) ")
        assert [path.name for path in everyone.iterdir()] == [found.parents[2].name]
    finally:
        shutil.rmtree(everyone)


def test_mode_bits_say_who_may_read(tmp_path: Path) -> None:
    open_file = tmp_path / "file"
    open_file.touch()
    me = Account("me", os.geteuid(), os.getegid(), switch=False)
    stranger = Account("stranger", 54321, 54321, switch=False)
    assert me.can_read(open_file)
    open_file.chmod(0o600)
    assert not stranger.can_read(open_file)


async def test_a_normal_user_has_the_same(data: Path) -> None:
    """Without any right of root: as ourselves, or as nobody, from copies that nobody can read."""
    if not AS_ROOT:
        await check_as_normal_user(data)
        return
    nobody = pwd.getpwnam("nobody")
    library = data.parent / "lib"
    data.mkdir(mode=0o700)
    os.chown(data, nobody.pw_uid, nobody.pw_gid)
    data.parent.chmod(0o755)
    shutil.copytree(Path(clarion.__file__).parent, library / "clarion")
    install._copy(Path(asyncpg.__file__).parents[1], library / "site")
    await check_as_normal_user(
        data,
        *("setpriv", "--reuid=nobody", f"--regid={nobody.pw_gid}", "--clear-groups"),
        *("env", f"PYTHONPATH={library}:{library}/site"),
        python=readable_python(),
    )


async def check_as_normal_user(data: Path, *prefix: str, python: str = sys.executable) -> None:
    with owner(data, *prefix, python=python) as (process, url, pid):
        second = subprocess.run(
            [*prefix, python, OWNER, data], capture_output=True, text=True, check=False
        )
        assert second.returncode == 1
        assert f"process {process.pid}" in second.stderr
        assert Path(f"/proc/{pid}").stat().st_uid == Path(f"/proc/{process.pid}").stat().st_uid
        assert Path(url.partition("host=")[2]).is_dir()
        process.kill()
        process.wait()
        wait_until(lambda: not alive(pid))
    with owner(data, *prefix, python=python) as (_, _, pid):
        assert alive(pid)


def readable_python() -> str:
    """A Python that nobody may run. Our own may be below root's closed home."""
    nobody = Account("nobody", 65534, 65534, switch=False)
    for name in (sys.executable, "python3.13", "python3.12", "python3.11"):
        found = shutil.which(name, path="/usr/local/bin:/usr/bin")
        if found and nobody.can_read(Path(found)):
            return found
    pytest.skip("every Python 3.11 or newer here is closed to other users")

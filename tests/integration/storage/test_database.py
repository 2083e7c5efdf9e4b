"""The pool: what callers see when things go well, and when connections are lost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from tests.waiting import PATIENCE

from clarion import settings
from clarion.errors import Unavailable
from clarion.settings import SettingsError
from clarion.storage.database import Database

INSERT = "insert into bind_lease values ('c', 1, $1, now())"
WAITING = """
    select pid from pg_stat_activity where wait_event = 'SyncRep' and datname = current_database()
"""
KILL_OTHERS = """
select pg_terminate_backend(pid) from pg_stat_activity
where pid <> pg_backend_pid() and datname = current_database() and backend_type = 'client backend'
"""


@pytest.fixture
async def killer(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the pool, with which to do harm."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def test_statements_answer_rows_values_and_tags(db: Database) -> None:
    assert [row["n"] for row in await db.fetch("select n from generate_series(1, $1) as n", 3)] == [
        1, 2, 3,
    ]  # fmt: skip
    assert await db.fetchrow("select 1 where false") is None
    assert await db.fetchval("select $1::text", "x") == "x"
    assert await db.execute("delete from company where id = $1", 0) == "DELETE 0"


async def test_jsonb_is_python_data(db: Database) -> None:
    value = {"a": [1, None, "ü"], "b": {"c": 1.5}}
    assert await db.fetchval("select $1::jsonb", value) == value
    assert await db.fetchval("select $1::jsonb ->> 'a'", value) == '[1, null, "ü"]'


async def test_sessions_are_ours(db: Database) -> None:
    row = await db.fetchrow(
        "select current_setting('application_name') as name, current_setting('TimeZone') as zone, "
        "current_setting('statement_timeout') as patience"
    )
    assert row is not None
    assert tuple(row) == ("clarion", "UTC", "30s")


async def test_a_transaction_is_all_or_nothing(db: Database) -> None:
    async def work() -> None:
        async with db.transaction() as connection:
            await connection.execute(INSERT, _uuid())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work()
    assert await db.fetchval("select count(*) from bind_lease") == 0


async def test_errors_of_the_caller_are_the_callers(db: Database) -> None:
    await db.execute(INSERT, _uuid())
    with pytest.raises(asyncpg.UniqueViolationError):
        await db.execute(INSERT, _uuid())
    with pytest.raises(OSError, match="disk"):
        async with db.transaction():
            raise OSError("disk")
    with pytest.raises(asyncpg.InterfaceError):
        await db.fetch("select $1::int", 1, 2)
    assert await db.fetchval("select 1") == 1


async def test_a_lost_connection_is_unavailable_and_the_next_one_works(
    db: Database, killer: asyncpg.Connection
) -> None:
    assert await db.fetchval("select 1") == 1
    sleeping = asyncio.create_task(db.fetchval("select pg_sleep(60)"))
    await _until(killer, "select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' "
                 "and pid <> pg_backend_pid() and state = 'active'")  # fmt: skip
    await killer.execute(KILL_OTHERS)
    with pytest.raises(Unavailable, match="was lost"):
        await sleeping
    assert await db.fetchval("select 1") == 1


async def test_a_connection_lost_in_a_transaction_is_unavailable(
    db: Database, killer: asyncpg.Connection
) -> None:
    async def work(then: str) -> None:
        async with db.transaction() as connection:
            await killer.execute(KILL_OTHERS)
            if then:
                await connection.execute(then)

    for then in ("select 1", ""):  # lost at a statement, lost at the commit
        with pytest.raises(Unavailable):
            await work(then)
    assert await db.fetchval("select 1") == 1


async def test_idle_connections_that_died_are_not_handed_out(
    db: Database, killer: asyncpg.Connection
) -> None:
    await asyncio.gather(*(db.fetchval("select 1") for _ in range(4)))
    await killer.execute(KILL_OTHERS)
    await _until(killer, "select count(*) = 0 from pg_stat_activity where datname = "
                 "current_database() and pid <> pg_backend_pid()")  # fmt: skip
    answers = await asyncio.gather(
        *(db.fetchval("select 1") for _ in range(20)), return_exceptions=True
    )
    assert answers.count(1) >= 16  # those that met a dead connection saw Unavailable
    assert all(answer == 1 or isinstance(answer, Unavailable) for answer in answers)


async def test_a_slow_statement_is_given_up(database_url: str) -> None:
    database = await Database.connect(settings.Database(statement_timeout=0.5), url=database_url)
    with pytest.raises(Unavailable, match="too long"):
        await database.execute("select pg_sleep(60)")
    await database.close()


async def test_a_full_pool_is_unavailable(database_url: str) -> None:
    database = await Database.connect(
        settings.Database(pool_size=1, connect_timeout=1.0), url=database_url
    )
    async with database.transaction():
        assert (database.use().size, database.use().idle, database.use().limit) == (1, 0, 1)
        with pytest.raises(Unavailable, match="busy"):
            await database.fetchval("select 1")
    assert database.use().idle == 1
    await database.close()


async def test_a_demoted_server_is_unavailable_and_its_connections_are_dropped(
    db: Database,
) -> None:
    async def write() -> None:
        async with db.transaction() as connection:
            await connection.execute("set transaction read only")
            await connection.execute(INSERT, _uuid())

    before = await db.fetchval("select pg_backend_pid()")
    with pytest.raises(Unavailable):
        await write()
    assert await db.fetchval("select pg_backend_pid()") != before


async def test_a_cancelled_wait_for_the_standby_is_a_failure(
    db: Database, killer: asyncpg.Connection
) -> None:
    """The server answers success to such a commit, and a fail-over may lose it."""
    await killer.execute("alter system set synchronous_standby_names = 'nobody'")
    await killer.execute("alter system set synchronous_commit = on")
    await killer.execute("select pg_reload_conf()")
    try:
        writing = asyncio.create_task(_write_on(db))
        await _until(killer, f"select exists ({WAITING})")
        await killer.execute(f"select pg_cancel_backend(pid) from ({WAITING}) as waiting")
        with pytest.raises(Unavailable, match="standby"):
            await writing
    finally:
        await killer.execute("alter system set synchronous_commit = off")
        await killer.execute("alter system reset synchronous_standby_names")
        await killer.execute("select pg_reload_conf()")
    await _until(killer, "select current_setting('synchronous_standby_names') = ''")
    assert await db.fetchval("select 1") == 1


async def test_work_that_collides_is_repeated(db: Database) -> None:
    tries = 0

    async def work(connection: asyncpg.Connection) -> int:
        nonlocal tries
        tries += 1
        if tries < 3:
            await connection.execute("do $$ begin raise sqlstate '40001'; end $$")
        value: int = await connection.fetchval("select 7")
        return value

    assert await db.run(work) == 7
    assert tries == 3


async def test_work_that_always_collides_is_unavailable(db: Database) -> None:
    async def work(connection: asyncpg.Connection) -> None:
        await connection.execute("do $$ begin raise sqlstate '40P01'; end $$")

    with pytest.raises(Unavailable, match="5 times"):
        await db.run(work)


async def test_a_database_that_is_not_there_says_where_it_was_looked_for() -> None:
    url = "postgresql://user:hush@127.0.0.1:1,localhost:2/orders"
    with pytest.raises(Unavailable) as caught:
        await Database.connect(settings.Database(url=url))
    assert "127.0.0.1:1,localhost:2/orders" in caught.value.message
    assert "hush" not in caught.value.message


async def test_a_wrong_database_name_is_said(database_url: str) -> None:
    with pytest.raises(Unavailable, match=r'"test_\d+_no" does not exist'):
        await Database.connect(settings.Database(), url=database_url.replace("?", "_no?"))


async def test_a_wrong_url_is_a_setting_that_is_wrong() -> None:
    for url in ("", "mysql://host/x", "postgresql://host:port/x", "postgresql://a,,b/x"):
        with pytest.raises(SettingsError, match=r"database\.url"):
            await Database.connect(settings.Database(url=url))


async def test_hosts_are_tried_in_turn(database_url: str) -> None:
    """The first refuses, the second is silent, the third is the server."""
    silent = socket.create_server(("127.0.0.1", 0))  # listens, and nobody ever answers
    port = silent.getsockname()[1]
    path = database_url.partition("host=")[2]
    url = database_url.replace(f"host={path}", f"host=127.0.0.1:1,127.0.0.1:{port},{path}")
    database = await Database.connect(settings.Database(connect_timeout=1.5), url=url)
    assert await database.fetchval("select 1") == 1
    await database.close()
    silent.close()


class Relay:
    """A TCP port in front of the server's socket, which can die as a machine does."""

    def __init__(self, url: str) -> None:
        self._socket = url.partition("host=")[2] + "/.s.PGSQL.5432"
        self._writers: list[asyncio.StreamWriter] = []
        self.taken = 0

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.die()
        await self._server.wait_closed()

    def die(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        there_reader, there = await asyncio.open_unix_connection(self._socket)
        self._writers += [writer, there]
        await asyncio.gather(_pump(reader, there), _pump(there_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while octets := await reader.read(65536):
            writer.write(octets)
    writer.transport.abort()


async def test_when_a_host_dies_the_other_one_is_used(database_url: str) -> None:
    async with Relay(database_url) as first, Relay(database_url) as second:
        url = urlsplit(database_url)._replace(
            netloc=f"clarion@127.0.0.1:{first.port},127.0.0.1:{second.port}",
            query="sslmode=disable",
        )
        database = await Database.connect(settings.Database(), url=urlunsplit(url))

        async def work(connection: asyncpg.Connection) -> None:
            sock = connection._transport.get_extra_info("socket")
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            first.die()
            await connection.fetchval("select 1")

        with pytest.raises(Unavailable):
            await database.run(work)
        assert await database.fetchval("select 1") == 1
        assert second.taken == 1
        await database.close()


async def test_hints_are_heard_and_equal_ones_become_one(db: Database, database_url: str) -> None:
    listener = await Database.connect(settings.Database(), url=database_url)
    heard: asyncio.Queue[str] = asyncio.Queue()
    await listener.listen("queue", heard.put_nowait)
    assert await _next(heard) == ""  # it listens now
    for _ in range(50):
        db.hint("queue", "a")
    db.hint("elsewhere", "x")
    db.hint("queue", "b")
    assert [await _next(heard), await _next(heard)] == ["a", "b"]
    db.hint("queue", "end")
    assert await _next(heard) == "end"
    await listener.close()


async def test_several_may_listen_on_one_channel(db: Database) -> None:
    one: asyncio.Queue[str] = asyncio.Queue()
    two: asyncio.Queue[str] = asyncio.Queue()
    await db.listen("queue", one.put_nowait)
    assert await _next(one) == ""
    await db.listen("queue", two.put_nowait)
    db.hint("queue", "a")
    assert (await _next(one), await _next(two)) == ("a", "a")


async def test_listening_survives_lost_connections(
    db: Database, killer: asyncpg.Connection
) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    await db.listen("queue", heard.put_nowait)
    assert await _next(heard) == ""
    await killer.execute(KILL_OTHERS)
    assert await _next(heard) == ""  # something may have been missed
    await killer.execute("select pg_notify('queue', 'again')")
    assert await _next(heard) == "again"


async def test_closing_cuts_work_that_does_not_end(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.storage.database._CLOSE_SECONDS", 0.05)
    database = await Database.connect(settings.Database(), url=database_url)
    working = asyncio.create_task(database.execute("select pg_sleep(60)"))
    while database.use().idle:
        await asyncio.sleep(0)
    await database.close()
    with pytest.raises(Unavailable):
        await working


async def _write_on(db: Database) -> None:
    """Commits begin to wait when the checkpointer has taken the new settings up, and it may be busy
    with another test's database."""
    for number in count():
        await db.execute("insert into bind_lease values ('c', $1, $2, now())", number, _uuid())


async def _next(heard: asyncio.Queue[str]) -> str:
    async with asyncio.timeout(PATIENCE):
        return await heard.get()


async def _until(connection: asyncpg.Connection, sql: str) -> None:
    """Wait until `sql` answers something true."""
    async with asyncio.timeout(PATIENCE):
        while not await connection.fetchval(sql):
            await asyncio.sleep(0.005)


def _uuid() -> str:
    return "00000000-0000-7000-8000-000000000000"

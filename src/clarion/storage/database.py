"""The pool of connections, and transactions on it.

Whatever way the database goes away, callers see errors.Unavailable; broken connections are thrown
away and the next call makes a new one, on another host after a fail-over. A write whose
connection was lost may or may not have been stored: callers repeat it idempotently.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self, TypeVar

import asyncpg

from clarion import metrics, settings
from clarion.errors import ClarionError, Unavailable
from clarion.storage import trouble
from clarion.storage.connecting import Connection, Connector
from clarion.storage.hints import Hints
from clarion.storage.presence import Presence

T = TypeVar("T")
MAX_TRIES = 5
_CLOSE_SECONDS = 3.0
_QUERIES_PER_CONNECTION = 1 << 40  # the driver would reconnect now and then for no reason of ours


@dataclass(frozen=True)
class PoolUse:
    """Connections open, those of them that are idle, and how many there may be."""

    size: int
    idle: int
    limit: int


class Database:
    """One PostgreSQL database."""

    def __init__(
        self, connector: Connector, pool: asyncpg.Pool, hints: Hints, presence: Presence
    ) -> None:
        self._connector = connector
        self.presence = presence
        self._pool = pool
        self._hints = hints
        self._patience = connector.target.timeout + 0.5

    @classmethod
    async def connect(
        cls,
        settings: settings.Database,
        *,
        url: str | None = None,
        session: Mapping[str, str] = MappingProxyType({}),
        patience: float | None = None,
        presence: Presence | None = None,
    ) -> Self:
        """A pool whose first connection works. Raises Unavailable, or SettingsError.

        `session` sets server settings other than those of connecting.session_settings; `patience`
        is how many seconds a statement may take, if not the server's limit and a little more;
        `presence` is shared with the other pools on the same database.
        """
        connector = Connector(settings, settings.url if url is None else url, patience=patience)
        pool = await asyncpg.create_pool(
            min_size=0,
            max_size=settings.pool_size,
            max_queries=_QUERIES_PER_CONNECTION,
            connection_class=Connection,
            connect=lambda *_, **__: connector.open(**session),
            reset=_keep_session,
        )
        database = cls(connector, pool, Hints(connector), presence or Presence())
        try:
            async with database._lent():
                return database
        except BaseException:
            pool.terminate()
            raise

    async def close(self) -> None:
        """Let work under way finish, for a moment, then cut it."""
        await self._hints.close()
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._pool.close()
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self._pool.terminate()

    def cut(self) -> None:
        """End every connection at once: what waits for an answer gets Unavailable."""
        self._pool.terminate()

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """All rows of one statement."""
        async with self._lent() as connection:
            rows: list[asyncpg.Record] = await connection.fetch(sql, *args)
            return rows

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        """The first row, or None."""
        async with self._lent() as connection:
            return await connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        """The first value of the first row, or None."""
        async with self._lent() as connection:
            return await connection.fetchval(sql, *args)

    async def look(self) -> None:
        """Raises Unavailable unless it answers."""
        await self.execute("select 1")

    async def execute(self, sql: str, *args: object) -> str:
        """The command tag of one statement."""
        async with self._lent() as connection:
            tag: str = await connection.execute(sql, *args)
            return tag

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection in a transaction: committed at the end, rolled back by any exception."""
        async with self._lent() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                yield connection
            except (asyncio.CancelledError, TimeoutError):
                raise  # the connection is thrown away: a hanging server would not roll back
            except BaseException:
                await transaction.rollback()
                raise
            else:
                await transaction.commit()

    async def run(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """`work` in a transaction, repeated when it collides with another one."""
        for attempt in range(MAX_TRIES):
            try:
                async with self.transaction() as connection:
                    return await work(connection)
            except asyncpg.PostgresError as error:
                if not trouble.is_conflict(error):
                    raise
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311
        raise Unavailable(f"The work collided with other work {MAX_TRIES} times.")

    async def listen(self, channel: str, heard: Callable[[str], None]) -> None:
        """Call `heard` with each hint on `channel`, and with "" when some may have been missed."""
        await self._hints.listen(channel, heard)

    def hint(self, channel: str, payload: str = "") -> None:
        """Tell listeners on all nodes, soon and at most once each 10 ms. May be lost."""
        self._hints.send(channel, payload)

    def use(self) -> PoolUse:
        """For metrics."""
        return PoolUse(self._pool.get_size(), self._pool.get_idle_size(), self._pool.get_max_size())

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await self._acquire()
        try:
            yield connection
            if not _is_closed(connection) and connection.doubtful:
                raise Unavailable("The standby server has not confirmed the commit.")
            self.presence.answers()
        except (asyncio.CancelledError, TimeoutError) as error:
            if not _is_closed(connection):
                connection.terminate()  # to be polite is to wait for whoever does not answer
            if isinstance(error, TimeoutError):
                metrics.DATABASE_FAILURES.inc()
                raise self.presence.gone(Unavailable("The database does not answer.")) from error
            raise
        except Exception as error:
            await self._judge(connection, error)
            raise
        finally:
            await self._release(connection)

    async def _acquire(self) -> asyncpg.Connection:
        try:
            async with asyncio.timeout(self._patience):
                return await self._pool.acquire()
        except TimeoutError as error:
            raise self._no_connection(error) from error
        except asyncpg.ClientConfigurationError as error:
            raise settings.SettingsError(f"database.url: {error}") from error
        except trouble.UNREACHABLE as error:
            raise self._unreachable(error) from error

    def _no_connection(self, error: TimeoutError) -> Unavailable:
        use = self.use()
        if use.size == use.limit and use.idle == 0:
            return Unavailable(f"All {use.limit} connections to the database are busy.")
        return self._unreachable(TimeoutError("no answer"))

    def _unreachable(self, error: Exception) -> Unavailable:
        return self.presence.gone(trouble.cannot_connect(self._connector.target.words, error))

    async def _judge(self, connection: asyncpg.Connection, error: Exception) -> None:
        """Throw away what is broken; turn trouble into Unavailable."""
        lost = trouble.is_lost(error)
        if lost:
            await self._pool.expire_connections()
        if not _is_closed(connection) and (lost or connection.doubtful):
            connection.terminate()
        if isinstance(error, ClarionError):
            return
        closed = _is_closed(connection)
        if trouble.is_trouble(error, closed=closed):
            metrics.DATABASE_FAILURES.inc()
            found = trouble.lost(error)
            raise (self.presence.gone(found) if lost or closed else found) from error

    async def _release(self, connection: asyncpg.Connection) -> None:
        """What was done stays done even when the connection dies while it is given back."""
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await self._pool.release(connection)


def _is_closed(connection: asyncpg.Connection) -> bool:
    """A lent connection that dies goes back to the pool by itself and answers nothing any more."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


async def _keep_session(_: asyncpg.Connection) -> None:
    """No `RESET ALL` between uses: nothing of ours changes a session, and it costs a round trip."""

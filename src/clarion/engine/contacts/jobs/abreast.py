"""Two batches of one file at once, with the outcome of one after the other.

Each batch is a transaction. The second does its work while the first does, and then waits with its
commit until the first is committed: whatever a crash leaves is a beginning of the file. Where both
write the same contact, one waits for the other in the database; the first must not wait for the
second, which waits for it. So waiting is cut short, the second gives way, and both are done again,
one after the other; and so are some that follow, since such rows seldom come alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar

import asyncpg

from clarion.engine.contacts.jobs import store
from clarion.storage import trouble
from clarion.storage.database import Database

PATIENCE = 0.2  # seconds that one may wait for a lock while there is another
ALONE = 20  # batches that go one by one after two were in each other's way

Batch = TypeVar("Batch")
Outcome = TypeVar("Outcome")


class _GiveWay(Exception):
    """The batch before needs what this one has locked."""


class _Turn:
    """One batch on its way."""

    def __init__(self, before: _Turn | None) -> None:
        self.before = before
        self.settled: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None]

    def settle(self, *, committed: bool) -> None:
        """Tell the next one: go on, or give way."""
        if not self.settled.done():
            self.settled.set_result(committed)


class Abreast(Generic[Batch, Outcome]):
    """Does batches in their order: `put` each, then `finish`; `stop` whatever happens."""

    def __init__(
        self,
        db: Database,
        work: Callable[[asyncpg.Connection, Batch], Awaitable[Outcome]],
        settle: Callable[[asyncpg.Connection, Batch, Outcome], Awaitable[None]],
    ) -> None:
        """`work` may overtake the batch before; `settle` is what must come after it."""
        self._db = db
        self._work = work
        self._settle = settle
        self._last: _Turn | None = None
        self._alone = 0

    async def put(self, batch: Batch) -> None:
        """Begin a batch; all but this one are committed when this returns."""
        before = self._last
        if before is not None and self._alone > 0:
            self._alone -= 1
            await before.task
        turn = self._last = _Turn(before)
        turn.task = asyncio.create_task(self._do(batch, turn), name="import batch")
        if before is not None:
            await before.task
            turn.before = None

    async def finish(self) -> None:
        """All are committed when this returns."""
        if self._last is not None:
            await self._last.task

    async def stop(self) -> None:
        """Nothing is under way when this returns."""
        turns = [turn for turn in (self._last, self._last and self._last.before) if turn]
        for turn in turns:
            turn.task.cancel()
        await asyncio.gather(*(turn.task for turn in turns), return_exceptions=True)

    async def _do(self, batch: Batch, turn: _Turn) -> None:
        before = turn.before
        try:
            try:
                async with self._db.transaction() as tx:
                    await store.limit_waiting(tx, PATIENCE)
                    outcome = await self._work(tx, batch)
                    if before is not None and not await before.settled:
                        raise _GiveWay
                    await self._settle(tx, batch, outcome)
            except (_GiveWay, asyncpg.PostgresError) as error:
                if not _in_the_way(error):
                    raise
                await self._again(batch, turn, before)
            turn.settle(committed=True)
        finally:
            turn.settle(committed=False)

    async def _again(self, batch: Batch, turn: _Turn, before: _Turn | None) -> None:
        """After the one before, and with nobody beside."""
        turn.settle(committed=False)
        self._alone = ALONE
        if before is not None:
            await before.task
        await self._db.run(partial(self._whole, batch))

    async def _whole(self, batch: Batch, tx: asyncpg.Connection) -> None:
        await self._settle(tx, batch, await self._work(tx, batch))


def _in_the_way(error: Exception) -> bool:
    return isinstance(error, _GiveWay | asyncpg.LockNotAvailableError) or trouble.is_conflict(error)

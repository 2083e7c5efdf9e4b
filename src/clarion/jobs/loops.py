"""Work that a process repeats as long as it runs, whatever goes wrong with one round of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress

from clarion.errors import Unavailable
from clarion.log import get_logger
from clarion.storage.database import Database

POLL_SECONDS = 1.0

WORK_WAITS = "work.waits"
WORK_FAILED = "work.failed"

log = get_logger(__name__)


class Loops:
    """The loops of one process: begun one by one, ended all at once."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._tasks: list[asyncio.Task[None]] = []

    async def work_on(
        self,
        name: str,
        step: Callable[[], Awaitable[bool]],
        *,
        hints: str,
        poll: float = POLL_SECONDS,
        gather: float = 0.0,
    ) -> Callable[[], None]:
        """Step after step while there is work, each `gather` seconds after the last, so that more
        comes together; then wait for a hint of more, or `poll` seconds. Answers what wakes it
        without a hint."""
        hinted = asyncio.Event()
        await self._db.listen(hints, lambda _: hinted.set())

        async def loop() -> None:
            while True:
                hinted.clear()
                if await _step(name, step):
                    await asyncio.sleep(gather)
                else:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(poll):
                            await hinted.wait()

        self._begin(name, loop())
        return hinted.set

    def every(self, name: str, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        async def loop() -> None:
            while True:
                await asyncio.sleep(seconds)
                await _step(name, work)

        self._begin(name, loop())

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, name: str, loop: Coroutine[object, object, None]) -> None:
        self._tasks.append(asyncio.create_task(loop, name=name))


async def _step(name: str, step: Callable[[], Awaitable[object]]) -> bool:
    """Whether it says that there may be more to do at once."""
    try:
        return bool(await step())
    except Unavailable as error:
        log.waits(WORK_WAITS, error, work=name)
    except Exception:
        log.exception(WORK_FAILED, work=name)
    return False

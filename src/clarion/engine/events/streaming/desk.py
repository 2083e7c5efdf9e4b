"""The streams that this process serves.

    async for batch in desk.follow(company_id, configuration_id): ...

A batch counts as delivered when the connection stands a moment after it was written: an empty batch
comes then, and the one that is asked for next says so. Whoever is cut off before gets it again.
Empty batches also come when nothing has happened for a while, so that both ends see each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from time import monotonic

from clarion.engine.events.model import DELIVERIES_CHANNEL
from clarion.engine.events.streaming import store
from clarion.engine.events.streaming.store import Place, Waiting
from clarion.errors import NotFound, TooManyRequests, Unavailable
from clarion.log import get_logger
from clarion.storage.database import Database

BATCH = 100
BATCH_SIZE = 1_000_000  # characters of their events
UNSURE = 1000  # deliveries written that may not have arrived
SURE_SECONDS = 0.1  # a connection that stands so long after a batch has carried it
BEAT_SECONDS = 10.0
POLL_SECONDS = 1.0
REST_SECONDS = 0.005  # between two looks, times the streams that are open, however many hints come
STREAMS = 1000  # in one process
STREAMS_OF_ONE = 50  # of these, a company's

STREAM_WAITS = "events.stream_waits"

log = get_logger(__name__)
Stream = tuple[int, int]  # company and configuration


class StreamDesk:
    """Start it once, stop it once: a stop ends all streams."""

    def __init__(self, db: Database, *, beat: float = BEAT_SECONDS) -> None:
        self._db = db
        self._beat = beat
        self._open: dict[Stream, set[asyncio.Event]] = {}
        self._closing = False

    async def start(self) -> None:
        """Hear of new deliveries from now on."""
        await self._db.listen(DELIVERIES_CHANNEL, self.wake)

    def stop(self) -> None:
        """Streams end soon, after what they are writing."""
        self._closing = True
        self.wake()

    def wake(self, configuration: str = "") -> None:
        """There may be something for this configuration; empty: for any."""
        for (_, id), streams in self._open.items():
            if configuration in ("", str(id)):
                for woken in streams:
                    woken.set()

    async def admit(self, company_id: int, configuration_id: int) -> None:
        """Raises NotFound: it does not stream. TooManyRequests: too many do."""
        if self._count() >= STREAMS or self._count(company_id) >= STREAMS_OF_ONE:
            raise TooManyRequests(f"At most {STREAMS_OF_ONE} streams are open at once.")
        if not await store.seen(self._db, company_id, configuration_id, datetime.now(UTC)):
            raise NotFound

    async def follow(
        self, company_id: int, configuration_id: int
    ) -> AsyncGenerator[Sequence[Waiting], None]:
        """What is there and what comes, until the configuration goes or is switched off."""
        of = (company_id, configuration_id)
        beat = monotonic() + self._beat
        with self._at(of) as woken:
            while not self._closing:
                woken.clear()
                written: list[Place] = []
                while len(written) < UNSURE and (batch := await self._next(of, written)):
                    written += (each.place for each in batch)
                    yield [each for each in batch if each.event is not None]
                if written:
                    await asyncio.sleep(SURE_SECONDS)
                    yield ()
                    await self._handed_over(of, written)
                if monotonic() >= beat:
                    beat = monotonic() + self._beat
                    if not await self._is_there(of):
                        return
                    yield ()
                if not written:
                    await asyncio.sleep(REST_SECONDS * self._count())
                    await _any_of(woken, min(POLL_SECONDS, max(0.0, beat - monotonic())))

    async def _next(self, of: Stream, written: Sequence[Place]) -> list[Waiting]:
        """What comes behind what is written; nothing while the database is away."""
        try:
            return await store.waiting(
                self._db,
                *of,
                after=written[-1] if written else None,
                at=datetime.now(UTC),
                limit=BATCH,
                size=BATCH_SIZE,
            )
        except Unavailable as error:
            log.waits(STREAM_WAITS, error)
            return []

    async def _handed_over(self, of: Stream, written: Sequence[Place]) -> None:
        """What cannot be noted now comes once more."""
        try:
            await store.handed_over(self._db, *of, written, at=datetime.now(UTC))
        except Unavailable as error:
            log.waits(STREAM_WAITS, error)
            await asyncio.sleep(POLL_SECONDS)

    async def _is_there(self, of: Stream) -> bool:
        try:
            return await store.seen(self._db, *of, datetime.now(UTC))
        except Unavailable as error:
            log.waits(STREAM_WAITS, error)
            return True

    def _count(self, company_id: int | None = None) -> int:
        return sum(
            len(each) for (owner, _), each in self._open.items() if company_id in (None, owner)
        )

    @contextmanager
    def _at(self, of: Stream) -> Iterator[asyncio.Event]:
        woken = asyncio.Event()
        self._open.setdefault(of, set()).add(woken)
        try:
            yield woken
        finally:
            self._open[of].discard(woken)
            if not self._open[of]:
                del self._open[of]


async def _any_of(woken: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await woken.wait()

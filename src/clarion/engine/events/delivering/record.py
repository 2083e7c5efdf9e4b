"""Writes what became of deliveries, hundreds to a commit: one loop a process.

Nothing that a receiver has answered is dropped: results are kept until they are stored, however
long the database is away, and no more is claimed while too many wait. A result that is stored
twice, since a commit's own answer was lost, changes nothing the second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from clarion.engine.events import announcing
from clarion.engine.events.announcing import ANNOUNCED_CHANNEL
from clarion.engine.events.configurations import service as configurations
from clarion.engine.events.delivering import store
from clarion.engine.events.delivering.lane import Claim
from clarion.engine.events.delivering.store import Given, Tried
from clarion.engine.events.model import (
    SUBSCRIPTIONS_CHANNEL,
    DeliveryConfiguration,
    Happening,
    Value,
)
from clarion.errors import Unavailable
from clarion.log import get_logger
from clarion.storage.database import Database

MAX_BATCH = 1000
FULL = 400
GATHER_SECONDS = 0.05
"""After a commit of fewer than FULL the next waits that long for more: each commit costs what
thirty results cost, and nobody waits for it but a try that comes later."""

RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
SERVICE_TOPIC = "ESS-Delivery"
DISABLED = "delivery_configuration_disabled"

RECORDER_LEFT_WORK = "deliveries.recorder_left_work"
RECORDER_WAITS = "deliveries.recorder_waits"
RECORDER_FAILED = "deliveries.recorder_failed"
RESULT_LOST = "deliveries.result_lost"
CONFIGURATION_DISABLED = "delivery_configuration.disabled"

log = get_logger(__name__)

Health = tuple[int, datetime | None]
"""Failures in a row, and until when nothing more is to go."""


class DeliveryRecorder:
    """The one writer of deliveries in this process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._stored: Callable[[], None] = _nobody
        self._results: list[Tried | Given] = []
        self._health: dict[tuple[int, int], Health] = {}
        self._gone: dict[tuple[int, int], tuple[DeliveryConfiguration, str]] = {}
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    @property
    def unrecorded(self) -> int:
        return len(self._results)

    def start(self, stored: Callable[[], None]) -> None:
        """`stored` is called after each commit."""
        self._stored = stored
        self._task = asyncio.create_task(self._run(), name="deliveries recorder")

    async def stop(self, patience: float) -> None:
        """Write what is there, for at most `patience` seconds, then end."""
        try:
            async with asyncio.timeout(patience):
                await self._idle.wait()
        except TimeoutError:
            log.warning(RECORDER_LEFT_WORK, results=len(self._results))
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # ------------------------------------------------------------ told by deliverers

    def tried(self, result: Tried) -> None:
        self._results.append(result)
        self._stir()

    def given_back(self, results: Sequence[Given]) -> None:
        if results:
            self._results += results
            self._stir()

    def health(self, company_id: int, id: int, health: Health) -> None:
        """Of a configuration; goes with the next commit."""
        self._health[company_id, id] = health
        self._stir()

    def gone(self, configuration: DeliveryConfiguration, reason: str) -> None:
        """The receiver wants nothing more: the configuration is switched off, with an event."""
        self._gone[configuration.company_id, configuration.id] = configuration, reason
        self._stir()

    def _stir(self) -> None:
        self._idle.clear()
        self._wake.set()

    # ------------------------------------------------------------ the loop

    async def _run(self) -> None:
        tries = 0
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._results or self._health or self._gone:
                batch = self._results[:MAX_BATCH]
                try:
                    await self._store(batch)
                except Unavailable as error:
                    log.waits(RECORDER_WAITS, error, results=len(self._results))
                    await asyncio.sleep(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
                    tries += 1
                    continue
                except Exception:
                    log.exception(RECORDER_FAILED, results=len(batch))
                    self._results[: len(batch)] = await self._store_singly(batch)
                else:
                    del self._results[: len(batch)]
                tries = 0
                if len(batch) < FULL:
                    await asyncio.sleep(GATHER_SECONDS)
            self._idle.set()

    async def _store_singly(self, batch: Sequence[Tried | Given]) -> Sequence[Tried | Given]:
        """One of a batch cannot be stored: the others must not wait for it. Its claim stays, so
        that after a restart it is tried again. Answers what the database was not there for."""
        for place, result in enumerate(batch):
            try:
                await self._store([result])
            except Unavailable:
                return batch[place:]
            except Exception:
                log.exception(RESULT_LOST, event_id=str(result.item.event.id))
        return ()

    async def _store(self, batch: Sequence[Tried | Given]) -> None:
        health, self._health = self._health, {}
        gone, self._gone = self._gone, {}
        disabled: list[tuple[int, int]] = []

        async def work(tx: asyncpg.Connection) -> None:
            disabled.clear()
            for company_id, results in _by_company(batch):
                await _store_company(tx, company_id, results)
            for company_id, changes in _health_by_company(health):
                await store.note_health(tx, company_id, changes)
            for key, (configuration, reason) in sorted(gone.items(), key=lambda item: item[0]):
                if await _disable(tx, configuration, reason):
                    disabled.append(key)

        try:
            await self._db.run(work)
        except Unavailable:
            self._health = health | self._health
            self._gone = gone | self._gone
            raise
        for result in batch:
            result.item.claim.open.discard(result.item.event.id)
        self._stored()
        for company_id, id in disabled:
            log.warning(CONFIGURATION_DISABLED, company_id=company_id, configuration_id=id)
            self._db.hint(SUBSCRIPTIONS_CHANNEL, str(company_id))
            self._db.hint(ANNOUNCED_CHANNEL)


async def _store_company(
    tx: asyncpg.Connection, company_id: int, results: Sequence[Tried | Given]
) -> None:
    """What is given back goes into the queue only while its claim is there: else another node has
    taken it over and put it there already."""
    tries = [each for each in results if isinstance(each, Tried)]
    given = [each for each in results if isinstance(each, Given)]
    finished = _finished(results)
    there = await store.drop_claims(tx, company_id, finished) if finished else set()
    if given:
        rest = [each for each in given if each.item.claim.id not in finished]
        if rest:
            there |= await store.shrink_claims(tx, company_id, rest)
        back = [each for each in given if each.item.claim.id in there]
        if back:
            await store.requeue(tx, company_id, back)
    if tries:
        await store.record(tx, company_id, tries)


def _finished(results: Sequence[Tried | Given]) -> set[UUID]:
    """Claims that have nothing open after these."""
    done: dict[Claim, set[UUID]] = {}
    for result in results:
        done.setdefault(result.item.claim, set()).add(result.item.event.id)
    return {claim.id for claim, events in done.items() if claim.open <= events}


async def _disable(
    tx: asyncpg.Connection, configuration: DeliveryConfiguration, reason: str
) -> bool:
    now = datetime.now(UTC)
    company_id, id = configuration.company_id, configuration.id
    if not await configurations.disable(tx, company_id, id, reason, now=now):
        return False
    fields: dict[str, Value] = {
        "del_cfg_id": str(id),
        "del_cfg_nm": configuration.name,
        "reason": reason,
    }
    told = Happening(topic=SERVICE_TOPIC, type=DISABLED, key=str(id), fields=fields)
    await announcing.announce(tx, company_id, [told], at=now)
    return True


def _by_company(
    batch: Sequence[Tried | Given],
) -> list[tuple[int, list[Tried | Given]]]:
    """In one order on every node, so that they do not wait for one another in a circle."""
    groups: dict[int, list[Tried | Given]] = {}
    for result in batch:
        groups.setdefault(result.item.claim.company_id, []).append(result)
    return sorted(groups.items())


def _health_by_company(
    health: dict[tuple[int, int], Health],
) -> list[tuple[int, dict[int, Health]]]:
    groups: dict[int, dict[int, Health]] = {}
    for (company_id, id), each in health.items():
        groups.setdefault(company_id, {})[id] = each
    return sorted(groups.items())


def _nobody() -> None:
    """Nobody waits for commits yet."""

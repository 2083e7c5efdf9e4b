"""Where short links are opened: the address behind a code, and clicks that become durable.

Clicks are coalesced as requests are at intake: what gathers while one flush runs goes with the
next. A click answers when it is committed, or after a moment if that takes long: its person is
sent on all the same, and it is kept until it can be stored.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic

import asyncpg

from clarion import metrics
from clarion.engine.messages import store as messages
from clarion.engine.messages.links import store
from clarion.engine.messages.links.model import Link, read_code
from clarion.engine.messages.links.store import Clicks
from clarion.engine.messages.states import Input
from clarion.errors import TooManyRequests, Unavailable
from clarion.log import get_logger
from clarion.storage.database import Database

SOURCE = "SCG/URL"
"""conversion_info_source of what link tracking converted (SCG reference, Message)."""

LOOKUPS = 4  # at once: guessed codes leave connections to everybody else
WAITING = 200  # look-ups in line; above it visitors are asked to come again
KEPT_SECONDS, UNKNOWN_SECONDS = 60.0, 5.0  # until a code is looked up again
MAX_KEPT = 20_000
MAX_UNRECORDED = 100_000  # links with clicks that are not stored yet
PATIENCE = 1.0  # seconds that a visitor waits for the commit
AGAIN = 1.0
LAST_PATIENCE = 3.0

CLICKS_WAIT = "links.clicks_wait"
CLICKS_FAILED = "links.clicks_failed"
CLICKS_DROPPED = "links.clicks_dropped"

log = get_logger(__name__)

_Key = tuple[int, int]  # company and code


class LinkDesk:
    """Opens the short links of this process's visitors."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._kept: OrderedDict[_Key, tuple[float, Link | None]] = OrderedDict()
        self._slots = asyncio.Semaphore(LOOKUPS)
        self._waiting = 0
        self._clicks: dict[_Key, Clicks] = {}
        self._recorded: asyncio.Future[None] | None = None  # of what gathers now
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._flush_until_stopped(), name="links")

    async def stop(self) -> None:
        """Store the clicks that are there, for a moment, then end."""
        self._stopping = True
        self._wake.set()
        if self._task is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_PATIENCE):
                await self._task
        if self._clicks:
            log.warning(CLICKS_DROPPED, links=len(self._clicks))

    # ------------------------------------------------------------ opening

    async def open(self, shown: str) -> Link | None:
        """The link that ends in this code; None: there is none, or its message is gone. Raises
        TooManyRequests, Unavailable."""
        key = read_code(shown)
        if key is None:
            return None
        kept = self._kept.get(key)
        if kept is not None and kept[0] > monotonic():
            return kept[1]
        if self._waiting >= WAITING:
            raise TooManyRequests("Too many links are being opened; try again.")
        self._waiting += 1
        try:
            async with self._slots:
                link = await store.find_link(self._db, *key)
        finally:
            self._waiting -= 1
        self._keep(key, link)
        return link

    def _keep(self, key: _Key, link: Link | None) -> None:
        seconds = KEPT_SECONDS if link else UNKNOWN_SECONDS
        self._kept[key] = (monotonic() + seconds, link)
        self._kept.move_to_end(key)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    # ------------------------------------------------------------ counting

    async def count(self, link: Link) -> None:
        """A person has opened the link."""
        metrics.LINK_CLICKS.inc()
        key = (link.company_id, link.code)
        if key not in self._clicks and len(self._clicks) >= MAX_UNRECORDED:
            log.warning(CLICKS_DROPPED, links=1)
            return
        now = datetime.now(UTC)
        _add(self._clicks, key, Clicks(link.message_id, 1, now, now))
        if self._recorded is None:
            self._recorded = asyncio.get_running_loop().create_future()
        self._wake.set()
        await asyncio.wait([self._recorded], timeout=PATIENCE)

    async def _flush_until_stopped(self) -> None:
        while self._clicks or not self._stopping:
            await self._wake.wait()
            if not self._stopping:
                self._wake.clear()
            try:
                await self._flush()
            except Unavailable as error:
                log.waits(CLICKS_WAIT, error, links=len(self._clicks))
                await self._pause()
            except Exception:
                log.exception(CLICKS_FAILED, links=len(self._clicks))
                await self._pause()

    async def _pause(self) -> None:
        await asyncio.sleep(AGAIN)
        self._wake.set()

    async def _flush(self) -> None:
        """Store what has gathered, a company at a time; what cannot be is kept for the next."""
        taken, self._clicks = self._clicks, {}
        recorded, self._recorded = self._recorded, None
        companies: dict[int, dict[int, Clicks]] = {}
        for (company_id, code), clicks in taken.items():
            companies.setdefault(company_id, {})[code] = clicks
        try:
            for company_id in sorted(companies):
                await self._store(company_id, companies[company_id])
                del companies[company_id]
        finally:
            for company_id, rest in companies.items():
                for code, clicks in rest.items():
                    _add(self._clicks, (company_id, code), clicks)
            if recorded is not None and not recorded.done():
                recorded.set_result(None)

    async def _store(self, company_id: int, clicks: dict[int, Clicks]) -> None:
        """How often each link was opened; a message's first click is that it was READ, and
        CONVERTED. One that has not left is opened by who previews it: that says nothing of it."""
        first: dict[object, messages.Advance] = {}
        for each in clicks.values():
            known = first.get(each.message_id)
            if known is None or each.first_at < known.at:
                first[each.message_id] = messages.Advance(
                    each.message_id, each.first_at, None, SOURCE
                )
        batch = sorted(first.values(), key=lambda advance: advance.id)

        async def work(tx: asyncpg.Connection) -> None:
            now = datetime.now(UTC)
            await store.add_clicks(tx, company_id, clicks)
            await messages.advance(tx, company_id, Input.READ, batch, now)
            moved = set(await messages.advance(tx, company_id, Input.CLICK, batch, now))
            acted = [advance for advance in batch if advance.id in moved]
            await messages.advance(tx, company_id, Input.CONVERT, acted, now)

        await self._db.run(work)


def _add(into: dict[_Key, Clicks], key: _Key, more: Clicks) -> None:
    known = into.get(key)
    if known is None:
        into[key] = more
        return
    known.count += more.count
    known.first_at = min(known.first_at, more.first_at)
    known.last_at = max(known.last_at, more.last_at)

"""Who stands behind an access token, answered from memory.

A process believes what it read for less than a second. Tokens in use are read again together,
every POLL seconds in one statement, so a busy token never waits for the database and a revoked one
is refused within a second on every node; hints only make it sooner. While the database is away
nobody can be known: requests are answered with Unavailable, and none could be stored anyway.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from time import monotonic
from typing import TypeVar

from clarion import metrics
from clarion.engine.accounts import secrets, store
from clarion.engine.accounts.model import Caller
from clarion.engine.accounts.tokens import CHANGED
from clarion.errors import Unavailable
from clarion.storage.database import Database

BELIEVED = 0.9  # seconds
POLL = 0.3
GAP = 0.02  # however many hints come
SIZE = 50_000
_CHUNK = 5_000
K = TypeVar("K")


class _Entry:
    """What was read about one token, and until when it is believed."""

    __slots__ = ("caller", "hash", "until", "used")

    def __init__(self, caller: Caller | None, hash: bytes, until: float) -> None:
        self.caller = caller  # None: there is no such live token
        self.hash = hash
        self.until = until  # by the monotonic clock
        self.used = False


class TokenCache:
    """One a process; at most `size` tokens, the ones longest known go first."""

    def __init__(self, db: Database, *, size: int = SIZE) -> None:
        self._db = db
        self._size = size
        self._entries: dict[str, _Entry] = {}
        self._asked: dict[str, asyncio.Task[Caller | None]] = {}
        self._applications: dict[tuple[int, int], _Entry] = {}
        self._hinted = asyncio.Event()
        self._poll: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._db.listen(CHANGED, lambda _: self._hinted.set())
        self._poll = asyncio.create_task(self._read_again(), name="token cache")

    async def stop(self) -> None:
        if self._poll is not None:
            self._poll.cancel()
            with suppress(asyncio.CancelledError):
                await self._poll

    def cached(self, token: str) -> Caller | None:
        """The token's caller, if that is known now without asking the database."""
        entry = self._entries.get(token)
        if entry is None or entry.until < monotonic():
            return None
        entry.used = True
        return entry.caller

    async def find(self, token: str) -> Caller | None:
        """The token's caller; None: unknown, expired or revoked. Raises Unavailable."""
        entry = self._entries.get(token)
        if entry is not None and entry.until >= monotonic():
            return entry.caller
        if not secrets.is_token(token):
            return None
        return await asyncio.shield(self._asked.get(token) or self._ask(token))

    async def application(self, company_id: int, application_id: int) -> Caller | None:
        """The caller that the internal headers name; None: there is no such application."""
        key = company_id, application_id
        entry = self._applications.get(key)
        if entry is not None and entry.until >= monotonic():
            return entry.caller
        until = monotonic() + BELIEVED
        caller = await store.caller_by_application(self._db, company_id, application_id)
        _make_room(self._applications, self._size)
        self._applications[key] = _Entry(caller, b"", until)
        return caller

    def _ask(self, token: str) -> asyncio.Task[Caller | None]:
        """However many requests bring an unknown token at once, the database is asked once."""
        task = self._asked[token] = asyncio.create_task(self._read(token), name="token")
        task.add_done_callback(lambda done: self._answered(token, done))
        return task

    def _answered(self, token: str, task: asyncio.Task[Caller | None]) -> None:
        self._asked.pop(token, None)
        if not task.cancelled():
            task.exception()  # each waiting request has it; if none waits, nobody needs it

    async def _read(self, token: str) -> Caller | None:
        metrics.TOKEN_LOOKUPS.inc()
        hash, at = secrets.digest(token), monotonic()
        now = datetime.now(UTC)
        found = await store.callers_by_tokens(self._db, [hash], now)
        caller, expires_at = found.get(hash, (None, None))
        _make_room(self._entries, self._size)
        self._entries[token] = _Entry(caller, hash, _until(at, now, expires_at))
        return caller

    async def _read_again(self) -> None:
        while True:
            await asyncio.sleep(GAP)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL - GAP):
                    await self._hinted.wait()
            in_use = self._take_used(all_doubted=self._hinted.is_set())
            self._hinted.clear()
            waiting = iter(in_use)
            while chunk := list(islice(waiting, _CHUNK)):
                with suppress(Unavailable):  # what is not confirmed lapses by itself
                    await self._confirm(chunk, in_use)

    def _take_used(self, *, all_doubted: bool) -> dict[bytes, tuple[str, _Entry]]:
        """What was used since the last look, to be read again. The rest goes when it is no longer
        believed, or at once after a hint."""
        now = monotonic()
        used = {}
        for token, entry in list(self._entries.items()):
            if entry.used and entry.caller is not None:
                entry.used = False
                used[entry.hash] = token, entry
            elif all_doubted or entry.until < now:
                del self._entries[token]
        return used

    async def _confirm(self, hashes: list[bytes], in_use: dict[bytes, tuple[str, _Entry]]) -> None:
        at, now = monotonic(), datetime.now(UTC)
        found = await store.callers_by_tokens(self._db, hashes, now)
        for hash in hashes:
            token, entry = in_use[hash]
            caller, expires_at = found.get(hash, (None, None))
            if caller is None:
                self._entries.pop(token, None)
                entry.until = 0.0
                continue
            entry.caller = caller
            entry.until = _until(at, now, expires_at)


def _until(at: float, now: datetime, expires_at: datetime | None) -> float:
    """Read at `at`: believed for a while, never past the expiry."""
    if expires_at is None:
        return at + BELIEVED
    return at + min(BELIEVED, (expires_at - now).total_seconds())


def _make_room(entries: dict[K, _Entry], size: int) -> None:
    while len(entries) >= size:
        del entries[next(iter(entries))]

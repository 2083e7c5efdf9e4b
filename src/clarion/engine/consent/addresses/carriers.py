"""Black lists of carriers: numbers that nobody may write to through this gateway.

A list is read as a stream and stored by chunks, each in a transaction of its own; when it is in,
the statuses of all companies that know such numbers follow. Doing either again is harmless, so a
load that was cut short is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from enum import Enum
from itertools import islice
from uuid import UUID

import asyncpg
from msgspec import Struct

from clarion.engine.consent.addresses.announcing import ConsentChange, announce_consent
from clarion.engine.consent.addresses.store import SQL, fresh_ids
from clarion.errors import InvalidInput
from clarion.kit.e164 import parse_address
from clarion.storage.database import Database

CHUNK = 5000
SLICE = 10_000
SHOWN_FAULTS = 10
MAX_OPERATOR = 100
MAX_LINE = 1000
_LOWEST = UUID(int=0)


class Mode(Enum):
    """What a file means."""

    ADD = "add"  # these numbers too
    REPLACE = "replace"  # these and no others
    REMOVE = "remove"  # these no more


class Load(Struct):
    """What a load has done so far."""

    lines: int = 0
    numbers: int = 0  # read from the file
    wrong: int = 0  # lines without a possible number
    taken_off: int = 0
    statuses: int = 0  # that changed with the list
    faults: list[str] = []  # the first few


Watch = Callable[[Load], None]


async def load(
    db: Database, operator: str, lines: Iterable[str], *, mode: Mode, watch: Watch = lambda _: None
) -> Load:
    """Read a list, one number a line: behind it, after a comma, semicolon or tab, may be anything;
    empty lines and those that begin with # are skipped. `watch` is told after each chunk.

    InvalidInput: the name is empty or too long, or a whole new list has no number in it.
    """
    name = operator.strip()
    if not 0 < len(name) <= MAX_OPERATOR:
        raise InvalidInput(f"operator: it must have 1 to {MAX_OPERATOR} characters.")
    begun = datetime.now(UTC)
    done = Load(faults=[])
    numbers = _numbers(lines, done)
    while chunk := list(islice(numbers, CHUNK)):
        done.numbers += len(chunk)
        if mode is Mode.REMOVE:
            tag = await db.execute(SQL["unlist_numbers"], name, chunk)
            done.taken_off += _count(tag)
        else:
            await db.execute(SQL["list_numbers"], name, chunk, begun)
        watch(done)
    if mode is Mode.REPLACE:
        await _take_off_unseen(db, name, begun, done)
    await follow(db, done, watch)
    return done


async def follow(db: Database, done: Load, watch: Watch = lambda _: None) -> None:
    """Bring every company's statuses in line with the lists, slice by slice."""
    for row in await db.fetch(SQL["companies"]):
        after = _LOWEST
        while last := await db.fetchval(SQL["next_statuses"], row["id"], after, SLICE):
            done.statuses += await _follow(db, row["id"], after, last)
            after = last
            watch(done)


async def _follow(db: Database, company_id: int, after: UUID, last: UUID) -> int:
    """One slice; run again if it collides with what subscribers say meanwhile."""
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> int:
        rows = await tx.fetch(
            SQL["follow_lists"], company_id, after, last, fresh_ids(SLICE, now), now
        )
        changes = [ConsentChange(*row) for row in rows]
        await announce_consent(tx, company_id, changes, at=now)
        return len(rows)

    return await db.run(work)


async def listed(db: Database) -> list[dict[str, object]]:
    """Carriers with a list: how many numbers, and when the last came."""
    return [dict(row) for row in await db.fetch(SQL["listed_numbers"])]


async def _take_off_unseen(db: Database, name: str, begun: datetime, done: Load) -> None:
    if done.numbers == 0:
        raise InvalidInput("The file has no number: the list stays as it was.")
    while count := _count(await db.execute(SQL["unlist_unseen"], name, begun, CHUNK)):
        done.taken_off += count


def _numbers(lines: Iterable[str], done: Load) -> Iterator[str]:
    for line in lines:
        done.lines += 1
        text = line[:MAX_LINE].split(",", 1)[0].split(";", 1)[0].split("\t", 1)[0].strip(" \r\n\"'")
        if not text or text.startswith("#"):
            continue
        try:
            yield parse_address(text.lstrip("\ufeff")).e164
        except ValueError as error:
            _note(done, str(error))


def _note(done: Load, words: str) -> None:
    """A header in the first line is no fault."""
    if done.lines == 1:
        return
    done.wrong += 1
    if len(done.faults) < SHOWN_FAULTS:
        done.faults.append(f"line {done.lines}: {words}")


def _count(tag: str) -> int:
    """Rows of a command's tag."""
    return int(tag.rsplit(" ", 1)[-1])

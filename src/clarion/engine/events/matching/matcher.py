"""Announcements become events with deliveries, for those that somebody has subscribed to.

One company's announcements are matched by one matcher at a time, in the order of their ids, in one
transaction with the events that come of them: a crash loses nothing and repeats nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import msgspec
from msgspec.structs import replace

from clarion.engine.events.announcing import Runner
from clarion.engine.events.matching import store
from clarion.engine.events.matching.handing import Express, Handing
from clarion.engine.events.matching.interest import Interest, Interests, takers
from clarion.engine.events.matching.model import Announcement, Describer, Matched
from clarion.engine.events.model import Happening, Value
from clarion.errors import Unavailable
from clarion.kit import ids
from clarion.log import get_logger
from clarion.storage.database import Database

BATCH = 1000
"""Happenings matched in one transaction, give or take an announcement."""

MAX_FAILURES = 3

ANNOUNCEMENT_FAILED = "announcement.failed"
ANNOUNCEMENT_LOST = "announcement.lost"

_OURS = asyncpg.DataError  # what a value is to blame for

log = get_logger(__name__)
Timed = tuple[datetime, Happening]


class Matcher:
    """One loop a process works with it, step by step."""

    def __init__(
        self,
        db: Database,
        interests: Interests,
        describers: Mapping[str, Describer],
        *,
        delivered: Callable[[], None],
        express: Express | None = None,
    ) -> None:
        """`describers` by topic. `delivered` is called when the queue has something to deliver;
        `express` is the deliverer of this process."""
        self._db = db
        self._interests = interests
        self._describers = describers
        self._delivered = delivered
        self._express = express
        self._failures: Counter[UUID] = Counter()
        self._last = 0

    async def step(self) -> bool:
        """One batch of each company; whether there was anything. Companies take turns."""
        waiting = await store.companies(self._db)
        turn = [c for c in waiting if c > self._last] + [c for c in waiting if c <= self._last]
        busy = False
        for company_id in turn:
            busy |= await self._serve(company_id)
            self._last = company_id
        return busy

    async def _serve(self, company_id: int) -> bool:
        """Where something is wrong with one announcement, it must not hold up the others; where it
        is the database, all of them wait."""
        for limit in (store.MAX_ANNOUNCEMENTS, 1):
            try:
                return await self._batch(company_id, limit)
            except Unavailable:
                raise
            except Exception as error:
                log.exception(ANNOUNCEMENT_FAILED, company_id=company_id)
                if isinstance(error, asyncpg.PostgresError) and not isinstance(error, _OURS):
                    return False
        await self._give_up(company_id)
        return True

    async def _batch(self, company_id: int, limit: int) -> bool:
        """Whether there was anything for this matcher to do."""
        handing = Handing(self._express)

        async def work(tx: asyncpg.Connection) -> bool:
            handing.begin()
            if not await store.hold_company(tx, company_id):
                return False
            batch = await store.announcements(tx, company_id, BATCH, limit)
            if not batch:
                return False
            events = await self._events(tx, company_id, batch)
            done = [each.id for each in batch]
            await handing.record(tx, company_id, done, events, datetime.now(UTC))
            return True

        try:
            taken = await self._db.run(work)
        except BaseException:
            handing.doubt()
            raise
        if handing.done():
            self._delivered()
        return taken

    async def _events(
        self, tx: Runner, company_id: int, batch: Sequence[Announcement]
    ) -> list[Matched]:
        topics: dict[str, list[Announcement]] = {}
        for each in batch:
            topics.setdefault(each.topic, []).append(each)
        found: list[Matched] = []
        for topic, of_topic in topics.items():
            interest = await self._interests.of(tx, company_id, topic)
            worth = list(_worth_describing(interest, company_id, of_topic))
            happened = await self._happened(tx, company_id, topic, worth)
            found += await _matched(tx, interest, company_id, happened)
        return found

    async def _happened(
        self, tx: Runner, company_id: int, topic: str, batch: Sequence[Announcement]
    ) -> list[Timed]:
        """What the announcements say, or what is found behind their subjects; in their order."""
        told = [each for each in batch if each.subjects]
        described: dict[UUID, Sequence[Happening]] = {}
        if told:
            found = await self._describers[topic](tx, company_id, told)
            described = {each.id: of for each, of in zip(told, found, strict=True)}
        return [
            (each.at, happening)
            for each in batch
            for happening in described.get(each.id, each.happenings)
        ]

    async def _give_up(self, company_id: int) -> None:
        """An announcement that cannot be matched is dropped after some tries; the log tells."""
        for each in await store.announcements(self._db, company_id, 1, 1):
            self._failures[each.id] += 1
            if self._failures[each.id] >= MAX_FAILURES:
                del self._failures[each.id]
                log.error(
                    ANNOUNCEMENT_LOST, company_id=company_id, type=each.type,
                    count=len(each.subjects) or len(each.happenings),
                )  # fmt: skip
                await store.record(self._db, company_id, [each.id], (), datetime.now(UTC))


def _worth_describing(
    interest: Interest, company_id: int, batch: Sequence[Announcement]
) -> Iterator[Announcement]:
    """Announcements without what nobody can want, as far as they tell themselves."""
    for each in batch:
        if not interest.is_in(each.type):
            continue
        if not each.afters:
            yield each
            continue
        kept = [
            place
            for place, states in enumerate(zip(each.befores, each.afters, strict=True))
            if interest.may_want(each.type, _known(company_id, *states))
        ]
        if kept:
            yield each if len(kept) == len(each.subjects) else _only(each, kept)


def _known(company_id: int, before: str, after: str) -> dict[str, Value]:
    known: dict[str, Value] = {"company-id": company_id, "previous_state": before}
    return known | {"new_state": after} if after else known


def _only(each: Announcement, places: Sequence[int]) -> Announcement:
    return replace(
        each,
        subjects=[each.subjects[place] for place in places],
        befores=[each.befores[place] for place in places],
        afters=[each.afters[place] for place in places],
        codes=[each.codes[place] for place in places] if each.codes else (),
        details=[each.details[place] for place in places] if each.details else (),
    )


async def _matched(
    on: Runner, interest: Interest, company_id: int, happened: Sequence[Timed]
) -> list[Matched]:
    """Events of those that somebody wants."""
    goes_to = await takers(on, interest, company_id, happened)
    return [
        Matched(
            id=ids.new_id(),
            external_id=None,
            happening=happening,
            at=at,
            body=body_of(happening.fields),
            configurations=configurations,
        )
        for (at, happening), configurations in zip(happened, goes_to, strict=True)
        if configurations
    ]


def body_of(fields: Mapping[str, Value]) -> str:
    """The fields as events are stored with them: fields that have no value are left out."""
    return msgspec.json.encode({k: v for k, v in fields.items() if v is not None}).decode()

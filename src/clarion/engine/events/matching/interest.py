"""What companies have subscribed to, in memory: read through, at most a second old.

Of each topic what few subscriptions are found by is held; a field by which many thousands are found
stays in the database, and is asked for the values of a whole batch at once. So a million
subscriptions cost no memory, and a restart reads none of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from time import monotonic

from clarion.engine.events.announcing import Runner
from clarion.engine.events.criteria import Criteria, key_text, parse
from clarion.engine.events.matching import store
from clarion.engine.events.matching.model import Held
from clarion.engine.events.model import SUBSCRIPTIONS_CHANNEL, Happening, Value
from clarion.storage.database import Database

MAX_AGE = 0.9  # seconds; a hint ends it sooner
MAX_TOPICS = 2000
MAX_HELD = 1000  # keys of one field
MAX_HELD_ALL = 5000  # keys of one topic
MAX_ASKED = 100  # subscriptions that are asked whether an event is worth describing
MAX_COMPILED = 20_000
_WHOLE = ""  # in place of a type: every type of the topic; of a field: none

Key = tuple[str, str, str]
"""Type, field, value."""


class Interest:
    """Who wants what of one topic of one company."""

    def __init__(
        self, topic: str, held: Mapping[Key, list[Held]], large: Sequence[tuple[str, str]]
    ) -> None:
        """`large`: types and fields of which nothing is held."""
        self.topic = topic
        self._held = held
        self._fields: dict[str, list[str]] = {}
        for type, field in dict.fromkeys((type, field) for type, field, _ in held):
            self._fields.setdefault(type, []).append(field)
        self._large: dict[str, list[str]] = {}
        for type, field in large:
            self._large.setdefault(type, []).append(field)
        self._worth: dict[tuple[str, tuple[tuple[str, Value], ...]], bool] = {}

    def is_in(self, type: str) -> bool:
        """Whether anybody may want events of this type."""
        return any(each in self._fields or each in self._large for each in (_WHOLE, type))

    def candidates(self, type: str, fields: Mapping[str, Value]) -> Iterator[Held]:
        """Those held that have a key of the event, or none."""
        for each in (_WHOLE, type):
            for field in self._fields.get(each, ()):
                value = _value(fields, field)
                if value is not None:
                    yield from self._held.get((each, field, value), ())

    def asked(self, type: str, fields: Mapping[str, Value]) -> Iterator[Key]:
        """Keys of the event that the database has to be asked for."""
        for each in (_WHOLE, type):
            for field in self._large.get(each, ()):
                value = _value(fields, field)
                if value is not None:
                    yield each, field, value

    def may_want(self, type: str, known: Mapping[str, Value]) -> bool:
        """Whether an event of which only this is known so far may have a taker."""
        key = type, tuple(known.items())
        found = self._worth.get(key)
        if found is None:
            found = self._worth[key] = self._look(type, known)
        return found

    def _look(self, type: str, known: Mapping[str, Value]) -> bool:
        if any(each in self._large for each in (_WHOLE, type)):
            return True
        asked = [
            held
            for (each, field, value), of_key in self._held.items()
            if each in (_WHOLE, type) and _value(known, field) in (None, value)
            for held in of_key
        ]
        return len(asked) > MAX_ASKED or any(held.may_take(known) for held in asked)


class Interests:
    """Knows the Interest of every company and topic that something happens to."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[int, str], tuple[float, Interest]] = OrderedDict()

    async def listen(self, db: Database) -> None:
        """Forget what other nodes, or this one, have changed."""
        await db.listen(SUBSCRIPTIONS_CHANNEL, self.forget)

    def forget(self, company: str = "") -> None:
        """Read this company's subscriptions again at the next need; or everybody's."""
        if not company.isdigit():
            self._kept.clear()
            return
        for key in [key for key in self._kept if key[0] == int(company)]:
            del self._kept[key]

    async def of(self, on: Runner, company_id: int, topic: str) -> Interest:
        key = company_id, topic
        kept = self._kept.get(key)
        if kept is not None and kept[0] > self._clock():
            return kept[1]
        asked = self._clock()
        interest = await _load(on, company_id, topic)
        self._kept[key] = (asked + MAX_AGE, interest)
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_TOPICS:
            self._kept.popitem(last=False)
        return interest


async def takers(
    on: Runner,
    interest: Interest,
    company_id: int,
    happenings: Sequence[tuple[datetime, Happening]],
) -> list[list[int]]:
    """For each of these the delivery configurations that it goes to, each once."""
    found: list[dict[int, None]] = []
    asked: dict[Key, list[int]] = {}
    for position, (at, each) in enumerate(happenings):
        candidates = interest.candidates(each.type, each.fields)
        found.append({c.configuration_id: None for c in candidates if c.takes(each.fields, at)})
        for key in interest.asked(each.type, each.fields):
            asked.setdefault(key, []).append(position)
    if asked:
        for key, row in await store.look_up(on, company_id, interest.topic, list(asked)):
            held = _hold(row, key)
            for position in asked[key]:
                at, each = happenings[position]
                if held.takes(each.fields, at):
                    found[position][held.configuration_id] = None
    return [list(each) for each in found]


async def _load(on: Runner, company_id: int, topic: str) -> Interest:
    """The smallest kinds are held first, until there is enough of them; what has no key always."""
    kinds = await store.kinds(on, company_id, topic, MAX_HELD + 1)
    small, large, total = [], [], 0
    for type, field, keys in sorted(kinds, key=lambda kind: (kind[1] != _WHOLE, kind[2])):
        total += keys
        if field == _WHOLE or (keys <= MAX_HELD and total <= MAX_HELD_ALL):
            small.append((type, field))
        else:
            large.append((type, field))
    held: dict[Key, list[Held]] = {}
    made: dict[int, Held] = {}
    for key, row in await store.held(on, company_id, topic, small):
        whole = made.get(row.id)
        if whole is None:
            whole = made[row.id] = _hold(row, key)
        held.setdefault(key, []).append(whole)
    return Interest(topic, held, large)


def _hold(row: store.Row, key: Key) -> Held:
    return Held(
        id=row.id,
        configuration_id=row.configuration_id,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        criteria=None if _says_it_all(row.criteria, key) else compiled(row.criteria),
    )


def _says_it_all(criteria: str, key: Key) -> bool:
    """Whether the criterion is no more than its key: then it is not compiled, as most of a million
    are not."""
    _, field, value = key
    if field == _WHOLE:
        return not criteria.strip()
    return criteria == f"{field} = '{value}'" and "'" not in value


@lru_cache(MAX_COMPILED)
def compiled(criteria: str) -> Criteria:
    return parse(criteria)


def _value(fields: Mapping[str, Value], field: str) -> str | None:
    """What a field of an event is as a key; of no field, what stands for it."""
    if field == _WHOLE:
        return _WHOLE
    value = fields.get(field)
    return None if value is None else key_text(value)

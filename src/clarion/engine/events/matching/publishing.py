"""Events that clients publish: checked against their types, matched at once, never twice.

An event that has an id of its publisher's own is taken in once: published again it is what it was,
with other content it is refused. All of a batch is taken in, or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Raw, Struct

from clarion.engine.events.announcing import Runner
from clarion.engine.events.matching import store
from clarion.engine.events.matching.handing import Express, Handing
from clarion.engine.events.matching.interest import Interests, takers
from clarion.engine.events.matching.matcher import body_of
from clarion.engine.events.matching.model import Matched
from clarion.engine.events.model import (
    DELIVERIES_CHANNEL,
    MAX_AHEAD,
    EventType,
    Happening,
    Value,
)
from clarion.engine.events.types.service import check_fields, known_topics, types_of
from clarion.errors import AlreadyExists, InvalidInput
from clarion.kit import ids
from clarion.kit.dates import to_iso
from clarion.storage.database import Database

MAX_EVENTS = 1000
"""In one call."""

MAX_KEY = 255
_ID = re.compile(r"[A-Za-z0-9_~-]{1,64}")
"""Without a full stop, which parts an id from what follows it in what is signed (Standard Webhooks:
ids that are not the sender's own must not have any)."""

_ABOUT = ("number", "recipient_address", "to_address", "from_address")
_COMPANY, _APPLICATION = "company-id", "application_id"


class Published(Struct, frozen=True, kw_only=True):
    """An event as its publisher gives it."""

    type: str
    fields: Mapping[str, object]
    topic: str | None = None  # its type's, if it is given at all
    key: str | None = None  # what it is about; None: one of its fields, a number if it has one
    id: str | None = None  # the publisher's own
    at: datetime | None = None  # when it happened; None: now


class PublishResult(Struct, frozen=True):
    """What became of one."""

    id: str  # as deliveries show it: the publisher's, or ours
    repeated: bool  # it had been published before
    deliveries: int  # to so many delivery configurations; of a repeated one 0


class _About(Struct, frozen=True):
    """What events are checked with."""

    company_id: int
    application_id: int
    topics: Collection[str]  # that there are, of those that events without one name
    now: datetime


class _Ready(Struct, frozen=True):
    """One that has been checked."""

    id: UUID
    external_id: str | None
    happening: Happening
    at: datetime
    fingerprint: bytes


async def publish(
    db: Database,
    company_id: int,
    application_id: int,
    events: Sequence[Published],
    *,
    interests: Interests | None = None,
    delivered: Callable[[], None] | None = None,
    express: Express | None = None,
) -> list[PublishResult]:
    """Store those that somebody has subscribed to, each with its deliveries.

    `interests`: what is known of subscriptions already. `delivered` is called when the queue has
    something to deliver; without it, a hint goes to all nodes. `express`: the deliverer of this
    process, if it has one. InvalidInput names the event by its
    place from 1; AlreadyExists: an id was used for another event.
    """
    if not 0 < len(events) <= MAX_EVENTS:
        raise InvalidInput(f"1 to {MAX_EVENTS} events can be published at once.")
    now = datetime.now(UTC)
    types = await types_of(db, company_id, {each.type for each in events})
    free = {code for code, type in types.items() if type.topic is None}
    named = {each.topic for each in events if each.topic and each.type in free}
    topics = await known_topics(db, company_id, named)
    about = _About(company_id, application_id, topics, now)
    ready = [
        _checked(each, types.get(each.type), place, about) for place, each in enumerate(events, 1)
    ]
    known = Interests() if interests is None else interests
    handing = Handing(express)

    async def work(tx: asyncpg.Connection) -> tuple[set[UUID], list[Matched]]:
        handing.begin()
        repeated = await _reserve(tx, company_id, ready)
        fresh = [each for each in ready if each.id not in repeated]
        matched = await _match(tx, known, company_id, fresh)
        await handing.record(tx, company_id, (), matched, now)
        return repeated, matched

    try:
        repeated, matched = await db.run(work)
    except BaseException:
        handing.doubt()
        raise
    if handing.done():
        delivered() if delivered else db.hint(DELIVERIES_CHANNEL)
    counts = {each.id: len(each.configurations) for each in matched}
    return [
        PublishResult(r.external_id or ids.show(r.id), r.id in repeated, counts.get(r.id, 0))
        for r in ready
    ]


async def _reserve(tx: Runner, company_id: int, ready: Sequence[_Ready]) -> set[UUID]:
    """Those of which the publisher's id has been taken in before. Raises AlreadyExists."""
    named = [(each.external_id, each.id, each.fingerprint) for each in ready if each.external_id]
    if not named:
        return set()
    fresh = await store.publish(tx, company_id, sorted(named))
    repeated = [each for each in ready if each.external_id and each.id not in fresh]
    if not repeated:
        return set()
    earlier = await store.published(tx, company_id, [each.external_id or "" for each in repeated])
    for each in repeated:
        if earlier[each.external_id or ""][1] != each.fingerprint:
            words = f"event-id: {each.external_id} was used for another event."
            raise AlreadyExists(words, field="event-id")
    return {each.id for each in repeated}


async def _match(
    tx: Runner, interests: Interests, company_id: int, fresh: Sequence[_Ready]
) -> list[Matched]:
    topics: dict[str, list[_Ready]] = {}
    for each in fresh:
        topics.setdefault(each.happening.topic, []).append(each)
    found = []
    for topic, of_topic in topics.items():
        interest = await interests.of(tx, company_id, topic)
        timed = [(each.at, each.happening) for each in of_topic]
        goes_to = await takers(tx, interest, company_id, timed)
        found += [
            _matched(each, configurations)
            for each, configurations in zip(of_topic, goes_to, strict=True)
            if configurations
        ]
    return found


def _matched(each: _Ready, configurations: Sequence[int]) -> Matched:
    return Matched(
        id=each.id,
        external_id=each.external_id,
        happening=each.happening,
        at=each.at,
        body=body_of(each.happening.fields),
        configurations=configurations,
    )


# ---------------------------------------------------------------- checks


def _checked(given: Published, type: EventType | None, place: int, about: _About) -> _Ready:
    try:
        return _ready(given, type, about)
    except InvalidInput as error:
        raise error.at(f"Event {place}") from None


def _ready(given: Published, type: EventType | None, about: _About) -> _Ready:
    if type is None:
        raise InvalidInput(f"evt-tp: there is no type {given.type[:100]!r}.", field="evt-tp")
    topic = _topic(given, type, about)
    if given.id is not None and not _ID.fullmatch(given.id):
        words = "event-id: 1 to 64 letters, digits, and characters of -_~ are allowed."
        raise InvalidInput(words, field="event-id")
    if given.at is not None and given.at > about.now + MAX_AHEAD:
        words = f"timestamp: {to_iso(given.at)} is more than an hour ahead of {to_iso(about.now)}."
        raise InvalidInput(words, field="timestamp")
    fields = check_fields(type, _owned(given.fields, type, about))
    key = _key(given, type, fields)
    happening = Happening(topic=topic, type=type.code, key=key, fields=fields)
    return _Ready(
        id=ids.new_id(),
        external_id=given.id,
        happening=happening,
        at=given.at or about.now,
        fingerprint=sha256(
            msgspec.json.encode((topic, type.code, key, given.at, fields), order="sorted")
        ).digest(),
    )


def _topic(given: Published, type: EventType, about: _About) -> str:
    """Its type's; of a type that belongs to none, one that there is."""
    topic = type.topic or given.topic
    if topic is None:
        words = f"topic: events of type {type.code} are of any topic: name one."
        raise InvalidInput(words, field="topic")
    if given.topic not in (None, topic):
        raise InvalidInput(f"topic: the type {type.code} is of {topic}.", field="topic")
    if type.topic is None and topic not in about.topics:
        raise InvalidInput(f"topic: there is no topic {topic[:100]!r}.", field="topic")
    return topic


def _owned(fields: Mapping[str, object], type: EventType, about: _About) -> Mapping[str, object]:
    """With the company, and the application, that publish it, whatever they say themselves."""
    names = {_COMPANY: about.company_id, _APPLICATION: about.application_id}
    return {**fields, **{name: id for name, id in names.items() if name in type.fields}}


def _key(given: Published, type: EventType, fields: Mapping[str, Value]) -> str:
    if given.key is not None:
        if len(given.key) > MAX_KEY or not given.key.isprintable():
            words = f"key: {MAX_KEY} printable characters at most."
            raise InvalidInput(words, field="key")
        return given.key
    always = sorted(name for name in type.fields if type.fields[name].mandatory)
    about = (fields[name] for name in (*_ABOUT, *always) if name in fields)
    return next((str(each)[:MAX_KEY] for each in about if not isinstance(each, Raw)), "")

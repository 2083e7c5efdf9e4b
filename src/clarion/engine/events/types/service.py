"""What topics and event types there are for a company, and how it adds its own.

A company's own types may be in its own topics and in those that everybody has. Own ones change
seldom; the others need no look-up.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import asyncpg

from clarion.engine.accounts.model import Caller
from clarion.engine.events.criteria.model import NAME, is_keyword
from clarion.engine.events.model import EventType, Field, Topic
from clarion.engine.events.types import store
from clarion.engine.events.types.catalogue import TOPICS, TYPES
from clarion.engine.events.types.fields import MAX_FIELDS, MAX_NAME, check_fields
from clarion.engine.events.types.store import SQL, Runner
from clarion.errors import AlreadyExists, Conflict, InvalidInput, NotAllowed, NotFound
from clarion.storage.database import Database

__all__ = [
    "check_fields",
    "create_topic",
    "create_type",
    "delete_topic",
    "delete_type",
    "known_topics",
    "replace_type",
    "topic_of",
    "topics",
    "type_of",
    "types",
    "types_of",
    "types_of_topic",
]

MAX_TOPICS = 100
MAX_TYPES = 1000
MAX_DESCRIPTION = 1000
_CODE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_FIELD = re.compile(NAME)


async def topics(on: Runner, company_id: int) -> list[Topic]:
    """All that the company sees, by name."""
    found = [*TOPICS.values(), *await store.topics(on, company_id)]
    return sorted(found, key=lambda topic: topic.name)


async def topic_of(on: Runner, company_id: int, name: str) -> Topic | None:
    if name in TOPICS:
        return TOPICS[name]
    return await store.topic(on, company_id, name) if _CODE.fullmatch(name) else None


async def known_topics(on: Runner, company_id: int, names: Collection[str]) -> set[str]:
    """Those of these that there are; one statement at most."""
    found = {name for name in names if name in TOPICS}
    if others := set(names) - found:
        found |= others & {topic.name for topic in await store.topics(on, company_id)}
    return found


async def types(on: Runner, company_id: int) -> list[EventType]:
    """All that the company sees, by code."""
    found = [*TYPES.values(), *await store.types(on, company_id)]
    return sorted(found, key=lambda type: type.code)


async def types_of_topic(on: Runner, company_id: int, topic: str) -> list[EventType]:
    """By code; empty for a topic without types and for one that there is not."""
    found = [type for type in TYPES.values() if type.topic == topic]
    if _CODE.fullmatch(topic):
        found += await store.types_of_topic(on, company_id, topic)
    return sorted(found, key=lambda type: type.code)


async def type_of(on: Runner, company_id: int, code: str) -> EventType | None:
    return (await types_of(on, company_id, [code])).get(code)


async def types_of(on: Runner, company_id: int, codes: Collection[str]) -> dict[str, EventType]:
    """Those of these that there are, by code; one statement at most."""
    found = {code: TYPES[code] for code in codes if code in TYPES}
    others = sorted(code for code in set(codes) - found.keys() if _CODE.fullmatch(code))
    if others:
        own = await store.types_by_code(on, company_id, others)
        found |= {type.code: type for type in own}
    return found


# ---------------------------------------------------------------- a company's own


async def create_topic(
    db: Database, caller: Caller, name: str, description: str | None = None
) -> Topic:
    """Raises AlreadyExists, InvalidInput."""
    _check_code(name, "topic-nm")
    if description is not None and (len(description) > MAX_DESCRIPTION or "\0" in description):
        words = f"description: {MAX_DESCRIPTION} characters at most, and no zero character."
        raise InvalidInput(words, field="description")
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        counts = await tx.fetchrow(SQL["count_own"], caller.company_id)
        if counts["topics"] >= MAX_TOPICS:
            raise Conflict(f"A company has {MAX_TOPICS} topics of its own at most.")
        made = await tx.fetchval(SQL["insert_topic"], caller.company_id, name, description, now)
        if name in TOPICS or made is None:
            raise AlreadyExists(f"topic-nm: there is a topic {name}.", field="topic-nm")

    await db.run(work)
    return Topic(name, description)


async def delete_topic(db: Database, caller: Caller, name: str) -> None:
    """Raises Conflict while a type is in it or somebody subscribes to it."""
    if name in TOPICS:
        raise NotAllowed(f"The topic {name} is everybody's.")
    known = await topic_of(db, caller.company_id, name)
    if known and await db.fetchval(SQL["delete_topic"], caller.company_id, name) is not None:
        return
    if known is None:
        raise NotFound(f"There is no topic {name[:MAX_NAME]}.")
    raise Conflict(f"The topic {name} has event types or subscriptions.")


async def create_type(db: Database, caller: Caller, new: EventType) -> EventType:
    """Raises AlreadyExists, InvalidInput; NotFound: there is no such topic."""
    _check_code(new.code, "id")
    _check_declared(new.fields)
    now = datetime.now(UTC)

    async def work(tx: asyncpg.Connection) -> None:
        if new.topic is None or await topic_of(tx, caller.company_id, new.topic) is None:
            raise NotFound(f"There is no topic {(new.topic or '')[:MAX_NAME]}.")
        counts = await tx.fetchrow(SQL["count_own"], caller.company_id)
        if counts["types"] >= MAX_TYPES:
            raise Conflict(f"A company has {MAX_TYPES} event types of its own at most.")
        row = (new.code, new.topic, new.strict, store.fields_as_json(new.fields), now)
        made = await tx.fetchval(SQL["insert_type"], caller.company_id, *row)
        if new.code in TYPES or made is None:
            raise AlreadyExists(f"id: there is an event type {new.code}.", field="id")

    await db.run(work)
    return new


async def replace_type(db: Database, caller: Caller, new: EventType) -> EventType:
    """Its fields anew; subscriptions stay, and what they compare may have gone."""
    _check_own(new.code)
    _check_declared(new.fields)
    row = (new.code, new.topic, new.strict, store.fields_as_json(new.fields))
    known = await type_of(db, caller.company_id, new.code)
    if known is None or not await db.fetchval(SQL["update_type"], caller.company_id, *row):
        raise NotFound(f"There is no event type {new.code[:MAX_NAME]} in this topic.")
    return new


async def delete_type(db: Database, caller: Caller, code: str) -> None:
    """Raises Conflict while somebody subscribes to it."""
    _check_own(code)
    known = await type_of(db, caller.company_id, code)
    if known and await db.fetchval(SQL["delete_type"], caller.company_id, code) is not None:
        return
    if known is None:
        raise NotFound(f"There is no event type {code[:MAX_NAME]}.")
    raise Conflict(f"The event type {code} has subscriptions.")


def _check_own(code: str) -> None:
    if code in TYPES:
        raise NotAllowed(f"The event type {code} is everybody's.")


def _check_code(code: str, field: str) -> None:
    if not _CODE.fullmatch(code):
        words = f"{field}: 1 to 100 letters, digits, underscores, hyphens and dots are expected."
        raise InvalidInput(words, field=field)


def _check_declared(fields: Mapping[str, Field]) -> None:
    """Criteria can name each of them."""
    if len(fields) > MAX_FIELDS:
        raise InvalidInput(f"fields: an event has {MAX_FIELDS} at most.", field="fields")
    for name in fields:
        if not _FIELD.fullmatch(name) or len(name) > MAX_NAME or is_keyword(name):
            words = (
                f"fields: {name[:MAX_NAME]!r} cannot be a name. It has 1 to {MAX_NAME} letters, "
                "digits, underscores, hyphens and dots, begins with a letter or underscore, and "
                "is no word of the criteria's language."
            )
            raise InvalidInput(words, field="fields")

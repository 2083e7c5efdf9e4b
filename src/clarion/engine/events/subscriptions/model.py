"""Subscriptions as a company gives them, what they are stored as, and their limits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from msgspec import UNSET, Struct, UnsetType

from clarion.engine.events.criteria import Criteria, Key, check, parse
from clarion.engine.events.model import EventType
from clarion.errors import InvalidInput

MAX_SUBSCRIPTIONS = 5_000_000
"""Of one company."""

MAX_UNKEYED = 1000
"""Of a topic's, that each event has to be held against: their criteria name no value that an event
must have."""

MAX_OF_KEY = 1000
"""Of a topic's or type's, that are found by one value."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WHOLE_TOPIC = ""
"""In place of a type."""

NO_KEY: Key = ("", "")


class NewSubscription(Struct, kw_only=True):
    """A subscription to a topic as a company gives it."""

    configuration_id: int
    event_type: str | None = None  # None: every type of the topic
    criteria: str = ""  # empty: every event
    starts_at: datetime = EPOCH
    ends_at: datetime | None = None


class SubscriptionChange(Struct, kw_only=True):
    """What an update sets; the rest stays. The type and the configuration may be said, and have to
    be what they are."""

    version: int | None = None  # the version that the caller has read
    event_type: str | UnsetType | None = UNSET
    configuration_id: int | UnsetType = UNSET
    criteria: str | UnsetType = UNSET
    starts_at: datetime | UnsetType = UNSET
    ends_at: datetime | UnsetType | None = UNSET


class Checked(Struct, frozen=True):
    """A subscription that can be stored, and what it is found by."""

    new: NewSubscription
    keys: Sequence[Key]  # NO_KEY where there is none

    @property
    def event_type(self) -> str:
        return self.new.event_type or WHOLE_TOPIC

    @property
    def is_keyed(self) -> bool:
        return NO_KEY not in self.keys


class Wanted(Struct, frozen=True):
    """What a delivery configuration gets of the events that a criterion is about."""

    configuration_id: int
    configuration_name: str
    types: tuple[str, ...]  # codes of event types


def checked(new: NewSubscription, types: Sequence[EventType]) -> Checked:
    """Held against the types of its topic. InvalidInput names the attribute, and of criteria the
    character."""
    if new.event_type is not None:
        types = [type for type in types if type.code == new.event_type]
        if not types:
            words = f"evt-tp: the topic has no event type {new.event_type[:100]}."
            raise InvalidInput(words, field="evt-tp")
    if new.ends_at is not None and new.ends_at <= new.starts_at:
        raise InvalidInput("end-date: it is not after start-date.", field="end-date")
    criteria = parse(new.criteria)
    check(criteria, types)
    return Checked(msgspec.structs.replace(new, criteria=new.criteria.strip()), keys_of(criteria))


def check_fixed(change: SubscriptionChange, *, event_type: str | None, configuration: int) -> None:
    """Raises InvalidInput for another type or configuration: an update changes neither."""
    if change.event_type not in (UNSET, event_type):
        is_to = f"type {event_type}" if event_type else "every type of the topic"
        raise _fixed("evt-tp", f"to {is_to}")
    if change.configuration_id not in (UNSET, configuration):
        raise _fixed("del-cfg-id", f"for delivery configuration {configuration}")


def _fixed(field: str, words: str) -> InvalidInput:
    words = f"{field}: it cannot be changed; the subscription is {words}. Make another one."
    return InvalidInput(words, field=field)


def keys_of(criteria: Criteria) -> Sequence[Key]:
    return criteria.keys() or [NO_KEY]

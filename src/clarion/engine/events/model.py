"""The nouns of events: topics, types, subscriptions, delivery configurations, deliveries.

Names as in the ESS reference: a topic groups event types; a subscription sends the events of a
topic, of one type or all, that match its criteria, to a delivery configuration; one matched event
is one delivery a configuration, tried until it succeeds or the tries are used up.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from msgspec import Raw, Struct

SUBSCRIPTIONS_CHANNEL = "clarion_subscriptions"
"""Hints that a company's subscriptions or delivery configurations have changed: its id."""

DELIVERIES_CHANNEL = "clarion_deliveries"
"""Hints that there is something to be delivered; the payload is a configuration's id, or empty."""

MAX_AHEAD = timedelta(hours=1)
"""How far an event's timestamp may be ahead of our clock, and so of its id, which filters by time
go by. It may lie back as far as it likes: what is kept goes by the id."""

Value = str | int | float | bool | Raw | None
"""Of a field: Text and Date are str, Integer int, Decimal float, Boolean bool. A list or an object,
which only a type that is not strict takes, is Raw: its JSON."""


class FieldType(Enum):
    TEXT = "Text"
    INTEGER = "Integer"
    DECIMAL = "Decimal"
    BOOLEAN = "Boolean"
    DATE = "Date"


class Field(Struct, frozen=True):
    """One field of an event type."""

    type: FieldType
    mandatory: bool = False


class EventType(Struct, frozen=True):
    """What events of a type carry."""

    code: str
    topic: str | None  # None: of no topic (health-check)
    strict: bool  # unknown fields are refused; else they are kept
    fields: Mapping[str, Field]


class Topic(Struct, frozen=True):
    name: str
    description: str | None = None
    service: str | None = None  # whose events they are; None: nobody's, or the company's own


class Protocol(Enum):
    REST = "REST"
    STREAM = "STREAM"  # ours: a connected client takes the events


class Format(Enum):
    JSON = "JSON"
    XML = "XML"


class AuthenticationType(Enum):
    NONE = "NONE"
    BASIC = "BASIC"
    OAUTH = "OAUTH"


class DeliveryStatus(Enum):
    PENDING = "PENDING"  # not tried yet
    RETRY = "RETRY"  # failed, and will be tried again
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"  # the tries are used up, or there was no point in another one


class DeliveryConfiguration(Struct, frozen=True, kw_only=True):
    """Where events go, and how. Secrets are not part of it."""

    company_id: int
    id: int
    name: str
    protocol: Protocol
    address: str | None  # None: events are collected into files, or a STREAM takes them
    format: Format
    active: bool
    inactive_reason: str | None
    throttling: int | None  # deliveries a minute
    ordered: bool
    cron_expression: str | None
    latest_event_only: bool
    authentication_type: AuthenticationType
    held_until: datetime | None
    updated_at: datetime
    version: int


class Destination(Struct, frozen=True, kw_only=True):
    """A delivery configuration with its secrets, opened: for whoever posts to it.

    `settings` are those of its authentication. BASIC: username, password. OAUTH: grant_type
    (client_credentials, password or refresh_token), token_url, client_id, client_secret, and where
    they are used scope, audience, username, password, refresh_token, client_authentication (basic
    or body). With any type: client_certificate and client_key, PEM, and ca_certificate, an
    authority that is trusted beside the system's.
    """

    configuration: DeliveryConfiguration
    settings: Mapping[str, str]
    secrets: tuple[str, ...]  # whsec_...: bodies are signed with each


class Subscription(Struct, frozen=True, kw_only=True):
    """Which events go to a delivery configuration."""

    company_id: int
    id: int
    topic: str
    event_type: str | None  # None: every type of the topic
    configuration_id: int
    criteria: str  # empty: every event
    starts_at: datetime
    ends_at: datetime | None
    updated_at: datetime
    version: int


class Happening(Struct, frozen=True, kw_only=True):
    """Something that has happened, before anybody is known to care."""

    topic: str
    type: str
    key: str  # what it is about: X-ESS-EVENT-KEY
    fields: dict[str, Value]


class Event(Struct, frozen=True, kw_only=True):
    """A stored event, as it is delivered."""

    company_id: int
    id: UUID
    external_id: str | None
    topic: str
    type: str
    key: str
    at: datetime
    body: str  # its fields, a JSON object

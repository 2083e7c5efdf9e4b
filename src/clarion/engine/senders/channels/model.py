"""Channels: what they are, and how a `from` names one.

SCG reference, Channel. A channel is a group of sender ids: of several types, to reach recipients
over several media, or of one type, to send faster than one of them can.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from clarion.engine.senders.model import Sender
from clarion.kit import ids

MAX_SENDERS = 1000
MAX_DESCRIPTION = 1000


class Priority(StrEnum):
    HIGH = "HIGH"  # leaves before all else of its company's
    NORMAL = "NORMAL"
    LOW = "LOW"  # leaves when nothing else is left


QUEUE_PRIORITIES: Mapping[str, int] = MappingProxyType(
    {Priority.HIGH: 0, Priority.NORMAL: 1, Priority.LOW: 2}
)


class ChannelOwnership(StrEnum):
    PRIVATE = "PRIVATE"  # one company's own
    SHARED = (
        "SHARED"  # the operator's; companies use it with what they have taken of its sender ids
    )
    PUBLIC = "PUBLIC"  # the operator's; its SHARED sender ids are taken by who sends through it


class Channel(Struct, frozen=True, gc=False):
    """What the message pipeline needs to know about a channel."""

    id: UUID
    company_id: int  # the operator's, of a channel that is offered
    priority: int  # 0 high, 1 normal, 2 low
    senders: tuple[Sender, ...]  # the sending company's own, in whatever state they are
    listed_countries: frozenset[str]  # countries that some class names; others have the OTHER ones


class NewChannel(Struct, kw_only=True):
    """A channel as a company asks for it."""

    name: str
    priority: Priority = Priority.NORMAL
    description: str | None = None
    ownership: ChannelOwnership = ChannelOwnership.PRIVATE


class ChannelChange(Struct, kw_only=True):
    """What an update sets; the rest stays."""

    version: int | None = None  # the version that the caller has read
    name: str | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    ownership: ChannelOwnership | UnsetType = UNSET


_REFERENCE = re.compile(r"\s*channel\s*[:-]\s*(?P<id>\S{1,64})\s*", re.IGNORECASE)


def channel_named(reference: str) -> UUID | None:
    """The channel that a `from` names: `channel:<id>`, `channel-<id>`, blanks allowed."""
    found = _REFERENCE.fullmatch(reference)
    return ids.parse(found["id"]) if found else None


def names_channel(reference: str) -> bool:
    """Whether a `from` means a channel, even one that cannot be."""
    return _REFERENCE.fullmatch(reference) is not None

"""Contact groups: what they are and what can be changed about them.

SCG reference, Contact Group. A STATIC group has members, which are added and removed; criteria say
who its first members are. A DYNAMIC group is whoever its criteria match whenever it is used.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import UNSET, Struct, UnsetType

from clarion.errors import Conflict


class GroupType(StrEnum):
    STATIC = "STATIC"
    DYNAMIC = "DYNAMIC"


class GroupStatus(StrEnum):
    PROCESSING = "Processing"  # contacts that match its criteria are still being added
    READY = "Ready"


class GroupBusy(Conflict):
    """The contact group is still being filled: try again when its status is Ready."""


class NewGroup(Struct, kw_only=True):
    """A group as a client asks for it."""

    type: GroupType = GroupType.STATIC
    name: str | None = None
    external_id: str | None = None
    description: str | None = None
    criteria: str | None = None


class GroupChange(Struct, kw_only=True):
    """What an update sets; the rest stays."""

    version: int | None = None  # the version that the caller has read
    type: GroupType | UnsetType = UNSET
    name: str | UnsetType | None = UNSET
    external_id: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    criteria: str | UnsetType | None = UNSET


class Group(Struct, frozen=True):
    """What the use of a group needs to know of it."""

    type: GroupType
    criteria: str | None
    status: GroupStatus

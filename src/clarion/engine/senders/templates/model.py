"""Message templates: what they are, and how far one may go.

SCG reference, Message Template. A TEMPLATE is what messages are made from. A VALIDATOR belongs to
sender ids and says what their messages must look like.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from clarion.errors import InvalidInput

MAX_PATTERN = 10_000
MAX_TEMPLATES = 1_000  # of one company
TEMPLATE_FAILURE = "1006"
"""The failure code of a message that could not be made, or that its sender id does not take."""


class TemplateError(InvalidInput):
    """The message cannot be made from its template."""


class Designation(StrEnum):
    TEMPLATE = "TEMPLATE"  # messages are made from it
    VALIDATOR = "VALIDATOR"  # what a sender id sends must look like it


class TemplateOwnership(StrEnum):
    PRIVATE = "PRIVATE"  # one company's own
    PUBLIC = "PUBLIC"  # the operator's; every company sees and uses it


class MessageTemplate(Struct, frozen=True, gc=False):
    """What the message pipeline needs to know about a template."""

    id: UUID
    name: str
    designation: Designation
    ownership: TemplateOwnership
    pattern: str


class Limits(Struct, frozen=True, kw_only=True):
    """How far the making of one message may go: tenants write templates, so each is a wall."""

    output: int = 100_000  # characters of the message, and of every text on the way
    items: int = 1_000  # of one list or map
    loops: int = 500  # rounds of all #foreach together
    depth: int = 8  # templates within templates
    steps: int = 5_000  # pieces of template that are gone through
    seconds: float = 0.02


DEFAULT_LIMITS = Limits()


class NewTemplate(Struct, kw_only=True):
    """A template as a company asks for it."""

    name: str
    pattern: str
    designation: Designation = Designation.TEMPLATE
    ownership: TemplateOwnership = TemplateOwnership.PRIVATE


class TemplateChange(Struct, kw_only=True):
    """What an update sets; the rest stays."""

    version: int | None = None  # the version that the caller has read
    name: str | UnsetType = UNSET
    pattern: str | UnsetType = UNSET
    designation: Designation | UnsetType = UNSET
    ownership: TemplateOwnership | UnsetType = UNSET

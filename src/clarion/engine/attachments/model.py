"""Attachments and the rules about them.

SCG reference, Attachment. An attachment is made without content; that is uploaded on its own, with
an access token in the place of a credential, and can be replaced until something uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

MAX_LINKED = 100  # attachments of one message request


class AttachmentState(StrEnum):
    CREATED = "CREATED"  # has no content yet
    UPLOADED = "UPLOADED"  # its content is in the file store, whole


class NewAttachment(Struct, kw_only=True):
    """An attachment as a company asks for it."""

    name: str | None = None
    type: str | None = None  # MIME type
    filename: str | None = None
    designation: str | None = None


class AttachmentChange(Struct, kw_only=True):
    """What an update sets; the rest stays."""

    version: int | None = None  # the version that the caller has read
    name: str | UnsetType | None = UNSET
    type: str | UnsetType | None = UNSET
    filename: str | UnsetType | None = UNSET
    designation: str | UnsetType | None = UNSET


class StoredFile(Struct, frozen=True):
    """What there is to know about an attachment when its content is wanted."""

    id: UUID
    name: str | None
    mime_type: str | None
    filename: str | None
    size: int | None  # bytes
    state: AttachmentState
    key: str | None  # in the file store; of what is UPLOADED


class Link(Struct, frozen=True):
    """What a message request (or an MO message) carries, in its order."""

    company_id: int
    request_id: UUID
    attachment_ids: Sequence[UUID]


class Brought(Struct, frozen=True):
    """A file that an MO message has brought: its content is in the file store under `key`."""

    company_id: int
    message_id: UUID
    position: int
    application_id: int | None  # None: the company's oldest
    key: str
    name: str
    mime_type: str | None
    size: int | None


class Token(Struct, frozen=True):
    """An access token: good for the content of one attachment until it expires."""

    id: UUID
    expires_at: datetime


class Target(Struct, frozen=True):
    """What an access token opens."""

    company_id: int
    attachment_id: UUID


def file_key(company_id: int, upload_id: UUID) -> str:
    """Where the content of one upload is; the level between keeps directories small."""
    name = upload_id.hex
    return f"attachments/{company_id}/{name[-2:]}/{name}"

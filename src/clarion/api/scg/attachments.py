"""Attachments as they are listed below messages and message requests."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Attachment(Struct, kw_only=True):
    """A file that travels with a message."""

    id: str
    name: str | None = None
    type: str | None = None
    size: int | None = None
    filename: str | None = None
    state: str | None = None
    application_id: int | None = None
    created_date: datetime | None = None
    last_updated_date: datetime | None = None
    version_number: int | None = None

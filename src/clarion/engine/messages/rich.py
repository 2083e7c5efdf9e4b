"""What travels beside the text of MMS, push and e-mail, between the tables and the connectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from clarion.engine.messages.outcomes import Entry
from clarion.engine.messages.ports import Encoding, Media, Submission

NO_CONTENT: Mapping[str, Any] = {
    "content_type": None, "options": None, "media": None, "members": None,
}  # fmt: skip


def stored_media(media: Sequence[Media]) -> str | None:
    """Media as the columns `media` hold them, as JSON text for a parameter `::text::jsonb` (an
    array of lists would be taken for an array of two dimensions); None for none."""
    return msgspec.json.encode(media).decode() if media else None


def read_media(stored: object) -> tuple[Media, ...]:
    """What `stored_media` has stored."""
    return msgspec.convert(stored or [], tuple[Media, ...])


def rich_submission(
    entry: Entry,
    row: Mapping[str, Any],
    body: str,
    content: Mapping[str, Any] | None,
    priority: int,
) -> Submission:
    """A message that is no SMS: one part, whatever its length."""
    shared = content or NO_CONTENT
    return Submission(
        message_id=entry.message_id,
        source=row["sender_address"],
        destination=row["peer_address"],
        parts=(body,),
        pending=(1,),
        encoding=Encoding.UCS2,
        reference=0,
        expires_at=row["expires_at"],
        priority=priority,
        medium=row["medium"],
        subject=row["subject"],
        media=read_media(row["media"] if row["media"] is not None else shared["media"]),
        content_type=shared["content_type"],
        options=shared["options"],
        group=tuple(shared["members"] or ()) if row["medium"] == "MMS" else (),
    )

"""Whether what travels beside the text may leave from a sender id of that type."""

from __future__ import annotations

from collections.abc import Sequence
from mimetypes import MimeTypes
from uuid import UUID

from clarion.engine.messages.model import FailureCode
from clarion.engine.messages.ports import Media
from clarion.engine.messages.steps.chunk import Chunk
from clarion.engine.senders.mime_types import first_refused
from clarion.engine.senders.model import Sender

MAX_SHOWN = 100
_ENDINGS = MimeTypes()  # what Python knows, the same on every machine


async def check_media(chunk: Chunk) -> None:
    """Of each request the media are the same, so one look a sender id does."""
    wrong: dict[tuple[UUID, UUID], str | None] = {}
    for c in chunk.going():
        if not c.plan.media or c.sender is None:
            continue
        key = c.plan.request_id, c.sender.id
        if key not in wrong:
            wrong[key] = what_is_refused(c.sender, c.plan.media)
        if words := wrong[key]:
            c.fail(FailureCode.NO_SENDER, words)


def what_is_refused(sender: Sender, media: Sequence[Media]) -> str | None:
    """What the sender id's type does not let through, in words; None: it lets all through."""
    allowed, blocked = sender.allowed_mime_types, sender.blocked_mime_types
    if not (allowed or blocked):
        return None
    types = tuple(map(_type_of, media))
    place = first_refused(allowed, blocked, types)
    if place is None:
        return None
    what, name = "media" if media[place].url else "attachment", media[place].name[:MAX_SHOWN]
    mime_type = (types[place] or "of an unknown MIME type")[:MAX_SHOWN]
    return f"The {what} {name!r} is {mime_type}, which type {sender.type_id} does not allow."


def _type_of(media: Media) -> str | None:
    """As it was given; of an address on the web, what its name's ending says."""
    if media.mime_type or not media.url:
        return media.mime_type or None
    return _ENDINGS.guess_type(media.name)[0]

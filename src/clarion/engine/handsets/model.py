"""What is in a virtual handset, application or mailbox."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from clarion.engine.messages.model import Direction, MessageState
from clarion.engine.messages.ports import Media


class HandsetMessage(Struct, frozen=True):
    """A message as its owner sees it."""

    id: UUID
    handset: str  # E.164; of a push "apn:<token>"; an e-mail address
    medium: str  # a ports.Medium
    direction: Direction  # MT: the handset received it; MO: it was sent from here
    sender_address: str  # the gateway's side
    subject: str | None
    text: str
    media: tuple[Media, ...]
    group: tuple[str, ...]  # of a group MMS: everybody who got it
    at: datetime  # when it arrived, or was sent
    state: MessageState
    fragments: int


class Mark(Struct, frozen=True):
    """A place in the order in which messages arrive at handsets."""

    at: datetime
    id: UUID

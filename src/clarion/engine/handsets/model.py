"""What is in a virtual handset."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from clarion.engine.messages.model import Direction, MessageState


class HandsetMessage(Struct, frozen=True):
    """A message as the handset's owner sees it."""

    id: UUID
    handset: str  # E.164
    direction: Direction  # MT: the handset received it; MO: it was sent from here
    sender_address: str  # the gateway's side
    text: str
    at: datetime  # when it arrived, or was sent
    state: MessageState
    fragments: int


class Mark(Struct, frozen=True):
    """A place in the order in which messages arrive at handsets."""

    at: datetime
    id: UUID

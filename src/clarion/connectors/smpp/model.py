"""A session's states and how it ends; what passes between a session and its owner."""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

from msgspec import Struct

from clarion.connectors.smpp.pdu import ShortMessage

T = TypeVar("T")


class State(Enum):
    OPENING = "opening"  # connected or about to be; the bind is not answered
    BOUND = "bound"
    DRAINING = "draining"  # takes nothing more; waits for what is under way
    UNBINDING = "unbinding"  # unbind is sent
    CLOSED = "closed"


class End(Enum):
    """Why a session ended, or never began."""

    UNREACHABLE = "unreachable"  # no connection
    REFUSED = "refused"  # the SMSC answered the bind with an error
    SILENT = "silent"  # the SMSC did not answer in time
    LOST = "lost"  # the connection broke
    UNBOUND = "unbound"  # the SMSC unbound
    BROKEN = "broken"  # what came was not SMPP
    STOPPED = "stopped"  # we parted


class Ending(Struct, frozen=True):
    kind: End
    words: str
    status: int = 0  # of a refused bind


class Limits(Struct, frozen=True):
    window: int
    enquire_link: float
    response_timeout: float


Reply = tuple[int, int]
"""How a delivery is answered: command id and sequence number of its response."""

Delivery = tuple[Reply, ShortMessage]
Answer = tuple[T, int, str]
"""A request's ticket, command_status and message_id."""

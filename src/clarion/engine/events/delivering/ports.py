"""What delivering needs of whoever posts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from clarion.engine.events.model import Destination, Event

MAX_ANSWER = 4096  # bytes of an answer that are kept


class Answer(Struct, frozen=True, kw_only=True):
    """What became of one post."""

    status: int | None  # of HTTP; None: there was no answer
    text: str  # the receiver's words, or why there are none
    milliseconds: int
    retry_after: float | None = None  # seconds that the receiver asks us to wait
    hopeless: bool = False  # no try will do better: the address is not one that may be posted to


Answered = Callable[[Answer], None]


class Courier(Protocol):
    """Posts events. All calls come from one event loop."""

    def post(
        self, destination: Destination, event: Event, *, attempt: int, answered: Answered
    ) -> None:
        """Returns at once; `answered` is called once, later, within the courier's time-out.
        `attempt` counts from 1."""

    async def close(self) -> None:
        """Cuts what is under way: its `answered` are not called any more."""

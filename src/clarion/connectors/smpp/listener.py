"""What the owner of a session hears."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from clarion.connectors.smpp.model import Answer, Delivery, Ending

if TYPE_CHECKING:
    from clarion.connectors.smpp.session import Session

T = TypeVar("T")


class Listener(Protocol[T]):
    """`answered` and `delivered` are called at most once for one `data_received`."""

    def answered(self, session: Session[T], answers: list[Answer[T]]) -> None: ...

    def unanswered(self, session: Session[T], tickets: list[T]) -> None:
        """These were written, and no answer came in time."""

    def delivered(self, session: Session[T], deliveries: list[Delivery]) -> None:
        """To be answered by `session.reply`."""

    def writable(self, session: Session[T]) -> None:
        """More can be submitted: it is bound now, or the peer reads again."""

    def ended(self, session: Session[T], ending: Ending, tickets: list[T]) -> None:
        """It is over; these were written and are not answered."""

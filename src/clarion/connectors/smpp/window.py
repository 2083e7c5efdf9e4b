"""The requests of a session that are under way, and the sequence numbers that name them."""

from __future__ import annotations

from typing import Generic, TypeVar

MAX_SEQUENCE = 0x7FFFFFFF

T = TypeVar("T")


class Window(Generic[T]):
    """By sequence number: when it was written, and its ticket. Requests come in the order of time
    and all have the same time to be answered in, so the overdue ones are at the front."""

    __slots__ = ("_sequence", "entries")

    def __init__(self) -> None:
        self.entries: dict[int, tuple[float, T]] = {}
        self._sequence = 0

    def __len__(self) -> int:
        return len(self.entries)

    def next_sequence(self) -> int:
        """1 to 0x7FFFFFFF (SMPP 3.4, 5.1.4), and around."""
        self._sequence = self._sequence + 1 if self._sequence < MAX_SEQUENCE else 1
        return self._sequence

    def add(self, now: float, ticket: T) -> int:
        sequence = self.next_sequence()
        self.entries[sequence] = (now, ticket)
        return sequence

    def overdue(self, before: float) -> list[T]:
        """Take out what was written before then."""
        late = []
        for sequence, (written, _) in self.entries.items():
            if written > before:
                break
            late.append(sequence)
        return [self.entries.pop(sequence)[1] for sequence in late]

    def clear(self) -> list[T]:
        """Take out everything."""
        tickets = [ticket for _, ticket in self.entries.values()]
        self.entries.clear()
        return tickets

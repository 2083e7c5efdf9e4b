"""Whether the peer is still there: when it last spoke, and what became of our enquire_link."""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    FINE = "fine"
    ASK = "ask"  # silent for a while: send enquire_link
    GONE = "gone"  # it did not even answer that


class KeepAlive:
    """Times are the event loop's."""

    __slots__ = ("_asked", "heard", "round_trip")

    def __init__(self, now: float) -> None:
        self.heard = now
        self.round_trip: float | None = None  # of the last enquire_link
        self._asked: tuple[int, float] | None = None

    def asked(self, sequence: int, now: float) -> None:
        self._asked = (sequence, now)

    def answered(self, sequence: int, now: float) -> None:
        if self._asked is not None and self._asked[0] == sequence:
            self.round_trip = now - self._asked[1]
            self._asked = None

    def verdict(self, now: float, *, silence: float, patience: float) -> Verdict:
        if self._asked is None:
            return Verdict.ASK if now - self.heard >= silence else Verdict.FINE
        asked_at = self._asked[1]
        if now - max(self.heard, asked_at) >= patience:
            return Verdict.GONE
        if self.heard > asked_at and now - asked_at > silence:
            self._asked = None  # it speaks, but does not answer enquire_link: so be it
        return Verdict.FINE

"""Why a message reached the SMSC more than once: each repetition must have a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from .evidence import Copy, Evidence

KILL = "gateway killed"
LOST = "response lost"
CUT = "connection cut"
UNEXPLAINED = "unexplained"

ON_THE_WAY = 2.0
"""Seconds that an answer may be on its way: what is older when a connection ends was read."""

WRITTEN = 0.5
"""Seconds within which what a process wrote before it was killed reaches the SMSC: less than any
other process takes to send the same again."""


def repetitions(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """(number, reason) of each submit_sm that repeats one that the SMSC had taken."""
    for (number, _), copies in evidence.copies.items():
        for earlier, later in pairwise(copies):
            yield number, _reason(evidence, number, earlier, later)


def count(evidence: Evidence) -> Counter[str]:
    return Counter(reason for _, reason in repetitions(evidence))


def by_kill(evidence: Evidence) -> list[tuple[int, int]]:
    """For each kill of the gateway: messages in its claims, and those of them repeated."""
    repeated = {number for number, reason in repetitions(evidence) if reason == KILL}
    ids = {message["id"] for number in repeated if (message := evidence.message_of(number))}
    return [(len(kill.claimed), len(kill.claimed & ids)) for kill in evidence.diary.kills]


def _reason(evidence: Evidence, number: str, earlier: Copy, later: Copy) -> str:
    if not earlier.answered:
        return LOST
    message = evidence.message_of(number)
    for kill in evidence.diary.kills:
        in_between = earlier.at - WRITTEN <= kill.at <= later.at
        if in_between and message is not None and message["id"] in kill.claimed:
            return KILL
    end = evidence.ends.get(earlier.connection)
    if end is not None and earlier.at <= end <= min(later.at, earlier.at + ON_THE_WAY):
        return CUT
    return UNEXPLAINED

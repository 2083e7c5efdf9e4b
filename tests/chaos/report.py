"""The figures of a run, for people."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

from . import duplicates
from .evidence import Evidence
from .plan import Trouble

DEADLY = {Trouble.GATEWAY, Trouble.DATABASE, Trouble.BACKEND, Trouble.BOTH}


def figures(evidence: Evidence) -> str:
    """A table."""
    ledger, diary = evidence.ledger, evidence.diary
    copies = [copy for found in evidence.copies.values() for copy in found]
    lines = [
        f"seed {evidence.plan.seed}: {evidence.plan.seconds:g} s of load",
        _line("requests acknowledged", len(ledger.acknowledged)),
        _line("tries not acknowledged, repeated", ledger.failures),
        _line("requests given up by clients", len(ledger.abandoned)),
        _line("messages", sum(m["direction"] == "MT" for m in evidence.messages.values())),
        _line("subscribers' messages", len(evidence.injected)),
        _line("submit_sm taken by the SMSC", len(copies)),
        _line("receipts acknowledged", sum(r["kind"] == "receipt" for r in evidence.settled)),
        _line("receipts of repeated copies, kept aside", len(evidence.unmatched)),
        _line("subscribers' messages stored twice", _answers_twice(evidence)),
    ]
    trouble = Counter(kind for _, kind in diary.acts)
    lines += ["trouble", *(_line(f"  {kind.value}", count) for kind, count in trouble.items())]
    found = duplicates.count(evidence)
    lines += ["repeated submit_sm", *(_line(f"  {why}", count) for why, count in found.items())]
    lines += ["messages in claims at each kill, and repeated of them"]
    lines += [f"  {claimed:>6} {repeated:>6}" for claimed, repeated in duplicates.by_kill(evidence)]
    lines += ["seconds until the next acknowledged request and the next submit_sm"]
    at = sorted(copy.at for copy in copies)
    for when, kind in diary.acts:
        if kind in DEADLY:
            lines.append(f"  {_gap(ledger.at, when)} {_gap(at, when)}  {kind.value}")
    return "\n".join(lines)


def _line(words: str, figure: object) -> str:
    return f"{words:<44}{figure:>8}"


def _answers_twice(evidence: Evidence) -> int:
    bodies = Counter(
        (m["peer_address"], m["body"]) for m in evidence.messages.values() if m["direction"] == "MO"
    )
    return sum(count - 1 for count in bodies.values())


def _gap(times: Sequence[float], when: float) -> str:
    ordered = sorted(times)
    at = bisect_right(ordered, when)
    return f"{ordered[at] - when:7.2f}" if at < len(ordered) else "   none"

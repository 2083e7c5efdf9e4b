"""End to end with receipts and one webhook a message: until all of them have arrived.

Clarion stores an event for each message that is delivered, posts it, and records what was answered;
Kannel calls back once and forgets. Both call the same sink.
"""

from __future__ import annotations

from bench import receipts
from bench.frame import Bench, Plan, Sample

TITLE = "end to end, one webhook a message"
SMSC_THERE = True
RECEIPTS = True
CALLBACKS = True


def run(bench: Bench, plan: Plan) -> Sample:
    return receipts.measure(bench, plan, TITLE)

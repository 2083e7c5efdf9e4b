"""End to end with receipts: from the first request until every receipt is dealt with.

Clarion: committed, and only then acknowledged to the SMSC. Kannel, which keeps receipts in memory
and tells of them only by HTTP: called back.
"""

from __future__ import annotations

import time

from bench.frame import GENERATOR, Bench, Plan, Sample

TITLE = "end to end, receipts recorded"
SMSC_THERE = True
RECEIPTS = True


def run(bench: Bench, plan: Plan) -> Sample:
    return measure(bench, plan, TITLE)


def measure(bench: Bench, plan: Plan, title: str) -> Sample:
    """Until as many are recorded, whatever that means to the gateway."""
    with bench.costs() as cost:
        begun = time.time()
        load = bench.post(plan.messages, plan.connections)
        bench.all_recorded(plan.messages)
        seconds = time.time() - begun
        taken, _ = bench.all_taken(plan.messages)
        bench.all_recorded(taken)
        bench.until_idle()
    cost.cpu[GENERATOR] = load.cpu
    return Sample(
        figure=title,
        gateway=bench.gateway.name,
        messages=taken,
        rate=plan.messages / seconds,
        cost=cost,
        load=load,
        latencies=bench.gateway.latencies(begun),
    )

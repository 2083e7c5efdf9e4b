"""End to end to the SMSC without receipts: from the first request to the last submit_sm."""

from __future__ import annotations

import time

from bench.frame import GENERATOR, Bench, Plan, Sample

TITLE = "end to end to the SMSC, no receipts"
SMSC_THERE = True
RECEIPTS = False


def run(bench: Bench, plan: Plan) -> Sample:
    with bench.costs() as cost:
        begun = time.time()
        load = bench.post(plan.messages, plan.connections)
        taken, ended = bench.all_taken(plan.messages)
        bench.until_idle()
    cost.cpu[GENERATOR] = load.cpu
    return Sample(
        figure=TITLE,
        gateway=bench.gateway.name,
        messages=taken,
        rate=taken / (ended - begun),
        cost=cost,
        load=load,
        latencies=bench.gateway.latencies(begun),
    )

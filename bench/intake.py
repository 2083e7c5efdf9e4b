"""Single-message requests accepted while the SMSC is away: what taking a message in costs.

Everything is stored and waits in the queue; figures of intake beside sending are in `sends`.
"""

from __future__ import annotations

from bench.frame import GENERATOR, Bench, Plan, Sample

TITLE = "requests accepted, SMSC away"
SMSC_THERE = False
RECEIPTS = False


def run(bench: Bench, plan: Plan) -> Sample:
    with bench.costs() as cost:
        load = bench.post(plan.messages, plan.connections)
    cost.cpu[GENERATOR] = load.cpu
    return Sample(
        figure=TITLE,
        gateway=bench.gateway.name,
        messages=load.requests,
        rate=load.requests / load.seconds,
        cost=cost,
        load=load,
    )

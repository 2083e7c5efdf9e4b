"""One request to 100,000 numbers: from the request until every receipt is recorded.

Kannel has nothing like it: it is compared with Kannel's end to end with receipts.
"""

from __future__ import annotations

import time

from bench.clarion import Clarion
from bench.frame import Bench, Plan, Sample

TITLE = "one request to many, receipts recorded"
SMSC_THERE = True
RECEIPTS = True


def run(bench: Bench, plan: Plan) -> Sample:
    gateway = bench.gateway
    assert isinstance(gateway, Clarion)
    with bench.costs() as cost:
        begun = time.time()
        gateway.send_to_many(plan.bulk)
        bench.all_recorded(plan.bulk)
        seconds = time.time() - begun
        bench.until_idle()
    return Sample(
        figure=TITLE,
        gateway=gateway.name,
        messages=plan.bulk,
        rate=plan.bulk / seconds,
        cost=cost,
        latencies=gateway.latencies(begun),
    )

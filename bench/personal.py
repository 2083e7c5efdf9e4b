"""One request to a group of 100,000, each with a text of their own: from the request until every
receipt is recorded. Members, contacts, template, consent, personal texts: all the steps."""

from __future__ import annotations

import time

from bench.clarion import Clarion
from bench.frame import Bench, Plan, Sample

TITLE = "one request to a group: template, names, consent, receipts recorded"
SMSC_THERE = True
RECEIPTS = True


def run(bench: Bench, plan: Plan) -> Sample:
    gateway = bench.gateway
    assert isinstance(gateway, Clarion)
    group = gateway.fill_group(plan.bulk)
    bench.gateway.warmed_up()
    with bench.costs() as cost:
        begun = time.time()
        gateway.send_to_group(group)
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

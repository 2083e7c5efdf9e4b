"""Webhooks: what a delivery costs, how late it is, and what matching costs.

    python -m bench.webhooks                          # everything
    python -m bench.webhooks --deliveries 100000 --endpoints 1 100
    python -m bench.webhooks --no-matching --rates 500 2000

`clarion serve` as two processes, api and events, on the embedded PostgreSQL with its production
settings; the receiver is one process of Node's own HTTP server for all endpoints, on the same
machine.
- Deliveries a second: so many wait while their configurations are off; all are switched on; from
  the first arrival to the last, with the CPU from switching on until all are recorded.
- Late: events are published at a steady rate, in batches of a twentieth of a second; from the
  event's id, which is made just before its commit, to its arrival.
- Matching: see bench/matching.py.
End to end with messages, beside Kannel: `python -m bench callbacks`.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from bench import machine, matching
from bench.clarion import Clarion
from bench.frame import Cost, costs, wait
from bench.hooks import Receiver, Stats
from bench.ports import free_port
from bench.subscribers import subscribe_numbers

PATH = "/ess/v1/events"
BATCH = 1000
BATCHES_A_SECOND = 20
RATE_SECONDS = 10.0
WARM_UP = 2000
PARTS = ("gateway", "postgresql", "sink")


def main() -> None:
    options = _options()
    print("\n".join(machine.facts()), flush=True)
    for endpoints in options.endpoints:
        _deliveries(endpoints, options.deliveries, options.rates, statements=options.statements)
    if options.matching:
        asyncio.run(_matching(options.subscriptions, options.events))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.webhooks", description=__doc__)
    parser.add_argument("--deliveries", type=int, default=20_000, help="waiting at the start")
    parser.add_argument("--endpoints", type=int, nargs="*", default=[1, 100], help="of figures")
    parser.add_argument("--rates", type=int, nargs="*", default=[1000], help="events a second")
    parser.add_argument("--events", type=int, default=20_000, help="matched in a figure")
    parser.add_argument(
        "--subscriptions", type=int, nargs="*", default=[10, 10_000, 1_000_000], help="of figures"
    )
    parser.add_argument("--no-matching", dest="matching", action="store_false")
    parser.add_argument(
        "--statements", action="store_true", help="what each SQL statement costs the server"
    )
    return parser.parse_args()


# ---------------------------------------------------------------- delivering


def _deliveries(endpoints: int, count: int, rates: Sequence[int], *, statements: bool) -> None:
    with _gateway(endpoints, statements=statements) as (gateway, receiver):
        _burst(gateway, receiver, endpoints, WARM_UP)
        gateway.warmed_up()
        stats, cost = _burst(gateway, receiver, endpoints, count)
        print(_burst_line(endpoints, stats, cost), flush=True)
        for line in gateway.details(count):
            print(f"    {line}", flush=True)
        for rate in rates:
            stats, cost = _steady(gateway, receiver, endpoints, rate)
            print(_steady_line(endpoints, rate, stats, cost), flush=True)


@contextmanager
def _gateway(endpoints: int, *, statements: bool) -> Iterator[tuple[Clarion, Receiver]]:
    with tempfile.TemporaryDirectory(prefix="clarion-bench-") as home:
        Path(home).chmod(0o755)
        receiver = Receiver()
        gateway = Clarion(
            Path(home), smsc_port=free_port(), receipts=False, layout="hooks", statements=statements
        )
        try:
            gateway.start()
            urls = [receiver.address(number) for number in range(endpoints)]
            caller = gateway.caller
            gateway.run(partial(subscribe_numbers, caller=caller, urls=urls, active=False))
            yield gateway, receiver
        finally:
            gateway.stop()
            receiver.stop()


def _burst(gateway: Clarion, receiver: Receiver, endpoints: int, count: int) -> tuple[Stats, Cost]:
    """So many that wait, as fast as may be."""
    _switch(gateway, on=False)
    for first in range(0, count, BATCH):
        _publish(gateway, _events(first, min(BATCH, count - first), endpoints))
    receiver.reset()
    with _costs(gateway, receiver) as cost:
        _switch(gateway, on=True)
        wait(lambda: receiver.stats().count, count)
        wait(lambda: int(gateway.idle()), 1)
    return _checked(receiver, count), cost


def _steady(gateway: Clarion, receiver: Receiver, endpoints: int, rate: int) -> tuple[Stats, Cost]:
    """So many a second for a while; what is late in publishing is not made up for."""
    receiver.reset()
    size, sent = max(1, rate // BATCHES_A_SECOND), 0
    with _costs(gateway, receiver) as cost:
        begun = time.perf_counter()
        while time.perf_counter() - begun < RATE_SECONDS:
            _publish(gateway, _events(sent, size, endpoints))
            sent += size
            ahead = sent / rate - (time.perf_counter() - begun)
            time.sleep(max(0.0, ahead))
        wait(lambda: receiver.stats().count, sent)
        wait(lambda: int(gateway.idle()), 1)
    return _checked(receiver, sent), cost


def _checked(receiver: Receiver, count: int) -> Stats:
    stats = receiver.stats()
    if stats.distinct != count:
        raise RuntimeError(f"{stats.distinct} of {count} events arrived")
    return stats


@contextmanager
def _costs(gateway: Clarion, receiver: Receiver) -> Iterator[Cost]:
    with costs({**gateway.groups(), "sink": [receiver.pid]}) as cost:
        yield cost


def _events(first: int, count: int, endpoints: int) -> bytes:
    """Each endpoint's in turn."""
    return msgspec.json.encode(
        [
            {
                "evt-tp": "porting_event",
                "fld-val-list": {
                    "number": f"+{number % endpoints + 1}",
                    "porting_date": "2026-11-22T00:00:00.000Z",
                    "carrier_id": "15799",
                    "carrier_name": "A carrier of the benchmark's",
                    "tracking_id": f"{number:010d}",
                },
            }
            for number in range(first, first + count)
        ]
    )


def _publish(gateway: Clarion, events: bytes) -> None:
    host, _, port = gateway.address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    try:
        connection.request("POST", PATH, events, gateway.headers())
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise RuntimeError(f"{response.status}: {answer[:500]!r}")


def _switch(gateway: Clarion, *, on: bool) -> None:
    gateway.run(lambda db: db.execute(_SWITCH, on))


def _burst_line(endpoints: int, stats: Stats, cost: Cost) -> str:
    assert stats.first is not None
    assert stats.last is not None
    rate = stats.count / max(stats.last - stats.first, 1) * 1000
    return f"{endpoints:5} endpoints  {rate:8,.0f} deliveries/s  {_cpu(stats, cost)}"


def _steady_line(endpoints: int, rate: int, stats: Stats, cost: Cost) -> str:
    return (
        f"{endpoints:5} endpoints  at {rate:,}/s  {stats.count / cost.seconds:,.0f}/s  "
        f"late p50 {stats.p50:,.0f} p99 {stats.p99:,.0f} ms  {_cpu(stats, cost)}"
    )


def _cpu(stats: Stats, cost: Cost) -> str:
    """A delivery's."""
    micros = {name: cost.cpu[name] / stats.count * 1e6 for name in PARTS}
    words = " ".join(f"{name} {us:.0f}" for name, us in micros.items())
    twice = stats.count - stats.distinct
    others = cost.others / cost.seconds
    return (
        f"CPU us {words} all {sum(micros.values()):.0f}; {twice} twice; "
        f"MiB {cost.memory['gateway']:.0f}; others' CPU {others:.2f} cores"
    )


_SWITCH = "update delivery_configuration set active = $1, held_until = null, failures = 0"


# ---------------------------------------------------------------- matching


async def _matching(sizes: Sequence[int], events: int) -> None:
    print(f"\nmatching {events:,} events{'':17} time us{'':17} CPU us", flush=True)
    print("subscriptions  wanted     look up     whole   process  postgresql   MiB", flush=True)
    async for each in matching.measure(sizes, events):
        wanted = "by one" if each.wanted else "by none"
        print(
            f"{each.subscriptions:13,}  {wanted:8} {each.look_up:9.1f} {each.whole:9.1f} "
            f"{each.process:9.1f} {each.postgresql:11.1f} {each.memory:5.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

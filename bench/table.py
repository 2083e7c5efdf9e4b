"""The report: one block a figure, systems side by side, and the ratio of their rates."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from bench.frame import Sample

PARTS = ("gateway", "postgresql", "smsc", "generator", "sink")


def report(samples: Iterable[Sample]) -> str:
    """All samples; of repeated ones the run with the median rate."""
    figures: dict[str, dict[str, list[Sample]]] = {}
    for sample in samples:
        figures.setdefault(sample.figure, {}).setdefault(sample.gateway, []).append(sample)
    return "\n".join(
        _figure(title, [_median(runs) for runs in systems.values()])
        for title, systems in figures.items()
    )


def line(sample: Sample) -> str:
    """One run, as it ends."""
    return f"{sample.figure:40} {sample.gateway:18} {sample.rate:8,.0f}/s  {_details(sample)}"


def _median(runs: Sequence[Sample]) -> Sample:
    return sorted(runs, key=lambda run: run.rate)[(len(runs) - 1) // 2]


def _figure(title: str, samples: Sequence[Sample]) -> str:
    head = f"\n{title}\n  {'':18} {'msg/s':>8} {'HTTP p50':>9} {'p99 ms':>7}   CPU us a message"
    rows = [head + "".join(f"{part:>12}" for part in PARTS) + "   memory MiB"]
    rows += [_row(sample) for sample in samples]
    baseline = next((s for s in samples if s.gateway == "kannel"), None)
    if baseline is not None:
        rows += [
            f"  {s.gateway} / kannel: {s.rate / baseline.rate:.2f}"
            for s in samples
            if s is not baseline
        ]
    return "\n".join(rows)


def _row(sample: Sample) -> str:
    micros = sample.micros()
    load = sample.load
    http = f"{load.p50_ms:9.1f} {load.p99_ms:7.1f}" if load else f"{'':9} {'':7}"
    parts = "".join(f"{micros[p]:12.0f}" if p in micros else f"{'':12}" for p in PARTS)
    memory = ", ".join(f"{n} {mib:.0f}" for n, mib in sample.cost.memory.items() if n in PARTS[:2])
    return f"  {sample.gateway:18} {sample.rate:8,.0f} {http}   {'':16}{parts}   {memory}"


def _details(sample: Sample) -> str:
    micros = " ".join(f"{name} {us:.0f}" for name, us in sample.micros().items())
    words = [f"us/msg: {micros}"]
    if sample.load is not None:
        load = sample.load
        accepted = load.requests / load.seconds
        words.append(f"HTTP {accepted:,.0f}/s p50 {load.p50_ms:.1f} p99 {load.p99_ms:.1f} ms")
    for name, (p50, p99) in sample.latencies.items():
        words.append(f"{name} p50 {p50:,.0f} p99 {p99:,.0f} ms")
    words.append(f"others' CPU {sample.cost.others / sample.cost.seconds:.2f} cores")
    return "; ".join(words)


def spread(samples: Sequence[Sample]) -> str:
    """How far repeated runs lie apart."""
    rates = [sample.rate for sample in samples]
    middle = statistics.median(rates)
    return f"{min(rates) / middle:.2f} to {max(rates) / middle:.2f} of the median"
